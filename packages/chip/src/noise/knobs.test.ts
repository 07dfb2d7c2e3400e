import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { idealKnobs, knobTable, resolveKnobs } from "./knobs.ts";

describe.each(Object.entries(knobTable))("%s", (name, row) => {
  test("stands in docs/chip.md with its default and meaning", () => {
    const docs = readFileSync(
      new URL("../../../../docs/chip.md", import.meta.url),
      "utf8",
    ).replaceAll("\\|", "|");
    const line = docs.split("\n").find((text) => text.startsWith(`| \`${name}\``)) ?? "";
    const cells = line.replace(/\s+/g, " ");
    expect(cells).toContain(` | ${row.default} | `);
    expect(cells).toContain(row.meaning);
  });

  test("is refused outside its range and accepted at its ends", () => {
    expect(resolveKnobs({ [name]: row.min })).toMatchObject({ [name]: row.min });
    expect(resolveKnobs({ [name]: row.max })).toMatchObject({ [name]: row.max });
    expect(() => resolveKnobs({ [name]: row.max + 1 })).toThrow(`noise.${name}`);
    expect(() => resolveKnobs({ [name]: Number.NaN })).toThrow(`noise.${name}`);
  });
});

test("later layers win, and the ideal knobs switch every scale off", () => {
  expect(resolveKnobs({ leakage: 0.1 }, { leakage: 0.2 }).leakage).toBe(0.2);
  expect(idealKnobs.readoutErrorScale).toBe(0);
  expect(idealKnobs.incoherentFactor).toBe(1);
});
