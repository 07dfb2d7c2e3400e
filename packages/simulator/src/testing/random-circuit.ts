import type { Random } from "@qtune/base";
import {
  type Angle,
  type Circuit,
  type Gate,
  type GateOperation,
  type Parameter,
  addAngles,
  gateTable,
  parameterAngle,
  scaleAngle,
} from "@qtune/circuit";

/** What a random circuit for tests is made of. */
export interface RandomCircuitOptions {
  readonly n: number;
  readonly gates: number;
  readonly random: Random;
  /** Number of shared and of row parameters; angles are affine in them. Default 0: bound angles. */
  readonly shared?: number;
  readonly rows?: number;
  /** Which gates of the table may occur. Default: all that fit n qubits. */
  readonly filter?: (gate: Gate) => boolean;
  /** Whether gates may have further controls. Default true. */
  readonly controls?: boolean;
}

/** Creates a random circuit over the gate table, with controls and powers now and then. */
export function randomCircuit(options: RandomCircuitOptions): Circuit {
  const { n, gates, random, shared = 0, rows = 0, filter = () => true, controls = true } = options;
  const parameters: Parameter[] = [
    ...Array.from({ length: shared }, (_, i): Parameter => ({ name: `w${i}`, role: "shared" })),
    ...Array.from({ length: rows }, (_, i): Parameter => ({ name: `x${i}`, role: "row" })),
  ];
  const table = gateTable.filter((gate) => gate.qubits >= 1 && gate.qubits <= n && filter(gate));
  const operations = Array.from({ length: gates }, () =>
    randomGate(table, parameters, n, random, controls),
  );
  return { qubits: n, clbits: 0, parameters, operations };
}

function randomGate(
  table: readonly Gate[],
  parameters: readonly Parameter[],
  n: number,
  random: Random,
  controls: boolean,
): GateOperation {
  const gate = table[random.nextBelow(table.length)]!; // the index is inside
  const qubits = randomQubits(n, random);
  const free = qubits.slice(gate.qubits);
  const isControlled = controls && free.length > 0 && random.nextUniform() < 0.15;
  return {
    kind: "gate",
    gate: gate.name,
    qubits: qubits.slice(0, gate.qubits),
    angles: gate.angles.map(() => randomAngle(parameters, random)),
    ...(isControlled
      ? { controls: [{ qubit: free[0]!, value: random.nextUniform() < 0.5 ? 0 : 1 }] as const }
      : {}), // free is not empty
  };
}

function randomAngle(parameters: readonly Parameter[], random: Random): Angle {
  const constant = (2 * random.nextUniform() - 1) * Math.PI;
  if (parameters.length === 0 || random.nextUniform() < 0.2) return constant;
  const pick = (): Angle =>
    scaleAngle(
      parameterAngle(parameters[random.nextBelow(parameters.length)]!.name),
      random.nextUniform() < 0.5 ? 1 : -0.7,
    ); // inside
  return random.nextUniform() < 0.6 ? pick() : addAngles(addAngles(pick(), pick()), constant);
}

/** The qubits in random order. */
export function randomQubits(n: number, random: Random): number[] {
  const qubits = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.nextBelow(i + 1);
    [qubits[i], qubits[j]] = [qubits[j]!, qubits[i]!]; // inside
  }
  return qubits;
}
