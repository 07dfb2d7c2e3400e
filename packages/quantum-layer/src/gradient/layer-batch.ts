/**
 * What all gradient methods have in common: they evaluate one widened circuit for many rows and combine the rows. A
 * widened circuit has further row parameters, one per place where an angle is moved, so that every evaluation of a step
 * travels in one batch.
 */
import type { BatchResult, Circuit, ExecutionUsage, Executor, RunOptions } from "@qtune/circuit";
import { allPauliZ } from "@qtune/circuit";
import { addUsage, noUsage } from "../usage.ts";

/** A gradient task: values, and the cotangent of the expectation values. */
export interface LayerCall {
  readonly circuit: Circuit;
  readonly executor: Executor;
  /** Inputs [T, n]. */
  readonly inputs: Float64Array;
  /** Weights [P]. */
  readonly weights: Float64Array;
  readonly T: number;
  readonly run: RunOptions;
}

/** The pulled-back cotangent. Shapes: inputs [T, n], weights [P]. */
export interface LayerGradient {
  readonly inputs: Float64Array;
  readonly weights: Float64Array;
  readonly usage: ExecutionUsage;
}

/**
 * Runs rows of a circuit, in as few batches as the executor's row limit allows, and returns all expectation values.
 *
 * Shapes: rows float64 [B, width]; result [B, n].
 */
export async function evaluateRows(
  call: LayerCall,
  circuit: Circuit,
  rows: Float64Array,
  B: number,
): Promise<{ readonly expectations: Float64Array; readonly usage: ExecutionUsage }> {
  const { limits } = await call.executor.describe();
  const width = B === 0 ? 0 : rows.length / B;
  const expectations = new Float64Array(B * circuit.qubits);
  let usage = noUsage;
  for (let from = 0; from < B; from += limits.maxRows) {
    const to = Math.min(B, from + limits.maxRows);
    const part: BatchResult = await call.executor.run(
      {
        circuit,
        shared: call.weights,
        rows: rows.subarray(from * width, to * width),
        B: to - from,
        observables: allPauliZ(circuit.qubits),
      },
      call.run,
    );
    expectations.set(part.expectations, from * circuit.qubits);
    usage = addUsage(usage, part.usage);
  }
  return { expectations, usage };
}
