import { spawn } from "node:child_process";

// What agentflow's script stages are compared with: node bench/spawn-loop.ts STAGES
let state: unknown = { text: "some words", n: 1 };
for (let stage = 0; stage < Number(process.argv[2]); stage += 1) {
  state = JSON.parse(await callProgram("cat", JSON.stringify(state)));
}
process.stdout.write(`${JSON.stringify(state)}\n`);

function callProgram(program: string, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(Buffer.concat(chunks).toString()) : reject(new Error(`${program} ended with ${code}`)),
    );
    child.stdin.end(input);
  });
}
