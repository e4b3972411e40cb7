/** The explorer's page: reads the form, draws with unified_init.js, and shows what came out. */
import { nativeCalls } from "./calls.js";
import { histogram } from "./histogram.js";
import { callOf, pythonText, specOf } from "./presets.js";
import { bind } from "./stream/layouts.js";
import { TYPES, bytesOf, digest, draw, resolve } from "./unified_init.js";

const LARGEST = 65536; // values that are drawn; of a larger tensor the first ones
const ROWS = 8;
const data = await (await fetch(new URL("explorer.json", import.meta.url))).json();
const root = document.getElementById("explorer");
const at = (id) => document.getElementById(`ex-${id}`);

/** An error that belongs to one field of the form. */
class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

// --- the form ------------------------------------------------------------------------------------

const option = (value, text = value) => Object.assign(document.createElement("option"), { value, textContent: text });
const presetOf = () => data.presets.find(({ name }) => name === at("preset").value);

function showParameters(given = {}) {
  const preset = presetOf();
  const fields = preset.parameters.map(({ name, start, choices }) => {
    const field = Object.assign(document.createElement("div"), { className: "explorer-field" });
    const input = document.createElement(choices ? "select" : "input");
    input.id = `ex-argument-${name}`;
    if (choices) input.append(...choices.map((choice) => option(String(choice))));
    input.value = given[name] ?? String(start);
    input.autocomplete = "off";
    const label = Object.assign(document.createElement("label"), { htmlFor: input.id, textContent: name });
    const error = Object.assign(document.createElement("p"), { className: "explorer-error", id: `${input.id}-error` });
    input.setAttribute("aria-describedby", error.id);
    field.append(label, input, error);
    return field;
  });
  at("parameters").replaceChildren(at("parameters").firstElementChild, ...fields);
  at("parameters").hidden = fields.length === 0;
  at("summary").textContent = plain(preset.summary);
}

const plain = (text) => text.replaceAll("``", "");

function readArgument({ name, choices }) {
  const text = at(`argument-${name}`).value.trim();
  if (choices) return choices.find((choice) => String(choice) === text);
  const number = /^[+-]?inf$/.test(text) ? Number(text.replace("inf", "Infinity")) : text === "" ? NaN : Number(text);
  if (Number.isNaN(number)) throw new FieldError(`argument-${name}`, `${name} must be a number, got ${text || "nothing"}.`);
  return number + 0; // one zero
}

function readShape() {
  const text = at("shape").value.trim().replace(/^\(|\)$/g, "");
  const parts = text === "" ? [] : text.replace(/,\s*$/, "").split(/\s*[,x×]\s*|\s+/);
  if (!parts.every((part) => /^[0-9]+$/.test(part))) {
    throw new FieldError("shape", `The shape must be integers with commas between them, such as 64, 32; got ${text}.`);
  }
  return parts.map(Number);
}

function readSizes() {
  const text = at("sizes").value.trim();
  if (!text) return null;
  const pairs = text.split(/[\s,]+/).map((pair) => /^([BOIDHW])[=:]([1-9][0-9]*)$/.exec(pair));
  if (pairs.includes(null)) throw new FieldError("sizes", `Write a letter and its size, such as B=3; got ${text}.`);
  return Object.fromEntries(pairs.map(([, letter, size]) => [letter, Number(size)]));
}

/** What the form asks for, checked. */
function readForm() {
  const preset = presetOf();
  const given = Object.fromEntries(preset.parameters.map((parameter) => [parameter.name, readArgument(parameter)]));
  const request = {
    spec: specOf(preset, given),
    shape: readShape(),
    layout: at("layout").value.trim() || null,
    sizes: readSizes(),
    seed: at("seed").value.trim(),
    name: at("name").value,
    dtype: at("dtype").value,
  };
  if (request.shape.reduce((a, b) => a * b, 1) > Number.MAX_SAFE_INTEGER) {
    throw new FieldError("shape", "The explorer takes tensors of up to 2**53 values.");
  }
  try {
    bind(request.shape, request.layout, request.sizes);
  } catch (error) {
    throw new FieldError(request.layout?.includes("(") && request.layout.includes(")") ? "sizes" : "layout", error.message);
  }
  if (!/^[0-9]+$/.test(request.seed) || BigInt(request.seed) >= 1n << 64n) {
    throw new FieldError("seed", `The seed must be an integer from 0 to 2**64 - 1, got ${request.seed || "nothing"}.`);
  }
  return { preset, given, request };
}

// --- the results ---------------------------------------------------------------------------------

/** The index of the first values, at most LARGEST of them; null for all. */
function firstPart(shape) {
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

function showLaw({ law, values, preset }) {
  at("formula").textContent = preset.formula.replace(/\s+/g, " ");
  const entries = [["fan_in", law.fanIn], ["fan_out", law.fanOut], ["mean", law.mean], ["std", law.std], ["low", law.low], ["high", law.high]];
  definitions(at("law"), entries.map(([name, x]) => [name, x === null ? "not known" : short(x), name]));
  const count = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count);
  const said = count ? `${count.toLocaleString("en")} values: mean ${mean.toPrecision(4)}, std ${std.toPrecision(4)}.` : "The tensor is empty.";
  at("sample").textContent = said;
  const picture = histogram(values, law, `Histogram of the drawn values and the density of the distribution. ${said}`);
  at("histogram").replaceChildren(...(count ? [picture] : []));
}

