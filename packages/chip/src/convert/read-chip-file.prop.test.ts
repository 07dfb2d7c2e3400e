import { isQtuneError } from "@qtune/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createChip } from "../presets/presets.ts";
import { printChipCalibration } from "./chip-calibration.ts";
import { readChipFile } from "./read-chip-file.ts";

const good = printChipCalibration(createChip("grid-2x2"));

/** Reads text and tells whether it was read or refused in the house form; anything else throws. */
function outcome(text: string): "read" | "refused" {
  try {
    readChipFile(text, { fileName: "fuzz.json" });
    return "read";
  } catch (error) {
    if (isQtuneError(error) && error.code !== "internal") return "refused";
    throw error;
  }
}

test("any text is read or refused, never worse", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(outcome(text)).toBe("refused");
    }),
    { numRuns: 200 },
  );
});

test("any JSON is read or refused, never worse", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(["read", "refused"]).toContain(outcome(text));
    }),
    { numRuns: 200 },
  );
});

test("a calibration with any one value replaced is read or refused, never worse", () => {
  const paths = pathsOf(JSON.parse(good), []);
  fc.assert(
    fc.property(fc.nat(paths.length - 1), fc.jsonValue(), (index, value) => {
      const document = JSON.parse(good) as unknown;
      replaceAt(document, paths[index] ?? [], value);
      expect(["read", "refused"]).toContain(outcome(JSON.stringify(document)));
    }),
    { numRuns: 400 },
  );
});

type Path = readonly string[];

function pathsOf(value: unknown, path: Path): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...path, key])),
  ];
}

function replaceAt(root: unknown, path: Path, value: unknown): void {
  let parent = root as Record<string, unknown>; // made by JSON.parse and walked along its own keys
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
  const last = path.at(-1);
  if (last !== undefined) parent[last] = value;
}
