import { type Issue, QtuneError } from "@qtune/base";
import type { Circuit, Operation } from "@qtune/circuit";
import { type JsonObject, isObject, listOf, objectOf, parseJson } from "../convert/json-reader.ts";

/** Value of the member `schema`. */
export const realRunsSchema = "qtune.real-runs/1";

/** Counts that a real chip returned, and the circuit that ran. */
export interface RealRun {
  readonly id: string;
  /** Kind of experiment, e.g. `readout`, `bell`, `cnot-fold`, `rb`; runs of one kind are compared. */
  readonly experiment: string;
  readonly shots: number;
  /** Outcome to number of shots; bit k of the outcome is classical bit k. */
  readonly counts: ReadonlyMap<number, number>;
  /** The circuit as executed, native, on the qubits of the chip. */
  readonly executed: Circuit;
  /** ISO 8601, where known. */
  readonly finishedAt?: string;
}

/**
 * Reads a file of real runs, schema `qtune.real-runs/1`.
 *
 * Range: keys of `counts` are hexadecimal (`0x3`), a missing key is 0; `executed` is native OriginIR, one statement per line.
 * Errors: invalid_argument with every problem, each with the id of its run.
 */
export function readRealRuns(
  text: string,
  options: { readonly fileName: string },
): readonly RealRun[] {
  const root = parseJson(text, options.fileName);
  const issues: Issue[] = [];
  if (!isObject(root) || root["schema"] !== realRunsSchema || !Array.isArray(root["runs"])) {
    const given = isObject(root) ? String(root["schema"] ?? "no schema") : typeof root;
    throw QtuneError.fromIssues([
      {
        where: "runs",
        expected: `a document of schema ${realRunsSchema} with runs`,
        given,
        file: options.fileName,
      },
    ]);
  }
  const runs = root["runs"].flatMap((row: unknown, index) => readRun(objectOf(row), index, issues));
  const seen = new Set<string>();
  for (const { id } of runs) {
    if (seen.has(id))
      issues.push({ where: `runs[${id}]`, expected: "each id once", given: `${id} twice` });
    seen.add(id);
  }
  if (issues.length > 0) {
    throw QtuneError.fromIssues(issues.map((issue) => ({ ...issue, file: options.fileName })));
  }
  return runs;
}

function readRun(row: JsonObject, index: number, issues: Issue[]): readonly RealRun[] {
  const id = typeof row["id"] === "string" ? row["id"] : `#${index}`;
  const where = `runs[${id}]`;
  const before = issues.length;
  const executed = readNativeText(listOf(row["executed"]).map(String), `${where}.executed`, issues);
  const counts = readCounts(objectOf(row["counts"]), executed.clbits, where, issues);
  const shots = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (typeof row["shots"] === "number" && row["shots"] !== shots) {
    issues.push({
      where: `${where}.counts`,
      expected: `${row["shots"]} shots in all`,
      given: String(shots),
    });
  }
  if (shots === 0)
    issues.push({ where: `${where}.counts`, expected: "at least one shot", given: "none" });
  if (issues.length > before) return [];
  return [
    {
      id,
      experiment: typeof row["experiment"] === "string" ? row["experiment"] : id,
      shots,
      counts,
      executed,
      ...(typeof row["finishedAt"] === "string" ? { finishedAt: row["finishedAt"] } : {}),
    },
  ];
}

function readCounts(
  raw: JsonObject,
  clbits: number,
  where: string,
  issues: Issue[],
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const [key, count] of Object.entries(raw)) {
    const outcome = /^0x[0-9a-f]+$/i.test(key) ? Number(key) : Number.NaN;
    if (!(outcome < 2 ** clbits)) {
      issues.push({
        where: `${where}.counts`,
        expected: `a hexadecimal key below 2^${clbits}, e.g. 0x3`,
        given: key,
      });
    } else if (typeof count !== "number" || !Number.isInteger(count) || count < 0) {
      issues.push({
        where: `${where}.counts.${key}`,
        expected: "a number of shots",
        given: JSON.stringify(count) ?? "nothing",
      });
    } else {
      counts.set(outcome, count);
    }
  }
  return counts;
}

const statement = /^(\w+)\s+([^()]*?)(?:,?\s*\(([^()]*)\))?$/;

/** Reads native OriginIR: U3, RPhi, CZ, MEASURE, BARRIER after QINIT and CREG. */
function readNativeText(lines: readonly string[], where: string, issues: Issue[]): Circuit {
  let qubits = 0;
  let clbits = 0;
  const operations: Operation[] = [];
  for (const [index, line] of lines.entries()) {
    const match = statement.exec(line.trim());
    const [, key = "", operands = "", angleText = ""] = match ?? [];
    const ids = [...operands.matchAll(/[qc]\[(\d+)\]/g)].map((found) => Number(found[1]));
    const angles = angleText === "" ? [] : angleText.split(",").map(Number);
    const [first = 0, second = 0] = ids;
    if (key === "QINIT") qubits = Number(operands);
    else if (key === "CREG") clbits = Number(operands);
    else if (key === "MEASURE" && ids.length === 2)
      operations.push({ kind: "measure", qubit: first, clbit: second });
    else if (key === "BARRIER") operations.push({ kind: "barrier", qubits: ids });
    else if (key === "CZ" && ids.length === 2)
      operations.push({ kind: "gate", gate: "CZ", qubits: ids, angles: [] });
    else if (
      key === "U3" &&
      ids.length === 1 &&
      angles.length === 3 &&
      angles.every(Number.isFinite)
    ) {
      operations.push({ kind: "gate", gate: "U3", qubits: ids, angles });
    } else if (
      key.toUpperCase() === "RPHI" &&
      ids.length === 1 &&
      angles.length === 2 &&
      angles.every(Number.isFinite)
    ) {
      operations.push({ kind: "gate", gate: "RPHI", qubits: ids, angles });
    } else {
      issues.push({
        where: `${where}[${index}]`,
        expected: "QINIT, CREG, U3, RPhi, CZ, MEASURE or BARRIER",
        given: line,
      });
    }
  }
  if (qubits === 0 || clbits === 0) {
    issues.push({
      where,
      expected: "QINIT and CREG first",
      given: lines.slice(0, 2).join(" ") || "nothing",
    });
  }
  return { qubits, clbits, parameters: [], operations };
}
