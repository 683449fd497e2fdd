// Preloaded into agentflow: makes it fail at one of its commits, or makes its store unsafe, without a word about it in the
// product. FAULT is one of
//   kill-before-commit:N   the process dies (SIGKILL) instead of its N-th commit
//   kill-after-commit:N    it dies as soon as the N-th commit has returned
//   stop-before-write:N    it freezes (SIGSTOP) before its N-th transaction, and goes on with it on SIGCONT
//   no-sync                commits return before they are on the disk
import { DatabaseSync } from "node:sqlite";

const [fault, number] = (process.env.FAULT ?? "").split(":");
const { prepare, exec } = DatabaseSync.prototype;
let writes = 0;
let commits = 0;

DatabaseSync.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest);
  const { run } = statement;
  if (sql === "COMMIT") statement.run = () => around(() => run.call(statement));
  if (sql === "BEGIN IMMEDIATE") {
    statement.run = () => {
      writes += 1;
      if (fault === "stop-before-write" && writes === Number(number)) process.kill(process.pid, "SIGSTOP");
      return run.call(statement);
    };
  }
  return statement;
};

DatabaseSync.prototype.exec = function (sql) {
  if (sql === "COMMIT") return around(() => exec.call(this, sql));
  return exec.call(this, fault === "no-sync" ? sql.replace("synchronous = FULL", "synchronous = OFF") : sql);
};

function around(commit) {
  commits += 1;
  const isDue = commits === Number(number);
  if (isDue && fault === "kill-before-commit") process.kill(process.pid, "SIGKILL");
  const result = commit();
  if (isDue && fault === "kill-after-commit") process.kill(process.pid, "SIGKILL");
  return result;
}
