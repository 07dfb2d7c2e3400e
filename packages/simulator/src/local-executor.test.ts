import { createRandom, pairwiseSumRows } from "@qtune/base";
import {
  type Circuit,
  type CircuitBatch,
  type Observable,
  allPauliZ,
  bindCircuit,
  circuitUnitary,
  gateTable,
  parameterNames,
  ringAnsatz,
} from "@qtune/circuit";
import { afterAll, describe, expect, test } from "vitest";
import { createLocalExecutor } from "./index.ts";
import { compileObservables } from "./batched/observable-table.ts";
import { randomCircuit } from "./testing/random-circuit.ts";

/** Processor time of this process in ms: what an abort costs does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const exact = createLocalExecutor({ precision: "float64", threads: 1 });
const single = createLocalExecutor({ precision: "float32", threads: 1 });
afterAll(async () => {
  await exact.close();
  await single.close();
});

const mixed: readonly Observable[] = [
  {
    terms: [
      { coefficient: 0.7, paulis: [{ qubit: 0, pauli: "X" }] },
      { coefficient: -0.4, paulis: [{ qubit: 1, pauli: "Z" }] },
    ],
  },
  {
    terms: [
      {
        coefficient: 1.3,
        paulis: [
          { qubit: 0, pauli: "Y" },
          { qubit: 2, pauli: "X" },
        ],
      },
      { coefficient: 0.25, paulis: [] },
    ],
  },
  {
    terms: [
      {
        coefficient: -1,
        paulis: [
          { qubit: 1, pauli: "Z" },
          { qubit: 2, pauli: "Y" },
        ],
      },
    ],
  },
];

function batchOf(
  circuit: Circuit,
  B: number,
  seed: string,
  observables: readonly Observable[] = mixed,
): CircuitBatch {
  const random = createRandom(seed);
  const draw = (length: number) =>
    Float64Array.from({ length }, () => 4 * random.nextUniform() - 2);
  return {
    circuit,
    shared: draw(parameterNames(circuit, "shared").length),
    rows: draw(B * parameterNames(circuit, "row").length),
    B,
    observables,
  };
}

/** Expectations of one row by the reference unitary. */
function referenceExpectations(batch: CircuitBatch, row: number): number[] {
  const rowNames = parameterNames(batch.circuit, "row");
  const values = new Map([
    ...parameterNames(batch.circuit, "shared").map((name, i) => [name, batch.shared[i]!] as const),
    ...rowNames.map((name, i) => [name, batch.rows[row * rowNames.length + i]!] as const),
  ]);
  const unitary = circuitUnitary(bindCircuit(batch.circuit, values));
  const N = unitary.size;
  const psi = Array.from(
    { length: N },
    (_, x) => [unitary.re[x * N]!, unitary.im[x * N]!] as const,
  );
  const table = compileObservables(batch.observables, batch.circuit.qubits);
  return batch.observables.map((_, k) => {
    let sum = psi.reduce(
      (total, [re, im], x) => total + (table.diagonal?.[k * N + x] ?? 0) * (re * re + im * im),
      0,
    );
    for (const string of table.strings.filter((one) => one.k === k)) {
      for (const [x, [re, im]] of psi.entries()) {
        const [ar, ai] = psi[x ^ string.xMask]!;
        const sign = (x & string.zMask).toString(2).replaceAll("0", "").length % 2 === 0 ? 1 : -1;
        const [fr, fi] = [
          [1, 0],
          [0, 1],
          [-1, 0],
          [0, -1],
        ][string.phase] as [number, number];
        sum += string.coefficient * sign * (fr * (ar * re + ai * im) - fi * (ar * im - ai * re));
      }
    }
    return sum;
  });
}

async function weightedSum(batch: CircuitBatch, cotangent: Float64Array): Promise<number> {
  const { expectations } = await exact.run(batch);
  return expectations.reduce((sum, value, i) => sum + value * cotangent[i]!, 0);
}

