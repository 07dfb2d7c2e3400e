/**
 * Writes the package diagram and table of docs/architecture.md from the layer table (`--check`: only compares).
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { layers } from "./layers.mjs";

const file = path.resolve(import.meta.dirname, "../docs/architecture.md");
const begin = "<!-- generated from tools/layers.mjs: begin -->";
const end = "<!-- generated from tools/layers.mjs: end -->";

/** Imports that no other import of the same row already brings along: the arrows that a reader needs. */
function directImports(layer) {
  const reach = (name) => {
    const row = layers.find((candidate) => candidate.name === name);
    return new Set(row.imports.flatMap((next) => [next, ...reach(next)]));
  };
  return layer.imports.filter(
    (name) => !layer.imports.some((other) => other !== name && reach(other).has(name)),
  );
}

export function architectureBlock() {
  const arrows = layers.flatMap((layer) =>
    directImports(layer).map((name) => `  ${layer.name} --> ${name}`),
  );
  const rows = layers.map(
    (layer) =>
      `| ${layer.name} | ${layer.kind} | ${layer.environment} | ${layer.kind === "app" ? "anything" : layer.imports.join(", ") || "–"} | ${layer.externals.join(", ") || "–"} | ${layer.holds} |`,
  );
  return [
    begin,
    "",
    "```mermaid",
    "flowchart TD",
    ...arrows,
    "```",
    "",
    "Arrows that follow from others are left out.",
    "",
    "| name | kind | runs in | imports | outside | holds |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    end,
  ].join("\n");
}

/** Returns docs/architecture.md as it is and as it should be. */
export function architecturePage() {
  const actual = readFileSync(file, "utf8");
  const from = actual.indexOf(begin);
  const to = actual.indexOf(end) + end.length;
  return { actual, expected: actual.slice(0, from) + architectureBlock() + actual.slice(to) };
}

if (process.argv[1] === import.meta.filename) {
  const { actual, expected } = architecturePage();
  if (process.argv.includes("--check")) process.exit(actual === expected ? 0 : 1);
  writeFileSync(file, expected);
}
