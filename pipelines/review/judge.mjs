// Puts remarks together and decides; the stage `judge` of agentflow.toml calls it.

export default function judge({ findings, mistakes, holes, untested }) {
  const all = [...new Set([...findings, ...holes, ...mistakes, ...untested])];
  const blockers = all.filter(isBlocker);
  const remarks = [...blockers, ...all.filter((remark) => !isBlocker(remark))];
  return { verdict: blockers.length > 0 ? "change" : "accept", remarks };
}

function isBlocker(remark) {
  return remark.startsWith("BLOCKER ");
}
