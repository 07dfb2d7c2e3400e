/** Inputs for fuzzing readers: programs of ours (and real ones, where they are at hand) with random damage. Tests only. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { QtuneError, type Random } from "@qtune/base";
import { dataRoot, findData } from "@qtune/testkit";
import { type Angle, isBoundAngle } from "./angle.ts";
import type { Circuit, GateDefinition, Operation } from "./circuit.ts";
import { gallery } from "./draw/gallery.ts";
import {
  type CircuitFormat,
  circuitFormats,
  printCircuit,
  readCircuit,
  type ReadCircuitResult,
} from "./read.ts";
import { bodiesOf, mapAngles } from "./rewrite.ts";
import { validateCircuit } from "./validate.ts";

const ownPrograms: readonly string[] = [
  'OPENQASM 2.0; include "qelib1.inc"; opaque o a; gate g(a,b) x,y { rz(sin(a)/2-b^2) x; cx x,y; barrier x; } qreg q[3]; creg c[3]; g(pi,-1e-3) q[0],q; measure q -> c; if(c==5) reset q[1]; barrier q;',
  'OPENQASM 3.0; include "stdgates.inc"; const int n = 2; input float t; gate g(a) p { ctrl @ gphase(a) p; inv @ pow(2) @ s p; } qubit[4] q; bit[4] c; for int i in [0:n] { if (i == 1) continue; g(2*t) q[i]; } def f(qubit p, int k) -> bit { bit b; b = measure p; return b; } c[0] = f(q[1], 3); while (c[0] == 1) { x q[0]; c[0] = measure q[0]; } switch (c) { case 1, 2 { h q[1]; } default { } } let a = q[0:1] ++ q[{3}]; array[float[64], 2, 2] m = {{1, 2}, {3, 4}}; rz(m[1, 0]) a[2]; delay[10ns] q; @x y\nbarrier q[0];',
  "QINIT 3\nCREG 3\nQGATE g a,b,(p)\nRX a,(p/2+PI)\nCNOT a,b\nENDQGATE\ng q[0],q[1],(0.5)\nCONTROL q[2]\nDAGGER\nU4 q[0],(1,2,3,4)\nENDDAGGER\nENDCONTROL\nMEASURE q,c\nQIF c[0]+2*c[1]==2 && !c[2]\nX q[0]\nELSE\nQWHILE c[1]\nRESET q[1]\nENDQWHILE\nENDQIF\nBARRIER q\nIDLE q[0],(30)",
];

const words: readonly string[] = [
  "qreg",
  "creg",
  "gate",
  "{",
  "}",
  "(",
  ")",
  "[",
  "]",
  ";",
  ",",
  "->",
  "==",
  "if",
  "measure",
  "reset",
  "barrier",
  "opaque",
  "include",
  '"',
  "pi",
  "1e309",
  "99999999999999999999",
  "-",
  "+",
  "*",
  "/",
  "**",
  "^",
  "ctrl @",
  "inv @",
  "pow(0.5) @",
  "for int i in [0:9] ",
  "while (true) ",
  "def f() { f(); }",
  "let a = ",
  "array[int, 3]",
  "bit[3] c;",
  "qubit q;",
  "$0",
  "@a b\n",
  "#pragma x\n",
  "cal {",
  "/*",
  "//",
  "\n",
  "\0",
  "\ufeff",
  "é",
  "𝒳",
  "QINIT 2\n",
  "CREG 2\n",
  "DAGGER\n",
  "ENDDAGGER\n",
  "CONTROL q[0]\n",
  "ENDCONTROL\n",
  "QIF c[0]\n",
  "QENDIF\n",
  "ELSE\n",
  "QGATE g a\n",
  "ENDQGATE\n",
  "c[0]=!c[1]\n",
  '{"schema":"qtune.circuit/1",',
  '"operations":[',
  '"kind":"gate"',
  "null",
  "1".repeat(400),
  "(".repeat(300),
  "-".repeat(300),
];

/** Programs to damage: ours in every format, and the small ones of the data folder. */
export function fuzzSeeds(): readonly string[] {
  const printed = gallery.flatMap(([, circuit]) =>
    circuitFormats.flatMap((format) => {
      try {
        return [printCircuit(circuit, format)];
      } catch (error) {
        if (error instanceof QtuneError) return []; // this format cannot say it
        throw error;
      }
    }),
  );
  return [...ownPrograms, ...printed, ...realPrograms()];
}

