// Splits the samples and gives every column the mean 0 and the deviation 1; the stage `features` of agentflow.toml calls it.

const EVERY = 5;

export default function features({ columns, samples, target }) {
  const answer = columns.indexOf(target);
  if (answer === -1) throw new Error(`there is no column ${target}; there are ${columns.join(", ")}`);
  const all = samples.map((cells) => ({ x: cells.toSpliced(answer, 1), y: cells[answer] }));
  const isTest = (_, index) => index % EVERY === 0;
  const training = all.filter((...sample) => !isTest(...sample));
  // Known from the training alone: what is tested later must not have been looked at.
  const scale = columns.toSpliced(answer, 1).map((_, column) => meanAndDeviation(training.map(({ x }) => x[column])));
  const scaled = ({ x, y }) => ({ x: x.map((value, column) => (value - scale[column].mean) / scale[column].deviation), y });
  return { features: columns.toSpliced(answer, 1), scale, training: training.map(scaled), testing: all.filter(isTest).map(scaled) };
}

function meanAndDeviation(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}
