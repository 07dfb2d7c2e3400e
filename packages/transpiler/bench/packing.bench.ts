/**
 * Times the packer and compares its rounds with an exact solver.
 *
 * Usage: node --conditions=@qtune/source bench/packing.bench.ts [ring|path]
 */
import { createRandom } from "@qtune/base";
import { createChip } from "@qtune/chip";
import { type Circuit, type Operation, ringAnsatz } from "@qtune/circuit";
import { builtNeighbours, couplingOf } from "../src/chip-coupling.ts";
import { packRounds, type Place } from "../src/packing.ts";
import { listPlaces } from "../src/places.ts";
import { planChipJobs } from "../src/plan.ts";

function measured(circuit: Circuit): Circuit {
  const measures = Array.from({ length: circuit.qubits }, (_, qubit): Operation => ({
    kind: "measure",
    qubit,
    clbit: qubit,
  }));
  return { ...circuit, clbits: circuit.qubits, operations: [...circuit.operations, ...measures] };
}

/** Largest number of places that do not exclude each other: branch and bound over bit sets. */
function exactMaximum(places: readonly Place[], buffer: readonly (readonly number[])[]): number {
  const halo = places.map(
    ({ qubits }) => new Set(qubits.flatMap((qubit) => [qubit, ...(buffer[qubit] ?? [])])),
  );
  const conflicts = places.map((a) =>
    places.reduce(
      (bits, _, j) =>
        a.qubits.some((qubit) => halo[j]?.has(qubit) === true) ? bits | (1n << BigInt(j)) : bits,
      0n,
    ),
  );
  let best = 0;
  /** A bound: open places fall into groups that exclude each other pairwise; each gives at most one. */
  const bound = (open: bigint): number => {
    let groups = 0;
    for (let rest = open; rest !== 0n; groups++) {
      let group = rest;
      while (group !== 0n) {
        const j = lowestBit(group);
        rest &= ~(1n << BigInt(j));
        group &= (conflicts[j] ?? 0n) & ~(1n << BigInt(j));
      }
    }
    return groups;
  };
  const search = (open: bigint, size: number): void => {
    best = Math.max(best, size);
    if (open === 0n || size + bound(open) <= best) return;
    const j = lowestBit(open);
    search(open & ~(conflicts[j] ?? 0n), size + 1);
    search(open & ~(1n << BigInt(j)), size);
  };
  search((1n << BigInt(places.length)) - 1n, 0);
  return best;
}

function lowestBit(bits: bigint): number {
  return (bits & -bits).toString(2).length - 1;
}

