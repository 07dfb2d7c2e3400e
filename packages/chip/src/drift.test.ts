import { describe, expect, test } from "vitest";
import { createSnapshot } from "./calibration.ts";
import { newestSnapshot } from "./chip-model.ts";
import { diffSnapshots, printSnapshotDiff } from "./diff.ts";
import { driftBy, driftSnapshot, observedDriftRates, validateDriftRates } from "./drift.ts";
import { createChip } from "./presets/presets.ts";

const chip = createChip("wukong-72");
const { topology } = chip;
const start = newestSnapshot(chip);
const after = (days: number): string =>
  new Date(Date.parse(start.calibratedAt) + days * 86_400_000).toISOString();
const rates = { readoutF1: 0.16, czFidelity: 0.1, t1Us: 0.2, t2Us: 0.2 };

/** ln of P(0|1) of every qubit. */
function logs(snapshot: typeof start): readonly number[] {
  return snapshot.qubits.map(({ values }) => Math.log(1 - (values.readoutF1?.value ?? 0)));
}

describe("drift", () => {
  test("is a function of snapshot, seed and time, and continues along one path", () => {
    const at = (days: number, seed = 1) =>
      driftSnapshot(start, { time: after(days), rates, seed, topology });
    expect(at(2).id).toBe(at(2).id);
    expect(at(2).id).not.toBe(at(2, 9).id);
    const step = logs(at(2 + 1 / 24)).map((x, index) => x - (logs(at(2))[index] ?? 0));
    // one hour at 0.16 per √day: σ = 0.033
    expect(Math.max(...step.map(Math.abs))).toBeLessThan(5 * 0.033);
  });

  test("spreads logarithms by rate times the root of the time", () => {
    const moved = logs(
      driftSnapshot(start, { time: after(4), rates: observedDriftRates, seed: 3, topology }),
    );
    const squares = moved.map((x, index) => (x - (logs(start)[index] ?? 0)) ** 2);
    const rms = Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length);
    // 63 qubits: the standard error of an rms is 1/√126 = 9 %
    expect(rms / 0.32).toBeGreaterThan(0.6);
    expect(rms / 0.32).toBeLessThan(1.4);
  });

  test("is nothing without rates, and names its parent", () => {
    const drifted = driftSnapshot(start, { time: after(3), rates: {}, seed: 1, topology });
    expect(drifted.qubits).toEqual(start.qubits);
    expect(drifted).toMatchObject({ kind: "drifted", parentId: start.id });
  });

  test("between two calibrations it arrives at the later one", () => {
    const later = createSnapshot(
      { ...newestSnapshot(createChip("wukong-72", { seed: 8 })), calibratedAt: after(2) },
      topology,
    );
    const options = { rates, seed: 1, topology, until: later };
    const end = driftSnapshot(start, { ...options, time: after(2) });
    for (const { id, values } of end.qubits) {
      const target = later.qubits.find((row) => row.id === id)?.values.readoutF1?.value;
      if (target !== undefined) expect(values.readoutF1?.value).toBeCloseTo(target, 9);
    }
    expect(() => driftSnapshot(start, { ...options, time: after(3) })).toThrow(/2\.0 days later/);
  });

  test("a state replays a day: seconds, rates and seed", () => {
    const state = { seconds: 2 * 86_400, rates, seed: 1 };
    expect(driftBy(start, topology, state).id).toBe(
      driftSnapshot(start, { time: after(2), rates, seed: 1, topology }).id,
    );
    expect(driftBy(start, topology, { ...state, seconds: 0 })).toBe(start);
    expect(driftBy(start, topology, { ...state, rates: { t1Us: 0 } })).toBe(start);
  });

  test("rates from outside are checked by name and range", () => {
    expect(validateDriftRates({ readoutF1: 0.16, t1Us: 0 })).toEqual([]);
    expect(validateDriftRates({ readoutf1: 0.16 })[0]).toMatchObject({
      where: "drift.readoutf1",
      hint: "did you mean readoutF1?",
    });
    expect(validateDriftRates({ t1Us: -1 })[0]?.given).toBe("-1");
    expect(validateDriftRates({ frequencyMhz: 1 })).toHaveLength(1); // does not drift
  });

  test("refuses the past", () => {
    expect(() => driftSnapshot(start, { time: after(-1), rates, seed: 1, topology })).toThrow(
      /expected a time from/,
    );
  });
});

describe("diff", () => {
  test("lists what is gone, new and changed, the largest change first", () => {
    const [first, second, ...rest] = start.qubits;
    const changed = {
      ...start,
      qubits: [
        {
          ...second!,
          values: {
            ...second!.values,
            t1Us: { ...second!.values.t1Us!, value: 2 * second!.values.t1Us!.value },
            singleQubitFidelity: {
              ...second!.values.singleQubitFidelity!,
              value: 1 - 0.3 * (1 - second!.values.singleQubitFidelity!.value),
            },
          },
        },
        ...rest,
      ],
      couplers: start.couplers.filter(({ a, b }) => a !== first!.id && b !== first!.id),
    };
    const diff = diffSnapshots(start, createSnapshot(changed, topology));
    expect(diff.qubitsGone).toEqual([first!.id]);
    expect(diff.qubitsNew).toEqual([]);
    expect(diff.couplersGone.every((key) => key.split("-").map(Number).includes(first!.id))).toBe(
      true,
    );
    expect(diff.changes.map(({ where, quantity }) => `${where} ${quantity}`)).toEqual([
      `q${second!.id} singleQubitFidelity`,
      `q${second!.id} t1Us`,
    ]);
    expect([diff.valuesGone, diff.valuesNew]).toEqual([[], []]);
    expect(printSnapshotDiff(diff)).toContain(`qubits gone: ${first!.id}`);
  });

  test("lists values that only one of them has", () => {
    const [first, ...rest] = start.qubits;
    const { tEchoUs: _, ...values } = first!.values;
    const less = createSnapshot(
      { ...start, qubits: [{ id: first!.id, values }, ...rest] },
      topology,
    );
    expect(diffSnapshots(start, less).valuesGone).toEqual([`q${first!.id} tEchoUs`]);
    expect(diffSnapshots(less, start).valuesNew).toEqual([`q${first!.id} tEchoUs`]);
  });

  test("of equal calibrations says so", () => {
    expect(printSnapshotDiff(diffSnapshots(start, start))).toContain("no value changed");
  });
});