function realPrograms(): readonly string[] {
  return [...realQasm(), ...realOriginir()].filter((text) => text.length < 3000);
}

/** What was sent to a real chip. */
function realOriginir(): readonly string[] {
  const file = findData("chip/real-runs.json");
  if (file === undefined) return [];
  const { runs } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly runs: readonly { readonly submitted: string; readonly executed: string }[];
  }; // data/README.md says the shape
  return runs.flatMap(({ submitted, executed }) => [submitted, executed]);
}

function realQasm(): readonly string[] {
  const folders = ["qasm/qasmbench/small", "qasm/openqasm3"]
    .map((name) => path.join(dataRoot(), name))
    .filter(existsSync);
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(qasm|inc)$/.test(entry.name))
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8")),
  );
}

/** Returns a seed with one to six pieces removed, doubled, replaced or moved, or with words put in. */
export function damage(seed: string, seeds: readonly string[], random: Random): string {
  let text = seed;
  const wounds = 1 + random.nextBelow(6);
  for (let i = 0; i < wounds; i++) {
    const at = random.nextBelow(text.length + 1);
    const length = random.nextBelow(1 + Math.min(40, text.length - at));
    const piece = text.slice(at, at + length);
    switch (random.nextBelow(6)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + piece + text.slice(at);
        break;
      case 2:
        text =
          text.slice(0, at) +
          String.fromCharCode(random.nextBelow(random.nextBelow(8) === 0 ? 65536 : 128)) +
          text.slice(at + 1);
        break;
      case 3: {
        const other = seeds[random.nextBelow(seeds.length)] ?? "";
        const from = random.nextBelow(other.length + 1);
        text = text.slice(0, at) + other.slice(from, from + random.nextBelow(60)) + text.slice(at);
        break;
      }
      default:
        text =
          text.slice(0, at) +
          (words[random.nextBelow(words.length)] ?? "") +
          text.slice(at + length);
    }
  }
  return text;
}

/** What a fuzz run has seen. */
export interface FuzzTally {
  inputs: number;
  accepted: number;
  slowestMs: number;
}

/** No answer may take longer: processor time, which other work on the machine does not stretch. */
const maxAnswerMs = 2000;

/**
 * Reads a text as what it looks like and as one other format: the answer is a sound circuit that prints and reads back,
 * or issues that say where.
 */
export function expectClearAnswer(text: string, tally?: FuzzTally): void {
  const other = circuitFormats[text.length % circuitFormats.length];
  let accepted = false;
  for (const format of [undefined, other]) {
    const start = process.cpuUsage();
    try {
      accepted = isAnswerClear(text, format) || accepted;
    } catch (error) {
      throw new Error(`as ${format ?? "detected"}: ${JSON.stringify(text)}`, { cause: error });
    }
    const { user, system } = process.cpuUsage(start);
    const ms = (user + system) / 1000;
    if (tally !== undefined) tally.slowestMs = Math.max(tally.slowestMs, ms);
    if (ms > maxAnswerMs)
      throw new Error(`took ${ms} ms as ${format ?? "detected"}: ${JSON.stringify(text)}`);
  }
  if (tally === undefined) return;
  tally.inputs += 1;
  if (accepted) tally.accepted += 1;
}

