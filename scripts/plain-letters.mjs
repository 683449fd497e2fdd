/**
 * A plugin that writes every other character than those of ASCII as an escape sequence. One of them makes Node keep the
 * whole file with two bytes for each character, and decode it one by one.
 */
export const plainLetters = {
  name: "plain-letters",
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === "chunk") chunk.code = chunk.code.replaceAll(/(?<!\\)[^\0-\x7f]/g, escape);
    }
  },
};

function escape(character) {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
