// Adds what can be computed about an article; the stage `enrich` of agentflow.toml calls it.

const WORDS_PER_MINUTE = 200;
/** Words that say nothing about a text. */
const COMMON = new Set(
  "about after also and another any are because before does every for from gets good has have into its like little long many more much nearly next not one out same than that the their them they this when where which while why with".split(
    " ",
  ),
);

export default function enrich({ title, paragraphs, teaser, limit }) {
  const words =
    paragraphs
      .join(" ")
      .toLowerCase()
      .match(/[\p{L}']+/gu) ?? [];
  return {
    slug: title
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      .join("-"),
    keywords: keywords(words),
    minutes: Math.max(1, Math.round(words.length / WORDS_PER_MINUTE)),
    teaser: cut(teaser, limit),
  };
}

/** The five most frequent words that say something; of equally frequent ones, the first in the text. */
function keywords(words) {
  const counts = new Map();
  for (const word of words) if (word.length > 2 && !COMMON.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const frequent = [...counts].toSorted(([, a], [, b]) => b - a);
  return frequent.slice(0, 5).map(([word]) => word);
}

function cut(text, limit) {
  if (text.length <= limit) return text;
  const whole = text.slice(0, limit);
  return `${whole.slice(0, whole.lastIndexOf(" "))}…`;
}
