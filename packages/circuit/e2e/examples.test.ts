/** The examples as a user runs them, each against an answer that is worked out here by other means. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../../..");
const scratch = mkdtempSync(path.join(tmpdir(), "qtune-examples-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function run(example: string, problem?: unknown): Promise<Outcome> {
  const files: string[] = [];
  if (problem !== undefined) {
    const file = path.join(scratch, `${example}-${Math.abs(hash(JSON.stringify(problem)))}.json`);
    writeFileSync(file, typeof problem === "string" ? problem : JSON.stringify(problem));
    files.push(file);
  }
  return runFiles(example, files);
}

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) | 0;
  return value;
}

function runFiles(example: string, files: readonly string[]): Promise<Outcome> {
  const script = path.join(root, "examples", example, "run.ts");
  const child = spawn(process.execPath, ["--conditions=@qtune/source", script, ...files]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output, errors })));
}

function numberAfter(label: string, output: string): number {
  const found = new RegExp(`${label}\\s+(-?[\\d.]+)`).exec(output)?.[1];
  return Number(found ?? Number.NaN);
}

interface Assets {
  readonly assets: readonly string[];
  readonly returns: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  readonly riskAversion: number;
  readonly budget: number;
  readonly penalty: number;
}

/** The best choice by trying all. */
function bestChoice(problem: Assets): { readonly cost: number; readonly names: string } {
  const n = problem.assets.length;
  let best = { cost: Infinity, names: "" };
  for (let choice = 0; choice < 2 ** n; choice++) {
    const chosen = [...Array(n).keys()].filter((i) => (choice >> i) % 2 === 1);
    let cost = problem.penalty * (chosen.length - problem.budget) ** 2;
    for (const i of chosen) {
      cost -= problem.returns[i] ?? 0;
      for (const j of chosen) cost += problem.riskAversion * (problem.covariance[i]?.[j] ?? 0);
    }
    if (cost < best.cost) best = { cost, names: chosen.map((i) => problem.assets[i]).join(" + ") };
  }
  return best;
}

/** −u″ = f on four inner points, by elimination (Thomas). */
function poisson(f: readonly number[]): readonly number[] {
  const upper: number[] = [];
  const right: number[] = [];
  f.forEach((value, i) => {
    const pivot = 2 + (upper[i - 1] ?? 0);
    upper.push(-1 / pivot);
    right.push((value / 25 + (right[i - 1] ?? 0)) / pivot);
  });
  const u: number[] = [];
  for (let i = f.length - 1; i >= 0; i--)
    u[i] = (right[i] ?? 0) - (upper[i] ?? 0) * (u[i + 1] ?? 0);
  return u;
}

const four: Assets = {
  assets: ["a", "b", "c", "d"],
  returns: [0.1, 0.2, 0.05, 0.3],
  covariance: [
    [0.1, 0, 0, 0],
    [0, 0.1, 0, 0.05],
    [0, 0, 0.02, 0],
    [0, 0.05, 0, 0.4],
  ],
  riskAversion: 1,
  budget: 2,
  penalty: 0.5,
};

