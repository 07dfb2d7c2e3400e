/** What the files of real devices taught: see also `foreign-chips.slow.test.ts` of the emulator, which reads all that are on PyPI. */
import { expect, test } from "vitest";
import { newestSnapshot } from "../chip-model.ts";
import { readChipFile } from "./read-chip-file.ts";

const read = (document: unknown) =>
  readChipFile(JSON.stringify(document), { fileName: "chip.json" });

const qubit = [
  { name: "T1", unit: "us", value: 100 },
  { name: "T2", unit: "us", value: 80 },
  { name: "readout_error", unit: "", value: 0.02 },
  { name: "readout_length", unit: "ns", value: 800 },
];

function gate(name: string, qubits: readonly number[], error: number, lengthNs: number) {
  return {
    gate: name,
    qubits,
    parameters: [
      { name: "gate_error", unit: "", value: error },
      { name: "gate_length", unit: "ns", value: lengthNs },
    ],
  };
}

function ibm(gates: readonly unknown[], qubits: readonly unknown[] = [qubit, qubit, qubit]) {
  return { backend_name: "fake", last_update_date: "2024-02-28T08:32:31-05:00", qubits, gates };
}

test("IBM before 2021: a pulse is u2, not u3, which takes two", () => {
  const singles = [0, 1, 2].flatMap((q) => [
    gate("u3", [q], 0.002, 71),
    gate("u2", [q], 0.001, 36),
  ]);
  const { chip } = read(ibm([...singles, gate("cx", [0, 1], 0.01, 300)]));
  expect(chip.timing.pulseNs).toBe(36);
  expect(newestSnapshot(chip).qubits[0]?.values.singleQubitFidelity?.value).toBeCloseTo(0.999, 12);
});

const pulses = [0, 1, 2].map((q) => gate("sx", [q], 0.001, 35));

test("IBM: the median of the gate lengths stands for all, and the spread is said", () => {
  const { chip, warnings } = read(
    ibm([
      ...pulses,
      gate("ecr", [0, 1], 0.01, 900),
      gate("ecr", [1, 2], 0.01, 400),
      gate("ecr", [0, 2], 0.01, 500),
    ]),
  );
  expect(chip.timing).toMatchObject({ pulseNs: 35, czNs: 500, measureNs: 800 });
  expect(newestSnapshot(chip).couplers.map(({ values }) => values.czDurationNs?.value)).toEqual([
    900, 500, 400,
  ]);
  expect(warnings).toContainEqual({
    where: "times: CZ",
    expected: "one length",
    given: "400 to 900 ns",
    hint: "400 to 900 ns; schedules use the median, 500 ns",
    file: "chip.json",
  });
});

test("IBM: a pair with error 1 in one direction works in the other; pairs without any are named once", () => {
  const { chip, warnings } = read(
    ibm([
      ...pulses,
      gate("cx", [0, 1], 1, 300),
      gate("cx", [1, 0], 0.02, 330),
      gate("cx", [1, 2], 1, 300),
      gate("cx", [2, 1], 1, 300),
    ]),
  );
  expect(newestSnapshot(chip).couplers.map(({ a, b }) => [a, b])).toEqual([[0, 1]]);
  expect(warnings.filter(({ hint }) => hint?.includes("left out") === true)).toEqual([
    expect.objectContaining({ where: "properties.gates: 1-2", hint: "the edge is left out" }),
  ]);
});

test("times that a file lacks are those of Wukong, and it says so", () => {
  const bare = qubit.filter(({ name }) => name !== "readout_length");
  const { chip, warnings } = read(
    ibm([...pulses, gate("cz", [0, 1], 0.01, 68)], [bare, bare, bare]),
  );
  expect(chip.timing.measureNs).toBe(1000);
  expect(warnings).toContainEqual(
    expect.objectContaining({
      where: "times: readout",
      given: "nothing",
      hint: "that of Wukong stands in: 1000 ns",
    }),
  );
});

test("Braket, version 3: numbers of the device stand for each qubit and each pair", () => {
  const duration = (value: number, unit = "s") => ({ value, standardError: null, unit });
  const { chip, warnings } = read({
    service: { shotsRange: [1, 2000] },
    paradigm: { qubitCount: 3, connectivity: { fullyConnected: true, connectivityGraph: {} } },
    standardized: {
      braketSchemaHeader: {
        name: "braket.device_schema.standardized_gate_model_qpu_device_properties",
        version: "3",
      },
      oneQubitProperties: {
        "0": {
          oneQubitFidelity: [
            { fidelityType: { name: "RANDOMIZED_BENCHMARKING" }, fidelity: 0.9985 },
          ],
        },
        "1": { oneQubitFidelity: [] },
        "2": { oneQubitFidelity: [] },
      },
      T1: duration(1.2),
      T2: duration(400, "ms"),
      singleQubitFidelity: [
        { fidelityType: { name: "RANDOMIZED_BENCHMARKING" }, fidelity: 0.9995 },
      ],
      readoutFidelity: [{ fidelityType: null, fidelity: 0.996 }],
      twoQubitGateFidelity: [
        { fidelityType: { name: "RANDOMIZED_BENCHMARKING" }, fidelity: 0.985 },
      ],
      singleQubitGateDuration: duration(15, "us"),
      twoQubitGateDuration: duration(200, "us"),
      readoutDuration: duration(350, "us"),
      updatedAt: "2025-02-22T12:29:03Z",
    },
  });
  const snapshot = newestSnapshot(chip);
  expect(chip.timing).toMatchObject({ pulseNs: 15_000, czNs: 200_000, measureNs: 350_000 });
  expect(snapshot.couplers.map(({ a, b }) => [a, b])).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
  ]);
  expect(snapshot.qubits.map(({ values }) => values.singleQubitFidelity?.value)).toEqual([
    0.9985, 0.9995, 0.9995,
  ]);
  expect(snapshot.qubits[2]?.values).toMatchObject({
    t1Us: { value: 1_200_000 },
    tEchoUs: { value: 400_000 },
    readoutF0: { value: 0.996 },
    readoutF1: { value: 0.996 },
  });
  expect(snapshot.couplers[1]?.values.czFidelity?.value).toBe(0.985);
  expect(warnings.map(({ where }) => where)).not.toContain("times: CZ");
});
