/**
 * Every device file that packages on PyPI carry: read, compiled for, run. Needs QTUNE_SLOW=1, python3 with pip and the
 * network; QTUNE_TEST_CACHE keeps the packages between runs. Nothing of these files is part of the repository.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type ImportedChip,
  buildNoisyProgram,
  createCalibrationView,
  newestSnapshot,
  printChipCalibration,
  readChipFile,
} from "@qtune/chip";
import type { Circuit } from "@qtune/circuit";
import { printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { compileCircuit } from "@qtune/transpiler";
import { afterAll, describe, expect, test } from "vitest";
import { runChipCircuit } from "./chip-circuit.ts";

const packages = ["qiskit-ibm-runtime==0.51.0", "cirq-google==1.7.0"];
const isOn = wantsSlowTests();
if (!isOn) printSkipReason("device files of PyPI are fetched with QTUNE_SLOW=1");

const shared = process.env["QTUNE_TEST_CACHE"];
const folder = isOn ? fetchPackages() : "";

function fetchPackages(): string {
  const target =
    shared === undefined
      ? mkdtempSync(path.join(tmpdir(), "qtune-chips-"))
      : path.join(shared, "device-files");
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--root-user-action=ignore",
    "--no-deps",
    "--target",
    target,
  ];
  execFileSync("python3", [...pip, "--upgrade", ...packages], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return target;
}

afterAll(() => {
  if (isOn && shared === undefined) rmSync(folder, { recursive: true });
});

/** A chain of four that measures everything: wide enough to need couplers, deep enough to need pulses. */
function chain(qubits: number): Circuit {
  return {
    qubits,
    clbits: qubits,
    parameters: [],
    operations: [
      { kind: "gate", gate: "H", qubits: [0], angles: [] },
      ...Array.from({ length: qubits - 1 }, (_, q) => ({
        kind: "gate" as const,
        gate: "CX",
        qubits: [q, q + 1],
        angles: [],
      })),
      ...Array.from({ length: qubits }, (_, q) => ({
        kind: "measure" as const,
        qubit: q,
        clbit: q,
      })),
    ],
  };
}

/** What every imported chip must be good for. */
async function expectUsable(imported: ImportedChip): Promise<void> {
  const { chip } = imported;
  const snapshot = newestSnapshot(chip);
  const again = readChipFile(printChipCalibration(chip), { fileName: "again.json" });
  expect(newestSnapshot(again.chip).id).toBe(snapshot.id);
  const qubits = Math.min(4, createCalibrationView(snapshot).regions[0]?.length ?? 0);
  const compiled = compileCircuit(chain(qubits), { chip });
  if (compiled.scheduled === undefined) throw new Error("the chain has no parameters");
  expect(compiled.predictedFidelity).toBeGreaterThan(0);
  expect(compiled.predictedFidelity).toBeLessThan(1);
  const { steps } = buildNoisyProgram(compiled.scheduled, { chip });
  expect(steps.length).toBeGreaterThan(qubits);
  const { counts } = await runChipCircuit(chain(qubits), {
    chip,
    shots: chip.limits.minShots + 99,
    seed: 1n,
  });
  const seen = [...(counts ?? new Map<string, number>()).values()];
  expect(seen.reduce((sum, count) => sum + count, 0)).toBe(chip.limits.minShots + 99);
}

interface IbmParameter {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}
interface IbmProperties {
  readonly qubits: readonly (readonly IbmParameter[])[];
  readonly gates: readonly {
    readonly gate: string;
    readonly qubits: readonly number[];
    readonly parameters: readonly IbmParameter[];
  }[];
}

const valueOf = (parameters: readonly IbmParameter[], name: string): number | undefined =>
  parameters.find((parameter) => parameter.name === name)?.value;

/** The best error below 1 of the gates on some qubits, whatever their order. */
function bestError(
  { gates }: IbmProperties,
  names: readonly string[],
  qubits: readonly number[],
): number | undefined {
  const wanted = qubits.toSorted((a, b) => a - b).join();
  const errors = gates
    .filter(({ gate }) => names.includes(gate))
    .filter((gate) => gate.qubits.toSorted((a, b) => a - b).join() === wanted)
    .map(({ parameters }) => valueOf(parameters, "gate_error"))
    .filter((error) => error !== undefined && error < 1);
  return errors.length === 0 ? undefined : Math.min(...errors.map(Number));
}

const pulses = (properties: IbmProperties): readonly string[] => {
  const names = new Set(properties.gates.map(({ gate }) => gate));
  return names.has("sx") ? ["sx"] : ["u2"];
};
const pairs = ["cz", "ecr", "cx"];

const backends = isOn ? path.join(folder, "qiskit_ibm_runtime/fake_provider/backends") : "";
const ibmFiles = isOn
  ? readdirSync(backends, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) =>
        readdirSync(path.join(backends, name))
          .filter((file) => /^props_.*\.json$/.test(file))
          .map((file) => `${name}/${file}`),
      )
  : [];

