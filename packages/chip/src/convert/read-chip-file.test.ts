import { readFileSync } from "node:fs";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { newestSnapshot } from "../chip-model.ts";
import { createChip } from "../presets/presets.ts";
import { printChipCalibration } from "./chip-calibration.ts";
import { readChipFile } from "./read-chip-file.ts";

const read = (document: unknown) =>
  readChipFile(JSON.stringify(document), { fileName: "chip.json" });

/** Value of a quantity of a qubit. */
function valueOf(
  imported: ReturnType<typeof readChipFile>,
  id: number,
  quantity: string,
): number | undefined {
  const row = newestSnapshot(imported.chip).qubits.find((qubit) => qubit.id === id);
  return (row?.values as Record<string, { value: number } | undefined> | undefined)?.[quantity]
    ?.value;
}

const cloud = {
  qubitNum: 72,
  updateTime: "2026-03-06 15:41:31",
  maximumNumberRuns: 10000,
  adjJSON: {
    "0": { T1: "", T2: "", Ts2: "", averageFidelity: "", readFidelity: "", frequency: "" },
    "1": {
      T1: "20.5",
      T2: "5.00",
      Ts2: "7.5",
      averageFidelity: "0.998",
      readFidelity: "0.97/0.85",
      frequency: "4100.0",
    },
    "2": {
      T1: "12.5",
      T2: "0.00",
      Ts2: "",
      averageFidelity: "0.997",
      readFidelity: "0.96/0.80",
      frequency: "4700.0",
    },
  },
  gateJSON: {
    "1_2": { fidelity: "0.96", changeTime: "2026-03-06 15:41:30" },
    "0_1": { fidelity: "0.0" },
  },
};

describe("Origin cloud", () => {
  test("text numbers, empty text and F0/F1 are understood, with or without the envelope", () => {
    for (const document of [
      cloud,
      { success: true, code: 10000, obj: cloud },
      { obj: JSON.stringify(cloud) },
    ]) {
      const imported = read(document);
      expect(imported.format).toBe("origin-cloud");
      expect(newestSnapshot(imported.chip).qubits.map(({ id }) => id)).toEqual([1, 2]);
      expect(valueOf(imported, 1, "readoutF1")).toBe(0.85);
      expect(valueOf(imported, 2, "t2Us")).toBeUndefined();
      expect(newestSnapshot(imported.chip).calibratedAt).toBe("2026-03-06T15:41:31+08:00");
      expect(imported.chip.limits.maxShots).toBe(10000);
    }
  });

  test("an edge of fidelity 0 counts as dead and is mentioned", () => {
    const imported = read(cloud);
    expect(newestSnapshot(imported.chip).couplers).toHaveLength(1);
    expect(imported.warnings.map(({ where }) => where)).toEqual([
      "gateJSON.0_1",
      "qubits 2: t2Us",
      "qubits 2: tEchoUs",
    ]);
    expect(imported.warnings[1]?.hint).toBe("the median of the others, 5, stands in");
  });

  test("a working edge to a dead qubit is refused", () => {
    const bad = {
      ...cloud,
      gateJSON: { "0_1": { fidelity: "0.95", changeTime: "2026-03-06 15:41:30" } },
    };
    expect(() => read(bad)).toThrow(/chip\.json.*dead qubit 0/);
  });

  test("garbage in a number is refused with its place", () => {
    const bad = { ...cloud, adjJSON: { "1": { ...cloud.adjJSON["1"], T1: "fast" } } };
    expect(() => read(bad)).toThrow(/adjJSON\.1\.T1: expected a number.*"fast"/);
  });
});

