/** The explorer's results: the law with its histogram, the first values, and the calls. */
import { nativeCalls } from "./calls.js";
import { histogram } from "./histogram.js";
import { callOf, pythonText } from "./presets.js";
import { TYPES, bytesOf } from "../unified_init.js";

const LARGEST = 65536; // values that are drawn; of a larger tensor the first ones
const ROWS = 8;

/** The element of the page with an id. */
export const at = (id) => document.getElementById(`ex-${id}`);

/** A docstring's text without the marks of code. */
export const plain = (text) => text.replaceAll("``", "");

/** The index of the first values, at most LARGEST of them; null for all. */
export function firstPart(shape) {
  if (shape.reduce((a, b) => a * b, 1) <= LARGEST) return null;
  return shape.map((length, axis) => {
    const rest = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    return [0, Math.max(Math.min(length, Math.floor(LARGEST / rest)), 1), null];
  });
}

function definitions(list, entries) {
  list.replaceChildren(
    ...entries.map(([term, content, id]) => {
      const pair = document.createElement("div");
      const description = document.createElement("dd");
      if (id) description.id = `ex-${id}`;
      description.append(content);
      pair.append(Object.assign(document.createElement("dt"), { textContent: term }), description);
      return pair;
    }),
  );
}

const short = (x) => String(Number(x.toPrecision(9)));
const code = (text) => Object.assign(document.createElement("pre"), { textContent: text });

export function showLaw({ law, values, preset }) {
  at("formula").textContent = preset.formula.replace(/\s+/g, " ");
  const entries = [
    ["fan_in", law.fanIn],
    ["fan_out", law.fanOut],
    ["mean", law.mean],
    ["std", law.std],
    ["low", law.low],
    ["high", law.high],
  ];
  definitions(
    at("law"),
    entries.map(([name, x]) => [name, x === null ? "not known" : short(x), name]),
  );
  const count = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count);
  const said = count
    ? `${count.toLocaleString("en")} values: mean ${mean.toPrecision(4)}, std ${std.toPrecision(4)}.`
    : "The tensor is empty.";
  at("sample").textContent = said;
  const picture = histogram(
    values,
    law,
    `Histogram of the drawn values and the density of the distribution. ${said}`,
  );
  at("histogram").replaceChildren(...(count ? [picture] : []));
}

/** The bit patterns of some values, in hexadecimal. */
function patterns(values, dtype) {
  const { bytes } = TYPES[dtype];
  const all = bytesOf(values, dtype);
  return Array.from({ length: values.length }, (_, n) =>
    Array.from(all.slice(n * bytes, (n + 1) * bytes))
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(""),
  );
}

export function showValues({ values, shape }, request) {
  const first = values.slice(0, ROWS);
  const bits = patterns(first, request.dtype);
  const rows = Array.from(first, (value, n) => {
    const row = document.createElement("tr");
    const index = [];
    for (let axis = shape.length - 1, rest = n; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    const digits = request.dtype === "float64" ? String(value) : String(Number(value.toPrecision(9)));
    for (const text of [`[${index.join(", ")}]`, digits, bits[n]]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
  at("values").tBodies[0].replaceChildren(...rows);
}

export function showCalls({ preset, given, request, law }, data) {
  const { shape, layout, sizes, seed, name, dtype } = request;
  const call = callOf(preset, given);
  const parts = [`(${shape.join(", ")}${shape.length === 1 ? "," : ""})`];
  if (layout !== null) parts.push(`layout=${pythonText(layout)}`);
  if (sizes !== null)
    parts.push(
      `sizes={${Object.entries(sizes)
        .map(([letter, size]) => `"${letter}": ${size}`)
        .join(", ")}}`,
    );
  parts.push(`seed=${seed}`, `name=${pythonText(name)}`);
  if (dtype !== "float32") parts.push(`dtype=${pythonText(dtype)}`);
  const draws = ["numpy", "torch", "tensorflow", "jax"].map((backend) => {
    const text = `ui.draw(${call}, ${parts.join(", ")}, backend="${backend}")`;
    return [{ numpy: "NumPy", torch: "PyTorch", tensorflow: "TensorFlow", jax: "JAX" }[backend], code(text)];
  });
  definitions(at("draws"), draws);
  const labels = { torch: "torch.nn.init", keras: "Keras", jax: "JAX", numpy: "NumPy" };
  const calls = Object.entries(nativeCalls({ spec: request.spec, law, shape, layout, sizes }, data));
  definitions(
    at("calls"),
    calls.map(([framework, text]) => [labels[framework], code(text), `call-${framework}`]),
  );
  at("differs").textContent = plain(preset.differs);
}
