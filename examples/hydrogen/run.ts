/**
 * Ground-state energy of the hydrogen molecule by a variational circuit, the exact diagonalisation beside it.
 *
 * Run: node --conditions=@qtune/source examples/hydrogen/run.ts [h2.json]
 */
import { createRandom } from "../../packages/base/src/index.ts";
import {
  circuitUnitary,
  drawCircuit,
  hardwareEfficientAnsatz,
  type Observable,
  parseObservable,
} from "../../packages/circuit/src/index.ts";
import { createLocalExecutor } from "../../packages/simulator/src/index.ts";
import { minimize } from "../minimize.ts";
import { list, number, readProblem, runExample, text } from "../problem-file.ts";

interface Molecule {
  readonly nuclearRepulsion: number;
  readonly terms: readonly { readonly coefficient: number; readonly paulis: string }[];
}

await runExample(main);

async function main(): Promise<void> {
  const term = (value: unknown): string | undefined => {
    const { coefficient, paulis } = (value ?? {}) as Partial<Molecule["terms"][number]>; // any value has fields
    return number(coefficient) ?? text(paulis);
  };
  const molecule = readProblem<Molecule>(
    () => ({ nuclearRepulsion: number, terms: list(term) }),
    new URL("h2.json", import.meta.url),
  );
  const hamiltonian: Observable = {
    terms: molecule.terms.flatMap(
      ({ coefficient, paulis }) => parseObservable(`${coefficient} ${paulis}`).terms,
    ),
  };

  /** Lowest eigenvalue by power iteration on (shift − H), H applied term by term. */
  function exactGroundEnergy(): number {
    const size = 4;
    const matrix = Float64Array.from({ length: size * size }, () => 0);
    for (const term of hamiltonian.terms) {
      const operations = term.paulis.map(({ qubit, pauli }) => ({
        kind: "gate" as const,
        gate: pauli,
        qubits: [qubit],
        angles: [],
      }));
      circuitUnitary({ qubits: 2, clbits: 0, parameters: [], operations }).re.forEach((re, i) => {
        matrix[i] = (matrix[i] ?? 0) + term.coefficient * re;
      });
    }
    const shift = 10;
    let vector = Float64Array.of(0.3, 0.5, 0.7, 0.4);
    let energy = 0;
    for (let step = 0; step < 20_000; step++) {
      const next = vector.map(
        (x, row) =>
          shift * x - vector.reduce((sum, y, col) => sum + (matrix[row * size + col] ?? 0) * y, 0),
      );
      const norm = Math.hypot(...next);
      energy = shift - norm;
      vector = next.map((x) => x / norm);
    }
    return energy;
  }

  const executor = createLocalExecutor({ precision: "float64", threads: 1 });
  const circuit = hardwareEfficientAnsatz({ n: 2, layers: 1, rotations: ["RY"], entangler: "CX" });
  const random = createRandom(1, "hydrogen");
  const start = Float64Array.from(circuit.parameters, () => 0.3 * random.nextNormal());
  const { value } = await minimize({
    circuit,
    observable: hamiltonian,
    executor,
    start,
    steps: 400,
    rate: 0.05,
  });
  await executor.close();

  console.log(drawCircuit(circuit));
  const exact = exactGroundEnergy();
  console.log(`variational energy ${(value + molecule.nuclearRepulsion).toFixed(8)} hartree`);
  console.log(`exact energy       ${(exact + molecule.nuclearRepulsion).toFixed(8)} hartree`);
  console.log(
    `difference         ${(1000 * (value - exact)).toFixed(6)} millihartree (chemical accuracy is 1.6)`,
  );
}