test("PilotOS: 0 is not measured, columns of FidelityMat are the prepared state, edges come from both ends", () => {
  const imported = read({
    QuantumChipArch: {
      QubitCount: 72,
      LastUpdateTime: 1717395244425,
      QGateClock: { CZ: 44, RPhi: 33 },
      MaxShots: 20000,
      HighFrequencyQubit: [1],
      AvailableQubits: [0, 1],
      QubitParams: {
        "0": {
          Frequency: 4175,
          T1: 11,
          T2: 0,
          SingleGateFidelity: 0.998,
          FidelityMat: [
            [0.91, 0.18],
            [0.09, 0.82],
          ],
        },
        "1": {
          Frequency: 4700,
          T1: 9,
          T2: 2,
          SingleGateFidelity: 0.997,
          FidelityMat: [
            [0.9, 0.15],
            [0.1, 0.85],
          ],
        },
      },
      AdjMatrix: { "0": [{ v: 1, w: 0.98 }], "1": [{ v: 0, w: 0.98 }] },
      CompensateAngle: { "CZ(1,0)": { "0": 3.6, "1": 0.5 } },
    },
  });
  const snapshot = newestSnapshot(imported.chip);
  expect(imported.format).toBe("pilot-os");
  expect(valueOf(imported, 0, "t2Us")).toBeUndefined();
  expect([valueOf(imported, 0, "readoutF0"), valueOf(imported, 0, "readoutF1")]).toEqual([
    0.91, 0.82,
  ]);
  expect(snapshot.couplers).toHaveLength(1);
  expect(snapshot.czCompensation).toEqual([{ a: 0, b: 1, angleARad: 3.6, angleBRad: 0.5 }]);
  expect(imported.chip.timing).toMatchObject({ pulseNs: 33, czNs: 44 });
});

const ibm = {
  backend_name: "ibm_test",
  last_update_date: "2026-01-02T03:04:05Z",
  qubits: [0, 1].map(() => [
    { name: "T1", unit: "us", value: 180, date: "2026-01-02T00:00:00Z" },
    { name: "T2", unit: "us", value: 140, date: "2026-01-02T00:00:00Z" },
    { name: "frequency", unit: "GHz", value: 4.9, date: "2026-01-02T00:00:00Z" },
    { name: "prob_meas0_prep1", unit: "", value: 0.03, date: "2026-01-02T00:00:00Z" },
    { name: "prob_meas1_prep0", unit: "", value: 0.01, date: "2026-01-02T00:00:00Z" },
    { name: "readout_length", unit: "ns", value: 1560, date: "2026-01-02T00:00:00Z" },
  ]),
  gates: [
    ...[0, 1].map((qubit) => ({
      gate: "sx",
      qubits: [qubit],
      parameters: [
        { name: "gate_error", value: 0.00027 },
        { name: "gate_length", unit: "ns", value: 32 },
      ],
    })),
    {
      gate: "cz",
      qubits: [0, 1],
      parameters: [
        { name: "gate_error", value: 0.0042 },
        { name: "gate_length", unit: "ns", value: 68 },
      ],
    },
    { gate: "cz", qubits: [1, 0], parameters: [{ name: "gate_error", value: 1 }] },
  ],
};

test("a file with gate errors only is read, and says that the rest of the noise is off", () => {
  const { warnings } = read({
    schema: "qtune.chip-calibration/1",
    meta: { chip: "bare", calibratedAt: "2026-01-01", topology: { rows: 1, cols: 2 } },
    qubits: [0, 1].map((id) => ({ id, singleQubitFidelity: 0.999, t1Us: null })),
    edges: [],
  });
  expect(warnings.map(({ where }) => where)).toEqual([
    "qubits: t1Us",
    "qubits: readoutF0",
    "qubits: readoutF1",
  ]);
});

