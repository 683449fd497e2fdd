// Puts the report together; the stage `finish` of agentflow.toml calls it.

export default function finish({ question, answer, sources, cited, problems, doubts }) {
  return {
    report: [
      `# ${question}`,
      "",
      answer.trim(),
      "",
      ...sources.filter(({ number }) => cited.includes(number)).map(({ number, title, file }) => `[${number}] ${title} (${file})`),
      ...(doubts === undefined ? [] : ["", "Open:", ...lines(doubts)]),
      ...(problems.length === 0 ? [] : ["", "To be checked by a person:", ...problems]),
    ],
  };
}

function lines(text) {
  return text.split("\n").filter((line) => line.trim() !== "");
}
