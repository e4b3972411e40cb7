/**
 * The calls of other frameworks that draw the same law: what `explain` prints, for independent draws.
 * tools/specification/tests/test_calls.py compares the texts with the library's.
 */
import { bind, extent } from "../stream/layouts.js";
import { fan } from "../stream/laws.js";
import { literal, pythonFloat } from "./presets.js";

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

/** The call of each framework, by its name; `data` is explorer.json. */
export function nativeCalls({ spec, law, shape, layout, sizes = null }, data) {
  const digits = bind(shape, layout, sizes);
  const facts = { spec, law, shape, layout, digits, data, kind: spec.distribution.kind };
  return { torch: torch(facts), keras: keras(facts), jax: jax(facts), numpy: numpy(facts) };
}

const call = (name, options) =>
  `${name}(${Object.entries(options)
    .map(([key, value]) => `${key}=${option(value)}`)
    .join(", ")})`;
// Axes are integers, every other number is a float.
const option = (value) =>
  value instanceof Axes ? value.text : typeof value === "string" ? `'${value}'` : literal(value);

/** [scale, mode], if the framework's own fans give the law's standard deviation with them. */
function scaling({ spec, law, shape }, fans) {
  const { kind, scale, mode } = spec.scale;
  if (fans === null || kind !== "VarianceScaling" || shape.includes(0)) return null;
  return fan(mode, ...fans) === fan(mode, law.fanIn, law.fanOut) ? [scale, mode] : null;
}

const isTruncatedAt2 = ({ distribution: { kind, lower, upper } }) =>
  kind === "TruncatedNormal" && lower === -2 && upper === 2;
const wordOf = ({ spec, kind }, words) =>
  kind === "TruncatedNormal" && !isTruncatedAt2(spec) ? undefined : words[kind];

/** The preset's name in Keras and JAX; null where they have none. */
function named({ spec, kind, data }, [scale, mode]) {
  const entry = data.named.find((one) => one.scale === scale && one.mode === mode && one.distribution === kind);
  return entry && (kind === "Uniform" || isTruncatedAt2(spec)) ? entry.name : null;
}

function torch(facts) {
  const { law, kind, shape } = facts;
  const fill = (name, options = {}) =>
    call(`torch.nn.init.${name}`, options).replace("(", Object.keys(options).length ? "(w, " : "(w");
  if (kind === "TruncatedNormal")
    return fill("trunc_normal_", { mean: law.loc, std: law.scale, a: law.low, b: law.high });
  const word = kind === "Normal" ? "normal_" : "uniform_";
  const space = product(shape.slice(2));
  const pair = scaling(facts, shape.length < 2 ? null : [shape[1] * space, shape[0] * space]);
  if (pair) {
    const [scale, mode] = pair;
    if (mode === "fan_avg") return fill(`xavier_${word}`, scale === 1 ? {} : { gain: Math.sqrt(scale) });
    if ((mode === "fan_in" || mode === "fan_out") && scale <= 2) {
      const which = mode === "fan_in" ? {} : { mode };
      if (scale === 1) return fill(`kaiming_${word}`, { ...which, nonlinearity: "linear" });
      return fill(`kaiming_${word}`, { ...(scale === 2 ? {} : { a: Math.sqrt(2 / scale - 1) }), ...which });
    }
  }
  return kind === "Normal"
    ? fill("normal_", { mean: law.mean, std: law.std })
    : fill("uniform_", { a: law.low, b: law.high });
}

function keras(facts) {
  const { law, kind, shape, spec, data } = facts;
  const make = (name, options = {}) => call(`keras.initializers.${name}`, options);
  const rank = shape.length;
  const space = product(shape.slice(0, -2));
  const fans = rank < 2 ? [product(shape), product(shape)] : [shape[rank - 2] * space, shape[rank - 1] * space];
  const pair = scaling(facts, fans);
  const word = wordOf(facts, data["keras words"]);
  if (pair && word && pair[1] !== "fan_geo_avg") {
    const name = named(facts, pair);
    if (name)
      return make(
        name
          .split("_")
          .map((part) => part[0].toUpperCase() + part.slice(1))
          .join(""),
      );
    return make("VarianceScaling", { scale: pair[0], mode: pair[1], distribution: word });
  }
  if (kind === "Normal") return make("RandomNormal", { mean: law.mean, stddev: law.std });
  if (kind === "Uniform") return make("RandomUniform", { minval: law.low, maxval: law.high });
  if (isTruncatedAt2(spec)) return make("TruncatedNormal", { mean: law.loc, stddev: law.scale });
  return data["no equivalent"].keras;
}

/** An axis, or several: their text is Python source. */
class Axes {
  constructor(axes) {
    this.text = axes.length === 1 ? String(axes[0]) : `(${axes.join(", ")})`;
  }
}

function jax(facts) {
  const { law, kind, shape, layout, digits, spec, data } = facts;
  const make = (name, options = {}) => call(`jax.nn.initializers.${name}`, options);
  const known = layout !== null && digits.length === shape.length && shape.length > 0 && !shape.includes(0);
  let fans = null;
  if (known) {
    const [inputs, outputs] = [extent(digits, "I"), extent(digits, "O")];
    const space = product(shape) / inputs / outputs / extent(digits, "B");
    fans = [inputs * space, outputs * space];
  }
  const pair = scaling(facts, fans);
  const word = wordOf(facts, data["jax words"]);
  if (pair && word) {
    const rank = shape.length;
    const defaults = { in_axis: String(rank - 2), out_axis: String(rank - 1), batch_axis: "()" };
    const axes = {};
    for (const [argument, letter] of [
      ["in_axis", "I"],
      ["out_axis", "O"],
      ["batch_axis", "B"],
    ]) {
      const own = new Axes(
        digits
          .filter(({ role }) => role === letter)
          .map(({ axis }) => axis)
          .sort((a, b) => a - b),
      );
      if (own.text !== defaults[argument]) axes[argument] = own;
    }
    const name = named(facts, pair);
    if (name) return make(name, axes);
    return make("variance_scaling", { scale: pair[0], mode: pair[1], distribution: word, ...axes });
  }
  if (kind === "Normal") {
    if (law.mean === 0) return make("normal", { stddev: law.std });
    return `${pythonFloat(law.mean)} + ${pythonFloat(law.std)} * jax.random.normal(key, shape)`;
  }
  if (kind === "Uniform") {
    if (law.low === 0) return make("uniform", { scale: law.high });
    return `jax.random.uniform(key, shape, minval=${pythonFloat(law.low)}, maxval=${pythonFloat(law.high)})`;
  }
  const { lower, upper } = spec.distribution;
  if (law.loc === 0)
    return make("truncated_normal", { stddev: law.scale, ...(isTruncatedAt2(spec) ? {} : { lower, upper }) });
  const drawn = `jax.random.truncated_normal(key, ${pythonFloat(lower)}, ${pythonFloat(upper)}, shape)`;
  return `${pythonFloat(law.loc)} + ${pythonFloat(law.scale)} * ${drawn}`;
}

function numpy({ law, kind, data }) {
  if (kind === "Normal") return `rng.normal(${pythonFloat(law.mean)}, ${pythonFloat(law.std)}, shape)`;
  if (kind === "Uniform") return `rng.uniform(${pythonFloat(law.low)}, ${pythonFloat(law.high)}, shape)`;
  return data["no equivalent"].numpy;
}
