import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const repository = path.resolve(fileURLToPath(import.meta.url), "../../../..");
const explained = new Set<string>();

/** Returns the folder of real test data: `QTUNE_DATA`, or `shared/data` beside the repository. */
export function dataRoot(): string {
  return process.env["QTUNE_DATA"] ?? path.resolve(repository, "../shared/data");
}

/**
 * Returns the path of a file below the data folder, or nothing when it is missing; then the reason is printed once.
 *
 * @example
 * const golden = findData("models/stories260K/golden.json");
 * test.skipIf(golden === undefined)("logits equal the golden file", () => { … });
 */
export function findData(name: string): string | undefined {
  const file = path.join(dataRoot(), name);
  if (existsSync(file)) return file;
  printSkipReason(
    `${name} is not in the data folder; set QTUNE_DATA (docs/testing.md says what belongs there)`,
  );
  return undefined;
}

/** Prints why tests are skipped, each reason once per process, in the form that the test command collects. */
export function printSkipReason(reason: string): void {
  if (explained.has(reason)) return;
  explained.add(reason);
  process.stderr.write(`skipped: ${reason}\n`);
}

/** Tells whether slow tests were asked for (`QTUNE_SLOW=1`). */
export function wantsSlowTests(): boolean {
  return process.env["QTUNE_SLOW"] === "1";
}