console.log(
  "| chip | circuits | executions | exact | side by side | ms |\n|---|---|---|---|---|---|",
);
{
  // The very first plan of a process: nothing is compiled yet.
  const ansatz = process.argv[2] === "path" ? "path" : "ring";
  const chip = createChip("wukong-72");
  const circuit = measured(ringAnsatz({ n: 4, layers: 1, ansatz }));
  const items = Array.from({ length: 200 }, () => ({ shape: 0 }));
  for (const what of ["first plan of the process", "again, as a new circuit"]) {
    const start = performance.now();
    const plan = planChipJobs({ chip, circuits: [{ ...circuit }], items, seed: 1n });
    const elapsed = performance.now() - start;
    console.log(
      `| wukong-72, seed 1 | 200 ${ansatz}s of 4, ${what} | ${plan.executions} | - | ${plan.parallelMax} | ${elapsed.toFixed(0)} |`,
    );
  }
}
for (const seed of [1, 2, 3, 4, 5]) {
  for (const couplerYield of [0.94, 0.53]) {
    const chip = createChip("wukong-72", { seed, couplerYield });
    const ring = measured(ringAnsatz({ n: 4, layers: 1 }));
    const places = listPlaces(
      ring,
      couplingOf(
        chip,
        chip.snapshots[0] ??
          (() => {
            throw new Error("no snapshot");
          })(),
      ),
    );
    if (places.length === 0) continue;
    const items = Array.from({ length: 200 }, () => ({ shape: 0 }));
    const start = performance.now();
    const plan = planChipJobs({ chip, circuits: [ring], items, seed: 1n });
    const elapsed = performance.now() - start;
    const maximum =
      plan.places[0]?.[0]?.layout === undefined
        ? "-"
        : Math.ceil(200 / exactMaximum(places, builtNeighbours(chip)));
    console.log(
      `| wukong-72, seed ${seed}, yield ${couplerYield} | 200 rings of 4 | ${plan.executions} | ${maximum} | ${plan.parallelMax} | ${elapsed.toFixed(0)} |`,
    );
  }
}
const random = createRandom(1);
for (let k = 0; k < 6; k++) {
  const chip = createChip("grid-6x6");
  const coupling = couplingOf(
    chip,
    chip.snapshots[0] ??
      (() => {
        throw new Error("no snapshot");
      })(),
  );
  const path = measured(ringAnsatz({ n: 3, layers: 1, ansatz: "path" }));
  const places = listPlaces(path, coupling, { relativeFloor: 0 }).filter(
    () => random.nextUniform() < 0.25,
  );
  const start = performance.now();
  const rounds = packRounds({
    size: 36,
    buffer: builtNeighbours(chip),
    shapes: [places],
    items: Array.from({ length: 60 }, () => ({ shape: 0 })),
    seed: 1n,
  });
  const elapsed = performance.now() - start;
  const exact = Math.ceil(60 / exactMaximum(places, builtNeighbours(chip)));
  console.log(
    `| grid-6x6, ${places.length} of the paths | 60 paths of 3 | ${rounds.length} | ${exact} | ${rounds[0]?.length ?? 0} | ${elapsed.toFixed(0)} |`,
  );
}
{
  const chip = createChip("wukong-72");
  const shapes = [4, 3, 2].flatMap((n) =>
    (["ring", "path"] as const)
      .filter((ansatz) => ansatz === "path" || n === 4)
      .map((ansatz) => measured(ringAnsatz({ n, layers: 1, ansatz }))),
  );
  const items = Array.from({ length: 200 }, (_, i) => ({
    shape: i % shapes.length,
    user: `user ${i % 7}`,
  }));
  const start = performance.now();
  const plan = planChipJobs({ chip, circuits: shapes, items, seed: 1n });
  console.log(
    `| wukong-72, seed 1 | 200 mixed (ring 4; paths 4, 3, 2) of 7 users | ${plan.executions} | - | ${plan.parallelMax} | ${(performance.now() - start).toFixed(0)} |`,
  );
}
// Circuits that fall into parts, down to qubits that meet nobody.
for (const [what, pairs] of Object.entries({
  "a chain of three and one alone": [
    [0, 1],
    [1, 2],
  ],
  "two pairs": [
    [0, 1],
    [2, 3],
  ],
  "a pair and two alone": [[0, 1]],
  "four alone": [],
})) {
  const chip = createChip("wukong-72");
  const operations = [
    ...pairs.map((qubits): Operation => ({ kind: "gate", gate: "CZ", qubits, angles: [] })),
    ...[0, 1, 2, 3].map((q): Operation => ({ kind: "gate", gate: "H", qubits: [q], angles: [] })),
  ];
  const circuit = measured({ qubits: 4, clbits: 0, parameters: [], operations });
  const items = Array.from({ length: 200 }, () => ({ shape: 0 }));
  const start = performance.now();
  const plan = planChipJobs({ chip, circuits: [circuit], items, seed: 1n });
  console.log(
    `| wukong-72, seed 1 | 200 of ${what} | ${plan.executions} | - | ${plan.parallelMax} | ${(performance.now() - start).toFixed(0)} |`,
  );
}
{
  // Everybody brings a circuit of their own: 200 structures, each on random pairs of four qubits.
  const chip = createChip("wukong-72");
  const drawn = createRandom(5);
  const circuits = Array.from({ length: 200 }, (): Circuit => {
    const operations = Array.from({ length: 16 }, (_, k): Operation => {
      const a = drawn.nextBelow(4);
      return k % 2 === 0
        ? { kind: "gate", gate: "RY", qubits: [a], angles: [6 * drawn.nextUniform()] }
        : { kind: "gate", gate: "CZ", qubits: [(k >> 1) % 4, ((k >> 1) + 1) % 4], angles: [] };
    });
    return measured({ qubits: 4, clbits: 0, parameters: [], operations });
  });
  const items = circuits.map((_, shape) => ({ shape, user: `user ${shape % 7}` }));
  for (const what of ["", ", again"]) {
    const fresh = circuits.map((circuit) => ({ ...circuit }));
    const start = performance.now();
    const plan = planChipJobs({ chip, circuits: fresh, items, seed: 1n });
    console.log(
      `| wukong-72, seed 1 | 200 different circuits of 4 qubits, of 7 users${what} | ${plan.executions} | - | ${plan.parallelMax} | ${(performance.now() - start).toFixed(0)} |`,
    );
  }
}
