/** Shapes, layouts and slices to logical indices: "Logical indices" in docs/stream.md. */

const ROLES = "BOIDHW";

/** The stored axes of a layout, each with its letters: "(BO)I" gives ["BO", "I"]. */
export function parseLayout(layout) {
  const axes = layout.match(/\([BOIDHW]+\)|[BOIDHW]/g) ?? [];
  if (axes.join("") !== layout) {
    throw new Error(
      `The layout ${JSON.stringify(layout)} must have one letter per axis: O outputs, I inputs, B independent groups, ` +
        "D, H, W spatial; parentheses merge letters, as in (BO)IHW.",
    );
  }
  for (const role of "DHW") {
    if (layout.split(role).length > 2) throw new Error(`The layout ${layout} repeats the spatial letter ${role}.`);
  }
  return axes.map((axis) => axis.replace(/[()]/g, ""));
}

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

/**
 * The roles of a shape's axes, in logical order: {role, axis, size, divisor}. The coordinate of a role at a
 * position of its axis is floor(position / divisor) mod size.
 */
export function bind(shape, layout = null, sizes = null) {
  const axes = layout === null ? shape.map(() => "") : parseLayout(layout);
  if (axes.length !== shape.length) {
    throw new Error(`The layout ${layout} has ${axes.length} axes and the shape (${shape}) has ${shape.length}.`);
  }
  const digits = axes.flatMap((letters, axis) => {
    const lengths = split(letters, shape[axis], sizes ?? {});
    return [...(letters || " ")].map((letter, n) => ({
      role: letter.trim(),
      axis,
      size: lengths[n],
      divisor: Math.max(product(lengths.slice(n + 1)), 1),
    }));
  });
  return layout === null ? digits : ROLES.split("").flatMap((role) => digits.filter((digit) => digit.role === role));
}

function split(letters, length, sizes) {
  if (letters.length < 2) return [length];
  const unknown = [...letters].filter((letter) => !(letter in sizes));
  const given = product([...letters].map((letter) => sizes[letter] ?? 1));
  if (unknown.length > 1 || length % given || (!unknown.length && length !== given)) {
    throw new Error(
      `The axis (${letters}) of length ${length} needs sizes for all but one of its letters that divide it.`,
    );
  }
  return [...letters].map((letter) => sizes[letter] ?? length / given);
}

/** The product of the sizes of the roles in a word. */
export const extent = (digits, roles) =>
  product(digits.filter(({ role }) => role && roles.includes(role)).map(({ size }) => size));

export const has = (digits, roles) => digits.some(({ role }) => role && roles.includes(role));

export const spatial = (digits) => digits.filter(({ role }) => role && "DHW".includes(role)).map(({ size }) => size);

/** [fan_in, fan_out] of roles; null where no axis is an input or an output. */
export function fansOf(digits) {
  const space = product(spatial(digits));
  return ["I", "O"].map((role) => (has(digits, role) ? extent(digits, role) * space : null));
}

/**
 * The logical indices of a tensor or of a part of it, in storage order, and its shape. An entry of `index` is
 * an integer, a slice [start, stop, step] with null for what is left out, or {slices: [slice, ...]}.
 * With `repeat`, that many neighboring outputs share an index.
 */
export function logicalIndices(shape, digits, index = null, repeat = 1) {
  const shared = digits.map(({ role, size, divisor, ...digit }) => {
    const factor = repeat > 1 && role === "O" ? repeat : 1;
    return { ...digit, size: Math.max(Math.floor(size / factor), 1), divisor: divisor * factor };
  });
  const strides = shared.map((_, n) => product(shared.slice(n + 1).map(({ size }) => size)));
  const total = product(shared.map(({ size }) => size));
  if (total > Number.MAX_SAFE_INTEGER) throw new Error("More than 2**53 elements.");
  const contribution = (position, axis) =>
    shared.reduce(
      (sum, digit, n) =>
        digit.axis === axis ? sum + (Math.floor(position / digit.divisor) % digit.size) * strides[n] : sum,
      0,
    );
  const entries = shape.map((length, axis) => positions(index?.[axis] ?? [null, null, null], length));
  if ((index?.length ?? 0) > shape.length) throw new Error("The index has more entries than the shape has axes.");
  let indices = Float64Array.of(0);
  entries.forEach((entry, axis) => {
    const steps = [entry].flat().map((position) => contribution(position, axis));
    const next = new Float64Array(indices.length * steps.length);
    indices.forEach((base, n) => steps.forEach((step, m) => (next[n * steps.length + m] = base + step)));
    indices = next;
  });
  return { indices, shape: entries.filter(Array.isArray).map(({ length }) => length) };
}

/** The positions of an axis that an entry selects; one number where the entry is an integer. */
function positions(entry, length) {
  if (typeof entry === "number") {
    if (!(entry >= -length && entry < length)) throw new Error(`The index ${entry} is out of range for ${length}.`);
    return entry < 0 ? entry + length : entry;
  }
  if (!Array.isArray(entry)) return entry.slices.flatMap((part) => positions(part, length));
  const [start, stop] = [entry[0] ?? 0, entry[1] ?? length].map((bound) => {
    if (!(bound >= -length && bound <= length)) throw new Error(`The bound ${bound} is out of range for ${length}.`);
    return bound < 0 ? bound + length : bound;
  });
  const result = [];
  for (let position = start; position < stop; position += entry[2] ?? 1) result.push(position);
  return result;
}
