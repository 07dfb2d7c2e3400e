import { type CircuitBatch, assertCircuit } from "@qtune/circuit";
import type { circuitV1 } from "@qtune/contracts";
import { batchFromWire } from "@qtune/rpc";
import { parseCircuitText } from "./circuit-text.ts";

/** Returns the checked batch of a message. Errors: invalid_argument with every problem of the circuit. */
export function readBatch(message: circuitV1.CircuitBatch | undefined): CircuitBatch {
  const batch = batchFromWire(message, parseCircuitText);
  assertCircuit(batch.circuit);
  return batch;
}
