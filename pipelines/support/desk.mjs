// Knows the desks and what each of them checks; the stages `article`, `video`, `image` and `general` of agentflow.toml call it.

const DESKS = {
  article: { team: "Editors", checklist: ["Thank for the hint", "Say which text is right", "Say when the article will be corrected"] },
  video: { team: "Streaming", checklist: ["Ask for the time at which it stops", "Offer the file as a download", "Name the status page"] },
  image: { team: "Pictures", checklist: ["Ask for the original file", "Explain colour profiles in one sentence"] },
  general: { team: "Front desk", checklist: ["Answer the question, or say who will", "Link the help page"] },
};

export default function desk({ desk: name }) {
  return DESKS[name];
}
