import { readFileSync } from "node:fs";
import { createRandom } from "@qtune/base";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { type CalibrationSnapshot, createSnapshot } from "../calibration.ts";
import { type ChipModel, newestSnapshot } from "../chip-model.ts";
import { readChipFile } from "../convert/read-chip-file.ts";
import { buildNoisyProgram } from "../noise/build-noisy-program.ts";
import { createChip } from "../presets/presets.ts";
import { exactDistribution } from "../reference/exact-distribution.ts";
import { fitChip } from "./fit-chip.ts";
import { chooseHeldOut } from "./hold-out.ts";
import { type RealRun, readRealRuns } from "./real-runs.ts";
import { scheduleNative } from "./schedule-native.ts";

/** A chip of two qubits as calibrated, and the same chip as it really is. */
function twins(truth: {
  readonly incoherentFactor: number;
  readonly conditionalPhaseRad?: number;
}) {
  const time = "2026-03-06T00:00:00Z";
  const entry = (value: number) => ({ value, method: "test", time });
  const base = createChip("grid-1x2");
  const make = (f0: number, f1: number, extra: Record<string, number>): CalibrationSnapshot =>
    createSnapshot(
      {
        chip: "pair",
        kind: "measured",
        calibratedAt: time,
        source: "test",
        qubits: [0, 1].map((id) => ({
          id,
          values: {
            singleQubitFidelity: entry(0.998),
            readoutF0: entry(f0),
            readoutF1: entry(f1),
            t1Us: entry(20),
          },
        })),
        couplers: [
          {
            a: 0,
            b: 1,
            values: {
              czFidelity: entry(0.97),
              ...Object.fromEntries(
                Object.entries(extra).map(([name, value]) => [name, entry(value)]),
              ),
            },
          },
        ],
      },
      base.topology,
    );
  const chip: ChipModel = { ...base, snapshots: [make(0.97, 0.8, {})] };
  return { chip, real: make(0.985, 0.87, { ...truth }) };
}

const h = "U3 q[0],(1.57079633,0,3.14159265)";
const h1 = "U3 q[1],(1.57079633,0,3.14159265)";
const cnot = [h1, "CZ q[0],q[1]", h1];
const circuits: Readonly<Record<string, readonly string[]>> = {
  "readout-0": ["MEASURE q[0],c[0]", "MEASURE q[1],c[1]"],
  "readout-1": [
    "U3 q[0],(3.14159265,0,3.14159265)",
    "U3 q[1],(3.14159265,0,3.14159265)",
    "MEASURE q[0],c[0]",
    "MEASURE q[1],c[1]",
  ],
  "bell-1": [h, ...cnot, "MEASURE q[0],c[0]", "MEASURE q[1],c[1]"],
  "bell-3": [h, ...cnot, ...cnot, ...cnot, "MEASURE q[0],c[0]", "MEASURE q[1],c[1]"],
  "bell-7": [
    h,
    ...Array.from({ length: 7 }, () => cnot).flat(),
    "MEASURE q[0],c[0]",
    "MEASURE q[1],c[1]",
  ],
};

function document(runs: readonly object[]): string {
  return JSON.stringify({ schema: "qtune.real-runs/1", runs });
}

function runOf(id: string, counts: Readonly<Record<string, number>>): object {
  const lines = circuits[id] ?? [];
  return { id, experiment: id.split("-")[0], counts, executed: ["QINIT 2", "CREG 2", ...lines] };
}

