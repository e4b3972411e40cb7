/** The unit normal: its quantile in float64 steps, its tail and truncated moments to the nearest float64. */
import { bitsOf, frexp, nearestDouble } from "./doubles.js";

// Coefficients of AS 241 (PPND16), from the highest power down: numerator, denominator.
const CENTRAL = [
  [
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.387132872796366608,
  ],
  [
    5.226495278852854561e3, 2.8729085735721942674e4, 3.930789580009271061e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.871870074920579083e2, 4.2313330701600911252e1, 1.0,
  ],
];
const MIDDLE = [
  [
    7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
  ],
  [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 1.4810397642748007459e-1,
    6.8976733498510000455e-1, 1.6763848301838038494, 2.05319162663775882187, 1.0,
  ],
];
const FAR = [
  [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.2426609473880784386e-3, 2.6532189526576123093e-2,
    2.9656057182850489123e-1, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
  ],
  [
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    1.48753612908506148525e-2, 1.3692988092273580531e-1, 5.9983220655588793769e-1, 1.0,
  ],
];
export const COEFFICIENTS = { central: CENTRAL, middle: MIDDLE, far: FAR };
const LOG_SERIES = Array.from({ length: 12 }, (_, n) => 2 / (2 * (12 - n) + 1));

const horner = (coefficients, x) => coefficients.reduce((sum, coefficient) => sum * x + coefficient);
const rational = ([above, below], x) => horner(above, x) / horner(below, x);

/** The natural logarithm of a positive number. */
export function log(x) {
  let [mantissa, exponent] = frexp(x);
  if (mantissa < 0.7071067811865475244) {
    mantissa *= 2;
    exponent -= 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const series = horner(LOG_SERIES, s * s);
  return exponent * 0.69314718036912381649 + (2 * s + (s * (s * s) * series + exponent * 1.90821492927058770002e-10));
}

/** The quantile of the unit normal at a probability in (0, 1/2]. */
export function normalQuantile(p) {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * rational(CENTRAL, 0.180625 - q * q);
  const r = Math.sqrt(-log(p));
  return -(r <= 5 ? rational(MIDDLE, r - 1.6) : rational(FAR, r - 5));
}

// Numbers to the nearest float64: BigInt fixed point, n standing for n * 2**-bits.

/** A float64 in fixed point; its bits below 2**-bits are dropped. */
function fixed(x, bits) {
  const pattern = bitsOf(Math.abs(x));
  const stored = Number(pattern >> 52n);
  const mantissa = (pattern & 0xfffffffffffffn) | (stored ? 1n << 52n : 0n);
  const shift = BigInt((stored || 1) - 1075 + bits);
  const size = shift >= 0n ? mantissa << shift : mantissa >> -shift;
  return x < 0 ? -size : size;
}

function squareRoot(n) {
  if (n < 2n) return n;
  let root = 1n << BigInt((n.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function arctanInverse(n, one) {
  let power = one / n;
  let total = power;
  for (let odd = 3n; power; odd += 2n) {
    power /= n * n;
    total += odd % 4n === 1n ? power / odd : -(power / odd);
  }
  return total;
}

/** exp(-x * x / 2) / sqrt(2 pi). */
function density(x, bits) {
  const wide = BigInt(bits);
  const one = 1n << wide;
  // exp(-y) = exp(-y / 2**64)**(2**64); the first by its series, the power by squaring.
  const y = ((x * x) >> wide) >> 65n;
  let term = one;
  let value = one;
  for (let n = 1n; term; n++) {
    term = (-term * y) / (n << wide);
    value += term;
  }
  for (let n = 0; n < 64; n++) value = (value * value) >> wide;
  const pi = 4n * (4n * arctanInverse(5n, one) - arctanInverse(239n, one));
  return (value << wide) / squareRoot((2n * pi) << wide);
}

/** 1/2 - phi(x) (x + x**3 / 3 + x**5 / 15 + ...), for x >= 0. */
function tailFixed(x, bits) {
  const wide = BigInt(bits);
  const square = (x * x) >> wide;
  let term = x;
  let total = x;
  for (let n = 3n; term; n += 2n) {
    term = ((term * square) >> wide) / n;
    total += term;
  }
  return (1n << (wide - 1n)) - ((density(x, bits) * total) >> wide);
}

// The tail at x is about exp(-x * x / 2): as many bits cancel as 0.7214 x**2, and as many are lost again below.
const bitsFor = (x) => 512 + Math.ceil(3 * x * x);

/** The probability that a unit normal exceeds x; 0 beyond 39. */
export function tail(x) {
  if (x > 39) return 0;
  if (x < 0) return 1 - tail(-x);
  const bits = bitsFor(x);
  return nearestDouble(tailFixed(fixed(x, bits), bits), bits);
}

/** Mean and standard deviation of a unit normal between two bounds. */
export function truncatedMoments(lower, upper) {
  const finite = [lower, upper].map(Math.abs).filter((bound) => bound <= 39);
  const bits = 512 + bitsFor(Math.max(0, ...finite));
  const wide = BigInt(bits);
  const one = 1n << wide;
  let [mass, first, second] = [one, 0n, 0n];
  for (const [bound, side] of [
    [lower, 1n],
    [-upper, -1n],
  ]) {
    if (Math.abs(bound) > 39) continue;
    const value = fixed(bound, bits);
    const there = density(value, bits);
    mass -= bound < 0 ? tailFixed(-value, bits) : one - tailFixed(value, bits);
    first += side * there;
    second += (value * there) >> wide;
  }
  const mean = (first << wide) / mass;
  const variance = one + (second << wide) / mass - ((mean * mean) >> wide);
  return [nearestDouble(mean, bits), nearestDouble(squareRoot(variance << wide), bits)];
}
