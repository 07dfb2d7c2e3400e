/** Batches as they come from clients, read in a worker, where a slow text or a huge circuit blocks nobody else. */
import { QtuneError } from "@qtune/base";
import { type Circuit, type CircuitBatch, assertCircuit, circuitFingerprint } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";
import { batchFromWire } from "@qtune/rpc";
import { parseCircuitText } from "../circuit-text.ts";
import { assertOperationCount } from "./operation-count.ts";
import type { PlainRunOptions } from "./protocol.ts";

/** Structures that a worker keeps, so that the executor's plan of one batch serves the next. */
const keptCircuits = 64;
/** What the local executor describes. */
const maxOperations = 1_000_000;
/** Largest answer: numbers of all rows, and outcomes of all rows. */
const maxAnswerNumbers = 64_000_000;
const maxAnswerOutcomes = 16_000_000;

/** Reads batches; equal circuits come out as the same object. */
export interface BatchReader {
  /** Errors: invalid_argument with every problem of the circuit; out_of_range when the answer would not fit. */
  read(payload: Uint8Array, options: PlainRunOptions): CircuitBatch;
}

/** Creates a reader. Effect: owns a small cache of circuits. */
export function createBatchReader(): BatchReader {
  const known = new Map<string, Circuit>();
  return {
    read: (payload, options) => {
      const message = circuitV1.CircuitBatch.decode(
        Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      );
      const batch = batchFromWire(message, parseCircuitText);
      assertAnswerFits(batch, options);
      assertOperationCount(batch.circuit, maxOperations);
      const key = circuitFingerprint(batch.circuit);
      let circuit = known.get(key);
      if (circuit === undefined) {
        assertCircuit(batch.circuit);
        circuit = batch.circuit;
        if (known.size >= keptCircuits) known.clear();
        known.set(key, circuit);
      }
      return { ...batch, circuit };
    },
  };
}

function assertAnswerFits(
  { B, circuit, observables }: CircuitBatch,
  { returns = [], shots }: PlainRunOptions,
): void {
  const numbers = B * observables.length;
  const outcomes =
    returns.length === 0 ? 0 : B * Math.min(2 ** Math.min(circuit.qubits, 40), shots ?? Infinity);
  if (numbers <= maxAnswerNumbers && outcomes <= maxAnswerOutcomes) return;
  const [expected, given] =
    numbers > maxAnswerNumbers
      ? [`${maxAnswerNumbers} expectation values`, numbers]
      : [`${maxAnswerOutcomes} outcomes`, outcomes];
  throw new QtuneError(
    "out_of_range",
    `expected at most ${expected} in one answer but was given ${given}; send fewer rows`,
    { where: "batch" },
  );
}
