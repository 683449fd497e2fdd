// Measures a model on samples that it has not seen; the stage `evaluate` of agentflow.toml calls it.

export default function evaluate({ model: { weights, bias }, testing }, { log }) {
  const counts = { right: 0, found: 0, late: 0, called: 0 };
  for (const { x, y } of testing) {
    const called = x.reduce((sum, value, index) => sum + value * weights[index], bias) > 0 ? 1 : 0;
    counts.right += called === y ? 1 : 0;
    counts.found += called === 1 && y === 1 ? 1 : 0;
    counts.late += y;
    counts.called += called;
  }
  log(`${counts.right} of ${testing.length} are right`);
  return {
    metrics: {
      accuracy: share(counts.right, testing.length),
      // Of those that it called late, how many were; of those that were late, how many it found.
      precision: share(counts.found, counts.called),
      recall: share(counts.found, counts.late),
      tested: testing.length,
    },
  };
}

function share(part, whole) {
  return whole === 0 ? 0 : Math.round((1000 * part) / whole) / 1000;
}
