// Sends a change back that is too large to review; the stage `too_large` of agentflow.toml calls it.

export default function tooLarge({ touched, most_lines: most }) {
  return {
    verdict: "split",
    comment: `This change touches ${touched} lines. Please split it into changes of at most ${most} lines, so that each can be reviewed well.`,
  };
}