describe("IBM", () => {
  test("units, both readout flips, gate lengths and T2 as echo are understood", () => {
    const imported = read(ibm);
    expect(imported.format).toBe("ibm");
    expect(valueOf(imported, 0, "frequencyMhz")).toBeCloseTo(4900, 9);
    expect(valueOf(imported, 0, "tEchoUs")).toBe(140);
    expect(valueOf(imported, 0, "t2Us")).toBeUndefined();
    expect(valueOf(imported, 0, "readoutF0")).toBeCloseTo(0.99, 12);
    expect(newestSnapshot(imported.chip).couplers[0]?.values.czFidelity?.value).toBeCloseTo(
      0.9958,
      12,
    );
    expect(imported.chip.timing).toMatchObject({ pulseNs: 32, czNs: 68, measureNs: 1560 });
  });

  test("a T2 over 2 T1 is cut to it, and said", () => {
    const [first, second] = ibm.qubits;
    const long = first?.map((row) => (row.name === "T2" ? { ...row, value: 500 } : row));
    const { warnings } = read({ ...ibm, qubits: [long, second] });
    expect(warnings).toContainEqual(
      expect.objectContaining({ where: "qubits 0: tEchoUs", hint: "2 T1 stands in" }),
    );
  });

  test("a configuration beside the properties gives limits and couplers", () => {
    const configuration = {
      coupling_map: [
        [0, 1],
        [1, 0],
      ],
      max_shots: 100000,
      max_experiments: 300,
    };
    const { chip } = read({ properties: ibm, configuration });
    expect(chip.limits).toMatchObject({ maxShots: 100000, maxCircuitsPerJob: 300 });
  });

  test("a configuration alone is refused with what to do", () => {
    expect(() => read({ backend_name: "x", coupling_map: [[0, 1]] })).toThrow(
      /configuration alone; put both into one file/,
    );
  });

  test("an unknown unit is refused", () => {
    const [first, ...rest] = ibm.qubits[0] ?? [];
    const bad = { ...ibm, qubits: [[{ ...first, unit: "fortnight" }, ...rest], ibm.qubits[1]] };
    expect(() => read(bad)).toThrow(/T1\.unit.*fortnight/);
  });
});

test("Braket: simultaneous benchmarking, seconds, readout errors under the name fidelity", () => {
  const fidelity = (name: string, value: number, standardError: number | null = null) => ({
    fidelityType: { name, description: null },
    fidelity: value,
    standardError,
  });
  const qubit = {
    T1: { value: 3e-5, standardError: 1e-6, unit: "S" },
    T2: { value: 2e-5, standardError: null, unit: "S" },
    oneQubitFidelity: [
      fidelity("RANDOMIZED_BENCHMARKING", 0.999),
      fidelity("SIMULTANEOUS_RANDOMIZED_BENCHMARKING", 0.998, 0.0002),
      fidelity("READOUT_ERROR_0_TO_1", 0.02),
      fidelity("READOUT_ERROR_1_TO_0", 0.95),
    ],
  };
  const imported = read({
    service: { updatedAt: "2026-02-01T00:00:00+00:00", shotsRange: [10, 50000] },
    paradigm: {
      connectivity: { fullyConnected: false, connectivityGraph: { "0": ["4"], "4": ["0"] } },
    },
    standardized: {
      oneQubitProperties: { "0": qubit, "4": qubit },
      twoQubitProperties: {
        "0-4": {
          twoQubitGateFidelity: [
            { gateName: "ISWAP", fidelity: 0.97 },
            { gateName: "CZ", fidelity: 0.95, standardError: 0.01 },
          ],
        },
      },
    },
  });
  expect(imported.format).toBe("braket");
  expect(valueOf(imported, 4, "t1Us")).toBeCloseTo(30, 9);
  expect(valueOf(imported, 0, "singleQubitFidelity")).toBe(0.998);
  expect([valueOf(imported, 0, "readoutF0"), valueOf(imported, 0, "readoutF1")]).toEqual([
    0.98, 0.95,
  ]);
  expect(newestSnapshot(imported.chip).couplers[0]?.values.czFidelity).toMatchObject({
    value: 0.95,
    error: 0.01,
  });
  expect(imported.chip.limits).toMatchObject({ minShots: 10, maxShots: 50000 });
});

