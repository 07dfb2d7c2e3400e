import { expect, test } from "vitest";
import { newestSnapshot } from "../chip-model.ts";
import { createChip } from "../presets/presets.ts";
import { drawChipSvg } from "./svg-map.ts";
import { drawChipText } from "./text-map.ts";

test("the text map of a small grid shows qubits, dead ones and couplers", () => {
  const text = drawChipText(createChip("grid-2x3", { deadQubits: 1, seed: 4 }));
  const live = newestSnapshot(createChip("grid-2x3", { deadQubits: 1, seed: 4 })).qubits.map(
    ({ id }) => id,
  );
  const [, , first = "", , second = ""] = text.split("\n");
  const cells = `${first} ${second}`.match(/\d+|·/g) ?? [];
  expect(cells).toEqual([0, 1, 2, 3, 4, 5].map((id) => (live.includes(id) ? String(id) : "·")));
  expect(text).toContain("qubits 5 of 6");
  expect(text).toContain("synthetic");
});

test("the heat map draws every qubit and every coupler once, well formed", () => {
  const chip = createChip("wukong-72");
  const svg = drawChipSvg(chip, undefined, { regions: [[0, 1, 6, 7]] });
  const snapshot = newestSnapshot(chip);
  expect(svg.match(/<title>qubit /g)).toHaveLength(72);
  expect(svg.match(/<title>CZ /g)).toHaveLength(snapshot.couplers.length);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(126 - snapshot.couplers.length);
  for (const tag of ["g", "text", "title", "line", "svg"]) {
    const opened = svg.match(new RegExp(`<${tag}[ >]`, "g"))?.length;
    const closed =
      (svg.match(new RegExp(`</${tag}>`, "g"))?.length ?? 0) +
      (svg.match(new RegExp(`<${tag} [^>]*/>`, "g"))?.length ?? 0);
    expect([tag, closed]).toEqual([tag, opened]);
  }
  expect(svg).not.toMatch(/NaN|undefined/);
});

test("a noise-free chip can be drawn, too", () => {
  expect(drawChipSvg(createChip("ideal"))).not.toMatch(/NaN|undefined/);
  expect(drawChipText(createChip("ideal"))).toContain("72 of 72");
});

test("a title is escaped", () => {
  const chip = { ...createChip("grid-1x2"), title: "<script>&" };
  expect(drawChipSvg(chip)).toContain("&lt;script&gt;&amp;");
});
