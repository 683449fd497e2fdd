// Checks the citations of an answer; the stage `check` of agentflow.toml calls it.

export default function check({ answer, sources }) {
  const numbers = [...answer.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number));
  const cited = [...new Set(numbers)].toSorted((a, b) => a - b);
  const known = new Set(sources.map(({ number }) => number));
  const unknown = cited.filter((number) => !known.has(number)).map((number) => `there is no text [${number}]`);
  // What stands between two citations is a sentence; what stands after the last one has none.
  const rest = answer.slice(answer.lastIndexOf("]") + 1).replace(/^[\s.]+/, "");
  const uncited = rest === "" ? [] : [`no text is cited for "${rest.slice(0, 60).trim()}"`];
  return { cited: cited.filter((number) => known.has(number)), problems: [...unknown, ...uncited] };
}
