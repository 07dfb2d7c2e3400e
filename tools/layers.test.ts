import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
// @ts-expect-error plain JavaScript, typed by its own comments
import { architecturePage } from "./architecture.mjs";
import { layers } from "./layers.mjs";

const root = path.resolve(import.meta.dirname, "..");

function manifestOf(layer: (typeof layers)[number]) {
  const folder = path.join(root, layer.kind === "app" ? "apps" : "packages", layer.name);
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
    engines: { node: string };
    nx: { tags: string[] };
  };
}

describe.each(layers.map((layer) => [layer.name, layer] as const))("%s", (_, layer) => {
  const manifest = manifestOf(layer);
  test("depends on exactly what its row lists", () => {
    if (layer.kind === "app") {
      // An app is one bundle of our packages: what they need from outside, it needs itself.
      const inherited = layers
        .filter((other) => layer.imports.includes(other.name))
        .flatMap((other) => other.externals);
      const outside = Object.keys(manifest.dependencies).filter(
        (name) => !name.startsWith("@qtune/"),
      );
      expect(outside.sort()).toEqual([...new Set([...layer.externals, ...inherited])].sort());
    } else {
      const row = [...layer.imports.map((name) => `@qtune/${name}`), ...layer.externals];
      expect(Object.keys(manifest.dependencies).sort()).toEqual(row.sort());
    }
  });
  test("carries the tags that the boundary rule reads", () => {
    expect(manifest.nx.tags).toEqual([`pkg:${layer.name}`, `env:${layer.environment}`]);
  });
  test("asks for the Node that its environment needs", () => {
    expect(manifest.engines.node).toBe(layer.environment === "any" ? ">=20.19" : ">=24");
  });
  test("pins every outside dependency to one version", () => {
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      if (!name.startsWith("@qtune/")) expect(version, name).toMatch(/^\d+\.\d+\.\d+/);
    }
  });
});

test("every package folder has a row", () => {
  const folders = ["packages", "apps"].flatMap((group) =>
    readdirSync(path.join(root, group)).filter((name) =>
      existsSync(path.join(root, group, name, "package.json")),
    ),
  );
  expect(folders.sort()).toEqual(layers.map((layer) => layer.name).sort());
});

test("imports point down: no cycle", () => {
  const seen = new Set<string>();
  for (const layer of layers) {
    for (const name of layer.imports) expect(seen, `${layer.name} -> ${name}`).toContain(name);
    seen.add(layer.name);
  }
});

test("the diagram in docs/architecture.md is the one of the table", () => {
  const { actual, expected } = architecturePage() as { actual: string; expected: string };
  expect(actual).toBe(expected);
});
