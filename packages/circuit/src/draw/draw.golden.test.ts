import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { expectGolden } from "@qtune/testkit";
import { circuitBuilder } from "../builder.ts";
import { drawCircuit } from "./draw.ts";
import { gallery } from "./gallery.ts";

const folder = path.resolve(fileURLToPath(import.meta.url), "../../../testdata/drawings");

describe.each(gallery)("%s", (name, circuit) => {
  test("in Unicode", () => expectGolden(path.join(folder, `${name}.txt`), drawCircuit(circuit)));
  test("in ASCII", () => {
    const text = drawCircuit(circuit, { format: "ascii" });
    expect(text).toMatch(/^[\n -~]*$/);
    expect(text).not.toContain("?");
    expectGolden(path.join(folder, `${name}.ascii.txt`), text);
  });
  test("in SVG", () =>
    expectGolden(path.join(folder, `${name}.svg`), drawCircuit(circuit, { format: "svg" })));
});

test("text folds to the width it is given", () => {
  const { 1: circuit } = gallery[18]!;
  for (const width of [40, 60, 80]) {
    for (const line of drawCircuit(circuit, { width }).split("\n"))
      expect(line.length).toBeLessThanOrEqual(width);
  }
  expect(drawCircuit(circuit, { width: 0 }).split("\n\n").length).toBe(1);
});

test("user's names cannot break the SVG", () => {
  const circuit = {
    ...circuitBuilder(1, { name: "<script>&\"'" }).build(),
    quantumRegisters: [{ name: "a<b", size: 1 }],
  };
  const text = drawCircuit(circuit, { format: "svg" });
  expect(text).not.toContain("<script>");
  expect(text).not.toContain("a<b");
});
