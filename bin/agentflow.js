#!/usr/bin/env -S node --
// The start of the command: checks the machine, then one import. Written in JavaScript that Node 12 reads (no static import,
// no `?.`, no top-level await), so that a Node that is too old can say so instead of failing with a syntax error.

const NEEDED_NODE = 24;
const PATIENCE_MS = 100;

if (process.platform === "win32") {
  refuse("agentflow runs on Linux and macOS. On Windows, run it inside WSL: https://learn.microsoft.com/windows/wsl/install");
} else if (Number(process.versions.node.split(".")[0]) < NEEDED_NODE) {
  refuse(
    `agentflow needs Node.js ${NEEDED_NODE} or later; this is ${process.versions.node} (${process.execPath}).\n` +
      `Install a newer one from https://nodejs.org, or with a version manager: nvm install ${NEEDED_NODE}`,
  );
} else {
  start();
}

/** The wrong machine, or nothing built: nothing was run. */
function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

function start() {
  process.getBuiltinModule("node:module").enableCompileCache();
  const program = new URL("../dist/cli.js", import.meta.url);
  process.once("exit", cutShort);
  import(program.href)
    .then((cli) => cli.run())
    .finally(() => process.off("exit", cutShort))
    .then(exit, (error) => {
      if (error && error.code === "ERR_MODULE_NOT_FOUND" && error.url === program.href) {
        refuse(`agentflow is not built yet: run \`npm ci\` in ${decodeURIComponent(new URL("..", import.meta.url).pathname)}`);
      } else {
        process.stderr.write(`agentflow stopped because of a bug in it; please report this:\n${(error && error.stack) || error}\n`);
        exit(70);
      }
    });
}

/** The process ends before the program has: that is no success, whatever code it was given. */
function cutShort() {
  process.stderr.write("agentflow: the run was cut short: a module ended the process, with process.exit() for example\n");
  process.exitCode = 1;
}

/**
 * Lets the process end by itself; where something is still open (an agent's module may have left a timer behind) it is
 * ended all the same, once what was written has reached its reader: `process.exit` alone cuts a pipe off after 64 KB.
 */
function exit(code) {
  process.exitCode = code;
  // The run has ended: what a module left behind changes nothing about it any more.
  process.on("uncaughtException", () => {});
  setTimeout(() => process.stdout.write("", () => process.stderr.write("", () => process.exit())), PATIENCE_MS).unref();
}
