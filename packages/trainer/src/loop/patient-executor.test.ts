import { QtuneError } from "@qtune/base";
import type { CircuitBatch, Executor } from "@qtune/circuit";
import { expect, test } from "vitest";
import { createPatientExecutor } from "./patient-executor.ts";

/** An executor that is away for some calls and then answers. */
function awayFor(calls: number): Executor {
  let left = calls;
  const answer = async (): Promise<never> => {
    if (left-- > 0) throw new QtuneError("unavailable", "nothing answers");
    return "answer" as never; // what is returned does not matter here
  };
  return { describe: answer, estimate: answer, run: answer, close: async () => {} };
}

const batch = {} as CircuitBatch; // never looked at

test("it waits for an executor that is away, says so once and says when it goes on", async () => {
  const said: (string | undefined)[] = [];
  const patient = createPatientExecutor(awayFor(3), {
    onWaiting: (reason) => said.push(reason),
    minDelayMs: 1,
  });
  expect(await patient.run(batch)).toBe("answer");
  expect(said).toEqual(["nothing answers", undefined]);
});

test("a signal ends the waiting, so that a run can be cancelled while its device is away", async () => {
  const controller = new AbortController();
  const patient = createPatientExecutor(awayFor(Number.POSITIVE_INFINITY), {
    onWaiting: () => controller.abort(new QtuneError("cancelled", "enough")),
    signal: controller.signal,
    minDelayMs: 1,
  });
  await expect(patient.run(batch)).rejects.toMatchObject({ code: "cancelled" });
});

test("other errors are not waited out", async () => {
  const executor = {
    ...awayFor(0),
    run: () => Promise.reject(new QtuneError("out_of_range", "too many shots")),
  };
  const patient = createPatientExecutor(executor, { onWaiting: () => {}, minDelayMs: 1 });
  await expect(patient.run(batch)).rejects.toMatchObject({ code: "out_of_range" });
});