test("Braket before the standardized part: the specifications of the provider", () => {
  const qubit = { T1: 2e-5, T2: 1.5e-5, f1QRB: 0.995, f1QRB_std_err: 0.0002, fRO: 0.92 };
  const old = {
    service: { updatedAt: "2022-02-01T00:00:00+00:00" },
    provider: {
      specs: {
        "1Q": { "0": qubit, "1": { ...qubit, f1Q_simultaneous_RB: 0.99 }, "2": { T1: 1e-5 } },
        "2Q": {
          "0-1": { fCZ: 0.9, fCZ_std_err: 0.01, fXY: 0.95 },
          "1-2": { fCPHASE: 0.8 },
        },
      },
    },
  };
  const imported = read(old);
  expect(imported.format).toBe("braket");
  expect(newestSnapshot(imported.chip).qubits.map(({ id }) => id)).toEqual([0, 1]);
  expect(valueOf(imported, 0, "singleQubitFidelity")).toBe(0.995);
  expect(valueOf(imported, 1, "singleQubitFidelity")).toBe(0.99);
  expect([valueOf(imported, 0, "readoutF0"), valueOf(imported, 0, "readoutF1")]).toEqual([
    0.92, 0.92,
  ]);
  expect(valueOf(imported, 0, "t1Us")).toBeCloseTo(20, 9);
  expect(newestSnapshot(imported.chip).couplers[0]?.values.czFidelity).toMatchObject({
    value: 0.9,
    error: 0.01,
  });
  expect(imported.warnings.map(({ where }) => where)).toEqual(
    expect.arrayContaining([
      "standardized.oneQubitProperties.2",
      "standardized.twoQubitProperties.1-2",
    ]),
  );
});

test("Google: average errors are taken as they are, the isolated ones where no others are there", () => {
  const metric = (name: string, targets: readonly string[], value: number) => ({
    name,
    targets,
    values: [{ double_val: value }],
  });
  const imported = read({
    timestamp_ms: "1560000000000",
    metrics: [
      metric("single_qubit_rb_average_error_per_gate", ["0_0"], 0.002),
      metric("single_qubit_rb_average_error_per_gate", ["0_1"], 0.002),
      metric("single_qubit_p00_error", ["0_0"], 0.03),
      metric("two_qubit_sqrt_iswap_gate_xeb_average_error_per_cycle", ["0_0", "0_1"], 0.02),
    ],
  });
  expect(valueOf(imported, 0, "singleQubitFidelity")).toBeCloseTo(0.998, 12);
  expect(valueOf(imported, 0, "readoutF0")).toBeCloseTo(0.97, 12);
  // Pauli errors: 0.025 per cycle less 0.003 for either qubit, times 4/5
  const { czFidelity } = newestSnapshot(imported.chip).couplers[0]?.values ?? {};
  expect(1 - (czFidelity?.value ?? 0)).toBeCloseTo(0.8 * 0.019, 12);
});

test("Google without a two-qubit metric names what is missing", () => {
  const metrics = [
    {
      name: "single_qubit_rb_pauli_error_per_gate",
      targets: ["0_0"],
      values: [{ doubleVal: 0.001 }],
    },
  ];
  expect(() => read({ timestampMs: "1760000000000", metrics })).toThrow(
    /two_qubit_\{cz,sqrt_iswap,sycamore\}_gate_xeb_\{pauli,average\}_error_per_cycle but was given single_qubit_rb/,
  );
});

test("Google: Pauli errors become average infidelities and cycles lose their single-qubit gates", () => {
  const metric = (name: string, targets: readonly string[], value: number) => ({
    name,
    targets,
    values: [{ doubleVal: value }],
  });
  const snapshot = {
    timestampMs: "1760000000000",
    metrics: [
      ...["q3_4", "q3_5"].flatMap((qubit) => [
        metric("single_qubit_rb_pauli_error_per_gate", [qubit], 0.0015),
        metric("single_qubit_idle_t1_micros", [qubit], 60),
        metric("parallel_p00_error", [qubit], 0.01),
        metric("parallel_p11_error", [qubit], 0.04),
      ]),
      metric("two_qubit_parallel_cz_gate_xeb_pauli_error_per_cycle", ["q3_4", "q3_5"], 0.013),
    ],
  };
  const imported = read(snapshot);
  expect(imported.format).toBe("google-metrics");
  expect(1 - (valueOf(imported, 0, "singleQubitFidelity") ?? 0)).toBeCloseTo(0.001, 12);
  expect(
    1 - (newestSnapshot(imported.chip).couplers[0]?.values.czFidelity?.value ?? 0),
  ).toBeCloseTo(0.8 * 0.01, 12);
  expect(imported.chip.topology.sites).toEqual([
    { row: 3, col: 4 },
    { row: 3, col: 5 },
  ]);
  const { timestampMs: _, ...timeless } = snapshot;
  const wrapped = read({ cirq_type: "Calibration", metrics: timeless });
  expect(newestSnapshot(wrapped.chip).couplers).toHaveLength(1);
  expect(wrapped.warnings.map(({ where }) => where)).toContain("timestampMs");
});

