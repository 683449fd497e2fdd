// Asks a model about a delivery that must be late: node probe.mjs out/model.json km=15 items=9 rush_hour=1 rain=1
import { readFileSync } from "node:fs";

const [file, ...given] = process.argv.slice(2);
const { features, scale, weights, bias } = JSON.parse(readFileSync(file, "utf8"));
const values = Object.fromEntries(given.map((pair) => pair.split("=")));
const sum = features.reduce(
  (z, name, index) => z + (weights[index] * (Number(values[name]) - scale[index].mean)) / scale[index].deviation,
  bias,
);
const probability = Math.round(1000 / (1 + Math.exp(-sum))) / 1000;

// What a script prints to stderr is shown with its failure.
if (probability > 0.5) {
  process.stdout.write(JSON.stringify(probability));
} else {
  process.stderr.write(`the model gives a probability of ${probability} to a delivery that must be late\n`);
  process.exitCode = 1;
}
