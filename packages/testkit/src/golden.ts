import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";

/**
 * Compares text with a golden file. A difference writes the text beside it as `name.new.ext` and fails with both paths;
 * a missing golden file fails likewise, so that a new one is looked at before it is committed.
 */
export function expectGolden(file: string, actual: string): void {
  const extension = path.extname(file);
  const fresh = `${file.slice(0, file.length - extension.length)}.new${extension}`;
  if (existsSync(file) && readFileSync(file, "utf8") === actual) {
    rmSync(fresh, { force: true });
    return;
  }
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(fresh, actual);
  expect.fail(
    `differs from the golden file; look at both, then keep the right one\n  golden: ${file}\n  new:    ${fresh}`,
  );
}
