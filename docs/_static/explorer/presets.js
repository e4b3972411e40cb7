/** The library's initializers by name, from explorer.json: arguments to the spec that unified_init.js draws. */

// The functions that tools/specification/explorer_data.py traces the numbers of a spec to.
const FORMULAS = {
  argument: (p) => p,
  square: (p) => p * p,
  "two over square": (p) => 2 / (p * p),
  "two over one plus square": (p) => 2 / (1 + p * p),
  "distance over": (p, q, r) => (p - q) / r,
};

/** The spec of a preset, as to_json writes it. */
export function specOf(preset, given) {
  const chosen = preset.specs.find(({ when }) =>
    Object.entries(when).every(([name, value]) => given[name] === value),
  );
  const part = (tree) =>
    Object.fromEntries(
      Object.entries(tree).map(([field, value]) => {
        if (!Array.isArray(value)) return [field, value];
        const [formula, ...names] = value;
        return [field, FORMULAS[formula](...names.map((name) => given[name]))];
      }),
    );
  return { distribution: part(chosen.distribution), scale: part(chosen.scale), factor: 1, upscale: 1 };
}

/** The Python call of a preset, without arguments that have their defaults. */
export function callOf(preset, given) {
  const parts = [];
  let named = false;
  for (const { name, default: fallback } of preset.parameters) {
    if (given[name] === fallback) named = true;
    else parts.push(named ? `${name}=${literal(given[name])}` : literal(given[name]));
  }
  return `ui.${preset.name}(${parts.join(", ")})`;
}

/** A value as Python source. */
export function literal(value) {
  if (typeof value === "number") return pythonFloat(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `(${value.map(literal).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "bigint" ? String(value) : pythonText(value);
}

/** A float64 as Python prints it. */
export function pythonFloat(x) {
  if (!Number.isFinite(x)) return `float('${x < 0 ? "-" : ""}inf')`;
  const [digits, exponent] = x.toExponential().split("e");
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  const text = String(x);
  return text.includes(".") ? text : `${text}.0`;
}

/** A text as Python source, in double quotes. */
export const pythonText = (text) => JSON.stringify(text);
