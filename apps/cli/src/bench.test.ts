import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import { useCommands } from "./commands.suite.ts";

const { run: qtune } = useCommands();

describe("qtune bench", () => {
  test("explains itself", async () => {
    const help = await qtune("bench", "--help");
    expect(help).toMatch(/--peers/);
    expect(help).toMatch(/--only <name...>/);
  });

  test("lists the short set and the benchmarks of the checkout", async () => {
    const { benchmarks } = JSON.parse(await qtune("bench", "--list", "--json")) as {
      benchmarks: { name: string }[];
    };
    const names = benchmarks.map(({ name }) => name);
    expect(names).toContain("layer");
    expect(names).toContain("simulator/qnn");
  });

  test("measures one of the short set", async () => {
    const { machine, results } = JSON.parse(await qtune("bench", "--only", "layer", "--json")) as {
      machine: string;
      results: { name: string; ms: number; rate: string }[];
    };
    expect(machine).toContain(process.versions.node);
    expect(results.map(({ name }) => name)).toEqual(["layer"]);
    expect(results[0]?.ms).toBeGreaterThan(0);
    expect(results[0]?.rate).toMatch(/^\d+ circuits\/s$/);
  });

  test("says which there are when none has the name", async () => {
    const text = await qtune("bench", "--only", "nonsense", "--json");
    expect(process.exitCode).toBe(2);
    expect(text).toMatch(/given nonsense; there are layer, ghz/);
  });

  test("says in plain words that --peers needs Python, and that nothing else does", async () => {
    const cache = mkdtempSync(path.join(tmpdir(), "qtune-bench-"));
    vi.stubEnv("QTUNE_CACHE", cache);
    vi.stubEnv("QTUNE_PYTHON", path.join(cache, "no-python"));
    const text = await qtune("bench", "--peers", "--json");
    expect(process.exitCode).toBe(1);
    expect(text).toMatch(/no-python is missing or lacks venv; install python3 and python3-venv/);
    expect(text).toMatch(/without --peers no Python is needed/);
    rmSync(cache, { recursive: true });
  });
});
