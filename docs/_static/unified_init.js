/**
 * unified_init's stream in JavaScript, written from docs/stream.md and tested against vectors.json.
 *
 *   import { draw } from "./unified_init.js";
 *   const spec = { distribution: { kind: "Normal" }, scale: { kind: "Fixed", std: 0.02, mean: 0 } };
 *   draw({ spec, shape: [64, 32], layout: "OI", seed: 0, name: "fc/kernel" }).values;
 *
 * A spec is the object that `unified_init.to_json(spec)` writes. No package is needed, in a browser or in Node.
 */
import { kernelAt } from "./stream/kernels.js";
import { lawOf } from "./stream/laws.js";
import { bind, logicalIndices } from "./stream/layouts.js";
import { compileTable, values32, values64 } from "./stream/tables.js";
import { TYPES, bytesOf, narrow } from "./stream/types.js";
import { namedKey, rootKey, sha256Hex, threefryInto } from "./stream/words.js";

export { TYPES, bytesOf } from "./stream/types.js";
export { hex32 } from "./stream/words.js";

/** The law of a spec on a shape: {mean, std, low, high, fanIn, fanOut, loc, scale, unit, repeat}. */
export function resolve({ spec, shape, layout = null, sizes = null, fans = null }) {
  checkShape(shape);
  return lawOf(spec, bind(shape, layout, sizes), fans);
}

/**
 * A tensor or a part of it: {values, shape, dtype}, the values in storage order. They are a Float32Array, or a
 * Float64Array for float64 and complex128; the two parts of a complex number follow each other.
 */
export function draw({
  spec,
  shape,
  layout = null,
  sizes = null,
  fans = null,
  seed,
  name = "",
  dtype = "float32",
  index = null,
}) {
  checkShape(shape);
  const type = TYPES[dtype];
  if (!type) throw new Error(`The dtype must be one of ${Object.keys(TYPES).join(", ")}, got ${dtype}.`);
  const digits = bind(shape, layout, sizes);
  const law = lawOf(spec, digits, fans);
  if (law.unit.kind === "constant") return constant(law, shape, index, type, dtype);
  const { indices, shape: drawn } = logicalIndices(shape, digits, index, law.repeat);
  const root = isRandom(law) ? rootKey(seed) : null;
  const key = root && namedKey(root, name);
  const array = new (type.bits === 64 ? Float64Array : Float32Array)(indices.length * (type.complex ? 2 : 1));
  if (spec.distribution.kind in INDEPENDENT) fill(array, law, indices, key, type, dtype);
  else {
    if (type.complex) throw new Error("Complex values are drawn from the normal of mean 0 only.");
    const value = kernelAt(law, { key, root, name, bits: type.bits });
    const round = type.bits === 64 ? (x) => x : (x) => narrow(Math.fround(x), type);
    indices.forEach((position, n) => (array[n] = round(value(position))));
  }
  return { values: array, shape: drawn, dtype };
}

const INDEPENDENT = { Normal: 1, TruncatedNormal: 1, Uniform: 1, Quantile: 1 };
const isRandom = (law) => ["normal", "truncated_normal", "uniform", "quantile", "sparse"].includes(law.unit.kind);

function checkShape(shape) {
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw new Error(`A shape is made of integers that are not negative, got (${shape}).`);
  }
}

function fill(array, law, indices, key, type, dtype) {
  if (type.complex) {
    if (law.unit.kind !== "normal" || law.loc !== 0)
      throw new Error("Complex values are drawn from the normal of mean 0 only.");
    law = { ...law, scale: law.scale * Math.sqrt(0.5) };
  }
  const table = compileTable(law, type.bits);
  if (table.magnitude > type.largest)
    throw new Error(`The law reaches ${table.magnitude}, the largest ${dtype} is ${type.largest}.`);
  const word = new Uint32Array(2);
  const count = indices.length;
  if (type.bits === 64) {
    const value = values64(table);
    const parts = type.complex ? 2 : 1;
    for (let n = 0; n < count * parts; n++) {
      const counter = indices[Math.floor(n / parts)] * parts + (n % parts);
      threefryInto(key, Math.floor(counter / 2 ** 32), counter, word);
      array[n] = value(word[0], word[1]);
    }
    return;
  }
  const value = values32(table);
  for (let n = 0; n < count; n++) {
    threefryInto(key, Math.floor(indices[n] / 2 ** 32), indices[n], word);
    if (!type.complex) array[n] = narrow(value(word[0] ^ word[1]), type);
    else word.forEach((part, m) => (array[2 * n + m] = value(part)));
  }
}

/** Constants are in storage order, and an array is broadcast to the shape. */
function constant({ unit, scale }, shape, index, type, dtype) {
  const { indices, shape: drawn } = logicalIndices(shape, bind(shape), index);
  const lengths = [];
  for (let part = unit.value; Array.isArray(part); part = part[0]) lengths.unshift(part.length);
  const at = (position) => {
    const coordinates = [...shape].reverse().map((length) => {
      const coordinate = position % length;
      position = Math.floor(position / length);
      return coordinate;
    });
    return lengths.reduceRight((part, length, axis) => part[length === 1 ? 0 : coordinates[axis]], unit.value);
  };
  const parts = type.complex ? 2 : 1;
  const array = new (type.bits === 64 ? Float64Array : Float32Array)(indices.length * parts);
  const round = type.bits === 64 ? (x) => x : (x) => narrow(Math.fround(x), type);
  indices.forEach((position, n) => (array[n * parts] = round(at(position) * scale)));
  return { values: array, shape: drawn, dtype };
}

/** SHA-256 of a drawn tensor's bytes in storage order, as hexadecimal digits. */
export const checksum = ({ values, dtype }) => sha256Hex(bytesOf(values, dtype));

/** The digest of a whole tensor, as `unified_init.digest` returns it: of its type, logical shape and values. */
export function digest({ spec, shape, layout = null, sizes = null, fans = null, ...rest }) {
  const digits = bind(shape, layout, sizes);
  const logical = digits.map(({ size }) => size);
  // Stored in logical order, the same tensor has the letters of its roles as its layout.
  const letters = layout === null ? null : digits.map(({ role }) => role).join("");
  const { values, dtype } = draw({ spec, shape: logical, layout: letters, fans, ...rest });
  const head = new TextEncoder().encode(`${dtype}|${logical.join(",")}|`);
  const bytes = bytesOf(values, dtype);
  const message = new Uint8Array(head.length + bytes.length);
  message.set(head);
  message.set(bytes, head.length);
  return sha256Hex(message);
}
