/** The README shows five things to do; each is done here, and prints what the README says. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as circuit from "../src/index.ts";

const readme = readFileSync(path.join(import.meta.dirname, "../README.md"), "utf8");
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```\n\n```\n([\s\S]*?)```/g)].map(
  ([, code = "", output = ""]) => [code, output] as const,
);

/** Runs a program of the README and returns what it prints. */
function run(code: string): string {
  const names = /import \{([^}]*)\} from "@qtune\/circuit";/.exec(code)?.[1] ?? "";
  const body = code.replace(/import \{[^}]*\} from "@qtune\/circuit";/, "");
  let printed = "";
  const console = {
    log: (...values: readonly unknown[]) => {
      const texts = values.map((value) => (typeof value === "string" ? value : inspect(value)));
      printed += `${texts.join(" ")}\n`;
    },
  };
  // the README is ours, and running it is the point
  const program = new Function("library", "console", `const {${names}} = library;\n${body}`) as (
    library: typeof circuit,
    output: typeof console,
  ) => void;
  program(circuit, console);
  return printed;
}

const trimmed = (text: string): string => text.replace(/[ \t]+$/gm, "").trimEnd();

describe("the README", () => {
  test("shows five things to do", () => expect(examples).toHaveLength(5));

  test.each(examples)("%s", (code, output) => expect(trimmed(run(code))).toBe(trimmed(output)));
});
