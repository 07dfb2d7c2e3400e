import { createRandom } from "@qtune/base";
import {
  type Circuit,
  type Observable,
  type Operation,
  circuitBuilder,
  referenceDistribution,
} from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { randomCircuit, randomQubits } from "../testing/random-circuit.ts";
import { exactDistribution, sampleCircuit, simulate } from "./simulate.ts";

function distance(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].reduce(
    (worst, key) => Math.max(worst, Math.abs((a.get(key) ?? 0) - (b.get(key) ?? 0))),
    0,
  );
}

/** A circuit that measures, resets and decides in the middle. */
function dynamicCircuit(seed: string): Circuit {
  const random = createRandom("dynamic", seed);
  const operations: Operation[] = [];
  const some = (gates: number): readonly Operation[] =>
    randomCircuit({ n: 4, gates, random }).operations;
  for (let i = 0; i < 5; i++) {
    const [a = 0, b = 0] = randomQubits(4, random);
    operations.push(...some(4), { kind: "measure", qubit: a, clbit: i % 3 });
    const condition = {
      kind: "equals",
      clbits: [i % 3, (i + 1) % 3],
      value: BigInt(random.nextBelow(4)),
    } as const;
    operations.push({ kind: "if", condition, then: some(2), else: [{ kind: "reset", qubit: b }] });
    if (i === 2) {
      operations.push({ kind: "assign", clbits: [2], value: [{ clbit: 0, inverted: true }] });
      operations.push({
        kind: "switch",
        clbits: [0, 2],
        cases: [{ values: [1n, 3n], body: some(2) }],
        default: some(1),
      });
    }
  }
  return { qubits: 4, clbits: 3, parameters: [], operations };
}

const cliffordNames = ["H", "S", "SDG", "X", "Y", "Z", "CX", "CZ", "SWAP", "SQRT_X", "ISWAP"];

function cliffordCircuit(n: number, gates: number, seed: string): Circuit {
  return randomCircuit({
    n,
    gates,
    random: createRandom("clifford", seed),
    filter: (gate) => cliffordNames.includes(gate.name),
    controls: false,
  });
}

function measureAll(circuit: Circuit): Circuit {
  const reads = Array.from({ length: circuit.qubits }, (_, qubit): Operation => ({
    kind: "measure",
    qubit,
    clbit: qubit,
  }));
  return { ...circuit, clbits: circuit.qubits, operations: [...circuit.operations, ...reads] };
}

describe("exactDistribution", () => {
  test.each(Array.from({ length: 12 }, (_, i) => `${i}`))(
    "agrees with the reference on dynamic circuit %s",
    async (seed) => {
      const circuit = dynamicCircuit(seed);
      expect(
        distance(await exactDistribution(circuit), referenceDistribution(circuit)),
      ).toBeLessThan(1e-12);
    },
  );

  test("lists all qubits where a circuit has no classical bit", async () => {
    const circuit = circuitBuilder(3).h(0).cx(0, 2).build();
    expect([...(await exactDistribution(circuit)).keys()]).toEqual(["000", "101"]);
  });

  test("repeats a loop until its condition fails", async () => {
    const body: Operation[] = [
      { kind: "reset", qubit: 0 },
      { kind: "gate", gate: "H", qubits: [0], angles: [] },
      { kind: "measure", qubit: 0, clbit: 0 },
    ];
    const loop: Operation = {
      kind: "while",
      condition: { kind: "equals", clbits: [0], value: 0n },
      body,
      maxIterations: 60,
    };
    const circuit: Circuit = { qubits: 1, clbits: 1, parameters: [], operations: [loop] };
    expect((await exactDistribution(circuit)).get("1")).toBeCloseTo(1, 12);
    const never: Operation = { ...loop, body: [{ kind: "reset", qubit: 0 }], maxIterations: 5 };
    await expect(exactDistribution({ ...circuit, operations: [never] })).rejects.toMatchObject({
      code: "failed_precondition",
    });
  });

  test("lists the two outcomes of a GHZ state of 72 qubits", async () => {
    const operations: Operation[] = [{ kind: "gate", gate: "H", qubits: [0], angles: [] }];
    for (let qubit = 1; qubit < 72; qubit++)
      operations.push({ kind: "gate", gate: "CX", qubits: [qubit - 1, qubit], angles: [] });
    const ghz = measureAll({ qubits: 72, clbits: 0, parameters: [], operations });
    const { probabilities, parts } = await simulate(ghz);
    expect([...probabilities!]).toEqual([
      ["0".repeat(72), 0.5],
      ["1".repeat(72), 0.5],
    ]);
    expect(parts).toMatchObject([{ method: "stabilizer", reason: "all gates are Clifford" }]);
  });

  test("refuses a distribution that is too long to list and says what helps", async () => {
    const operations = Array.from({ length: 30 }, (_, qubit): Operation => ({
      kind: "gate",
      gate: "H",
      qubits: [qubit],
      angles: [],
    }));
    await expect(
      exactDistribution({ qubits: 30, clbits: 0, parameters: [], operations }),
    ).rejects.toThrow(/has more; give a number of shots/);
  });
});

