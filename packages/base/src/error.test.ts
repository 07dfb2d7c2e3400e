import { describe, expect, test } from "vitest";
import {
  QtuneError,
  abortError,
  codeFromGrpc,
  codeTable,
  pairwiseSumRows,
  printIssue,
  raceAbort,
  sleep,
  suggest,
} from "./index.ts";

describe("QtuneError", () => {
  test("starts its message with the place", () => {
    expect(new QtuneError("out_of_range", "expected 1", { where: "task.shots" }).message).toBe(
      "task.shots: expected 1",
    );
  });
  test("keeps the first issue in the message and counts the rest", () => {
    const error = QtuneError.fromIssues([
      { where: "a", expected: "1", given: "2" },
      { where: "b" },
      { where: "c" },
    ]);
    expect(error.message).toBe("a: expected 1 but was given 2\n(and 2 more problems)");
    expect(error.issues).toHaveLength(3);
  });
  test("recognises an abort", () => {
    expect(QtuneError.from(new DOMException("stop", "AbortError")).code).toBe("cancelled");
  });
});

describe.each(Object.entries(codeTable))("code %s", (code, row) => {
  test("survives the way to gRPC and back", () => expect(codeFromGrpc(row.grpc)).toBe(code));
});

test("an issue prints place, excerpt and caret", () => {
  const text = printIssue({
    file: "bell.qasm",
    line: 3,
    column: 4,
    where: "gate",
    expected: "2 qubits",
    given: "1",
    excerpt: "cx q[0];",
  });
  expect(text).toBe("bell.qasm:3:4: gate: expected 2 qubits but was given 1\n  cx q[0];\n     ^");
});

test("a misspelt word finds its neighbour and a strange one finds none", () => {
  expect(suggest("rnak", ["rank", "alpha", "targets"])).toBe("rank");
  expect(suggest("zzz", ["rank", "alpha"])).toBeUndefined();
});

test("a sleep ends with the signal", async () => {
  await expect(sleep(10_000, { signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
    code: "deadline_exceeded",
  });
});

test("raceAbort rejects with the signal's own error", async () => {
  const controller = new AbortController();
  const raced = raceAbort(new Promise(() => {}), controller.signal);
  controller.abort(new QtuneError("unavailable", "gone"));
  await expect(raced).rejects.toMatchObject({ code: "unavailable" });
  expect(abortError(controller.signal).code).toBe("unavailable");
});

test("pairwise sums do not depend on how rows are grouped when the tree is the same", () => {
  const rows = Float64Array.from([1, 10, 2, 20, 3, 30]);
  expect([...pairwiseSumRows(rows, 3, 2)]).toEqual([6, 60]);
});

test("the caret stands under the column, or under the mark in a piece of a long line", () => {
  const issue = { where: "gate", column: 3, excerpt: "h foo;" };
  expect(printIssue(issue)).toBe("gate\n  h foo;\n    ^".replace("gate", "3: gate"));
  const long = printIssue({ where: "gate", column: 2145, excerpt: "…h q;⟪f⟫oo q;…" });
  expect(long.split("\n").at(-1)).toBe(`  ${" ".repeat(6)}^`);
  expect(printIssue({ where: "gate", column: 900, excerpt: "cut" }).split("\n")).toHaveLength(2);
});
