import { QtuneError } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { createSequencedCalls } from "./sequenced-calls.ts";

const never = new AbortController().signal;

describe("numbered calls", () => {
  test("are applied in order whatever order they arrive in", async () => {
    const calls = createSequencedCalls();
    const applied: number[] = [];
    const call = (n: number): Promise<number> =>
      calls.run(BigInt(n), `body ${n}`, async () => applied.push(n), never);
    await Promise.all([call(3), call(1), call(2), call(0)]);
    expect(applied).toEqual([0, 1, 2, 3]);
    expect(calls.next).toBe(4n);
  });

  test("give the stored answer again, and refuse another body", async () => {
    const calls = createSequencedCalls();
    let count = 0;
    const call = (body: string): Promise<number> => calls.run(0n, body, async () => ++count, never);
    expect(await Promise.all([call("a"), call("a")])).toEqual([1, 1]);
    expect(await call("a")).toBe(1);
    await expect(call("b")).rejects.toMatchObject({ code: "already_exists" });
  });

  test("leave a number open when they fail", async () => {
    const calls = createSequencedCalls();
    const fails = async (): Promise<never> => {
      throw new QtuneError("invalid_argument", "bad");
    };
    const later = calls.run(1n, "later", async () => "later", never);
    await expect(calls.run(0n, "x", fails, never)).rejects.toThrow("bad");
    expect(calls.next).toBe(0n);
    expect(await calls.run(0n, "y", async () => "good", never)).toBe("good");
    expect(await later).toBe("later");
  });

  test("that wait can be left; one that has started ends and keeps its answer", async () => {
    const calls = createSequencedCalls();
    const controller = new AbortController();
    const waiting = calls.run(1n, "waits", async () => "never", controller.signal);
    const gate = Promise.withResolvers<void>();
    const started = calls.run(0n, "runs", () => gate.promise.then(() => 7), controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await expect(started).rejects.toMatchObject({ code: "cancelled" });
    gate.resolve();
    expect(await calls.run(0n, "runs", async () => 8, never)).toBe(7);
    // The number of the one that was left is free for another body.
    expect(await calls.run(1n, "other", async () => "other", never)).toBe("other");
  });

  test("are refused far ahead, long ago, and after the end", async () => {
    const calls = createSequencedCalls();
    await expect(calls.run(65n, "far", async () => 0, never)).rejects.toMatchObject({
      code: "resource_exhausted",
    });
    for (let n = 0n; n < 300n; n++) await calls.run(n, "same", async () => n, never);
    await expect(calls.run(3n, "same", async () => 0, never)).rejects.toMatchObject({
      code: "failed_precondition",
    });
    const waiting = calls.run(301n, "waits", async () => 0, never);
    calls.close(new QtuneError("not_found", "gone"));
    await expect(waiting).rejects.toThrow("gone");
    await expect(calls.run(300n, "late", async () => 0, never)).rejects.toThrow("gone");
  });
});
