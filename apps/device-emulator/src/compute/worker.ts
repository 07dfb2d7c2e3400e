/** A worker thread of the daemon: computes, so that the main thread always answers. */
import { parentPort, workerData } from "node:worker_threads";
import { internalError } from "@qtune/base";
import { type Executor, parameterNames } from "@qtune/circuit";
import { float64FromBytes } from "@qtune/rpc";
import { createLocalExecutor } from "@qtune/simulator";
import { createChipWork } from "./chip-work.ts";
import { createBatchReader } from "./read-batch.ts";
import {
  type CallName,
  type FromWorker,
  type ToWorker,
  type WorkerCalls,
  type WorkerSetup,
  toPlainError,
} from "./protocol.ts";

const port = parentPort;
if (port === null) throw internalError("this module runs in a worker thread");
const { chip, bufferQubits } = workerData as WorkerSetup; // written by pool.ts
let work = createChipWork(chip, bufferQubits);
const reader = createBatchReader();
let simulator: Executor | undefined;
const running = new Map<number, AbortController>();

type Handlers = {
  readonly [N in CallName]: (given: WorkerCalls[N]["arguments"], signal: AbortSignal) => unknown;
};

const handlers: Handlers = {
  plan: ({ request }) => work.plan(request),
  planShared: ({ batches }) => work.planShared(batches),
  job: ({ request, job }, signal) => work.runJob(request, job, signal),
  preview: ({ request }) => work.preview(request),
  describeSimulator: () => openSimulator().describe(),
  simulate: async ({ payload, options }, signal) => {
    const batch = reader.read(payload, options);
    const result = await openSimulator().run(batch, { ...options, signal });
    return { result, B: batch.B, K: batch.observables.length };
  },
  estimate: ({ payload, options }, signal) =>
    openSimulator().estimate(reader.read(payload, options), { ...options, signal }),
  pullBack: async ({ payload, cotangent, options }, signal) => {
    const batch = reader.read(payload, options);
    const values = float64FromBytes(cotangent, batch.B * batch.observables.length, "cotangent");
    const executor = openSimulator();
    if (executor.vjp === undefined) throw internalError("the local executor has no vjp");
    const gradient = await executor.vjp(batch, values, { ...options, signal });
    return { gradient, B: batch.B, width: parameterNames(batch.circuit, "row").length };
  },
};

function openSimulator(): Executor {
  simulator ??= createLocalExecutor({ threads: 1 });
  return simulator;
}

port.on("message", (message: ToWorker) => {
  if (message.kind === "cancel") running.get(message.id)?.abort();
  else if (message.kind === "chip") work = createChipWork(message.chip, bufferQubits);
  else void answer(message.id, message.name, message.arguments);
});

async function answer(id: number, name: CallName, given: unknown): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  let reply: FromWorker;
  try {
    // The pool pairs each name with its arguments (WorkerCalls).
    const handler = handlers[name] as (given: unknown, signal: AbortSignal) => unknown;
    reply = { kind: "answer", id, value: await handler(given, controller.signal) };
  } catch (error) {
    reply = { kind: "error", id, error: toPlainError(error) };
  }
  running.delete(id);
  port?.postMessage(reply);
}
