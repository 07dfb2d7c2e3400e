/** The circuits of QASMBench small that a chip can run: everything but mid-circuit measurement, reset and classical control. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { type Circuit, parseQasm2 } from "@qtune/circuit";
import { findData } from "@qtune/testkit";
import { lowerCircuit } from "../src/lower.ts";
import type { BenchCircuit } from "./families.ts";

/** Reads them without their final measurements; empty when the data folder is missing. */
export function qasmBenchCircuits(maxQubits = Infinity): readonly BenchCircuit[] {
  const folder = findData("qasm/qasmbench/small");
  if (folder === undefined) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const file = path.join(folder, name, `${name}.qasm`);
      if (!existsSync(file)) return [];
      const circuit = readForChip(readFileSync(file, "utf8"), name);
      return circuit !== undefined && circuit.qubits <= maxQubits
        ? [{ family: name.replace(/_n\d+$/, ""), n: circuit.qubits, circuit }]
        : [];
    });
}

/** Undefined for what is not OpenQASM 2 (vqe_uccsd_n4 measures a register that it does not declare) and not for chips. */
function readForChip(text: string, fileName: string): Circuit | undefined {
  try {
    const circuit = parseQasm2(text, { fileName });
    lowerCircuit(circuit);
    return {
      ...circuit,
      operations: circuit.operations.filter((operation) => operation.kind !== "measure"),
    };
  } catch (error) {
    if (error instanceof QtuneError) return undefined;
    throw error;
  }
}
