// Takes an article apart; the stage `parse` of agentflow.toml calls it.

export default function parse({ source }) {
  const [, head, body] = source.replaceAll("\r\n", "\n").match(/^---\n(.*?)\n---\n(.*)$/s) ?? [];
  if (head === undefined) throw new Error("the article does not begin with its title, author and date between two lines of ---");
  const fields = Object.fromEntries(head.split("\n").map((line) => line.split(/:\s*(.*)/s).slice(0, 2)));
  for (const name of ["title", "author", "date"]) if (!fields[name]) throw new Error(`the article has no ${name}`);
  const paragraphs = body
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replaceAll("\n", " "))
    .filter((paragraph) => paragraph !== "");
  return { title: fields.title, author: fields.author, date: fields.date, paragraphs };
}