describe.each(["state-vector", "stabilizer", "mps"] as const)("method %s", (method) => {
  test.each(["a", "b", "c", "d", "e", "f"])(
    "agrees with the reference on Clifford circuit %s",
    async (seed) => {
      const circuit = measureAll(cliffordCircuit(5, 40, seed));
      const { probabilities } = await simulate(circuit, { method, errorBudget: 0 });
      expect(distance(probabilities!, referenceDistribution(circuit))).toBeLessThan(1e-9);
    },
  );

  test("draws the shots of the distribution, the same for the same seed", async () => {
    const circuit = measureAll(cliffordCircuit(4, 20, "shots"));
    const options = { method, shots: 4000, seed: 11n } as const;
    const { counts } = await simulate(circuit, options);
    expect([...(await simulate(circuit, options)).counts!]).toEqual([...counts!]);
    const exact = referenceDistribution(circuit);
    const chi = [...exact].reduce(
      (sum, [key, p]) => sum + ((counts!.get(key) ?? 0) - 4000 * p) ** 2 / (4000 * p),
      0,
    );
    expect([...counts!.keys()].every((key) => exact.has(key))).toBe(true);
    // At most 15 degrees of freedom: 44.3 is exceeded with probability 1e-4.
    expect(chi).toBeLessThan(44.3);
  });
});

describe("matrix product states", () => {
  test.each(["a", "b", "c", "d"])(
    "agree with the reference on circuit %s over the whole table",
    async (seed) => {
      const circuit = randomCircuit({ n: 6, gates: 40, random: createRandom("mps", seed) });
      const { probabilities } = await simulate(circuit, { method: "mps", errorBudget: 0 });
      expect(distance(probabilities!, referenceDistribution(circuit))).toBeLessThan(1e-10);
    },
  );

  test("stay within the error that they report when bonds are cut", async () => {
    const circuit = randomCircuit({
      n: 8,
      gates: 60,
      random: createRandom("cut"),
      filter: (gate) => ["RX", "RZZ", "RY"].includes(gate.name),
    });
    const { probabilities, parts } = await simulate(circuit, {
      method: "mps",
      maxBond: 8,
      errorBudget: 0.5,
    });
    const error = parts[0]!.error!;
    expect(error).toBeGreaterThan(0);
    // Probabilities differ by at most twice the square root of the lost fidelity.
    expect(distance(probabilities!, referenceDistribution(circuit))).toBeLessThan(
      2 * Math.sqrt(error),
    );
  });

  test("refuse beyond the error budget and say how much was dropped", async () => {
    const circuit = randomCircuit({ n: 8, gates: 100, random: createRandom("refuse") });
    await expect(simulate(circuit, { method: "mps", maxBond: 2 })).rejects.toThrow(
      /bonds of at most 2 with an error of at most/,
    );
  });
});