describe.skipIf(!isOn)("IBM: backends of qiskit-ibm-runtime", () => {
  test("there are 69", () => {
    expect(ibmFiles).toHaveLength(69);
  });

  test.each(ibmFiles)("%s", { timeout: 60_000 }, async (file) => {
    const text = readFileSync(path.join(backends, file), "utf8");
    const properties = JSON.parse(text) as IbmProperties; // IBM's schema, read by IBM's names only
    const [name = ""] = file.split("/");
    const configuration = readFileSync(path.join(backends, name, `conf_${name}.json`), "utf8");
    const imported = readChipFile(`{"properties": ${text}, "configuration": ${configuration}}`, {
      fileName: file,
    });
    const snapshot = newestSnapshot(imported.chip);
    expect(imported.format).toBe("ibm");

    const live = properties.qubits.flatMap((row, id) =>
      valueOf(row, "operational") === 0 ||
      bestError(properties, pulses(properties), [id]) === undefined
        ? []
        : [id],
    );
    expect(snapshot.qubits.map(({ id }) => id)).toEqual(live);
    for (const { id, values } of snapshot.qubits) {
      const row = properties.qubits[id] ?? [];
      const error = bestError(properties, pulses(properties), [id]) ?? Number.NaN;
      const either = valueOf(row, "readout_error") ?? Number.NaN;
      expect(values.t1Us?.value, `T1 of ${id}`).toBe(valueOf(row, "T1"));
      expect(values.tEchoUs?.value, `T2 of ${id}`).toBe(valueOf(row, "T2"));
      expect(values.singleQubitFidelity?.value).toBeCloseTo(1 - error, 14);
      expect(values.readoutF0?.value).toBeCloseTo(
        1 - (valueOf(row, "prob_meas1_prep0") ?? either),
        14,
      );
      expect(values.readoutF1?.value).toBeCloseTo(
        1 - (valueOf(row, "prob_meas0_prep1") ?? either),
        14,
      );
      const frequency = valueOf(row, "frequency");
      if (frequency !== undefined)
        expect(values.frequencyMhz?.value).toBeCloseTo(1e3 * frequency, 6); // GHz in every file
    }

    const edges = new Map<string, number>();
    for (const { gate, qubits } of properties.gates) {
      const [a = -1, b = -1] = qubits.toSorted((x, y) => x - y);
      const error = bestError(properties, pairs, qubits);
      if (!pairs.includes(gate) || error === undefined) continue;
      if (live.includes(a) && live.includes(b)) edges.set(`${a}-${b}`, 1 - error);
    }
    expect(snapshot.couplers.map(({ a, b }) => `${a}-${b}`).sort()).toEqual(
      [...edges.keys()].sort(),
    );
    for (const { a, b, values } of snapshot.couplers)
      expect(values.czFidelity?.value).toBeCloseTo(edges.get(`${a}-${b}`) ?? Number.NaN, 14);

    await expectUsable(imported);
  });
});

interface GoogleCalibration {
  readonly metrics: {
    readonly metrics: readonly {
      readonly name: string;
      readonly targets: readonly string[];
      readonly values: readonly { readonly doubleVal: number }[];
    }[];
  };
}

const calibrations = isOn ? path.join(folder, "cirq_google/devices/calibrations") : "";
const googleFiles = isOn
  ? readdirSync(calibrations).filter((file) => file.endsWith("_calibration.json"))
  : [];

describe.skipIf(!isOn)("Google: calibrations of cirq-google", () => {
  test("there are three", () => {
    expect(googleFiles).toHaveLength(3);
  });

  test.each(googleFiles)("%s", { timeout: 60_000 }, async (file) => {
    const text = readFileSync(path.join(calibrations, file), "utf8");
    const imported = readChipFile(text, { fileName: file });
    const snapshot = newestSnapshot(imported.chip);
    expect(imported.format).toBe("google-metrics");
    const { metrics } = JSON.parse(text) as GoogleCalibration; // Google's schema
    const metric = (name: string) =>
      new Map(
        metrics.metrics
          .filter((row) => row.name === name)
          .map((row) => [row.targets.join(), row.values[0]?.doubleVal ?? Number.NaN]),
      );
    const pauli = metric("single_qubit_rb_pauli_error_per_gate");
    const t1 = metric("single_qubit_idle_t1_micros");
    const sites = [...pauli.keys()].sort((a, b) => compareSites(a, b));
    expect(snapshot.qubits).toHaveLength(sites.length);
    snapshot.qubits.forEach(({ values }, id) => {
      const site = sites[id] ?? "";
      expect(values.t1Us?.value).toBe(t1.get(site));
      expect(values.singleQubitFidelity?.value).toBeCloseTo(
        1 - (2 / 3) * (pauli.get(site) ?? Number.NaN),
        14,
      );
    });
    const cycles = ["cz", "sqrt_iswap"]
      .map((name) => metric(`two_qubit_parallel_${name}_gate_xeb_pauli_error_per_cycle`))
      .find((found) => found.size > 0);
    expect(snapshot.couplers).toHaveLength(cycles?.size ?? 0);
    for (const { a, b, values } of snapshot.couplers) {
      const [first = "", second = ""] = [sites[a], sites[b]];
      const cycle = cycles?.get(`${first},${second}`) ?? cycles?.get(`${second},${first}`);
      const own = (cycle ?? Number.NaN) - (pauli.get(first) ?? 0) - (pauli.get(second) ?? 0);
      expect(values.czFidelity?.value).toBeCloseTo(1 - 0.8 * Math.max(0, own), 12);
    }
    await expectUsable(imported);
  });
});

function compareSites(a: string, b: string): number {
  const [x = [], y = []] = [a, b].map((site) => site.replace(/^q/, "").split("_").map(Number));
  return (x[0] ?? 0) - (y[0] ?? 0) || (x[1] ?? 0) - (y[1] ?? 0);
}
