/** JSON that people wrote: where a text stops being JSON, the error points there. */
import { QtuneError } from "@qtune/base";
import { findJsonPlaces } from "./json-place.ts";
import { createSource, locate, quote } from "./source.ts";

/** How {@link parseJsonText} names what it reads. */
export interface JsonTextOptions {
  /** What the text is, e.g. `calibration`. Starts the message. */
  readonly where: string;
  readonly fileName?: string | undefined;
}

/**
 * Parses JSON text. A byte order mark is skipped.
 *
 * Errors: invalid_argument with file, line, column, the line itself and what JSON would have there.
 */
export function parseJsonText(text: string, { where, fileName }: JsonTextOptions): unknown {
  const bare = text.startsWith("\uFEFF") ? text.slice(1) : text;
  try {
    return JSON.parse(bare);
  } catch {
    // the engine's own words differ between engines, and often name no place
    const [{ offset, expected: next = "other text" } = { offset: 0 }] = findJsonPlaces(
      bare,
      where,
      [where],
    );
    const given =
      offset < bare.length
        ? quote(/^.?[^\r\n]{0,19}/s.exec(bare.slice(offset))?.[0] ?? "")
        : bare.trim() === ""
          ? "an empty file"
          : "the end of the file";
    const issue = { where, expected: `JSON, with ${next} here`, given };
    const file = fileName === undefined ? {} : { file: fileName };
    const source = createSource(bare, fileName);
    throw QtuneError.fromIssues([{ ...issue, ...file, ...locate(source, offset) }]);
  }
}