describe("the examples", { timeout: 60_000 }, () => {
  test("a portfolio of four assets: the exact choice, and the circuit prefers it", async () => {
    const { code, output, errors } = await run("portfolio", four);
    expect(errors).toBe("");
    expect(code).toBe(0);
    const best = bestChoice(four);
    expect(output).toContain(`exact answer: cost ${best.cost.toFixed(4)}  ${best.names}  (`);
    const [, chance, guess] = /probability ([\d.]+), by guessing ([\d.]+)/.exec(output) ?? [];
    expect(Number(chance)).toBeGreaterThan(2 * Number(guess));
    const [mean, random] = ["mean cost of the QAOA state", "of a random choice"].map((label) =>
      numberAfter(label, output),
    );
    expect(mean).toBeLessThan(random ?? Number.NaN);
  });

  test("the portfolio beside the program: the likeliest choice is the best", async () => {
    const { output } = await run("portfolio");
    const first = /likeliest choices:\n.*?cost \S+ {2}(.*)\n/.exec(output)?.[1];
    expect(first).toBe("beta + epsilon + zeta");
    expect(output).toContain("exact answer: cost -0.1900  beta + epsilon + zeta");
  });

  test("hydrogen at 0.735 angstrom: the energy of full configuration interaction", async () => {
    const { code, output } = await run("hydrogen");
    expect(code).toBe(0);
    expect(numberAfter("exact energy", output)).toBeCloseTo(-1.137306, 6);
    expect(numberAfter("variational energy", output)).toBeCloseTo(-1.137306, 5);
  });

  test("one spin in a field: minus its length", async () => {
    const terms = [
      { coefficient: 0.3, paulis: "X0" },
      { coefficient: 0.4, paulis: "Z0" },
    ];
    const { output } = await run("hydrogen", { nuclearRepulsion: 1, terms });
    expect(numberAfter("exact energy", output)).toBeCloseTo(0.5, 7);
    expect(numberAfter("variational energy", output)).toBeCloseTo(0.5, 5);
  });

  test.each([[[1, 2, 2, 1]], [[1, 0.5, 0.2, 0.1]]])(
    "Poisson's equation for f = %j: what elimination gives",
    async (f) => {
      const { code, output } = await run("poisson", { f, clockQubits: 7 });
      expect(code).toBe(0);
      const rows = [...output.matchAll(/^(0\.\d\d) {3}(\S+) {3}(\S+)$/gm)];
      const exact = poisson(f);
      expect(rows.map(([, , , value]) => Number(value))).toEqual(
        exact.map((value) => Number(value.toFixed(5))),
      );
      rows.forEach(([, , value], i) =>
        expect(Math.abs(Number(value) - (exact[i] ?? 0))).toBeLessThan(2e-3),
      );
      expect(numberAfter("fidelity", output)).toBeGreaterThan(0.999);
    },
  );
});

describe("bad problem files", { timeout: 60_000 }, () => {
  test.each([
    ["portfolio", "{", /^error: \S*portfolio-\d+\.json: expected JSON \(.*\)\n$/],
    ["portfolio", [], /expected a JSON object/],
    [
      "portfolio",
      { ...four, returns: [1, 2] },
      /returns: expected a list of 4 but was given \[1,2\]/,
    ],
    [
      "portfolio",
      { ...four, returns: [1, 2, "x", 4] },
      /returns: expected a list of 4, with a number at \[2\] but was given/,
    ],
    [
      "portfolio",
      { ...four, budget: 9 },
      /budget: expected a whole number from 0 to 4 but was given 9/,
    ],
    [
      "hydrogen",
      { nuclearRepulsion: 0, terms: [{ coefficient: 1 }] },
      /terms: expected a list, with a text/,
    ],
    ["hydrogen", { nuclearRepulsion: 0, terms: [{ coefficient: 1, paulis: "Q0" }] }, /^error: /],
    ["poisson", { f: [1, 2], clockQubits: 7 }, /f: expected a list of 4 but was given \[1,2\]/],
    [
      "poisson",
      { f: [1, 2, 2, 1], clockQubits: 70 },
      /clockQubits: expected a whole number from 3 to 10/,
    ],
    ["poisson", { f: [0, 0, 0, 0], clockQubits: 7 }, /^error: /],
  ])("%s %j", async (example, problem, message) => {
    const { code, output, errors } = await run(example, problem);
    expect(errors).toMatch(message);
    expect(errors.trimStart()).not.toMatch(/^\s+at /m); // no stack
    expect(output).toBe("");
    expect(code).toBe(2);
  });

  test("a file that is not there", async () => {
    const { code, errors } = await runFiles("poisson", ["nowhere.json"]);
    expect(errors).toBe("error: nowhere.json: expected a problem file\n");
    expect(code).toBe(2);
  });
});
