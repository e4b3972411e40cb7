/** The explorer's page: reads the form, draws with unified_init.js, and shows what came out. */
import { specOf } from "./explorer/presets.js";
import { at, firstPart, plain, showCalls, showLaw, showValues } from "./explorer/results.js";
import { bind } from "./stream/layouts.js";
import { TYPES, digest, draw, resolve } from "./unified_init.js";

const data = await (await fetch(new URL("explorer.json", import.meta.url))).json();
const root = document.getElementById("explorer");

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
    const error = Object.assign(document.createElement("p"), {
      className: "explorer-error",
      id: `${input.id}-error`,
    });
    input.setAttribute("aria-describedby", error.id);
    field.append(label, input, error);
    return field;
  });
  at("parameters").replaceChildren(at("parameters").firstElementChild, ...fields);
  at("parameters").hidden = fields.length === 0;
  at("summary").textContent = plain(preset.summary);
}

function readArgument({ name, choices }) {
  const text = at(`argument-${name}`).value.trim();
  if (choices) return choices.find((choice) => String(choice) === text);
  const number = /^[+-]?inf$/.test(text) ? Number(text.replace("inf", "Infinity")) : text === "" ? NaN : Number(text);
  if (Number.isNaN(number))
    throw new FieldError(`argument-${name}`, `${name} must be a number, got ${text || "nothing"}.`);
  return number + 0; // one zero
}

function readShape() {
  const text = at("shape")
    .value.trim()
    .replace(/^\(|\)$/g, "");
  const parts = text === "" ? [] : text.replace(/,\s*$/, "").split(/\s*[,x×]\s*|\s+/);
  if (!parts.every((part) => /^[0-9]+$/.test(part))) {
    throw new FieldError(
      "shape",
      `The shape must be integers with commas between them, such as 64, 32; got ${text}.`,
    );
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
    throw new FieldError(
      request.layout?.includes("(") && request.layout.includes(")") ? "sizes" : "layout",
      error.message,
    );
  }
  if (!/^[0-9]+$/.test(request.seed) || BigInt(request.seed) >= 1n << 64n) {
    throw new FieldError(
      "seed",
      `The seed must be an integer from 0 to 2**64 - 1, got ${request.seed || "nothing"}.`,
    );
  }
  return { preset, given, request };
}

// --- what is shown -------------------------------------------------------------------------------

function show() {
  for (const input of root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of root.querySelectorAll(".explorer-error")) error.textContent = "";
  try {
    const { preset, given, request } = readForm();
    const law = resolve(request);
    const drawn = draw({ ...request, index: firstPart(request.shape) });
    showLaw({ law, values: drawn.values, preset });
    showValues(drawn, request);
    showCalls({ preset, given, request, law }, data);
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
  const fields = Object.fromEntries(
    ["preset", "shape", "layout", "sizes", "seed", "name", "dtype"].map((id) => [id, at(id).value]),
  );
  const texts = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`argument-${name}`, at(`argument-${name}`).value || String(value)]),
  );
  history.replaceState(null, "", `#${new URLSearchParams({ ...fields, ...texts })}`);
}

function start() {
  const { layout, shape } = data.layouts[0];
  const first = {
    preset: data.presets[0].name,
    layout,
    shape: shape.join(", "),
    sizes: "",
    seed: "0",
    name: "fc/kernel",
    dtype: "float32",
  };
  const given = { ...first, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  at("preset").append(...data.presets.map(({ name }) => option(name)));
  at("layer").append(
    option("", "choose ..."),
    ...data.layouts.map(({ layout: letters, of }, n) => option(String(n), `${of} (${letters})`)),
  );
  at("dtype").append(
    ...Object.keys(TYPES)
      .filter((name) => !TYPES[name].complex)
      .map((name) => option(name)),
  );
  for (const id of Object.keys(first)) at(id).value = given[id];
  if (!presetOf()) at("preset").value = first.preset;
  showParameters(
    Object.fromEntries(Object.entries(given).map(([key, value]) => [key.replace("argument-", ""), value])),
  );
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
