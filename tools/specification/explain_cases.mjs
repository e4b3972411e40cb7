/** Reads requests from stdin, as JSON, and prints what the explorer's page computes for each, as JSON. */
import { readFileSync } from "node:fs";
import { nativeCalls } from "../../docs/_static/explorer/calls.js";
import { callOf, specOf } from "../../docs/_static/explorer/presets.js";
import { resolve } from "../../docs/_static/unified_init.js";

const data = JSON.parse(readFileSync(new URL("../../docs/_static/explorer.json", import.meta.url), "utf8"));
const answers = JSON.parse(readFileSync(0, "utf8")).map(({ preset: name, given, shape, layout, sizes }) => {
  const preset = data.presets.find((entry) => entry.name === name);
  const arguments_ = Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, { inf: Infinity, "-inf": -Infinity }[value] ?? value]),
  );
  const spec = specOf(preset, arguments_);
  try {
    const law = resolve({ spec, shape, layout, sizes });
    const { mean, std, low, high, fanIn, fanOut } = law;
    const numbers = [mean, std, low, high].map((x) => (Number.isFinite(x) ? x : String(x)));
    return {
      numbers,
      fans: [fanIn, fanOut],
      calls: nativeCalls({ spec, law, shape, layout, sizes }, data),
      call: callOf(preset, arguments_),
    };
  } catch (error) {
    return { error: error.message };
  }
});
console.log(JSON.stringify(answers));
