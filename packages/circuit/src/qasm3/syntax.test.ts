/** The grammar against the reference: its parse trees, its examples, and lines that it refuses. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type Issue, QtuneError } from "@qtune/base";
import { findData } from "@qtune/testkit";
import { isNode, parseQasm3Syntax, type SyntaxItem } from "./syntax.ts";

const root = findData("qasm/openqasm3");
const reference = root === undefined ? "" : path.join(root, "source/grammar/tests/reference");
const yamls =
  root === undefined ? [] : filesBelow(reference).filter((file) => file.endsWith(".yaml"));
const examples = root === undefined ? [] : filesBelow(path.join(root, "examples"));
const invalid =
  root === undefined ? [] : filesBelow(path.join(root, "source/grammar/tests/invalid/statements"));

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** The two literal blocks of a reference file. */
function readReference(file: string): { readonly source: string; readonly tree: string } {
  const text = readFileSync(file, "utf8");
  const block = (key: string): string => {
    const body = new RegExp(`^${key}: \\|\\n((?:  .*\\n|\\s*\\n)*)`, "m").exec(text)?.[1] ?? "";
    return body.replace(/^ {2}/gm, "");
  };
  return { source: block("source"), tree: block("reference") };
}

function printTree(item: SyntaxItem, depth: number, lines: string[]): readonly string[] {
  const text = isNode(item) ? item.rule : item.text;
  for (const line of text.split("\n")) lines.push(`${"  ".repeat(depth)}${line}`);
  if (isNode(item)) for (const child of item.children) printTree(child, depth + 1, lines);
  return lines;
}

function issuesOf(text: string): readonly Issue[] {
  try {
    parseQasm3Syntax(text, { fileName: "a.qasm" });
  } catch (error) {
    if (error instanceof QtuneError && error.code === "invalid_argument") return error.issues;
    throw error;
  }
  return [];
}

describe.skipIf(root === undefined)("the reference grammar", () => {
  test("has 35 trees, 22 example files and 11 files of invalid lines", () => {
    expect([yamls.length, examples.length, invalid.length]).toEqual([35, 22, 11]);
  });

  test.each(yamls.map((file) => [path.relative(reference, file), file] as const))(
    "%s has the same tree",
    (_, file) => {
      const { source, tree } = readReference(file);
      expect(source).not.toBe("");
      const lines = printTree(parseQasm3Syntax(source), 0, []);
      expect(lines.join("\n").replace(/[ \t]+$/gm, "")).toBe(
        tree.trimEnd().replace(/[ \t]+$/gm, ""),
      );
    },
  );

  test.each(examples.map((file) => [path.basename(file), file] as const))(
    "example %s is accepted",
    (_, file) => {
      expect(issuesOf(readFileSync(file, "utf8"))).toEqual([]);
    },
  );

  test.each(invalid.map((file) => [path.basename(file), file] as const))(
    "all lines of %s are refused",
    (_, file) => {
      const lines = readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "" && !line.trim().startsWith("//"));
      expect(lines.filter((line) => issuesOf(line).length === 0)).toEqual([]);
    },
  );
});

describe("our own", () => {
  test.each([
    "U(1, 2, 3) q; ctrl @ inv @ pow(1/2) @ x q[0], q[1]; gphase(π); ctrl @ gphase(1) q;",
    "def f(int[8] a, qubit b, readonly array[int, 2] c) -> bit { return measure b; } bit x = f(1, q, y);",
    'for float f in {1.5, 2} { x q; } for int i in [0:n] x q; for bit b in "01" x q; for int i in a {}',
    "switch (a + 1) { case 1, 2 { x q; } default { } } if (a) x q; else if (b) y q; else { z q; }",
    "let a = q[0] ++ r[1:2]; let b = q[{1, 2}]; let c = q[:]; let d = q[0:-1:3];",
    "delay[100ns] q; delay[2 * d]; box [1us] { x q; } gg[20dt] q; gg(1)[20dt] q, r;",
    "int x = -2 ** -3 * !a[1, 2:3][{1}] << 2 & ~b == c && true || false;",
    "array[complex[float[32]], 2, 3] z = {{1im, 2 im}, {3, 4}}; x **= 2; f(1)[0]; f(); x[0] ^= 1;",
    "@reversible\ngate g q {}\n@a.b content\nx q;\npragma something // here\ncal { }\ndefcal measure $0 -> bit { } x $0;",
    "input array[float[64], 3] theta; output bit[2] c; const duration d = durationof({x q;}) + 3 µs;",
  ])("%s", (text) => {
    expect(issuesOf(text)).toEqual([]);
  });

  test("problems are placed and several are found", () => {
    const issues = issuesOf("qubit q;\nx q[;\nh q;\nint[8 a;\ny £;\nif (a x q;");
    expect(issues.map((issue) => [issue.line, issue.column])).toEqual([
      [2, 5],
      [4, 7],
      [5, 3],
      [6, 7],
    ]);
    expect(issues[0]).toMatchObject({
      file: "a.qasm",
      expected: "an expression",
      given: '";"',
      excerpt: "x q[;",
    });
  });

  test.each([
    ["brackets", "(".repeat(100_000)],
    ["blocks", "{".repeat(100_000)],
    ["signs", `x = ${"-".repeat(100_000)}1;`],
    ["sums", `x = 1${"+1".repeat(100_000)};`],
    ["powers", `x = 1${"**1".repeat(100_000)};`],
    ["indices", `x = a${"[0]".repeat(100_000)};`],
    ["elses", `${"if (a) x q; else ".repeat(100_000)} x q;`],
    ["comments", "/*".repeat(100_000)],
    ["arrays", `array[int, 1] a = ${"{".repeat(100_000)}`],
  ])("100,000 %s neither crash nor hang", (_, text) => {
    expect(issuesOf(text).length).toBeGreaterThan(0);
  });
});
