import { expect, test } from "vitest";
import { trainingV1 } from "@qtune/contracts";
import { openRunStore } from "./run-store.ts";

function someRun(name: string): trainingV1.Run {
  return trainingV1.Run.fromPartial({
    name,
    state: trainingV1.RunState.RUN_STATE_QUEUED,
    config: { schema: "qtune.run/1", json: "{}" },
  });
}

test("a retry with the same request id and body returns the first run", () => {
  using store = openRunStore(":memory:");
  const first = store.createRun(someRun("runs/a"), { id: "id-1", body: "x" });
  const again = store.createRun(someRun("runs/b"), { id: "id-1", body: "x" });
  expect(first.created).toBe(true);
  expect(again).toMatchObject({ created: false, run: { name: "runs/a" } });
});

test("the same request id with another body is refused with both hashes", () => {
  using store = openRunStore(":memory:");
  store.createRun(someRun("runs/a"), { id: "id-1", body: "x" });
  expect(() => store.createRun(someRun("runs/b"), { id: "id-1", body: "y" })).toThrow(
    /another request: stored [0-9a-f]{16}, given [0-9a-f]{16}/,
  );
});

test("events come back after any cursor, in order, once", () => {
  using store = openRunStore(":memory:");
  store.createRun(someRun("runs/a"), { id: "", body: "" });
  store.addEvents(
    "runs/a",
    [1, 2, 3].map((step) => ({
      $case: "metrics" as const,
      value: trainingV1.StepMetrics.fromPartial({ step }),
    })),
  );
  const all = store.eventsAfter("runs/a", "", 10);
  expect(all.map((event) => event.event?.$case)).toEqual([
    "state",
    "metrics",
    "metrics",
    "metrics",
  ]);
  const rest = store.eventsAfter("runs/a", all[1]!.cursor, 10);
  expect(
    rest.map((event) => (event.event?.$case === "metrics" ? event.event.value.step : 0)),
  ).toEqual([2, 3]);
});

test("a watcher is woken by the next event", async () => {
  using store = openRunStore(":memory:");
  store.createRun(someRun("runs/a"), { id: "", body: "" });
  const cursor = store.eventsAfter("runs/a", "", 10).at(-1)!.cursor;
  const waiting = store.waitForEvent("runs/a", cursor, new AbortController().signal);
  store.updateRun("runs/a", { step: 1 }, [
    { $case: "log", value: trainingV1.LogLine.fromPartial({ message: "hello" }) },
  ]);
  await waiting;
  expect(store.eventsAfter("runs/a", cursor, 10)).toHaveLength(1);
});

test("lists are paged, newest first", () => {
  using store = openRunStore(":memory:");
  for (const name of ["runs/a", "runs/b", "runs/c"])
    store.createRun(someRun(name), { id: "", body: name });
  const first = store.listRuns({ size: 2, token: "", states: [] });
  const second = store.listRuns({ size: 2, token: first.nextPageToken, states: [] });
  expect([...first.items, ...second.items].map((run) => run.name)).toEqual([
    "runs/c",
    "runs/b",
    "runs/a",
  ]);
  expect(second.nextPageToken).toBe("");
});

test("a strange cursor is an error that says what to do", () => {
  using store = openRunStore(":memory:");
  expect(() => store.eventsAfter("runs/a", "'; DROP TABLE runs", 1)).toThrow(/leave it empty/);
});