/** Central differences of every value of a role. */
async function centralDifferences(
  batch: CircuitBatch,
  cotangent: Float64Array,
  role: "shared" | "rows",
): Promise<number[]> {
  const step = 1e-5;
  const slopes = [];
  for (let i = 0; i < batch[role].length; i++) {
    const moved = (by: number) => ({
      ...batch,
      [role]: batch[role].map((value, j) => (j === i ? value + by : value)),
    });
    slopes.push(
      ((await weightedSum(moved(step), cotangent)) - (await weightedSum(moved(-step), cotangent))) /
        (2 * step),
    );
  }
  return slopes;
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

describe("expectations", () => {
  test.each(Array.from({ length: 25 }, (_, i) => `random ${i}`))(
    "agree with the reference unitary on circuit %s",
    async (seed) => {
      const circuit = randomCircuit({
        n: 4,
        gates: 25,
        random: createRandom(seed),
        shared: 3,
        rows: 2,
      });
      const batch = batchOf(circuit, 3, seed);
      const wanted = [0, 1, 2].flatMap((row) => referenceExpectations(batch, row));
      expect(distance((await exact.run(batch)).expectations, wanted)).toBeLessThan(1e-12);
      expect(distance((await single.run(batch)).expectations, wanted)).toBeLessThan(2e-5);
    },
  );

  test.each(gateTable.filter((gate) => gate.qubits <= 4).map((gate) => gate.name))(
    "gate %s acts as its matrix says",
    async (name) => {
      const random = createRandom("gate", name);
      const spread = randomCircuit({
        n: 4,
        gates: 8,
        random,
        filter: (gate) => gate.name === "U3" || gate.name === "CZ",
      });
      const one = randomCircuit({
        n: 4,
        gates: 4,
        random,
        shared: 1,
        rows: 1,
        filter: (gate) => gate.name === name,
      });
      const batch = batchOf(
        { ...one, operations: [...spread.operations, ...one.operations, ...spread.operations] },
        2,
        name,
      );
      const wanted = [0, 1].flatMap((row) => referenceExpectations(batch, row));
      expect(distance((await exact.run(batch)).expectations, wanted)).toBeLessThan(1e-12);
    },
  );
});

describe("adjoint gradients", () => {
  const parametrised = gateTable
    .filter((gate) => gate.angles.length > 0 && gate.qubits <= 3)
    .map((gate) => gate.name);

  test.each(parametrised)("equal central differences for %s", async (name) => {
    const random = createRandom("adjoint", name);
    const spread = randomCircuit({
      n: 3,
      gates: 6,
      random,
      filter: (gate) => ["H", "RX", "CX"].includes(gate.name),
    });
    const one = randomCircuit({
      n: 3,
      gates: 3,
      random,
      shared: 2,
      rows: 2,
      filter: (gate) => gate.name === name,
    });
    const batch = batchOf(
      { ...one, operations: [...spread.operations, ...one.operations, ...spread.operations] },
      2,
      name,
    );
    const cotangent = Float64Array.from({ length: 6 }, (_, i) => Math.cos(i));
    const gradient = await exact.vjp(batch, cotangent);
    // The step 1e-5 leaves an error of the order of 1e-10 plus cancellation of 1e-11.
    expect(
      distance(gradient.shared, await centralDifferences(batch, cotangent, "shared")),
    ).toBeLessThan(1e-8);
    expect(
      distance(gradient.rows, await centralDifferences(batch, cotangent, "rows")),
    ).toBeLessThan(1e-8);
    const rough = await single.vjp(batch, cotangent);
    expect(distance(rough.shared, gradient.shared)).toBeLessThan(2e-5);
    expect(distance(rough.rows, gradient.rows)).toBeLessThan(2e-5);
  });

  test.each(
    gateTable
      .filter((gate) => gate.angles.length > 0 && gate.qubits <= 3)
      .map((gate) => [gate.name, gate] as const),
  )("equal the shift rule of %s to 1e-9", async (name, gate) => {
    const random = createRandom("shift", name);
    const spread = randomCircuit({
      n: 3,
      gates: 6,
      random,
      filter: (one) => ["H", "RX", "CX"].includes(one.name),
    });
    for (const [index, rule] of gate.shifts.entries()) {
      const angles = gate.angles.map((_, i) =>
        i === index ? { constant: 0, terms: [{ parameter: "t", coefficient: 1 }] } : 0.3 + i,
      );
      const circuit: Circuit = {
        qubits: 3,
        clbits: 0,
        parameters: [{ name: "t", role: "shared" }],
        operations: [
          ...spread.operations,
          { kind: "gate", gate: name, qubits: [2, 0, 1].slice(0, gate.qubits), angles },
          ...spread.operations,
        ],
      };
      const batch: CircuitBatch = {
        circuit,
        shared: Float64Array.of(0.8),
        rows: new Float64Array(0),
        B: 1,
        observables: mixed,
      };
      const cotangent = Float64Array.of(1, -0.5, 0.25);
      let wanted = 0;
      for (const { coefficient, shiftRad } of rule.terms) {
        wanted +=
          coefficient *
          (await weightedSum({ ...batch, shared: Float64Array.of(0.8 + shiftRad) }, cotangent));
      }
      const { shared } = await exact.vjp(batch, cotangent);
      expect(Math.abs(shared[0]! - wanted), `angle ${index}`).toBeLessThan(1e-9);
    }
  });

  test("reach the data and the weights of the ring ansatz", async () => {
    const circuit = ringAnsatz({ n: 5, layers: 2 });
    const batch = batchOf(circuit, 3, "ring", allPauliZ(5));
    const cotangent = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i + 1));
    const gradient = await exact.vjp(batch, cotangent);
    expect(
      distance(gradient.shared, await centralDifferences(batch, cotangent, "shared")),
    ).toBeLessThan(1e-8);
    expect(
      distance(gradient.rows, await centralDifferences(batch, cotangent, "rows")),
    ).toBeLessThan(1e-8);
  });
});

