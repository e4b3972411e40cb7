/** Operations on float64 that round as docs/stream.md says, and that JavaScript's Math does not promise. */

const double = new Float64Array(1);
const pattern = new BigInt64Array(double.buffer);
const words = new Uint32Array(double.buffer);
double[0] = 1;
const HIGH = words[1] ? 1 : 0; // the word with the exponent, in either byte order

/** The bit pattern of a float64, as a signed BigInt. */
export function bitsOf(x) {
  double[0] = x;
  return pattern[0];
}

/** The float64 of a bit pattern. */
export function ofBits(bits) {
  pattern[0] = bits;
  return double[0];
}

// All normal powers of two, by doubling: exact on every engine, which `2 ** n` need not be.
const POWERS = new Float64Array(2046);
for (let n = 0, power = ofBits(1n << 52n); n < POWERS.length; n++, power *= 2) POWERS[n] = power;

/** A power of two, from 2**-1022 to 2**1023. */
export const powerOfTwo = (n) => POWERS[n + 1022];

/** x * 2**n. Exact unless the result is subnormal or too large. */
export function ldexp(x, n) {
  for (; n > 1000; n -= 1000) x *= powerOfTwo(1000);
  for (; n < -1000; n += 1000) x *= powerOfTwo(-1000);
  return x * powerOfTwo(n);
}

/** [m, e] with x = m * 2**e and 1/2 <= |m| < 1; [0, 0] of 0. */
export function frexp(x) {
  if (x === 0) return [0, 0];
  const shift = Math.abs(x) < POWERS[0] ? 64 : 0; // subnormal
  const scaled = ldexp(x, shift);
  double[0] = scaled;
  const exponent = ((words[HIGH] >>> 20) & 0x7ff) - 1022;
  return [ldexp(scaled, -exponent), exponent - shift];
}

/** The nearest integer, and of two the even one. */
export function rint(x) {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  return x < 0 ? -(-x + 2 ** 52 - 2 ** 52) : x + 2 ** 52 - 2 ** 52;
}

/** The next float64 towards an infinity. */
export function nextDouble(x, towards) {
  if (x === towards) return x;
  if (x === 0) return towards > 0 ? ofBits(1n) : -ofBits(1n);
  return ofBits(bitsOf(x) + (towards > x === x > 0 ? 1n : -1n));
}

const single = new Float32Array(1);
const pattern32 = new Int32Array(single.buffer);

/** The bit pattern of a float32, as an unsigned number. */
export function bitsOf32(x) {
  single[0] = x;
  return pattern32[0] >>> 0;
}

/** The float32 of a bit pattern. */
export function ofBits32(bits) {
  pattern32[0] = bits;
  return single[0];
}

/** The next float32 towards an infinity. */
export function nextSingle(x, towards) {
  if (x === towards) return x;
  if (x === 0) return towards > 0 ? ofBits32(1) : -ofBits32(1);
  single[0] = x;
  pattern32[0] += towards > x === x > 0 ? 1 : -1;
  return single[0];
}

/** The float64 nearest to n * 2**-bits, n a BigInt of any length. */
export function nearestDouble(n, bits) {
  const size = n < 0n ? -n : n;
  const excess = Math.max(size.toString(16).length * 4 - 128, 0);
  if (excess === 0) return ldexp(Number(n), -bits);
  // Number() rounds to nearest. A last bit that stands for all the bits dropped keeps its halves apart.
  const kept = (size >> BigInt(excess)) | 1n;
  return ldexp(Number(n < 0n ? -kept : kept), excess - bits);
}
