import { QtuneError } from "@qtune/base";
import type { Circuit, Operation } from "@qtune/circuit";
import type { CompiledCircuit } from "./compile.ts";
import { pulseOf, wrap } from "./euler.ts";
import { type ParameterLookup, factorsMatrix } from "./work.ts";

/**
 * Returns what the chip runs as a circuit on physical qubits: RPHI pulses, CZ, waits, the frame changes that are left at
 * the end as RZ, then measurements. For printing, drawing and checking; equal to the source up to phase and the
 * permutation `compiled.layout.final`.
 *
 * Range:  `qubits` is the number of sites of the chip unless given.
 * Effect: pure.
 * Errors: those of `lookup`, which is asked for every parameter.
 */
export function nativeCircuit(
  compiled: CompiledCircuit,
  qubits: number = compiled.chipQubits,
  lookup: ParameterLookup = noParameters,
): Circuit {
  const { template } = compiled;
  const operations: Operation[] = [];
  const frames = new Map<number, number>();
  const gate = (name: string, on: readonly number[], ...angles: readonly number[]) => {
    operations.push({ kind: "gate", gate: name, qubits: on, angles });
  };
  for (const step of template.steps) {
    switch (step.kind) {
      case "local": {
        const frame = frames.get(step.qubit) ?? 0;
        const pulse = pulseOf(factorsMatrix(step.factors, lookup));
        frames.set(step.qubit, wrap(frame + pulse.zRad));
        if (step.pulse) gate("RPHI", [step.qubit], pulse.thetaRad, wrap(pulse.phiRad - frame));
        break;
      }
      case "cz":
        gate("CZ", [step.a, step.b]);
        break;
      case "decoupling":
        gate("RPHI", [step.qubit], Math.PI, wrap(step.phiRad - (frames.get(step.qubit) ?? 0)));
        break;
      case "delay":
        operations.push({ kind: "delay", qubits: [step.qubit], durationNs: step.durationNs });
        break;
      case "measure":
        break;
      default:
        step satisfies never;
    }
  }
  for (const [qubit, frame] of [...frames].sort(([a], [b]) => a - b)) {
    if (Math.abs(frame) > 1e-12) gate("RZ", [qubit], frame);
  }
  for (const step of template.steps) {
    if (step.kind === "measure")
      operations.push({ kind: "measure", qubit: step.qubit, clbit: step.clbit });
  }
  return { qubits, clbits: template.clbits, parameters: [], operations };
}

function noParameters(parameter: string): number {
  throw new QtuneError(
    "invalid_argument",
    `parameter ${parameter} has no value; bind the circuit or give values`,
    {
      where: "circuit.parameters",
    },
  );
}