describe("expectations", () => {
  const observables: readonly Observable[] = [
    {
      terms: [
        {
          coefficient: 0.5,
          paulis: [
            { qubit: 0, pauli: "X" },
            { qubit: 3, pauli: "Y" },
          ],
        },
        { coefficient: 2, paulis: [] },
      ],
    },
    { terms: [{ coefficient: -1, paulis: [{ qubit: 2, pauli: "Z" }] }] },
  ];

  test.each(["a", "b", "c"])(
    "agree between state vector and matrix product state on circuit %s",
    async (seed) => {
      const circuit = randomCircuit({ n: 5, gates: 30, random: createRandom("expect", seed) });
      const wanted = await simulate(circuit, { observables, method: "state-vector" });
      const mps = await simulate(circuit, { observables, method: "mps" });
      expect(mps.expectations![0]).toBeCloseTo(wanted.expectations![0]!, 9);
      expect(mps.expectations![1]).toBeCloseTo(wanted.expectations![1]!, 9);
    },
  );

  test.each(["state-vector", "mps"] as const)(
    "of strings with the qubits of their cones in common take one run on the %s",
    async (method) => {
      const circuit = randomCircuit({ n: 4, gates: 60, random: createRandom("cones") });
      const strings = ["XIYZ", "ZZZZ", "IYIX", "YXII", "IIIZ"].map((text): Observable => ({
        terms: [
          {
            coefficient: 1,
            paulis: [...text].flatMap((pauli, qubit) =>
              pauli === "X" || pauli === "Y" || pauli === "Z" ? [{ qubit, pauli }] : [],
            ),
          },
        ],
      }));
      const { expectations, parts } = await simulate(circuit, { observables: strings, method });
      expect(parts).toHaveLength(1);
      for (const [k, string] of strings.entries()) {
        const alone = await simulate(circuit, { observables: [string], method });
        expect(expectations![k]).toBeCloseTo(alone.expectations![0]!, 12);
      }
    },
  );

  test("of local observables on 72 qubits need their light cone only", async () => {
    const operations: Operation[] = [];
    for (let layer = 0; layer < 6; layer++) {
      for (let qubit = 0; qubit < 72; qubit++)
        operations.push({
          kind: "gate",
          gate: "RY",
          qubits: [qubit],
          angles: [0.3 + 0.01 * qubit],
        });
      for (let qubit = layer % 2; qubit < 71; qubit += 2)
        operations.push({ kind: "gate", gate: "CZ", qubits: [qubit, qubit + 1], angles: [] });
    }
    const local: Observable = { terms: [{ coefficient: 1, paulis: [{ qubit: 36, pauli: "Z" }] }] };
    const { parts, expectations } = await simulate(
      { qubits: 72, clbits: 0, parameters: [], operations },
      { observables: [local] },
    );
    expect(parts[0]!.qubits.length).toBeLessThan(14);
    expect(Math.abs(expectations![0]!)).toBeLessThan(1);
  });
});

test("independent blocks are sampled apart and joined", async () => {
  const operations: Operation[] = [];
  for (let block = 0; block < 12; block++) {
    const own = randomCircuit({ n: 6, gates: 20, random: createRandom("block", block) }).operations;
    for (const operation of own)
      if (operation.kind === "gate")
        operations.push({
          ...operation,
          qubits: operation.qubits.map((qubit) => qubit + 6 * block),
          ...(operation.controls === undefined
            ? {}
            : {
                controls: operation.controls.map((one) => ({
                  ...one,
                  qubit: one.qubit + 6 * block,
                })),
              }),
        });
  }
  const { counts, parts } = await simulate(
    measureAll({ qubits: 72, clbits: 0, parameters: [], operations }),
    { shots: 500, seed: 1n },
  );
  expect(parts.every(({ qubits, method }) => qubits.length <= 6 && method === "state-vector")).toBe(
    true,
  );
  expect([...counts!.values()].reduce((sum, count) => sum + count, 0)).toBe(500);
});

describe("bad input", () => {
  const circuit = circuitBuilder(1).h(0).build();

  test("shots without a seed are refused", async () => {
    await expect(simulate(circuit, { shots: 10 })).rejects.toThrow(
      /seed: expected a seed with shots/,
    );
  });

  test.each([0, -5])("%s shots are refused", async (shots) => {
    await expect(sampleCircuit(circuit, { shots, seed: 1n })).rejects.toMatchObject({
      code: "out_of_range",
    });
  });

  test("an open parameter is named", async () => {
    const open: Circuit = { ...circuit, parameters: [{ name: "theta", role: "shared" }] };
    await expect(exactDistribution(open)).rejects.toThrow(/theta has no value/);
  });

  test("a circuit beyond every bound is refused with the bound", async () => {
    const deep = randomCircuit({
      n: 40,
      gates: 600,
      random: createRandom("deep"),
      filter: (gate) => ["RX", "RZZ", "T", "CX"].includes(gate.name),
    });
    await expect(
      simulate(measureAll(deep), { shots: 10, seed: 1n, maxBond: 8 }),
    ).rejects.toMatchObject({ code: "resource_exhausted" });
  });
});
