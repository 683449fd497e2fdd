// Turns samples into numbers and leaves out what is incomplete; the stage `preprocess` of agentflow.toml calls it.

export default function preprocess({ columns, samples }) {
  const isNumber = (cell) => cell?.trim() !== "" && Number.isFinite(Number(cell));
  const complete = samples.filter((cells) => columns.every((_, index) => isNumber(cells[index])));
  return { samples: complete.map((cells) => cells.map(Number)), left_out: samples.length - complete.length };
}