describe.each(["float32", "float64"] as const)("a batch in %s", (precision) => {
  const circuit = ringAnsatz({ n: 4, layers: 2 });
  const batch = batchOf(circuit, 150, "batch", allPauliZ(4));
  const cotangent = Float64Array.from({ length: 600 }, (_, i) => Math.cos(i));

  test("gives what its rows give alone, bit for bit", async () => {
    const whole = await exact.run(batch, { precision });
    const gradient = await exact.vjp(batch, cotangent, { precision });
    const shared = new Float64Array(150 * 32);
    for (let row = 0; row < 150; row++) {
      const alone = { ...batch, rows: batch.rows.slice(4 * row, 4 * row + 4), B: 1 };
      const one = await exact.run(alone, { precision });
      expect([...one.expectations]).toEqual([...whole.expectations.slice(4 * row, 4 * row + 4)]);
      const slope = await exact.vjp(alone, cotangent.slice(4 * row, 4 * row + 4), { precision });
      expect([...slope.rows]).toEqual([...gradient.rows.slice(4 * row, 4 * row + 4)]);
      shared.set(slope.shared, row * 32);
    }
    expect([...pairwiseSumRows(shared, 150, 32)]).toEqual([...gradient.shared]);
  });

  test("gives the same bits on two threads and when calls overlap", async () => {
    const wide = batchOf(ringAnsatz({ n: 6, layers: 2 }), 1000, "wide", allPauliZ(6));
    const upstream = Float64Array.from({ length: 6000 }, (_, i) => Math.cos(i));
    const threaded = createLocalExecutor({ precision, threads: 2 });
    const wanted = await exact.vjp(wide, upstream, { precision });
    const [first, second, values] = await Promise.all([
      threaded.vjp(wide, upstream),
      threaded.vjp(wide, upstream),
      threaded.run(wide),
    ]);
    expect([...first.shared]).toEqual([...wanted.shared]);
    expect([...second.rows]).toEqual([...wanted.rows]);
    expect([...values.expectations]).toEqual([
      ...(await exact.run(wide, { precision })).expectations,
    ]);
    await threaded.close();
  });
});

