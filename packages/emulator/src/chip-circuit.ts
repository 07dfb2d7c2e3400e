/**
 * One bound circuit on a chip, for command lines and notebooks: predicted distribution or counts, with layout and region.
 */
import { QtuneError, createRandom } from "@qtune/base";
import { type NoisyProgram, buildNoisyProgram, newestSnapshot, validateShots } from "@qtune/chip";
import type { Circuit, Counts, Operation } from "@qtune/circuit";
import { noisyDistribution } from "@qtune/simulator";
import {
  type CompiledCircuit,
  type CompileOptions,
  bindCompiled,
  compileCircuit,
} from "@qtune/transpiler";

import { sampleParts } from "./sample-parts.ts";

/** What a chip makes of a circuit. */
export interface ChipCircuitResult {
  readonly compiled: CompiledCircuit;
  /** Predicted distribution, outcomes c[m − 1] … c[0] with p > 1e-12; absent when shots were asked for. */
  readonly probabilities?: ReadonlyMap<string, number>;
  /** Counts; absent without shots. */
  readonly counts?: Counts;
}

/** How to run one circuit: compile options, and shots or none. */
export interface ChipCircuitOptions extends CompileOptions {
  /** Absent: the predicted distribution. */
  readonly shots?: number | undefined;
  /** Seed of shots and of routing. Default 0. */
  readonly seed?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Qubits up to which a distribution is predicted: density matrices of 2^10 × 2^10. */
const maxPredictedQubits = 10;

/**
 * Runs one circuit on an emulated chip, alone. A circuit that measures nothing is read on all qubits, qubit q into bit q.
 *
 * Effect: asynchronous, cancellable; the same for the same arguments. With the layout it reports as `layout`, it runs again on
 *         the same qubits.
 * Errors: those of {@link compileCircuit}; invalid_argument for open parameters; out_of_range for shots that the chip refuses
 *         and for a prediction over more than 10 active qubits.
 */
export async function runChipCircuit(
  circuit: Circuit,
  options: ChipCircuitOptions,
): Promise<ChipCircuitResult> {
  const { chip, shots, seed = 0n } = options;
  if (circuit.parameters.length > 0) {
    const names = circuit.parameters.map(({ name }) => name).join(", ");
    throw new QtuneError(
      "invalid_argument",
      `expected a circuit without open parameters but was given ${names}; bind them`,
      { where: "circuit.parameters" },
    );
  }
  if (shots !== undefined) {
    const issues = validateShots(chip, shots);
    if (issues.length > 0) throw QtuneError.fromIssues(issues, "out_of_range");
  }
  const compiled = compileCircuit(measureAllIfNone(circuit), options);
  const snapshot = options.snapshot ?? newestSnapshot(chip);
  const program = buildNoisyProgram(
    bindCompiled(compiled, () => Number.NaN),
    { chip, snapshot, knobs: options.knobs },
  );
  if (shots === undefined) {
    assertPredictable(program);
    return { compiled, probabilities: await noisyDistribution(program) };
  }
  const counts = await sampleParts(program, {
    shots,
    random: createRandom(seed, "chip task", 0, 0),
    signal: options.signal,
  });
  return { compiled, counts };
}

function assertPredictable(program: NoisyProgram): void {
  if (program.qubits <= maxPredictedQubits) return;
  throw new QtuneError(
    "out_of_range",
    `the predicted distribution takes up to ${maxPredictedQubits} active qubits but the circuit has ${program.qubits}; ask for shots`,
    { where: "circuit.qubits" },
  );
}

/** Returns the circuit, with all its qubits measured where it measures none. */
export function measureAllIfNone(circuit: Circuit): Circuit {
  if (circuit.operations.some((operation) => operation.kind === "measure")) return circuit;
  const measures = Array.from({ length: circuit.qubits }, (_, qubit): Operation => ({
    kind: "measure",
    qubit,
    clbit: qubit,
  }));
  const { classicalRegisters: _, ...rest } = circuit;
  return { ...rest, clbits: circuit.qubits, operations: [...circuit.operations, ...measures] };
}
