// Says what a ticket is about and how urgent it is; the stage `classify` of agentflow.toml calls it.

interface Ticket {
  readonly subject: string;
  readonly body: string;
  readonly attachments: readonly string[];
}

type ContentType = "article" | "video" | "image" | "other";

const KINDS: readonly (readonly [type: ContentType, attachment: RegExp, words: RegExp])[] = [
  ["video", /\.(mp4|mov|webm)$/i, /\b(video|film|lesson)\b/i],
  ["image", /\.(jpe?g|png|gif|webp)$/i, /\b(image|photo|picture)\b/i],
  ["article", /\.(md|txt|pdf|docx?)$/i, /\b(article|guide|page)\b/i],
];

export default function classify({ subject, body, attachments }: Ticket): { content_type: ContentType; urgent: boolean } {
  const text = `${subject} ${body}`;
  const attached = KINDS.find(([, attachment]) => attachments.some((name) => attachment.test(name)));
  const named = KINDS.find(([, , words]) => words.test(text));
  return { content_type: (attached ?? named)?.[0] ?? "other", urgent: /\b(urgent|at once|tomorrow|today)\b/i.test(text) };
}
