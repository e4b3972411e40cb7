/** Seeds, names and counters to words: "Words" in docs/stream.md. */

// SHA-256's constants are the first 32 bits of the fractional parts of roots of primes (FIPS 180-4, 4.2.2).
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const CUBE_ROOTS = PRIMES.map((prime) => fraction(prime, 3n));
const SQUARE_ROOTS = PRIMES.slice(0, 8).map((prime) => fraction(prime, 2n));

/** The first 32 bits of the fraction of a root, in integers: floor(root(n * 2**(32 degree))) mod 2**32. */
function fraction(n, degree) {
  const target = BigInt(n) << (32n * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= target) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn) | 0;
}

const rotateRight = (x, n) => (x >>> n) | (x << (32 - n));

/** SHA-256 of bytes, as 8 unsigned words. */
export function sha256(bytes) {
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const message = new Uint8Array(64 * blocks);
  message.set(bytes);
  message[bytes.length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(message.length - 4, (bytes.length << 3) >>> 0);
  const state = Int32Array.from(SQUARE_ROOTS);
  const w = new Int32Array(64);
  for (let start = 0; start < message.length; start += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getInt32(start + 4 * t);
    for (let t = 16; t < 64; t++) {
      const s0 = rotateRight(w[t - 15], 7) ^ rotateRight(w[t - 15], 18) ^ (w[t - 15] >>> 3);
      const s1 = rotateRight(w[t - 2], 17) ^ rotateRight(w[t - 2], 19) ^ (w[t - 2] >>> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t++) {
      const s1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + CUBE_ROOTS[t] + w[t]) | 0;
      const s0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, n) => (state[n] += word));
  }
  return Uint32Array.from(state);
}

/** One word as 8 hexadecimal digits. */
export const hex32 = (word) => (word >>> 0).toString(16).padStart(8, "0");

/** SHA-256 of bytes, as 64 hexadecimal digits. */
export const sha256Hex = (bytes) => Array.from(sha256(bytes), hex32).join("");

/** Threefry-2x32 with 20 rounds: the two output words of a counter under a key. */
export function threefry(key, counter) {
  const output = new Uint32Array(2);
  threefryInto(key, counter[0], counter[1], output);
  return output;
}

/** The same, into an array of two words: without a new array for each counter. */
export function threefryInto([k0, k1], high, low, output) {
  const k2 = k0 ^ k1 ^ 0x1bd11bda;
  let x0 = (high + k0) | 0;
  let x1 = (low + k1) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 1) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k2) | 0;
  x1 = (x1 + k0 + 2) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k0) | 0;
  x1 = (x1 + k1 + 3) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 4) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  output[0] = x0 + k2;
  output[1] = x1 + k0 + 5;
}

/** The root key of a seed: a number, a BigInt or decimal digits, from 0 to 2**64 - 1. */
export function rootKey(seed) {
  const digits = String(seed).trim();
  const number = /^[0-9]+$/.test(digits) ? BigInt(digits) : -1n;
  if (number < 0n || number >= 1n << 64n || (typeof seed === "number" && !Number.isSafeInteger(seed))) {
    throw new Error(`The seed must be an integer from 0 to 2**64 - 1, got ${digits || "nothing"}.`);
  }
  return [Number(number >> 32n), Number(number & 0xffffffffn)];
}

/** The counter of a name: the first 8 bytes of the SHA-256 of its UTF-8, as two big-endian words. */
export const nameCounter = (name) => Array.from(sha256(new TextEncoder().encode(name)).slice(0, 2));

/** The key of a name under a root key. The empty name leaves the root key. */
export const namedKey = (root, name) => (name === "" ? root : Array.from(threefry(root, nameCounter(name))));
