/** A law to a table of integers, and words to values: "The table" and "Words to values" in docs/stream.md. */
import { frexp, ldexp, nextDouble, nextSingle, powerOfTwo, rint } from "./doubles.js";
import { WIDTHS, halves } from "./quantiles.js";

const cache = new Map();

/** The table of a law {unit, loc, scale, low, high} for words of 32 or 64 bits. */
export function compileTable(law, bits) {
  const id = JSON.stringify([law.unit, bits, ...[law.loc, law.scale, law.low, law.high].map(String)]);
  if (!cache.has(id)) {
    if (cache.size > 15) cache.clear();
    cache.set(id, compile(law, WIDTHS[bits]));
  }
  return cache.get(id);
}

function compile({ unit, loc, scale, low, high }, width) {
  const quantiles = halves(unit, width)
    .filter((half) => half !== null)
    .map((half) => half.map((quantile) => quantile * scale + loc));
  const extremes = quantiles.flatMap((half) => [half[0], half[half.length - 1]]);
  if (quantiles.length === 1) extremes.push(2 * loc - quantiles[0][0]);
  const largest = Math.max(...extremes.map(Math.abs));
  if (!Number.isFinite(largest)) throw new Error("The law reaches past the largest float64.");
  let exponent = frexp(largest)[1] - (width.bits === 32 ? 31 : 62);
  for (;;) {
    const table = quantize(quantiles, { unit, loc, low, high }, exponent, width);
    if (table) return table;
    exponent += 1;
  }
}

function quantize(quantiles, { unit, loc, low, high }, exponent, width) {
  const { bits, mantissa, leading } = width;
  const [least, most] = openEnds(low, high, exponent, width);
  const integer = (x) => clip(BigInt(rint(ldexp(x, -exponent))), least, most);
  let twiceLoc = quantiles.length === 1 ? BigInt(rint(ldexp(2 * loc, -exponent))) : 0n;
  if (quantiles.length === 1 && integer(quantiles[0][0]) < twiceLoc - most) {
    quantiles = [quantiles[0], quantiles[0].map((quantile) => 2 * loc - quantile)];
    twiceLoc = 0n;
  }
  const symmetric = quantiles.length === 1;
  const isUniform = unit.kind === "uniform";
  const integers = quantiles.map((half) => Array.from(half, integer));
  const made = bits === 32 ? linear(integers, isUniform) : integers.map((half) => cubic(half, isUniform));
  if (made === null || made.includes(null)) return null;
  const [halfRows, slopeShift] = bits === 32 ? made : [made, 0];
  const ends = integers.flatMap((half) => [half[0], half[half.length - 1]]);
  if (symmetric) ends.push(...ends.map((end) => twiceLoc - end));
  const rows = halfRows.flat();
  const bias = width.bias * 2 ** leading - 1;
  return {
    bits,
    rows: bits === 32 ? Int32Array.from(rows.flat(), Number) : BigInt64Array.from(rows.flat()),
    tailShift: isUniform ? bits - 1 - mantissa : 0,
    tailOr: isUniform ? 2 ** mantissa : 0,
    bias: isUniform ? bias + 1 + mantissa * 2 ** leading : bias,
    upperRows: symmetric ? 0 : rows.length / 2,
    upperXor: symmetric ? -1 : 0,
    upperAdd: symmetric ? BigInt.asIntN(bits, twiceLoc + 1n) : 0n,
    slopeShift,
    exponent,
    least,
    most,
    magnitude: ldexp(Number(ends.map((end) => (end < 0n ? -end : end)).reduce((a, b) => (a > b ? a : b))), exponent),
  };
}

const clip = (n, least, most) => (n < least ? least : n > most ? most : n);

/** The integers of the first and the last float strictly between the ends. */
function openEnds(low, high, exponent, { bits }) {
  const round = bits === 32 ? Math.fround : (x) => x;
  const next = bits === 32 ? nextSingle : nextDouble;
  const first = next(round(low), Infinity);
  const last = next(round(high), -Infinity);
  if (first > last) throw new Error(`No float${bits} is strictly between ${low} and ${high}.`);
  const limit = (1n << BigInt(bits - 1)) - 1n;
  const quotient = (end) => clip(end / powerOfTwo(exponent), -(2 ** 63), 2 ** 63);
  const least = Number.isFinite(round(low)) ? BigInt(Math.ceil(quotient(first))) : -limit;
  const most = Number.isFinite(round(high)) ? BigInt(Math.floor(quotient(last))) : limit;
  return [least > -limit ? least : -limit, most < limit ? most : limit];
}

