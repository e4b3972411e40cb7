/** An initializer on a shape to a law, plain numbers: "From an initializer to a law" in docs/stream.md. */
import { extent, fansOf, has, spatial } from "./layouts.js";
import { tail, truncatedMoments } from "./normal.js";

const SMALLEST = 2 ** -90;
const UNIFORM_STD = 0.57735026918962576;

/** The law of a spec: the object that unified_init.to_json writes. */
export function lawOf(spec, digits, fans = null) {
  const { distribution, scale: rule, factor = 1, upscale = 1 } = spec;
  let [fanIn, fanOut] = fans ?? fansOf(digits);
  if (!UNITS[distribution.kind]) return structured(spec, digits, [fanIn, fanOut]);
  const repeat = upscale ** spatial(digits).length;
  if (upscale > 1) {
    const outputs = digits.filter(({ role }) => role === "O");
    if (outputs.length !== 1 || repeat === 1 || outputs[0].size % repeat) {
      throw new Error(`upscale ${upscale} needs spatial axes, and one O axis that ${repeat} divides.`);
    }
    if (fans === null && fanOut !== null) fanOut /= repeat;
  }
  const unit = UNITS[distribution.kind](distribution);
  const [loc, scale] = placed(rule, unit, fanIn, fanOut).map((number) => factor * number);
  const std = scale * unit.std;
  if (!Number.isFinite(loc) || !Number.isFinite(scale) || Math.min(scale, std) < SMALLEST) {
    throw new Error(`Scale ${scale} and std ${std} must be finite and at least 2**-90.`);
  }
  const ends = rule.low !== undefined ? [number(rule.low) * factor, number(rule.high) * factor] : null;
  const [low, high] = ends ?? [loc + scale * unit.low, loc + scale * unit.high];
  return { unit: unit.unit, loc, scale, low, high, mean: loc + scale * unit.mean, std, fanIn, fanOut, repeat };
}

/** JSON has no infinities: they are written "inf" and "-inf". */
const number = (value) => ({ inf: Infinity, "-inf": -Infinity })[value] ?? value;

// The unit variable of each distribution, with its moments and ends.
const UNITS = {
  Normal: () => ({ unit: { kind: "normal" }, mean: 0, std: 1, low: -Infinity, high: Infinity }),
  Uniform: () => ({ unit: { kind: "uniform" }, mean: 0, std: UNIFORM_STD, low: -1, high: 1 }),
  TruncatedNormal: (distribution) => {
    const [lower, upper] = [number(distribution.lower), number(distribution.upper)];
    checkBounds(lower, upper);
    const [mean, std] = truncatedMoments(lower, upper);
    return { unit: { kind: "truncated_normal", lower, upper }, mean, std, low: lower, high: upper };
  },
  Quantile: ({ knots, exponent, mean, std, low, high }) => ({
    unit: { kind: "quantile", knots, exponent },
    ...{ mean, std, low: number(low), high: number(high) },
  }),
};

function checkBounds(lower, upper) {
  if (!(lower < upper)) throw new Error(`The lower bound must be below the upper one, got ${lower} and ${upper}.`);
  const nearest = Math.max(lower, -upper, 0);
  if (nearest > 35) throw new Error("The bounds must leave some of the normal within 35 sigmas of its mean.");
  const mass =
    lower >= 0
      ? tail(lower) - tail(upper)
      : upper <= 0
        ? tail(-upper) - tail(-lower)
        : 1 - tail(-lower) - tail(upper);
  if (mass < 1e-5 * tail(nearest))
    throw new Error("The bounds must enclose at least 1e-5 of the mass beyond the nearer one.");
}

/** Location and scale of the unit variable. */
function placed(rule, unit, fanIn, fanOut) {
  switch (rule.kind) {
    case "Fixed":
    case "Between":
      return [rule.mean, size("std", rule.std)];
    case "Interval":
      if (!(rule.low < rule.high)) throw new Error(`low must be below high, got ${rule.low} and ${rule.high}.`);
      size("high - low", rule.high - rule.low);
      return [rule.low / 2 + rule.high / 2, rule.high / 2 - rule.low / 2];
    case "Gain":
      return [0, size("gain", rule.gain)];
    case "VarianceScaling":
      return [0, Math.sqrt(size("scale", rule.scale) / fan(rule.mode, fanIn, fanOut)) / unit.std];
    default:
      return [0, size("gain", rule.gain) / fan(rule.mode, fanIn, fanOut) / unit.std];
  }
}

function size(name, value) {
  if (!(value >= SMALLEST) || value === Infinity)
    throw new Error(`${name} must be positive, at least 2**-90, got ${value}.`);
  return value;
}

/** The fan of a mode. */
export function fan(mode, fanIn, fanOut) {
  const needed = { fan_in: [fanIn], fan_out: [fanOut] }[mode] ?? [fanIn, fanOut];
  if (needed.includes(null)) {
    throw new Error(
      `This initializer needs ${mode}: choose a layout that has ${mode === "fan_in" ? "I" : mode === "fan_out" ? "O" : "I and O"}.`,
    );
  }
  if (needed.includes(0)) throw new Error("A fan that the initializer needs is 0.");
  if (needed.length === 1) return needed[0];
  return mode === "fan_avg" ? (fanIn + fanOut) / 2 : Math.sqrt(fanIn * fanOut);
}

/** Laws whose entries are not independent draws. `unit` says which, with the sizes of their kernels. */
function structured({ distribution, scale: rule, factor = 1 }, digits, [fanIn, fanOut]) {
  const { kind } = distribution;
  const scale = size("gain", factor * (rule.gain ?? rule.std));
  const law = { scale, loc: 0, fanIn, fanOut, repeat: 1, mean: NaN, std: NaN };
  if (kind === "Constant") {
    const { value } = distribution;
    const unit = { kind: "constant", value };
    if (!Array.isArray(value))
      return { ...law, unit, mean: value * scale, std: 0, low: value * scale, high: value * scale };
    const entries = value.flat(Infinity);
    return { ...law, unit, low: scale * Math.min(...entries), high: scale * Math.max(...entries) };
  }
  if (!KERNELS.includes(kind)) throw new Error(`${kind} is not part of this implementation.`);
  const known = digits.some(({ role }) => role);
  const rows = known ? extent(digits, "O") : digits[0].size;
  const columns = known ? extent(digits, "I") : digits[1].size;
  const sizes = { groups: extent(digits, "B"), rows, columns, spatial: spatial(digits) };
  if (known ? !has(digits, "O") : digits.length !== 2) throw new Error(`${kind} needs a layout.`);
  const unit = { ...sizes, kind: kind.toLowerCase(), blocks: distribution.groups };
  if (kind === "Sparse") {
    unit.columns *= sizes.spatial.reduce((a, b) => a * b, 1);
    unit.zeros = Math.ceil(distribution.sparsity * rows);
    const nonzero = rows ? 1 - unit.zeros / rows : 0;
    return { ...law, unit, mean: 0, std: scale * Math.sqrt(nonzero), low: -Infinity, high: Infinity };
  }
  return { ...law, unit, low: kind === "Hadamard" ? -scale : 0, high: scale };
}

const KERNELS = ["Identity", "Dirac", "Hadamard", "BilinearUpsampling", "Sparse"];
