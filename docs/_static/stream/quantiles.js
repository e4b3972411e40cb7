/** Quantiles of a unit variable at the knots of a table: "Knots" in docs/stream.md. */
import { ldexp } from "./doubles.js";
import { normalQuantile, tail } from "./normal.js";

/** The numbers of a width: bits of a word, stored mantissa bits, leading bits of a row, knots per row. */
export const WIDTHS = {
  32: { bits: 32, mantissa: 23, bias: 127, leading: 10, columns: 1 },
  64: { bits: 64, mantissa: 52, bias: 1023, leading: 9, columns: 3 },
};

const cache = new Map();

/** The quantiles of the lower half, and of the upper half; null where that mirrors the lower one. */
export function halves(unit, width) {
  const id = JSON.stringify([unit, width.bits]);
  if (!cache.has(id)) {
    if (cache.size > 7) cache.clear();
    cache.set(id, compute(unit, width));
  }
  return cache.get(id);
}

function compute(unit, width) {
  switch (unit.kind) {
    case "normal":
      return [probabilities(width).map(normalQuantile), null];
    case "uniform":
      return [uniform(width), null];
    case "truncated_normal":
      return truncated(unit.lower, unit.upper, probabilities(width));
    default:
      if (width.bits === 64) throw new Error("A quantile table is for float32 and narrower types.");
      return tabulated(unit.knots, unit.exponent);
  }
}

/** (tail + 1/2) / 2**bits at each knot, at most 1/2. Row by row, `columns` knots a row. */
export function probabilities({ bits, leading, columns }) {
  const rows = 2 ** leading;
  const tails = [0, 0, 0].slice(0, columns);
  for (let octave = 0; octave < bits - 1; octave++) {
    for (let row = 0; row < rows; row++) {
      for (let third = 0; third < columns; third++) {
        tails.push(ldexp(1 + (row + third / 3) / rows, octave));
      }
    }
  }
  for (let third = 0; third < columns; third++) tails.push(ldexp(1, bits - 1));
  return Float64Array.from(tails, (t) => Math.min(ldexp(t + 0.5, -bits), 0.5));
}

function uniform({ mantissa, leading, columns }) {
  const shift = ldexp(1, -(mantissa + 1)) - 1;
  const result = [];
  for (let row = 0; row <= 2 ** leading; row++) {
    for (let third = 0; third < columns; third++) result.push(ldexp(row + third / 3, -leading) + shift);
  }
  return Float64Array.from(result);
}

const clip = (low, high) => (x) => Math.min(Math.max(x, low), high);
const negate = (x) => -x;

function truncated(lower, upper, p) {
  if (upper === -lower) {
    const outside = tail(upper);
    const inside = fromBelow(outside, 1 - 2 * outside, outside);
    return [p.map((x) => Math.max(inside(x), lower)), null];
  }
  if (lower >= 0) {
    const [low, high] = truncated(-upper, -lower, p);
    return [high.map(negate), low.map(negate)];
  }
  const below = tail(-lower);
  const within = clip(lower, upper);
  if (upper <= 0) {
    const upToUpper = tail(-upper);
    const mass = upToUpper - below;
    return [
      p.map((x) => within(normalQuantile(below + x * mass))),
      p.map((x) => within(normalQuantile(upToUpper - x * mass))),
    ];
  }
  const above = tail(upper);
  const mass = 1 - below - above;
  const low = fromBelow(below, mass, above);
  const high = fromBelow(above, mass, below);
  return [p.map((x) => within(low(x))), p.map((x) => within(-high(x)))];
}

/** The quantile at below + p mass, taken from the other side where that passes one half. */
function fromBelow(below, mass, above) {
  return (p) => {
    const probability = below + p * mass;
    if (probability <= 0.5) return normalQuantile(probability);
    return -normalQuantile(Math.min(above + (1 - p) * mass, 0.5));
  };
}

/** The knots of a stored table: those that some tail reaches are stored, the others on lines between them. */
function tabulated(knots, exponent) {
  const stored = typeof knots === "string" ? decode(knots) : knots;
  const reached = [0];
  for (let octave = 0; octave < 31; octave++) {
    for (let row = 0; row < 1024; row += Math.max(1024 >> octave, 1)) reached.push(1 + 1024 * octave + row);
  }
  reached.push(31 * 1024 + 1);
  const half = (start) => {
    const result = new Float64Array(31 * 1024 + 2);
    for (let n = 0; n + 1 < reached.length; n++) {
      const [from, to] = [stored[start + n], stored[start + n + 1]];
      const length = reached[n + 1] - reached[n];
      for (let row = 0; row <= length; row++) {
        result[reached[n] + row] = ldexp(from + ((to - from) / length) * row, exponent);
      }
    }
    return result;
  };
  return [half(0), stored.length > reached.length ? half(reached.length) : null];
}

function decode(base64) {
  const view = new DataView(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
  return Int32Array.from({ length: view.byteLength / 4 }, (_, n) => view.getInt32(4 * n, true));
}
