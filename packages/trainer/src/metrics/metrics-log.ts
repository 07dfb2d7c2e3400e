/** `metrics.jsonl`: one JSON object per line, flushed line by line, cut back when a run resumes from an earlier step. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { writeFileAtomically } from "@qtune/weights";

/** A line of the log: numbers by name, `step` among them. */
export type MetricsLine = Readonly<Record<string, number | string>> & { readonly step: number };

/** Appends a line. Effect: one write, so a reader sees whole lines; a crash leaves at most one cut line. */
export function appendMetrics(file: string, line: MetricsLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Reads the lines of a log, leaving out a last line that a crash has cut. */
export function readMetrics(file: string): readonly MetricsLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((text) => {
      try {
        return text === "" ? [] : [JSON.parse(text) as MetricsLine];
      } catch {
        return []; // cut by a crash; the step is done again
      }
    });
}

/** Drops the lines after a step: those steps will be done again. */
export async function truncateMetrics(file: string, step: number): Promise<void> {
  const lines = readMetrics(file).filter((line) => line.step <= step);
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  await writeFileAtomically(file, (sink) => sink.write(new TextEncoder().encode(text)));
}
