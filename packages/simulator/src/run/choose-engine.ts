/** Decides which engine runs a part, and says why. */
import { QtuneError } from "@qtune/base";
import { type Circuit, type Operation, expandCircuit, findGate } from "@qtune/circuit";
import type { Precision } from "@qtune/kernels";
import type { Engine } from "../engines/engine.ts";
import { type MatrixProductState, createMps } from "../engines/mps.ts";
import { createStateVector, stateVectorBytes } from "../engines/state-vector.ts";
import { createTableau, toClifford } from "../engines/tableau.ts";
import { lowerOperations } from "../plan/lower.ts";

/** The methods that can run a whole part. */
export type Method = "state-vector" | "stabilizer" | "mps";

/** What bounds the choice. */
export interface EngineLimits {
  readonly method?: Method | "auto" | undefined;
  readonly precision?: Precision | undefined;
  readonly threads?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly maxBond?: number | undefined;
  readonly errorBudget?: number | undefined;
}

/** An engine with the circuit as it takes it. */
export interface ChosenEngine {
  readonly method: Method;
  readonly reason: string;
  readonly circuit: Circuit;
  readonly engine: Engine;
  /** The matrix product state, for its error. */
  readonly mps?: MatrixProductState;
}

/** Below this a state vector is quicker than asking whether a circuit is Clifford. */
const smallQubits = 16;

/**
 * Creates the engine for a part: a small state vector, a tableau for Clifford circuits, a state vector up to the memory
 * budget, else a matrix product state.
 *
 * Errors: invalid_argument when a named method cannot take the circuit, resource_exhausted from the state vector's
 *         budget when it is named.
 */
export function chooseEngine(circuit: Circuit, limits: EngineLimits): ChosenEngine {
  const { method = "auto", precision = "float64", memoryBytes = 3 * 2 ** 30 } = limits;
  const n = circuit.qubits;
  const bytes = stateVectorBytes(n, precision);
  const stateVector = (reason: string): ChosenEngine => ({
    method: "state-vector",
    reason,
    circuit,
    engine: createStateVector(n, limits),
  });
  if (method === "state-vector") return stateVector("asked for by name");
  if (method === "mps") return openMps(circuit, limits, "asked for by name");
  if (method === "auto" && n <= smallQubits) return stateVector(`${n} qubits are few`);
  if (isClifford(circuit)) {
    return {
      method: "stabilizer",
      reason: method === "auto" ? "all gates are Clifford" : "asked for by name",
      circuit,
      engine: createTableau(n),
    };
  }
  if (method === "stabilizer") {
    throw new QtuneError(
      "invalid_argument",
      "expected Clifford gates only, since the stabilizer method was asked for",
      { where: "circuit.operations" },
    );
  }
  if (bytes <= Math.min(memoryBytes, 3 * 2 ** 30))
    return stateVector(`${n} qubits fit the memory budget`);
  return openMps(circuit, limits, `a state vector of ${n} qubits does not fit the memory budget`);
}

function openMps(circuit: Circuit, limits: EngineLimits, reason: string): ChosenEngine {
  const engine = createMps(circuit.qubits, limits);
  const small = expandCircuit(circuit, { keep: (gate) => (findGate(gate)?.qubits ?? 3) <= 2 });
  return { method: "mps", reason, circuit: small, engine, mps: engine };
}

/** Whether every gate, in every branch, maps Pauli strings to Pauli strings. */
export function isClifford(circuit: Circuit): boolean {
  const isTaken = (operation: Operation): boolean => {
    switch (operation.kind) {
      case "gate":
      case "unitary":
      case "phase":
        return lowerOperations([operation], circuit).every(
          (item) => toClifford(item) !== undefined,
        );
      case "if":
        return [...operation.then, ...(operation.else ?? [])].every(isTaken);
      case "while":
        return operation.body.every(isTaken);
      case "switch":
        return [...operation.cases.flatMap(({ body }) => body), ...(operation.default ?? [])].every(
          isTaken,
        );
      default:
        return true;
    }
  };
  return circuit.operations.every(isTaken);
}
