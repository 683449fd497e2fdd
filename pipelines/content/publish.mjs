// Writes a page from the state on stdin; the stage `publish` of agentflow.toml runs it: node publish.mjs out < state.json
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const { title, author, date, minutes, teaser, keywords, paragraphs, slug } = JSON.parse(readFileSync(0, "utf8"));
const page = `<!doctype html>
<meta charset="utf-8">
<meta name="description" content="${escape(teaser)}">
<meta name="keywords" content="${escape(keywords.join(", "))}">
<title>${escape(title)}</title>
<h1>${escape(title)}</h1>
<p>${escape(author)}, <time>${escape(date)}</time>, ${minutes} min</p>
<p><em>${escape(teaser)}</em></p>
${paragraphs.map(element).join("\n")}
`;
mkdirSync(folder, { recursive: true });
const file = join(folder, `${slug}.html`);
// Under its name a page is either the old one or the new one, whenever this is interrupted.
writeFileSync(`${file}.part`, page);
renameSync(`${file}.part`, file);
process.stdout.write(JSON.stringify({ file }));

function element(paragraph) {
  return paragraph.startsWith("## ") ? `<h2>${escape(paragraph.slice(3))}</h2>` : `<p>${escape(paragraph)}</p>`;
}

function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