/** [base, slope] of each row, and the shift of the product: 32-bit words. */
function linear(integers, isUniform) {
  const steps = integers.map((half) =>
    half.map((knot, row) => {
      if (row === half.length - 1 || (row === 0 && !isUniform)) return 0;
      return Number(half[row + 1] - knot);
    }),
  );
  const longest = steps.flat().reduce((most, step) => Math.max(most, Math.abs(step)), 0);
  const shift = Math.max(longest.toString(2).length - 18, 0);
  if (shift > 13) return null;
  const slope = (step) => Math.trunc(step / 2 ** shift);
  return [integers.map((half, n) => half.map((knot, row) => [knot, slope(steps[n][row])])), 13 - shift];
}

/** The four coefficients of each row: 64-bit words. Shifts of a BigInt round down. */
function cubic(knots, isUniform) {
  const rows = [];
  const count = knots.length / 3;
  const limit = (n, bits) => n < 1n << bits && n > -(1n << bits);
  for (let row = 0; row < count; row++) {
    const [y0, y1, y2] = knots.slice(3 * row, 3 * row + 3);
    if (row === count - 1 || (row === 0 && !isUniform)) {
      rows.push([y0, 0n, 0n, 0n]);
      continue;
    }
    const [d1, d2, d3] = [y1 - y0, y2 - y0, knots[3 * row + 3] - y0];
    if (isUniform) {
      rows.push([y0, d3, 0n, 0n]);
      continue;
    }
    const c1 = (18n * d1 - 9n * d2 + 2n * d3) >> 1n;
    const c2 = (-45n * d1 + 36n * d2 - 9n * d3) >> 13n;
    const c3 = (27n * d1 - 27n * d2 + 9n * d3) >> 13n;
    if (!limit(c2, 31n) || !limit(c3, 31n) || !limit(c1, 60n)) return null;
    rows.push([y0, c1, c2, c3]);
  }
  return rows;
}

const float32 = new Float32Array(1);
const pattern32 = new Int32Array(float32.buffer);

/** The function of a 32-bit word that returns a table's value: a float32. */
export function values32(table) {
  const { rows, tailShift, tailOr, bias, upperRows, slopeShift, upperXor } = table;
  const upperAdd = Number(table.upperAdd);
  const unit = powerOfTwo(table.exponent);
  return (word) => {
    const upper = ~(word >> 31); // all bits in the upper half, none in the lower
    float32[0] = ((word & 0x7fffffff) >> tailShift) | tailOr;
    const pattern = pattern32[0];
    const row = Math.max((pattern >> 13) - bias, 0) + (upper & upperRows);
    const v = rows[2 * row] + (Math.imul(rows[2 * row + 1], pattern & 8191) >> slopeShift);
    return Math.fround(((v ^ (upper & upperXor)) + (upper & upperAdd)) | 0) * unit;
  };
}

const float64 = new Float64Array(1);
const pattern64 = new BigInt64Array(float64.buffer);

/** The function of two 32-bit words that returns a table's value: a float64. */
export function values64(table) {
  const { rows, upperRows, bias, least, most } = table;
  const [tailShift, tailOr] = [BigInt(table.tailShift), BigInt(table.tailOr)];
  const unit = powerOfTwo(table.exponent);
  return (x0, x1) => {
    const isUpper = x0 >>> 31 === 0;
    const tail = (((BigInt(x0 & 0x7fffffff) << 32n) | BigInt(x1 >>> 0)) >> tailShift) | tailOr;
    float64[0] = Number(tail);
    const pattern = pattern64[0];
    const row = Math.max(Number(pattern >> 43n) - bias, 0) + (isUpper ? upperRows : 0);
    const d = pattern & 0x7ffffffffffn;
    const d31 = d >> 12n;
    const inner = rows[4 * row + 2] + ((rows[4 * row + 3] * d31) >> 31n);
    const slope = rows[4 * row + 1] + (((inner * d31) >> 31n) << 12n);
    const [high, low] = [slope >> 31n, slope & 0x7fffffffn];
    const [dHigh, dLow] = [d >> 22n, d & 0x3fffffn];
    let v = rows[4 * row] + ((high * dHigh) << 10n) + ((high * dLow) >> 12n);
    v += ((low * dHigh) >> 21n) + ((low * dLow) >> 43n);
    if (isUpper && table.upperXor) v = BigInt.asIntN(64, -1n - v + table.upperAdd);
    return Number(clip(v, least, most)) * unit;
  };
}
