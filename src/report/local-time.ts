/** Times of day for people: `2026-03-01 07:04:05`, where they are. */
export interface LocalTime {
  /** @param ms epoch milliseconds */
  seconds(ms: number): string;
  minutes(ms: number): string;
}

/** @param timeZone as the variable TZ names it; the machine's own where it is absent, or no zone that is known here */
export function localTime(timeZone: string | undefined): LocalTime {
  const format = formatOf(timeZone === "" ? undefined : timeZone) ?? formatOf(undefined);
  // Swedish writes dates as ISO 8601 does.
  const seconds = (ms: number): string => format?.format(ms) ?? new Date(ms).toISOString();
  return { seconds, minutes: (ms) => seconds(ms).slice(0, -3) };
}

function formatOf(timeZone: string | undefined): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", ...(timeZone === undefined ? {} : { timeZone }) });
  } catch {
    return null;
  }
}