/** Draws counts of all circuits from a chip as it really is. */
function sample(chip: ChipModel, real: CalibrationSnapshot, shots: number): readonly RealRun[] {
  const random = createRandom(5, "fit-test");
  const blank = readRealRuns(document(Object.keys(circuits).map((id) => runOf(id, { "0x0": 1 }))), {
    fileName: "x",
  });
  return blank.map((run) => {
    const distribution = exactDistribution(
      buildNoisyProgram(scheduleNative(run.executed, chip.timing), { chip, snapshot: real }),
    );
    const counts = new Map<number, number>();
    for (let shot = 0; shot < shots; shot++) {
      let pick = random.nextUniform();
      let outcome = 0;
      while (outcome < distribution.length - 1 && pick >= distribution[outcome]!)
        pick -= distribution[outcome++]!;
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    return { ...run, shots, counts };
  });
}

describe("a fit to counts of a known chip", () => {
  const { chip, real } = twins({ incoherentFactor: 0.9 });
  const runs = sample(chip, real, 4000);
  const result = fitChip(runs, chip, { exclude: ["bell-7"] });
  const find = (name: string) => result.parameters.find((parameter) => parameter.name === name);

  test.each([
    ["q0.readoutF0", 0.985],
    ["q0.readoutF1", 0.87],
    ["q1.readoutF0", 0.985],
    ["q1.readoutF1", 0.87],
    ["c0-1.incoherentFactor", 0.9],
  ])("%s is found within its interval", (name, truth) => {
    const parameter = find(name);
    // 95 % intervals of five parameters, one seed: stretched by half to about 3σ
    const half = ((parameter?.high ?? 0) - (parameter?.low ?? 0)) / 2;
    expect(Math.abs((parameter?.value ?? 0) - truth)).toBeLessThan(1.5 * half);
    expect(half).toBeLessThan(0.05);
  });

  test("meets the runs it saw and the one it did not, at the sampling floor", () => {
    for (const run of result.runs) {
      expect(run.used).toBe(run.id !== "bell-7");
      expect(run.tvd).toBeLessThan(3 * run.floor);
    }
    expect(result.runs.find(({ id }) => id === "bell-7")?.tvdBefore).toBeGreaterThan(0.1);
  });

  test("reports the coherent phase with its interval and leaves it out", () => {
    const phase = find("c0-1.conditionalPhaseRad");
    expect(phase?.adopted).toBe(false);
    expect(phase?.low).toBeLessThan(0);
    expect(phase?.high).toBeGreaterThan(0);
    expect(result.snapshot.couplers[0]?.values.conditionalPhaseRad).toBeUndefined();
  });

  test("gives an offered parameter an interval with no effect in it, unless that is ruled out", () => {
    for (const { adopted, gain = 0, low, high, before, value } of result.parameters) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
      if (!adopted && gain < 3.84) expect(low <= before && before <= high).toBe(true);
    }
  });

  test("gives a snapshot with parent, method and errors", () => {
    expect(result.snapshot).toMatchObject({ kind: "fitted", parentId: newestSnapshot(chip).id });
    expect(result.snapshot.id).not.toBe(newestSnapshot(chip).id);
    expect(result.snapshot.qubits[0]?.values.readoutF1).toMatchObject({
      method: "maximum likelihood",
    });
    expect(result.snapshot.qubits[0]?.values.readoutF1?.error).toBeGreaterThan(0);
    expect(newestSnapshot(result.chip)).toBe(result.snapshot);
  });
});

test("a coherent phase that runs of several lengths show is adopted", () => {
  const { chip, real } = twins({ incoherentFactor: 0.98, conditionalPhaseRad: 0.4 });
  const result = fitChip(sample(chip, real, 4000), chip, { exclude: [] });
  const phase = result.parameters.find(({ name }) => name === "c0-1.conditionalPhaseRad");
  expect(phase?.adopted).toBe(true);
  expect(Math.abs(Math.abs(phase?.value ?? 0) - 0.4)).toBeLessThan(0.1); // its sign does not show in these counts
});

test("a coherent phase is left out where the runs have one length, or when only a report is asked for", () => {
  const { chip, real } = twins({ incoherentFactor: 0.98, conditionalPhaseRad: 0.4 });
  const runs = sample(chip, real, 4000);
  const phaseOf = (ids: readonly string[], coherent?: "report") =>
    fitChip(
      runs.filter(({ id }) => ids.includes(id)),
      chip,
      { exclude: [], ...(coherent === undefined ? {} : { coherent }) },
    ).parameters.find(({ name }) => name === "c0-1.conditionalPhaseRad");
  expect(phaseOf(["readout-0", "readout-1", "bell-1"])?.adopted).toBe(false);
  expect(phaseOf(["readout-0", "readout-1", "bell-1", "bell-3"], "report")?.adopted).toBe(false);
});

test("readout that no run tells apart from gate errors stays near its calibration", () => {
  const { chip, real } = twins({ incoherentFactor: 0.9 });
  const bellOnly = sample(chip, real, 4000).filter(({ id }) => id === "bell-1");
  const { snapshot } = fitChip(bellOnly, chip, { exclude: [] });
  for (const { values } of snapshot.qubits) {
    expect(Math.abs((values.readoutF1?.value ?? 0) - 0.8)).toBeLessThan(0.15);
    expect(Math.abs((values.readoutF0?.value ?? 0) - 0.97)).toBeLessThan(0.05);
  }
});

