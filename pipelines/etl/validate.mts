// Separates good orders from bad ones, each with its reasons; the stage `validate` of agentflow.toml calls it.

interface Order {
  readonly line: number;
  readonly order: number | null;
  readonly date: string | null;
  readonly customer: string;
  readonly country: string;
  readonly cents: number | null;
}

interface Output {
  readonly valid: Order[];
  readonly rejected: { readonly line: number; readonly order: number | null; readonly problems: readonly string[] }[];
}

const RULES: readonly (readonly [problem: string, isFine: (order: Order) => boolean])[] = [
  ["the order's number is not a number", ({ order }) => order !== null],
  ["there is no such date", ({ date }) => date !== null],
  ["the customer is missing", ({ customer }) => customer !== ""],
  ["the country is not a code of two letters", ({ country }) => /^[A-Z]{2}$/.test(country)],
  ["the amount is not a number", ({ cents }) => cents !== null],
];

export default function validate({ orders, tolerance }: { orders: readonly Order[]; tolerance: number }): Output {
  const valid: Order[] = [];
  const rejected: Output["rejected"] = [];
  const lines = new Map<number, number>();
  for (const order of orders) {
    const problems = RULES.filter(([, isFine]) => !isFine(order)).map(([problem]) => problem);
    const first = lines.get(order.order ?? Number.NaN);
    if (first !== undefined) problems.push(`the order is in line ${first} already`);
    else if (order.order !== null) lines.set(order.order, order.line);
    if (problems.length === 0) valid.push(order);
    else rejected.push({ line: order.line, order: order.order, problems });
  }
  if (rejected.length >= tolerance * orders.length) {
    const [example] = rejected;
    const why = example === undefined ? "there are no rows" : `such as line ${example.line}: ${example.problems.join(", ")}`;
    throw new Error(`${rejected.length} of ${orders.length} rows are rejected (${why}); nothing is loaded`);
  }
  return { valid, rejected };
}
