import { type Issue, QtuneError } from "@qtune/base";
import { type Circuit, parseJsonText, parseOriginir } from "@qtune/circuit";
import { type JsonObject, isObject, listOf, objectOf } from "../convert/json-reader.ts";
import { scheduleNative } from "./schedule-native.ts";

/** Value of the member `schema`. */
export const realRunsSchema = "qtune.real-runs/1";

/** Counts that a real chip returned, and the circuit that ran. */
export interface RealRun {
  readonly id: string;
  /**
   * Kind of experiment, e.g. `readout`, `bell`, `cnot-fold`, `rb`; runs of one kind are compared.
   */
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
 * Range:  keys of `counts` are hexadecimal (`0x3`), a missing key is 0; `executed` is native
 *         OriginIR, one statement per line.
 * Errors: invalid_argument with every problem, each with the id of its run.
 */
export function readRealRuns(
  text: string,
  options: { readonly fileName: string },
): readonly RealRun[] {
  const root = parseJsonText(text, { where: "runs", fileName: options.fileName });
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
  const executed = readExecuted(listOf(row["executed"]).map(String), `${where}.executed`, issues);
  if (issues.length > before) return [];
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

/** Reads native OriginIR and checks that it is native. */
function readExecuted(lines: readonly string[], where: string, issues: Issue[]): Circuit {
  try {
    const circuit = parseOriginir(lines.join("\n"));
    scheduleNative(circuit, { pulseNs: 0, czNs: 0, measureNs: 0 });
    return circuit;
  } catch (error) {
    const { message, issues: found } = QtuneError.from(error);
    if (found.length === 0) {
      issues.push({ where, expected: "native OriginIR", given: message });
    }
    for (const { line, ...issue } of found) {
      const place = line === undefined ? where : `${where}[${line - 1}]`;
      issues.push({ ...issue, where: `${place}: ${issue.where}` });
    }
    return { qubits: 0, clbits: 0, parameters: [], operations: [] };
  }
}
