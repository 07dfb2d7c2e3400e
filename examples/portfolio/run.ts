/**
 * Portfolio selection with QAOA: from a file of returns and covariances to a choice of assets, the exact answer beside it.
 *
 * Run: node --conditions=@qtune/source examples/portfolio/run.ts [assets.json]
 */
import { type IsingCost, type Observable, qaoaAnsatz } from "../../packages/circuit/src/index.ts";
import { createLocalExecutor } from "../../packages/simulator/src/index.ts";
import { minimize } from "../minimize.ts";
import { list, number, readProblem, runExample, text, whole } from "../problem-file.ts";

interface Problem {
  readonly assets: readonly string[];
  readonly returns: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  readonly riskAversion: number;
  readonly budget: number;
  readonly penalty: number;
}

await runExample(main);

async function main(): Promise<void> {
  const problem = readProblem<Problem>(
    ({ assets = [] }) => ({
      assets: (value) => list(text)(value) ?? whole(1, 12)(assets.length),
      returns: list(number, assets.length),
      covariance: list(list(number, assets.length), assets.length),
      riskAversion: number,
      budget: whole(0, assets.length),
      penalty: number,
    }),
    new URL("assets.json", import.meta.url),
  );
  const n = problem.assets.length;

  /** riskAversion · xᵀΣx − µᵀx + penalty · (Σx − budget)². */
  function costOf(chosen: readonly number[]): number {
    const at = (list: readonly number[], i: number): number => list[i] ?? 0;
    let cost = 0;
    for (let i = 0; i < n; i++) {
      cost -= at(problem.returns, i) * at(chosen, i);
      for (let j = 0; j < n; j++)
        cost +=
          problem.riskAversion * at(problem.covariance[i] ?? [], j) * at(chosen, i) * at(chosen, j);
    }
    const count = chosen.reduce((sum, x) => sum + x, 0);
    return cost + problem.penalty * (count - problem.budget) ** 2;
  }

  const bitsOf = (index: number): readonly number[] =>
    Array.from({ length: n }, (_, i) => (index >> i) & 1);
  const unit = (...on: readonly number[]): readonly number[] =>
    Array.from({ length: n }, (_, i) => Number(on.includes(i)));

  // x = (1 − Z)/2 turns the quadratic cost into Σ w_ij Z_i Z_j + Σ w_i Z_i + constant
  const empty = costOf(unit());
  const linear = Array.from({ length: n }, (_, i) => costOf(unit(i)) - empty);
  const couplings: (readonly [number, number, number])[] = [];
  const fields = linear.map((weight) => -weight / 2);
  let constant = empty + linear.reduce((sum, weight) => sum + weight / 2, 0);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const weight = costOf(unit(i, j)) - empty - (linear[i] ?? 0) - (linear[j] ?? 0);
      couplings.push([i, j, weight / 4]);
      fields[i] = (fields[i] ?? 0) - weight / 4;
      fields[j] = (fields[j] ?? 0) - weight / 4;
      constant += weight / 4;
    }
  }
  const ising: IsingCost = { n, couplings, fields };
  const observable: Observable = {
    terms: [
      ...couplings.map(([i, j, coefficient]) => ({
        coefficient,
        paulis: [
          { qubit: i, pauli: "Z" as const },
          { qubit: j, pauli: "Z" as const },
        ],
      })),
      ...fields.map((coefficient, qubit) => ({
        coefficient,
        paulis: [{ qubit, pauli: "Z" as const }],
      })),
    ],
  };

  const executor = createLocalExecutor({ precision: "float64", threads: 1 });
  const layers = 10;
  const circuit = qaoaAnsatz(ising, { layers });
  // a slow ramp from the mixer to the cost, as in annealing, then gradients
  const start = Float64Array.from(circuit.parameters, (_, i) => {
    const done = (Math.floor(i / 2) + 0.5) / layers;
    return i % 2 === 0 ? 8 * done : -0.6 * (1 - done);
  });
  const { values, value } = await minimize({
    circuit,
    observable,
    executor,
    start,
    steps: 500,
    rate: 0.03,
  });
  const measured = await executor.run(
    { circuit, shared: values, rows: new Float64Array(0), B: 1, observables: [] },
    { returns: ["probabilities"] },
  );
  await executor.close();

  const all = Array.from({ length: 2 ** n }, (_, index) => ({
    index,
    cost: costOf(bitsOf(index)),
  })).sort((a, b) => a.cost - b.cost);
  const best = all[0] ?? { index: 0, cost: 0 };
  const probabilities = measured.probabilities?.[0] ?? new Map<string, number>();
  const likeliest = [...probabilities].sort(([, a], [, b]) => b - a).slice(0, 5);
  const name = (index: number): string =>
    problem.assets.filter((_, i) => bitsOf(index)[i] === 1).join(" + ") || "nothing";

  console.log(
    `mean cost of the QAOA state ${(value + constant).toFixed(4)}, of a random choice ${(all.reduce((sum, one) => sum + one.cost, 0) / all.length).toFixed(4)}`,
  );
  console.log("likeliest choices:");
  for (const [key, p] of likeliest)
    console.log(
      `  ${p.toFixed(3)}  cost ${costOf(bitsOf(Number.parseInt(key, 2))).toFixed(4)}  ${name(Number.parseInt(key, 2))}`,
    );
  const chance = probabilities.get(best.index.toString(2).padStart(n, "0")) ?? 0;
  console.log(
    `exact answer: cost ${best.cost.toFixed(4)}  ${name(best.index)}  (measured with probability ${chance.toFixed(3)}, by guessing ${(1 / 2 ** n).toFixed(3)})`,
  );
}