/** Tells whether the text was accepted; throws when the answer is not what a user may expect. */
function isAnswerClear(text: string, format: CircuitFormat | undefined): boolean {
  let result: ReadCircuitResult;
  try {
    result = readCircuit(text, { format, fileName: "fuzz", maxOperations: 5000 });
  } catch (error) {
    // loops without end are stopped by their limit
    if (error instanceof QtuneError && error.code === "resource_exhausted") return false;
    throw error;
  }
  const { circuit, issues } = result;
  if (circuit !== undefined) {
    expect(validateCircuit(circuit)).toEqual([]);
    if (circuit.operations.length < 1000) expectRoundTrips(circuit);
    return true;
  }
  expect(issues.length).toBeGreaterThan(0);
  for (const issue of issues) {
    expect(issue.file).toBe("fuzz");
    expect(issue.expected ?? issue.hint).not.toMatch(/internal|undefined|\[object/);
    expect(issue.line).toBeGreaterThan(0);
    expect(issue.column).toBeGreaterThan(0);
    expect(issue.excerpt).toBeTypeOf("string");
  }
  return false;
}

/**
 * Whatever a format can say reads back: exactly where the format says everything, else as a circuit that is the same
 * once more.
 */
export function expectRoundTrips(circuit: Circuit): void {
  for (const format of circuitFormats) {
    const text = printed(circuit, format);
    if (text === undefined) continue;
    const again = reread(text, format);
    const isExact = format === "json" || (format === "qasm3" && isPlain(circuit));
    if (isExact) {
      // a formal parameter may be renamed: nothing outside of its definition names it
      const rename = format === "qasm3" ? withNumberedFormals : (same: Circuit): Circuit => same;
      expectSame(rename(again), rename(circuit));
      continue;
    }
    const settled = printed(again, format);
    if (settled === undefined) throw new Error(`${format} cannot say what it has said`);
    expectSame(reread(settled, format), again);
  }
}

const unsayable: ReadonlySet<string> = new Set(["invalid_argument", "resource_exhausted"]);

function printed(circuit: Circuit, format: CircuitFormat): string | undefined {
  try {
    return printCircuit(circuit, format);
  } catch (error) {
    // it cannot say it, or only with too many operations
    const isClear = error instanceof QtuneError && unsayable.has(error.code);
    if (isClear) return undefined;
    throw error;
  }
}

function reread(text: string, format: CircuitFormat): Circuit {
  const { circuit, issues } = readCircuit(text, { format });
  if (circuit === undefined)
    throw new Error(`${format} does not read what it wrote: ${JSON.stringify({ issues, text })}`);
  return circuit;
}

function withNumberedFormals(circuit: Circuit): Circuit {
  const { definitions } = circuit;
  if (definitions === undefined) return circuit;
  return { ...circuit, definitions: definitions.map(numberFormals) };
}

function numberFormals(definition: GateDefinition): GateDefinition {
  const { parameters, globalPhase, body } = definition;
  const names = new Map(parameters.map((parameter, i) => [parameter, `#${i}`]));
  const rename = (angle: Angle): Angle =>
    isBoundAngle(angle)
      ? angle
      : {
          ...angle,
          terms: angle.terms.map(({ parameter, coefficient }) => ({
            parameter: names.get(parameter) ?? parameter,
            coefficient,
          })),
        };
  return {
    ...definition,
    parameters: [...names.values()],
    body: body.map((operation) => mapAngles(operation, rename)),
    ...(globalPhase === undefined ? {} : { globalPhase: rename(globalPhase) }),
  };
}

/** Some assignment mixes constants, bits and inverted bits. */
function splitsAssignments(operations: readonly Operation[]): boolean {
  return operations.some((operation) => {
    if (operation.kind !== "assign") return bodiesOf(operation).some(splitsAssignments);
    const kinds = operation.value.map((bit) =>
      typeof bit === "number" ? "constant" : bit.inverted === true ? "inverted" : "bit",
    );
    return new Set(kinds).size > 1;
  });
}

/** `toEqual`, which is slow, only where the texts differ. */
function expectSame(found: Circuit, wanted: Circuit): void {
  if (toText(found) !== toText(wanted)) expect(found).toEqual(wanted);
}

function toText(circuit: Circuit): string {
  return JSON.stringify(circuit, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}

/**
 * Nothing that OpenQASM 3 writes in another form: dense unitaries, conditions of one part or none, names that do not fit
 * into a line, and assignments that it splits.
 */
function isPlain(circuit: Circuit): boolean {
  if (splitsAssignments(circuit.operations)) return false;
  const oddForm = /"kind":"unitary"|"of":\[(?:\]|\{(?:[^{}]|\{[^{}]*\})*\}\])/;
  const oddName = /"(?:name|parameter)":"(?:"|\s|[^"]*(?:\s"|\\))/;
  const text = toText(circuit);
  return !oddForm.test(text) && !oddName.test(text);
}
