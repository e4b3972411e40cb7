/** Compares docs/_static/unified_init.js with vectors.json: `node tools/specification/check_vectors.mjs [FILE]`. */
import { readFileSync } from "node:fs";
import { checksum, digest, draw, resolve } from "../../docs/_static/unified_init.js";
import { bitsOf, bitsOf32, ofBits, ofBits32 } from "../../docs/_static/stream/doubles.js";
import { COEFFICIENTS, log, normalQuantile, tail, truncatedMoments } from "../../docs/_static/stream/normal.js";
import { compileTable, values32, values64 } from "../../docs/_static/stream/tables.js";
import { TYPES, bytesOf, narrow, patternOf } from "../../docs/_static/stream/types.js";
import { hex32, nameCounter, namedKey, rootKey, sha256Hex, threefry } from "../../docs/_static/stream/words.js";

const file = process.argv[2] ?? new URL("../../docs/_static/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8"));

const hex64 = (x) => BigInt.asUintN(64, bitsOf(x)).toString(16).padStart(16, "0");
const double = (hex) => ofBits(BigInt.asIntN(64, BigInt(`0x${hex}`)));
const words = (texts) => texts.map((text) => parseInt(text, 16));
const hexes = (numbers) => Array.from(numbers, hex32);

const squares = Array.from({ length: 22529 }, (_, j) => j * j - 22528 ** 2);
const base64 = (knots) => Buffer.from(Int32Array.from(knots).buffer).toString("base64");
const TABLES = {
  squares: base64(squares),
  "squares, two halves": base64([...squares, ...squares.map((knot) => -Math.floor(knot / 2))]),
};
const specs = structuredClone(vectors.specs);
for (const { distribution } of Object.values(specs)) {
  if (distribution.knots) distribution.knots = TABLES[distribution.knots];
}

/** The bit patterns of the first values, as the vectors write them. */
function patterns({ values, dtype }, count) {
  const type = TYPES[dtype];
  const bytes = bytesOf(values.slice(0, count), dtype);
  const width = type.complex ? type.bytes / 2 : type.bytes;
  return Array.from({ length: bytes.length / width }, (_, n) =>
    Array.from(bytes.slice(n * width, (n + 1) * width))
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(""),
  );
}

const tensor = (vector) => ({ ...vector, spec: specs[vector.spec] });

