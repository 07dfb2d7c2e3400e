/** The README.md of an export: what it is, where it comes from, under which terms. */

/** What a model card says. */
export interface CardFacts {
  readonly title: string;
  /** Source of the base model, as given. */
  readonly base: string;
  /** SHA-256 of its weights. */
  readonly baseSha256: string;
  /** SPDX name of the licence of the weights; they stay under the terms of the base model. */
  readonly licence: string | undefined;
  /** One paragraph: how the model was made. */
  readonly summary?: string | undefined;
  /** More lines, e.g. numbers with the command that reproduces them, or a warning. */
  readonly notes?: readonly string[] | undefined;
  /** Name and version of the program, e.g. `QTune 0.1.0`. */
  readonly madeBy?: string | undefined;
}

/** Returns the card as Markdown with the front matter that model hubs read. Effect: pure. */
export function printModelCard(facts: CardFacts): string {
  const { title, base, baseSha256, licence, summary, notes = [], madeBy = "QTune" } = facts;
  const hubName = /^hf:([^@]+?\/[^@/]+)/.exec(base)?.[1];
  const head = [
    "---",
    ...(hubName === undefined ? [] : [`base_model: ${hubName}`]),
    `license: ${licence?.toLowerCase() ?? "other"}`,
    "library_name: transformers",
    "tags: [qtune]",
    "---",
  ];
  const body = [
    `# ${title}`,
    summary ?? `Made from ${base} with ${madeBy}.`,
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join("\n")]),
    "## Base model",
    [
      `- source: \`${base}\``,
      `- sha256 of its weights: \`${baseSha256}\``,
      `- licence of its weights: ${licence ?? "not stated by the source; find it out before you publish"}`,
    ].join("\n"),
    `Written by ${madeBy}. Chat template and end tokens are those of the base model and lie beside the weights.`,
  ];
  return `${head.join("\n")}\n\n${body.join("\n\n")}\n`;
}