test("a run that is too wide is skipped and says why", () => {
  const chip = createChip("grid-1x8");
  const lines = Array.from({ length: 7 }, (_, qubit) => `MEASURE q[${qubit}],c[${qubit}]`);
  const wide = { id: "wide", counts: { "0x0": 10 }, executed: ["QINIT 8", "CREG 7", ...lines] };
  const narrow = {
    id: "narrow",
    counts: { "0x0": 10 },
    executed: ["QINIT 8", "CREG 1", "MEASURE q[0],c[0]"],
  };
  const result = fitChip(readRealRuns(document([wide, narrow]), { fileName: "x" }), chip);
  expect(result.runs.map(({ id }) => id)).toEqual(["narrow"]);
  expect(result.skipped).toEqual([{ id: "wide", reason: "7 qubits; the fit takes at most 6" }]);
});

test("held out by default: the longest of two lengths, a middle one of more, never readout", () => {
  const runs = readRealRuns(document(Object.keys(circuits).map((id) => runOf(id, { "0x0": 1 }))), {
    fileName: "x",
  });
  expect(chooseHeldOut(runs)).toEqual(["bell-3"]);
  expect(chooseHeldOut(runs.filter(({ id }) => id !== "bell-7"))).toEqual(["bell-3"]);
  expect(chooseHeldOut(runs.filter(({ id }) => id.startsWith("readout")))).toEqual([]);
});

describe("bad input is refused", () => {
  const { chip } = twins({ incoherentFactor: 1 });
  const good = runOf("bell-1", { "0x0": 500, "0x3": 500 });

  test.each([
    ["another schema", JSON.stringify({ schema: "x", runs: [] }), /qtune\.real-runs\/1.*x/],
    [
      "a statement that is not native",
      document([{ ...good, executed: ["QINIT 2", "CREG 2", "H q[0]"] }]),
      /runs\[bell-1\]\.executed: expected native OriginIR.*was given H/,
    ],
    [
      "an outcome that is too large",
      document([{ ...good, counts: { "0x4": 1 } }]),
      /below 2\^2.*0x4/,
    ],
    ["a decimal key", document([{ ...good, counts: { "11": 1 } }]), /hexadecimal/],
    ["shots that do not add up", document([{ ...good, shots: 999 }]), /999 shots.*1000/],
    ["no shots", document([{ ...good, counts: {} }]), /at least one shot/],
    ["an id twice", document([good, good]), /bell-1 twice/],
  ])("%s", (_, text, message) => {
    expect(() => readRealRuns(text, { fileName: "runs.json" })).toThrow(message);
  });

  test("an unknown id to hold out gets the closest one", () => {
    const runs = readRealRuns(document([good]), { fileName: "x" });
    expect(() => fitChip(runs, chip, { exclude: ["bell-11"] })).toThrow(/did you mean bell-1\?/);
    expect(() => fitChip(runs, chip, { exclude: ["bell-1"] })).toThrow(/all are held out/);
  });

  test("a run on a qubit that is not calibrated names run and qubit", () => {
    const text = document([
      { ...good, executed: ["QINIT 9", "CREG 1", "MEASURE q[8],c[0]"], counts: { "0x0": 1 } },
    ]);
    expect(() => fitChip(readRealRuns(text, { fileName: "x" }), chip)).toThrow(
      /runs\[bell-1\].*qubit 8/,
    );
  });
});

const [runsFile, snapshotFile] = [
  findData("chip/real-runs.json"),
  findData("chip/wukong72-2026-03-06.json"),
];

describe.skipIf(runsFile === undefined || snapshotFile === undefined)(
  "the real runs of 2026-03-08",
  () => {
    const read = () => {
      const { chip } = readChipFile(readFileSync(snapshotFile ?? "", "utf8"), {
        fileName: "snapshot",
      });
      return {
        chip,
        runs: readRealRuns(readFileSync(runsFile ?? "", "utf8"), { fileName: "runs" }),
      };
    };

    test("executed circuits have the pulse times that the service reported", () => {
      const { chip, runs } = read();
      const raw = JSON.parse(readFileSync(runsFile ?? "", "utf8")) as {
        runs: { id: string; pulseTimeNs: number }[];
      };
      for (const { id, executed } of runs) {
        expect([id, scheduleNative(executed, chip.timing).durationNs]).toEqual([
          id,
          raw.runs.find((run) => run.id === id)?.pulseTimeNs,
        ]);
      }
    });
  },
);