describe("our own schema", () => {
  test.each(["wukong-72", "wukong-180", "grid-2x3", "ideal"])(
    "%s survives printing and reading, id and all",
    (name) => {
      const chip = createChip(name);
      const again = readChipFile(printChipCalibration(chip), { fileName: "x.json" });
      expect(again.warnings).toEqual([]);
      expect(newestSnapshot(again.chip)).toEqual(newestSnapshot(chip));
      expect(again.chip.topology).toEqual(chip.topology);
      expect(again.chip.limits).toEqual(chip.limits);
      expect(again.chip.timing.czNs).toBe(chip.timing.czNs);
    },
  );

  test("an unknown field is mentioned, a newer version refused", () => {
    const document = JSON.parse(printChipCalibration(createChip("grid-1x2"))) as {
      qubits: Record<string, unknown>[];
    };
    document.qubits[0] = { ...document.qubits[0], colour: 3 };
    expect(read(document).warnings.map(({ where }) => where)).toEqual(["qubits[0].colour"]);
    expect(() => read({ ...document, schema: "qtune.chip-calibration/2" })).toThrow(
      /newer version/,
    );
  });
});

test("what is no time of any calendar is refused with its place", () => {
  const beyond = [8.64e15 + 1, -8_640_000_000_000_001, "99999999999999999999"];
  const halves = ["1", "-5", "2026-3-6", "March 7", "2026-13-01", "2026-02-30", "2026-03-06T25:00"];
  for (const calibratedAt of [...beyond, ...halves]) {
    const document = { schema: "qtune.chip-calibration/1", meta: { chip: "x", calibratedAt } };
    expect(() => read(document), String(calibratedAt)).toThrow(/calibratedAt: expected a time/);
  }
});

test("text that is no JSON is refused with line and column, other documents with the formats", () => {
  expect(() => readChipFile('{\n "a": 1,\n}', { fileName: "x.json" })).toThrow(/x\.json:3:1/);
  const rows = Array.from(
    { length: 50 },
    (_, id) => `{"id": ${id},\n "t1Us": ${id === 20 ? "Infinity" : 20}}`,
  );
  expect(() => readChipFile(`[${rows.join(",\n")}]`, { fileName: "x.json" })).toThrow(
    /x\.json:42:10: calibration: expected JSON, with a value here but was given "Infinity/,
  );
  expect(() => read({ hello: 1 })).toThrow(/qtune\.chip-calibration\/1, origin-cloud.*hello/);
  expect(() => read([1])).toThrow(/expected a chip file/);
});

const originals = [
  ["chip/original/cloud_chip_config_2026-03-08.json", "chip/wukong72-2026-03-06.json", 63, 54],
  ["chip/original/chip_config_2026-03-08.json", "chip/wukong72-2024-06-03.json", 60, 84],
] as const;

describe.each(originals)("published file %s", (original, tidy, qubits, couplers) => {
  const [file, other] = [findData(original), findData(tidy)];
  test.skipIf(file === undefined || other === undefined)(
    "gives the values of its tidy copy",
    () => {
      const [left, right] = [file, other].map((path) =>
        newestSnapshot(readChipFile(readFileSync(path ?? "", "utf8"), { fileName: "x" }).chip),
      );
      expect([left?.qubits.length, left?.couplers.length]).toEqual([qubits, couplers]);
      const numbers = (snapshot: typeof left) => [
        ...(snapshot?.qubits ?? []).map(({ id, values }) => [
          id,
          ...Object.entries(values)
            .map(([name, { value }]) => `${name} ${value}`)
            .sort(),
        ]),
        ...(snapshot?.couplers ?? []).map(({ a, b, values }) => [a, b, values.czFidelity?.value]),
      ];
      expect(numbers(left)).toEqual(numbers(right));
      expect(left?.czCompensation).toEqual(right?.czCompensation);
      expect(left?.highFrequencyQubits).toEqual(right?.highFrequencyQubits);
    },
  );
});
