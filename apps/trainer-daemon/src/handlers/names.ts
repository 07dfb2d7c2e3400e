import { QtuneError } from "@qtune/base";

const id = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";
const patterns = {
  run: new RegExp(`^runs/${id}$`),
  checkpoint: new RegExp(`^(runs/${id})/checkpoints/(${id})$`),
  file: /^files\/((?:[A-Za-z0-9][A-Za-z0-9_-]{0,63})|sha256:[0-9a-f]{64})$/,
};

/** Returns a run's name once it is known to have the form of one: nothing else reaches a path or a query. */
export function runName(text: string): string {
  if (!patterns.run.test(text)) throw malformed(text, "runs/{run}");
  return text;
}

/** Returns the run's name and the checkpoint's id. */
export function checkpointName(text: string): {
  readonly run: string;
  readonly checkpoint: string;
} {
  const match = patterns.checkpoint.exec(text);
  if (match?.[1] === undefined || match[2] === undefined)
    throw malformed(text, "runs/{run}/checkpoints/{checkpoint}");
  return { run: match[1], checkpoint: match[2] };
}

/** Returns the id or the sha256 of a file. */
export function fileKey(text: string): string {
  const match = patterns.file.exec(text);
  if (match?.[1] === undefined) throw malformed(text, "files/{file} or files/sha256:{digits}");
  return match[1].replace(/^sha256:/, "");
}

/** Returns the page size, or the default. Errors: out_of_range above 1,000. */
export function pageSize(given: number): number {
  if (given === 0) return 50;
  if (given > 1000)
    throw new QtuneError("out_of_range", `expected 1 to 1,000 but was given ${given}`, {
      where: "page_size",
    });
  return given;
}

function malformed(text: string, form: string): QtuneError {
  return new QtuneError(
    "invalid_argument",
    `expected ${form} but was given ${JSON.stringify(text.slice(0, 80))}`,
    { where: "name" },
  );
}
