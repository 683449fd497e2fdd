// Says why a package needs attention and what to do; the stage `explain` of quickstart.toml calls it.

const ADVICE = [
  [/^none stated$/, "without a licence nobody may use it: ask its author, or replace it"],
  [/SEE LICEN[CS]E/i, "the licence is one of its own: read the file that it names"],
  [/\bAGPL/, "who offers a service with it must offer the source: ask before you ship it"],
  [/\bLGPL/, "linking is fine, changes to it must be published, and users must be able to replace it"],
  [/\bGPL/, "what is distributed with it falls under the same licence: ask before you ship it"],
  [/\b(MPL|EPL|CDDL)/, "files of it that you change must be published with what you ship; your own code is not touched"],
];

export default function explain({ packages, attention }) {
  return {
    attention: attention.map((item) => ({
      ...item,
      why: item.licence === "none stated" ? "its package.json states no licence" : `${item.licence} is not among the allowed licences`,
      required_by: packages.filter(({ requires }) => requires.includes(item.package)).map(({ name }) => name),
      advice: ADVICE.find(([pattern]) => pattern.test(item.licence))?.[1] ?? "read the licence, then allow it or replace the package",
    })),
  };
}
