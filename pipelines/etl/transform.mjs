// Gives rows one form, and null to what has none, for `validate` to judge; the stage `transform` of agentflow.toml calls it.

export default function transform({ rows }) {
  return {
    orders: rows.map(({ line, order, date, customer, country, amount }) => ({
      line,
      order: /^\d+$/.test(order) ? Number(order) : null,
      date: isoDate(date),
      customer: customer.trim(),
      country: country.trim().toUpperCase(),
      cents: cents(amount),
    })),
  };
}

/** "2030-03-01" or "01.03.2030", if there is such a day. */
function isoDate(text) {
  const iso = text.replace(/^(\d\d)\.(\d\d)\.(\d{4})$/, "$3-$2-$1");
  const time = Date.parse(`${iso}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso) ? iso : null;
}

/** "1,250.00" → 125000. Money is counted in whole cents. */
function cents(text) {
  const amount = text.replaceAll(",", "");
  return /^\d+(\.\d{1,2})?$/.test(amount) ? Math.round(Number(amount) * 100) : null;
}
