/** Element types: how a float32 is rounded to each, and the bytes of values: "Element types" in docs/stream.md. */
import { bitsOf32, frexp, ldexp, powerOfTwo, rint } from "./doubles.js";

/** bits of a word, largest number; of types below float32 their mantissa bits and least exponent. */
export const TYPES = {
  float32: { bits: 32, bytes: 4, largest: 3.4028234663852886e38 },
  float64: { bits: 64, bytes: 8, largest: Number.MAX_VALUE },
  bfloat16: { bits: 32, bytes: 2, largest: 3.3895313892515355e38, mantissa: 7, exponent: 8 },
  float16: { bits: 32, bytes: 2, largest: 65504, mantissa: 10, exponent: 5 },
  float8_e4m3fn: { bits: 32, bytes: 1, largest: 448, mantissa: 3, exponent: 4 },
  float8_e5m2: { bits: 32, bytes: 1, largest: 57344, mantissa: 2, exponent: 5 },
  complex64: { bits: 32, bytes: 8, largest: 3.4028234663852886e38, complex: true },
  complex128: { bits: 64, bytes: 16, largest: Number.MAX_VALUE, complex: true },
};

/** A float32 rounded to nearest, of two the even one: a multiple of the spacing of the type around it. */
export function narrow(x, { mantissa, exponent }) {
  if (mantissa === undefined || x === 0) return x;
  const least = 2 - 2 ** (exponent - 1);
  const spacing = Math.max(frexp(x)[1] - 1, least) - mantissa;
  return ldexp(rint(ldexp(x, -spacing)), spacing);
}

/** The bit pattern of a value of a type that is not wider than 32 bits. */
export function patternOf(x, { mantissa, exponent }) {
  if (mantissa === undefined) return bitsOf32(x);
  const sign = x < 0 || Object.is(x, -0) ? 2 ** (mantissa + exponent) : 0;
  if (x === 0) return sign;
  const least = 2 - 2 ** (exponent - 1);
  const power = Math.max(frexp(x)[1] - 1, least);
  // A normal number's mantissa has the bit above it too, which counts its exponent up from 0 to 1.
  return sign + (power - least) * 2 ** mantissa + Math.abs(x) / powerOfTwo(power - mantissa);
}

/** The little-endian bytes of values; of complex types the parts follow each other. */
export function bytesOf(values, dtype) {
  const type = TYPES[dtype];
  const width = type.complex ? type.bytes / 2 : type.bytes;
  const view = new DataView(new ArrayBuffer(values.length * width));
  values.forEach((x, n) => {
    if (width === 8) view.setFloat64(8 * n, x, true);
    else if (width === 4) view.setUint32(4 * n, patternOf(x, type), true);
    else if (width === 2) view.setUint16(2 * n, patternOf(x, type), true);
    else view.setUint8(n, patternOf(x, type));
  });
  return new Uint8Array(view.buffer);
}