describe("probabilities and counts", () => {
  const bell: Circuit = {
    qubits: 2,
    clbits: 3,
    parameters: [],
    operations: [
      { kind: "gate", gate: "H", qubits: [0], angles: [] },
      { kind: "gate", gate: "CX", qubits: [0, 1], angles: [] },
      { kind: "measure", qubit: 1, clbit: 2 },
      { kind: "measure", qubit: 0, clbit: 0 },
    ],
  };
  const batch: CircuitBatch = {
    circuit: bell,
    shared: new Float64Array(0),
    rows: new Float64Array(0),
    B: 1,
    observables: allPauliZ(2),
  };

  test("print the highest classical bit first", async () => {
    const { probabilities } = await exact.run(batch, { returns: ["probabilities"] });
    expect([...probabilities![0]!.keys()]).toEqual(["000", "101"]);
    expect(probabilities![0]!.get("101")).toBeCloseTo(0.5, 12);
  });

  test("repeat with the seed and follow the distribution", async () => {
    const options = { shots: 10_000, seed: 7n, returns: ["counts"] } as const;
    const first = await exact.run(batch, options);
    const again = await single.run(batch, options);
    expect([...first.counts![0]!]).toEqual([...again.counts![0]!]);
    // 5 standard deviations of a binomial with p = 1/2: 250.
    expect(Math.abs(first.counts![0]!.get("000")! - 5000)).toBeLessThan(250);
    expect(first.usage.seed).toBe(7n);
    expect(Math.abs(first.expectations[0]!)).toBeLessThan(5 * first.standardErrors[0]!);
  });
});

describe("other circuits", () => {
  const none = { shared: new Float64Array(0), rows: new Float64Array(0), B: 1 };

  test("sampled expectations of X and Y come with their standard errors", async () => {
    const circuit = randomCircuit({ n: 3, gates: 15, random: createRandom("sampled") });
    const given: CircuitBatch = { ...none, circuit, observables: mixed };
    const wanted = await exact.run(given);
    const sampled = await exact.run(given, { shots: 20_000, seed: 4n });
    for (const [k, value] of sampled.expectations.entries()) {
      expect(Math.abs(value - wanted.expectations[k]!)).toBeLessThan(
        5 * sampled.standardErrors[k]! + 1e-9,
      );
      expect(sampled.standardErrors[k]).toBeLessThan(0.02);
    }
  });

  test("measurements in the middle and more than 14 qubits are taken", async () => {
    const bits = 16;
    const operations: Circuit["operations"] = [
      { kind: "gate", gate: "H", qubits: [0], angles: [] },
      { kind: "measure", qubit: 0, clbit: 0 },
      {
        kind: "if",
        condition: { kind: "equals", clbits: [0], value: 1n },
        then: [{ kind: "gate", gate: "X", qubits: [bits - 1], angles: [] }],
      },
      { kind: "measure", qubit: bits - 1, clbit: 1 },
    ];
    const circuit: Circuit = { qubits: bits, clbits: 2, parameters: [], operations };
    const { probabilities } = await exact.run(
      { ...none, circuit, observables: [] },
      { returns: ["probabilities"] },
    );
    expect([...probabilities![0]!]).toEqual([
      ["00", expect.closeTo(0.5, 12)],
      ["11", expect.closeTo(0.5, 12)],
    ]);
    await expect(
      exact.vjp({ ...none, circuit, observables: [] }, new Float64Array(0)),
    ).rejects.toMatchObject({ code: "unimplemented" });
  });
});

