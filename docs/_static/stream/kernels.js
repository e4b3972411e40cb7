/** Tensors whose entries are not independent draws: "What is not an independent draw" in docs/stream.md. */
import { powerOfTwo } from "./doubles.js";
import { compileTable, values32, values64 } from "./tables.js";
import { namedKey, threefryInto } from "./words.js";

/** The function of a logical index that returns the value there, before it is rounded to float32. */
export function kernelAt(law, draw) {
  const { unit, scale } = law;
  if (unit.kind === "sparse") return sparse(law, draw);
  const value = FORMULAS[unit.kind](unit);
  const sizes = [unit.rows, unit.columns, ...unit.spatial];
  return (index) => {
    const coordinates = [];
    for (const size of [...sizes].reverse()) {
      coordinates.unshift(index % size);
      index = Math.floor(index / size);
    }
    return value(...coordinates) * scale;
  };
}

const isMiddle = (spatial, positions) => positions.every((position, n) => position === Math.floor(spatial[n] / 2));

const FORMULAS = {
  identity: () => (row, column) => Number(row === column),
  dirac:
    ({ rows, blocks, spatial }) =>
    (row, column, ...positions) => {
      const height = Math.floor(rows / blocks);
      return Number(row % height === column && isMiddle(spatial, positions));
    },
  hadamard: ({ rows, columns, spatial }) => {
    const order = powerOfTwo((rows - 1).toString(2).replace(/^0$/, "").length);
    return (row, column, ...positions) => {
      if (!isMiddle(spatial, positions)) return 0;
      if (rows <= columns) return Number(row === column);
      const ones = (row & column).toString(2).replaceAll("0", "").length;
      return (1 - 2 * (ones % 2)) / Math.sqrt(order);
    };
  },
  bilinearupsampling:
    ({ spatial }) =>
    (row, column, ...positions) => {
      if (row !== column) return 0;
      return positions.reduce((product, position, n) => {
        const factor = Math.floor((spatial[n] + 1) / 2);
        const middle = (2 * factor - 1 - (factor % 2)) / (2 * factor);
        return product * (1 - Math.abs(position / factor - middle));
      }, 1);
    },
};

/** Normals, of which the entries with the smallest words of name/mask are 0 in each column. */
function sparse({ unit, scale }, { key, root, name, bits }) {
  const { groups, rows, columns, zeros } = unit;
  const table = compileTable({ unit: { kind: "normal" }, loc: 0, scale, low: -Infinity, high: Infinity }, bits);
  const value = bits === 32 ? values32(table) : values64(table);
  const mask = namedKey(root, `${name}/mask`);
  const word = new Uint32Array(2);
  const at = (stream, index) => {
    threefryInto(stream, Math.floor(index / 2 ** 32), index, word);
    return word;
  };
  const isZero = new Set();
  for (let column = 0; column < groups * columns; column++) {
    const first = Math.floor(column / columns) * rows * columns + (column % columns);
    const entries = Array.from({ length: rows }, (_, row) => {
      const index = first + row * columns;
      const [x0, x1] = at(mask, index);
      return { index, word: (x0 ^ x1) >>> 0 };
    });
    entries.sort((a, b) => a.word - b.word || a.index - b.index);
    for (const { index } of entries.slice(0, zeros)) isZero.add(index);
  }
  return (index) => {
    if (isZero.has(index)) return 0;
    const [x0, x1] = at(key, index);
    return bits === 32 ? value(x0 ^ x1) : value(x0, x1);
  };
}