// Each section: what the implementation gives for an entry, as the part of the entry that it must equal.
const SECTIONS = {
  blocks: ({ key, counter }) => ({ output: hexes(threefry(words(key), words(counter))) }),
  roots: ({ seed }) => ({ root: hexes(rootKey(seed)) }),
  names: ({ name, seed }) => ({ counter: hexes(nameCounter(name)), key: hexes(namedKey(rootKey(seed), name)) }),
  words: ({ seed, name, indices }) => {
    const key = namedKey(rootKey(seed), name);
    const outputs = indices.map((index) => threefry(key, [Math.floor(index / 2 ** 32), Number(index) % 2 ** 32]));
    return { outputs: outputs.map(hexes), words: outputs.map(([x0, x1]) => hex32(x0 ^ x1)) };
  },
  coefficients: ({ name }) => ({ above: COEFFICIENTS[name][0].map(hex64), below: COEFFICIENTS[name][1].map(hex64) }),
  logs: ({ x }) => ({ log: hex64(log(double(x))) }),
  quantiles: ({ p }) => ({ z: hex64(normalQuantile(double(p))) }),
  tails: ({ x }) => ({ tail: hex64(tail(double(x))) }),
  moments: ({ lower, upper }) => {
    const [mean, std] = truncatedMoments(double(lower), double(upper));
    return { mean: hex64(mean), std: hex64(std) };
  },
  tables: (vector) => {
    const table = compileTable(resolve(tensor(vector)), vector.bits);
    const columns = vector.bits === 32 ? 2 : 4;
    const row = (n) => Array.from(table.rows.slice(columns * n, columns * (n + 1)), String);
    const value = vector.bits === 32 ? values32(table) : values64(table);
    const at = (word) =>
      word.length === 8
        ? hex32(bitsOf32(value(parseInt(word, 16) | 0)))
        : hex64(value(parseInt(word.slice(0, 8), 16) | 0, parseInt(word.slice(8), 16)));
    return {
      count: table.rows.length / columns,
      rows: Object.fromEntries(Object.keys(vector.rows).map((n) => [n, row(Number(n))])),
      sha256: sha256Hex(new Uint8Array(table.rows.buffer)),
      tail_shift: table.tailShift,
      tail_or: String(table.tailOr),
      bias: table.bias,
      upper_rows: table.upperRows,
      upper_xor: table.upperXor,
      upper_add: String(table.upperAdd),
      slope_shift: table.slopeShift,
      exponent: table.exponent,
      least: String(table.least),
      most: String(table.most),
      magnitude: hex64(table.magnitude),
      values: Object.fromEntries(Object.keys(vector.values).map((word) => [word, at(word)])),
    };
  },
  rounding: ({ float32, ...narrowed }) =>
    Object.fromEntries(
      Object.keys(narrowed).map((name) => {
        const type = TYPES[name];
        const rounded = narrow(ofBits32(parseInt(float32, 16)), type);
        return [
          name,
          patternOf(rounded, type)
            .toString(16)
            .padStart(2 * type.bytes, "0"),
        ];
      }),
    ),
  laws: (vector) => {
    const law = resolve(tensor(vector));
    const numbers = { ...law, fan_in: law.fanIn, fan_out: law.fanOut };
    const shown = (x) => (x === null || Number.isNaN(x) ? null : hex64(x));
    return { law: Object.fromEntries(Object.keys(vector.law).map((name) => [name, shown(numbers[name])])) };
  },
  draws: (vector) => {
    const drawn = draw(tensor(vector));
    const parts = TYPES[vector.dtype].complex ? 2 : 1;
    const given = { drawn: drawn.shape, first: patterns(drawn, 4 * parts), sha256: checksum(drawn) };
    return vector.digest ? { ...given, digest: digest(tensor(vector)) } : given;
  },
  fused: (vector) => {
    const drawn = Object.entries(vector.parts).map(([part, shape]) =>
      draw({ ...tensor(vector), shape, name: `${vector.name}/${part}` }),
    );
    const before = vector.shape.slice(0, vector.axis).reduce((a, b) => a * b, 1);
    const values = [];
    for (let n = 0; n < before; n++) {
      for (const part of drawn) {
        const run = part.values.length / before;
        values.push(...part.values.slice(n * run, (n + 1) * run));
      }
    }
    return { sha256: checksum({ values: Float32Array.from(values), dtype: vector.dtype }) };
  },
};

const started = performance.now();
const unknown = Object.keys(vectors).filter(
  (name) => !SECTIONS[name] && !["about", "stream", "specs"].includes(name),
);
const failures = unknown.map((name) => `no check of the section ${name}`);
let total = 0;
const sums = [];
for (const [name, check] of Object.entries(SECTIONS)) {
  for (const entry of vectors[name] ?? []) {
    total += 1;
    let given;
    try {
      given = check(entry);
    } catch (error) {
      given = { error: error.stack };
    }
    for (const [field, value] of Object.entries(given)) {
      if (JSON.stringify(value) !== JSON.stringify(entry[field])) {
        failures.push(
          `${name} ${JSON.stringify(entry).slice(0, 160)}\n  ${field}: ${JSON.stringify(value)}`.slice(0, 600),
        );
      }
    }
  }
  sums.push(`${vectors[name]?.length ?? 0} ${name}`);
}
for (const failure of failures.slice(0, 20)) console.error(failure);
const disagreeing = new Set(failures.map((failure) => failure.split("\n")[0])).size;
console.log(
  `${total - disagreeing} of ${total} vectors agree (${sums.join(", ")}), ${Math.round(performance.now() - started)} ms`,
);
process.exitCode = failures.length ? 1 : 0;
