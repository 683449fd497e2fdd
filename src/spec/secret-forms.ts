/** A value that must neither be shown nor stored, under the name of the variable that it comes from. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** Shorter values would be found in everything: they are neither masked nor kept as references. */
export const SHORTEST_SECRET = 8;

export function isTooShort({ value }: Secret): boolean {
  return value.trim().length < SHORTEST_SECRET;
}

/**
 * The forms in which a secret is looked for, by names that a store may keep; none for a value that is too short.
 *
 * Besides the value itself, with and without the white space around it: as a JSON string, in a URL, in base64 (at any offset,
 * as in an `Authorization: Basic` header), and each line of a value of several lines, since logs are read line by line.
 */
export function formsOf(secret: Secret): ReadonlyMap<string, string> {
  if (isTooShort(secret)) return new Map();
  const trimmed = secret.value.trim();
  const all = [...wholeForms(secret.value), ["trimmed", trimmed], ...partForms(trimmed)] as const;
  const byText = new Map<string, string>();
  for (const [name, text] of all) if (text.length >= SHORTEST_SECRET && !byText.has(text)) byText.set(text, name);
  return new Map([...byText].map(([text, name]) => [name, text]));
}

/** One form of what a variable holds, whether or not another form is the same text; undefined: there is none of that name. */
export function formNamed(name: string, { value }: Pick<Secret, "value">): string | undefined {
  const trimmed = value.trim();
  return new Map([...wholeForms(value), ["trimmed", trimmed], ...partForms(trimmed)]).get(name);
}

type Forms = readonly (readonly [name: string, text: string])[];

function wholeForms(value: string): Forms {
  return [
    ["", value],
    ["json", jsonOf(value)],
    ["url", urlOf(value)],
    ["base64", Buffer.from(value).toString("base64")],
  ];
}

function partForms(value: string): Forms {
  return [...jsonForms(value), ...urlForms(value), ...base64Forms(value), ...lineForms(value)];
}

/** Inside the quotes. */
function jsonOf(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** As JavaScript writes it, and as those do that keep to ASCII or escape the slash. */
function jsonForms(value: string): Forms {
  const json = jsonOf(value);
  const ascii = json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [
    ["json_trimmed", json],
    ["json_ascii", ascii],
    ["json_slash", json.replaceAll("/", "\\/")],
  ];
}

function urlOf(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** In a path or query; with `+` for a space; and with the hexadecimal digits in lower case. */
function urlForms(value: string): Forms {
  const encoded = urlOf(value);
  const strict = encoded.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  return Object.entries({ url: encoded, url_strict: strict }).flatMap(([name, form]) => [
    [`${name}_trimmed`, form] as const,
    [`${name}_plus`, form.replaceAll("%20", "+")] as const,
    [`${name}_lower`, form.replace(/%../g, (byte) => byte.toLowerCase())] as const,
  ]);
}

/**
 * Alone, and as a part of something longer: base64 encodes three bytes as four characters, so the same bytes look
 * different at each of three offsets. Characters that also depend on neighbouring bytes are not part of those forms.
 */
function base64Forms(value: string): Forms {
  const bytes = Buffer.from(value);
  const whole = bytes.toString("base64");
  const forms: [string, string][] = [
    ["base64_trimmed", whole],
    ["base64_bare", whole.replace(/=+$/, "")],
  ];
  for (let offset = 0; offset < 3; offset++) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    forms.push([`base64_at_${offset}`, encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))]);
  }
  return forms.flatMap(([name, form]) => [[name, form] as const, [`${name}_url`, form.replaceAll("+", "-").replaceAll("/", "_")] as const]);
}

function lineForms(value: string): Forms {
  return value.split(/\r?\n/).map((line, index) => [`line_${index + 1}`, line.trim()]);
}
