// Fits a logistic regression to samples on stdin; the stage `train` of agentflow.toml runs it: node train.mjs < input.json
import { readFileSync } from "node:fs";

const RATE = 0.5;
const MOST_STEPS = 5000;
const FLAT = 1e-5;

const { features, training } = JSON.parse(readFileSync(0, "utf8"));
const weights = features.map(() => 0);
let bias = 0;
let steps = 0;
for (let steepest = Infinity; steepest > FLAT && steps < MOST_STEPS; steps += 1) {
  const gradient = features.map(() => 0);
  let slope = 0;
  for (const { x, y } of training) {
    const error = 1 / (1 + Math.exp(-bias - x.reduce((sum, value, index) => sum + value * weights[index], 0))) - y;
    slope += error / training.length;
    for (const [index, value] of x.entries()) gradient[index] += (error * value) / training.length;
  }
  bias -= RATE * slope;
  for (const [index, value] of gradient.entries()) weights[index] -= RATE * value;
  steepest = Math.max(...[slope, ...gradient].map(Math.abs));
}
process.stderr.write(`${steps} steps\n`);
process.stdout.write(JSON.stringify({ model: { weights, bias } }));