/** The bit patterns of some values, in hexadecimal. */
function patterns(values, dtype) {
  const { bytes } = TYPES[dtype];
  const all = bytesOf(values, dtype);
  return Array.from({ length: values.length }, (_, n) =>
    Array.from(all.slice(n * bytes, (n + 1) * bytes)).reverse().map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  );
}

function showValues({ values, shape }, request) {
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

function showCalls({ preset, given, request, law }) {
  const { shape, layout, sizes, seed, name, dtype } = request;
  const call = callOf(preset, given);
  const parts = [`(${shape.join(", ")}${shape.length === 1 ? "," : ""})`];
  if (layout !== null) parts.push(`layout=${pythonText(layout)}`);
  if (sizes !== null) parts.push(`sizes={${Object.entries(sizes).map(([letter, size]) => `"${letter}": ${size}`).join(", ")}}`);
  parts.push(`seed=${seed}`, `name=${pythonText(name)}`);
  if (dtype !== "float32") parts.push(`dtype=${pythonText(dtype)}`);
  const draws = ["numpy", "torch", "tensorflow", "jax"].map((backend) => {
    const text = `ui.draw(${call}, ${parts.join(", ")}, backend="${backend}")`;
    return [{ numpy: "NumPy", torch: "PyTorch", tensorflow: "TensorFlow", jax: "JAX" }[backend], code(text)];
  });
  definitions(at("draws"), draws);
  const labels = { torch: "torch.nn.init", keras: "Keras", jax: "JAX", numpy: "NumPy" };
  const calls = Object.entries(nativeCalls({ spec: request.spec, law, shape, layout, sizes }, data));
  definitions(at("calls"), calls.map(([framework, text]) => [labels[framework], code(text), `call-${framework}`]));
  at("differs").textContent = plain(preset.differs);
}

function show() {
  for (const input of root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of root.querySelectorAll(".explorer-error")) error.textContent = "";
  try {
    const { preset, given, request } = readForm();
    const law = resolve(request);
    const drawn = draw({ ...request, index: firstPart(request.shape) });
    showLaw({ law, values: drawn.values, preset });
    showValues(drawn, request);
    showCalls({ preset, given, request, law });
    const isWhole = firstPart(request.shape) === null;
    at("digest").textContent = isWhole ? digest(request) : "not computed for a tensor of this size";
    root.querySelector(".explorer-results").hidden = false;
    root.dataset.state = "ready";
    remember(given);
  } catch (error) {
    root.querySelector(".explorer-results").hidden = true;
    root.dataset.state = "error";
    const input = error.field && at(error.field);
    if (input) input.setAttribute("aria-invalid", "true");
    (input ? at(`${error.field}-error`) : at("problem")).textContent = error.message;
  }
}

// --- the address ---------------------------------------------------------------------------------

/** The form is in the address, so that a link leads back to it. */
function remember(given) {
  const fields = Object.fromEntries(["preset", "shape", "layout", "sizes", "seed", "name", "dtype"].map((id) => [id, at(id).value]));
  const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [`argument-${name}`, at(`argument-${name}`).value || String(value)]));
  history.replaceState(null, "", `#${new URLSearchParams({ ...fields, ...texts })}`);
}

function start() {
  const { layout, shape } = data.layouts[0];
  const first = { preset: data.presets[0].name, layout, shape: shape.join(", "), sizes: "", seed: "0", name: "fc/kernel", dtype: "float32" };
  const given = { ...first, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  at("preset").append(...data.presets.map(({ name }) => option(name)));
  at("layer").append(option("", "choose ..."), ...data.layouts.map(({ layout: letters, of }, n) => option(String(n), `${of} (${letters})`)));
  at("dtype").append(...Object.keys(TYPES).filter((name) => !TYPES[name].complex).map((name) => option(name)));
  for (const id of Object.keys(first)) at(id).value = given[id];
  if (!presetOf()) at("preset").value = first.preset;
  showParameters(Object.fromEntries(Object.entries(given).map(([key, value]) => [key.replace("argument-", ""), value])));
  root.querySelector(".explorer-waiting").hidden = true;
  root.querySelector("form").hidden = false;
  show();
}

let timer = 0;
root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
root.querySelector("form").addEventListener("input", ({ target }) => {
  if (target.id === "ex-preset") showParameters();
  if (target.id === "ex-layer" && target.value) {
    const { layout, shape } = data.layouts[Number(target.value)];
    at("layout").value = layout;
    at("shape").value = shape.join(", ");
    at("sizes").value = "";
  }
  root.dataset.state = "waiting";
  clearTimeout(timer);
  timer = setTimeout(show, target instanceof HTMLSelectElement ? 0 : 150);
});
start();
