// Loads orders into a SQLite database; the stage `load` of agentflow.toml runs it: node load.mjs out/orders.db < input.json
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

const file = process.argv[2];
const { valid } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(dirname(file), { recursive: true });
const database = new DatabaseSync(file);
database.exec(`
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY, date TEXT NOT NULL, customer TEXT NOT NULL, country TEXT NOT NULL, cents INTEGER NOT NULL, run TEXT NOT NULL
  );
  BEGIN IMMEDIATE;
`);
const before = count();
const insert = database.prepare(`
  INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (number) DO UPDATE SET date = excluded.date, customer = excluded.customer, country = excluded.country, cents = excluded.cents
`);
for (const { order, date, customer, country, cents } of valid) {
  insert.run(order, date, customer, country, cents, process.env.AGENTFLOW_RUN_ID ?? "by hand");
}
const added = count() - before;
database.exec("COMMIT");
const total = valid.reduce((sum, { cents }) => sum + cents, 0);
process.stdout.write(JSON.stringify({ orders: valid.length, added, total_cents: total }));

function count() {
  return database.prepare("SELECT count(*) AS number FROM orders").get().number;
}
