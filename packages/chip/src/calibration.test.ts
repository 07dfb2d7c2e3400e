import { describe, expect, test } from "vitest";
import { type SnapshotContent, createSnapshot, validateSnapshot } from "./calibration.ts";
import { createCalibrationView } from "./calibration-view.ts";
import { addSnapshot, findSnapshot, validateShots } from "./chip-model.ts";
import { createChip } from "./presets/presets.ts";
import { createGridTopology } from "./topology.ts";

const topology = createGridTopology(2, 2);
const time = "2026-03-06T00:00:00Z";
const entry = (value: number) => ({ value, method: "test", time });

function content(changes: Partial<SnapshotContent> = {}): SnapshotContent {
  const values = {
    t1Us: entry(20),
    t2Us: entry(5),
    singleQubitFidelity: entry(0.998),
    readoutF0: entry(0.95),
    readoutF1: entry(0.8),
  };
  return {
    chip: "test",
    kind: "measured",
    calibratedAt: time,
    source: "test",
    qubits: [0, 1, 2].map((id) => ({ id, values })),
    couplers: [{ a: 0, b: 1, values: { czFidelity: entry(0.96) } }],
    ...changes,
  };
}

describe("a snapshot", () => {
  test("is named by its content, whatever the order of qubits", () => {
    const reversed = content({ qubits: content().qubits.toReversed() });
    expect(createSnapshot(reversed, topology).id).toBe(createSnapshot(content(), topology).id);
  });

  test("gets another id when a value changes, also when made from a snapshot", () => {
    const first = createSnapshot(content(), topology);
    const second = createSnapshot({ ...first, source: "other" }, topology);
    expect(second.id).not.toBe(first.id);
    expect(second.id).toMatch(/^cal-[0-9a-f]{16}$/);
  });

  test("cannot be changed", () => {
    const snapshot = createSnapshot(content(), topology);
    expect(() => Object.assign(snapshot.qubits[0]?.values ?? {}, { t1Us: entry(1) })).toThrow(
      TypeError,
    );
  });
});

describe("impossible values are refused, all at once", () => {
  test.each([
    [
      "T2 over 2 T1",
      {
        qubits: [
          { id: 0, values: { singleQubitFidelity: entry(1), t1Us: entry(2), t2Us: entry(5) } },
        ],
        couplers: [],
      },
      /t2Us.*2 T1/,
    ],
    [
      "a fidelity over 1",
      { qubits: [{ id: 0, values: { singleQubitFidelity: entry(1.1) } }], couplers: [] },
      /singleQubitFidelity.*to 1/,
    ],
    [
      "an edge to a dead qubit",
      { couplers: [{ a: 1, b: 3, values: { czFidelity: entry(0.9) } }] },
      /edges\[1-3\].*dead qubit 3/,
    ],
    [
      "an edge that is not built",
      { couplers: [{ a: 1, b: 2, values: { czFidelity: entry(0.9) } }] },
      /a coupler of the topology/,
    ],
    ["an edge without a fidelity", { couplers: [{ a: 0, b: 1, values: {} }] }, /czFidelity/],
    ["a qubit listed twice", { qubits: [...content().qubits, ...content().qubits] }, /twice/],
    [
      "no gate fidelity at all",
      { qubits: [{ id: 0, values: { t1Us: entry(9) } }], couplers: [] },
      /silently perfect/,
    ],
    ["no qubit", { qubits: [], couplers: [] }, /at least one/],
    ["a bad time", { calibratedAt: "yesterday" }, /calibratedAt/],
  ] as const)("%s", (_, changes, message) => {
    expect(() => createSnapshot(content(changes as Partial<SnapshotContent>), topology)).toThrow(
      message,
    );
  });

  test("every problem is listed", () => {
    const bad = content({
      qubits: [{ id: 9, values: { t1Us: entry(-1), readoutF0: entry(2) } }],
      couplers: [],
    });
    expect(validateSnapshot(bad, topology).map(({ where }) => where)).toEqual([
      "calibration.qubits",
      "calibration.qubits[id=9]",
      "calibration.qubits[id=9].t1Us",
      "calibration.qubits[id=9].readoutF0",
    ]);
  });
});

describe("the view", () => {
  test("replaces a missing value by the median of the others and says so", () => {
    const [first, ...others] = content().qubits;
    const { t1Us: _, ...rest } = first?.values ?? {};
    const view = createCalibrationView(
      createSnapshot(content({ qubits: [{ id: 0, values: rest }, ...others] }), topology),
    );
    expect(view.t1Ns[0]).toBe(20_000);
    expect(view.assumed).toEqual([{ qubit: 0, quantity: "t1Us", value: 20 }]);
  });

  test("reads T2* as Gaussian decay to 1/e beside the Markovian part", () => {
    const view = createCalibrationView(createSnapshot(content(), topology));
    const t = 5000;
    const exponent =
      t / (view.markovianT2Ns[0] ?? 0) + ((view.detuningSigmaRadPerNs[0] ?? 0) * t) ** 2 / 2;
    expect(exponent).toBeCloseTo(1, 12);
    expect(view.markovianT2Ns[0]).toBe(40_000);
  });
});

describe("a pinned calibration", () => {
  const chip = createChip("wukong-72");
  const [old] = chip.snapshots;
  const later = createSnapshot(
    { ...(old ?? content()), calibratedAt: "2026-04-01T00:00:00Z" },
    chip.topology,
  );
  const both = addSnapshot(chip, later);

  test("is found by id, by the start of an id, and by time", () => {
    expect(findSnapshot(both, { id: later.id })).toBe(later);
    expect(findSnapshot(both, { id: later.id.slice(0, 9) })).toBe(later);
    expect(findSnapshot(both, { time: "2026-03-20T00:00:00Z" })).toBe(old);
    expect(findSnapshot(both, { time: "2026-05-01T00:00:00Z" })).toBe(later);
  });

  test("is refused when stale, naming those that are there", () => {
    expect(() => findSnapshot(chip, { id: later.id })).toThrow(
      `expected a calibration of wukong-72: ${old?.id} but was given ${later.id}; the pinned calibration is stale`,
    );
    expect(() => findSnapshot(both, { id: "cal-" })).toThrow(/2 calibrations begin so/);
    expect(() => findSnapshot(both, { id: "" })).toThrow(/given an empty id/);
    expect(() => findSnapshot(both, { time: "2020-01-01T00:00:00Z" })).toThrow(
      `since the first calibration of wukong-72, ${old?.calibratedAt} but was given 2020`,
    );
    expect(() => findSnapshot(chip, { time: "yesterday" })).toThrow(/a time as ISO 8601/);
  });
});

test.each([[99], [10_001], [0.5]])("%d shots are refused, never replaced", (shots) => {
  expect(validateShots(createChip("wukong-72"), shots)).toHaveLength(1);
});

test.each([[100], [10_000]])("%d shots are accepted", (shots) => {
  expect(validateShots(createChip("wukong-72"), shots)).toEqual([]);
});