describe("bad input", () => {
  const circuit = ringAnsatz({ n: 4, layers: 1 });
  const batch = batchOf(circuit, 2, "bad", allPauliZ(4));
  const steep: Circuit = {
    qubits: 4,
    clbits: 0,
    parameters: [{ name: "x", role: "row" }],
    operations: [
      {
        kind: "gate",
        gate: "RY",
        qubits: [0],
        angles: [{ constant: 0, terms: [{ parameter: "x", coefficient: 2 ** 50 }] }],
      },
    ],
  };

  test("shots beyond the batched engine come near the exact values, the same for the same seed", async () => {
    const circuit = ringAnsatz({ n: 16, layers: 1 });
    const observables: readonly Observable[] = [
      { terms: [{ coefficient: 1, paulis: [{ qubit: 3, pauli: "Z" }] }] },
      {
        terms: [
          { coefficient: 0.5, paulis: [] },
          { coefficient: -2, paulis: [{ qubit: 0, pauli: "X" }] },
          {
            coefficient: 1,
            paulis: [
              { qubit: 1, pauli: "Y" },
              { qubit: 15, pauli: "Z" },
            ],
          },
        ],
      },
    ];
    const wide = batchOf(circuit, 2, "wide shots", observables);
    const shots = 4000;
    const [found, again, other, wanted] = await Promise.all([
      exact.run(wide, { shots, seed: 5n }),
      single.run(wide, { shots, seed: 5n, precision: "float64" }),
      exact.run(wide, { shots, seed: 6n }),
      exact.run(wide),
    ]);
    expect(again.expectations).toEqual(found.expectations);
    expect(other.expectations).not.toEqual(found.expectations);
    wanted.expectations.forEach((value, i) => {
      const sigma = found.standardErrors[i]!;
      // the variance of a string of shots is at most 1
      expect(sigma).toBeLessThanOrEqual(Math.sqrt(5 / (shots - 1)));
      expect(Math.abs(found.expectations[i]! - value)).toBeLessThan(6 * Math.max(sigma, 1 / shots));
    });
  });

  test("a value is refused by gradients too, and beyond the batched engine", async () => {
    const wide = { ...steep, qubits: 16 };
    const given = {
      circuit: wide,
      shared: new Float64Array(0),
      rows: Float64Array.of(1e10),
      B: 1,
      observables: allPauliZ(1),
    };
    await expect(exact.vjp(given, Float64Array.of(1))).rejects.toThrow(/at most 2\^53 radian/);
    await expect(exact.run(given)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test.each([
    [
      "an empty batch",
      { ...batch, B: 0, rows: new Float64Array(0) },
      {},
      /batch.B: expected an integer from 1/,
    ],
    [
      "a value that is not finite",
      { ...batch, rows: batch.rows.map((x, i) => (i === 5 ? Number.NaN : x)) },
      {},
      /batch.rows\[5\]: expected finite numbers/,
    ],
    [
      "too few values",
      { ...batch, shared: new Float64Array(3) },
      {},
      /batch.shared: expected 16 values/,
    ],
    [
      "a value that makes no angle",
      { ...batch, rows: batch.rows.map((x, i) => (i === 5 ? 1e300 : x)) },
      {},
      /batch.rows\[1\]: expected values that make angles of at most 2\^53 radian/,
    ],
    [
      "a value that its coefficient makes too large",
      { ...batch, circuit: steep, shared: new Float64Array(0), rows: Float64Array.of(1, 1e10) },
      {},
      /batch.rows\[1\]: expected values that make angles/,
    ],
    ["no shots", batch, { shots: 0 }, /options.shots: expected an integer from 1/],
    [
      "an observable beyond the circuit",
      { ...batch, observables: allPauliZ(5) },
      {},
      /observables\[4\]/,
    ],
  ] as const)("%s is refused with its place", async (_, given, options, message) => {
    await expect(exact.run(given, options)).rejects.toThrow(message);
  });

  test("an aborted run rejects with cancelled within 100 ms and the executor goes on", async () => {
    const heavy = batchOf(ringAnsatz({ n: 10, layers: 4 }), 4096, "heavy", allPauliZ(10));
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = cpuMs();
      controller.abort();
    }, 20);
    await expect(single.run(heavy, { signal: controller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(cpuMs() - abortedAt).toBeLessThan(100);
    await expect(single.run(batch)).resolves.toBeDefined();
  });

  test("a closed executor says so", async () => {
    const executor = createLocalExecutor();
    await executor.close();
    await expect(executor.run(batch)).rejects.toMatchObject({ code: "failed_precondition" });
  });
});
