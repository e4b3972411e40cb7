/** A histogram of drawn values against the density of their law, as SVG. */
import { tail } from "../stream/normal.js";

const [WIDTH, HEIGHT, BOTTOM] = [640, 240, 24];
const SVG = "http://www.w3.org/2000/svg";

/** The density of a law of independent draws. */
export function densityOf({ unit, loc, scale, low, high }) {
  if (unit.kind === "uniform") return (x) => (x >= low && x <= high ? 1 / (high - low) : 0);
  const [lower, upper] = unit.kind === "normal" ? [-Infinity, Infinity] : [unit.lower, unit.upper];
  // Counted from the nearer side, where a difference of tails keeps its digits.
  const mass =
    lower >= 0
      ? tail(lower) - tail(upper)
      : upper <= 0
        ? tail(-upper) - tail(-lower)
        : 1 - tail(-lower) - tail(upper);
  return (x) => {
    const z = (x - loc) / scale;
    return z < lower || z > upper ? 0 : Math.exp((-z * z) / 2) / (scale * mass * Math.sqrt(2 * Math.PI));
  };
}

/** What the bins cover: the law's ends, or 4.5 standard deviations. */
const covered = ({ mean, std, low, high }) => [Math.max(low, mean - 4.5 * std), Math.min(high, mean + 4.5 * std)];

/** Round numbers in an interval, about five. */
function ticks(from, to) {
  const size = 10 ** Math.floor(Math.log10((to - from) / 4));
  const step = [5, 2, 1].map((n) => n * size).find((candidate) => (to - from) / candidate >= 4) ?? size;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, n) => (first + n) * step);
}

/** The picture, with a text that says what it shows. */
export function histogram(values, law, description) {
  const [start, stop] = covered(law);
  const margin = 0.04 * (stop - start);
  const [from, to] = [start - margin, stop + margin];
  const bins = Math.min(Math.max(Math.round(2 * Math.cbrt(values.length)), 8), 64); // Rice's rule
  const width = (stop - start) / bins;
  const counts = new Array(bins).fill(0);
  for (const value of values) {
    const bin = Math.floor((value - start) / width);
    if (bin >= 0 && bin < bins) counts[bin] += 1;
  }
  const heights = counts.map((count) => count / (values.length || 1) / width);
  const density = densityOf(law);
  const points = Array.from({ length: 641 }, (_, n) => from + ((to - from) * n) / 640);
  const curve = points.map(density);
  const top = 1.08 * Math.max(...curve, ...heights);
  const x = (value) => (((value - from) / (to - from)) * WIDTH).toFixed(1);
  const y = (value) => ((1 - value / top) * (HEIGHT - BOTTOM)).toFixed(1);
  const floor = y(0);
  const bars = heights.map((height, bin) => {
    const [left, right] = [x(start + bin * width), x(start + (bin + 1) * width)];
    return `M${left} ${floor}V${y(height)}H${right}V${floor}Z`;
  });
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": description });
  svg.append(
    element("path", { class: "bars", d: bars.join("") }),
    element("path", {
      class: "law",
      d: points.map((point, n) => `${n ? "L" : "M"}${x(point)} ${y(curve[n])}`).join(""),
    }),
    element("path", { class: "axis", d: `M0 ${floor}H${WIDTH}` }),
    ...ticks(start, stop).map((value) => {
      const label = element("text", { x: x(value), y: HEIGHT - 6, "text-anchor": "middle" });
      label.textContent = String(Number(value.toPrecision(6)));
      return label;
    }),
  );
  return svg;
}

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
