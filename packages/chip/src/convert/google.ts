/**
 * Google metrics snapshot (JSON of `cirq.google.api.v2.MetricsSnapshot`): metrics by name, with
 * targets like `q5_3`. Pauli errors become average infidelities (times 2/3 on one qubit, 4/5 on
 * two), average errors are taken as they are; an error per cycle contains one single-qubit gate on either qubit, which is taken off.
 * Gates other than CZ count as CZ.
 */
import type { CalibrationEntry, CouplerCalibration, QubitCalibration } from "../calibration.ts";
import { createTopology } from "../topology.ts";
import { typicalTimes } from "./gate-times.ts";
import type { ChipFacts, ChipFormat } from "./imported-chip.ts";
import {
  type JsonObject,
  type ReadLog,
  entryOf,
  isObject,
  listOf,
  objectOf,
  present,
  readNumber,
  readTimeIfThere,
} from "./json-reader.ts";

/** Reads metrics snapshots of Google. */
export const googleFormat: ChipFormat = {
  name: "google-metrics",
  meaning: "Google metrics snapshot (cirq-google)",
  detect: (root) => Array.isArray(body(root)["metrics"]),
  read: readGoogle,
};

/** The snapshot itself: cirq wraps it as `{ cirq_type: "Calibration", metrics: { metrics } }`. */
function body(root: JsonObject): JsonObject {
  return isObject(root["metrics"]) ? root["metrics"] : root;
}

/** Metric by target: `5_3` or `5_3,5_4` to the value. */
type Metric = ReadonlyMap<string, number>;

function readGoogle(document: JsonObject, log: ReadLog): ChipFacts {
  const root = body(document);
  const time = readTimeIfThere(root["timestampMs"] ?? root["timestamp_ms"], "timestampMs", log);
  const metrics = readMetrics(root, log);
  const singles = pick(metrics, [
    ["single_qubit_rb_pauli_error_per_gate", 2 / 3],
    ["single_qubit_rb_average_error_per_gate", 1],
  ]);
  const pairs = pickPairs(metrics);
  if (singles === undefined || pairs === undefined) {
    log.issues.push({
      where: "metrics",
      expected:
        "single_qubit_rb_{pauli,average}_error_per_gate and " +
        "two_qubit_{cz,sqrt_iswap,sycamore}_gate_xeb_{pauli,average}_error_per_cycle",
      given: [...metrics.keys()].join(", ") || "no metrics",
    });
  }
  const names = [...(singles?.values.keys() ?? [])].sort(compareSites);
  const ids = new Map(names.map((name, id) => [name, id]));
  const qubits = names.map((name, id) => ({
    id,
    values: qubitValues(name, singles, metrics, time),
  }));
  const couplers = [...(pairs?.values ?? [])].flatMap(
    ([key, value]): readonly CouplerCalibration[] => {
      const [i, j] = key.split(",").map((name) => ids.get(name));
      if (i === undefined || j === undefined || pairs === undefined || singles === undefined) {
        log.warnings.push({
          where: `metrics.${pairs?.name}[${key}]`,
          expected: "two qubits with a single-qubit error",
          given: key,
          hint: "the edge is left out",
        });
        return [];
      }
      const own = pairs.perCycle
        ? key.split(",").reduce((sum, name) => sum + pauliOf(singles, name), 0)
        : 0;
      const error = 0.8 * Math.max(0, value - own);
      return [
        {
          a: Math.min(i, j),
          b: Math.max(i, j),
          values: { czFidelity: { value: 1 - error, method: pairs.name, time } },
        },
      ];
    },
  );
  if (pairs !== undefined && !pairs.name.includes("_cz_")) {
    log.warnings.push({
      where: `metrics.${pairs.name}`,
      expected: "CZ",
      given: pairs.name,
      hint: "modelled as CZ with the same error",
    });
  }
  return {
    content: {
      chip: "Google processor",
      kind: "measured",
      calibratedAt: time,
      source: "Google metrics snapshot",
      qubits,
      couplers,
    },
    topology: createTopology({
      qubits: Math.max(1, names.length),
      couplers: couplers.map(({ a, b }) => ({ a, b })),
      sites: names.length === 0 ? [{ row: 0, col: 0 }] : names.map(siteOf),
    }),
    timing: typicalTimes({ pulseNs: [], czNs: [], measureNs: [] }, log), // in the device specification, not here
    limits: { minShots: 1, maxShots: 5_000_000, maxLayers: 10_000 },
  };
}

function readMetrics(root: JsonObject, log: ReadLog): ReadonlyMap<string, Metric> {
  const metrics = new Map<string, Map<string, number>>();
  for (const [index, item] of listOf(root["metrics"]).entries()) {
    const { name, targets, values } = objectOf(item);
    const first = objectOf(listOf(values)[0]);
    const value = readNumber(
      first["doubleVal"] ??
        first["double_val"] ??
        first["floatVal"] ??
        first["float_val"] ??
        first["int32Val"] ??
        first["int32_val"],
      `metrics[${index}].values[0]`,
      log,
    );
    const key = listOf(targets)
      .map((target) => String(target).replace(/^q/, ""))
      .join(",");
    if (value === undefined || key === "") continue;
    const metric = metrics.get(String(name)) ?? new Map<string, number>();
    metrics.set(String(name), metric.set(key, value));
  }
  return metrics;
}

interface Picked {
  readonly name: string;
  readonly values: Metric;
  /** Factor to the average infidelity. */
  readonly factor: number;
}

function pick(
  metrics: ReadonlyMap<string, Metric>,
  candidates: readonly (readonly [string, number])[],
): Picked | undefined {
  for (const [name, factor] of candidates) {
    const values = metrics.get(name);
    if (values !== undefined) return { name, values, factor };
  }
  return undefined;
}

/** CZ before the others, parallel before isolated, Pauli before average errors. The values are Pauli errors. */
function pickPairs(
  metrics: ReadonlyMap<string, Metric>,
): (Picked & { readonly perCycle: boolean }) | undefined {
  for (const gate of ["cz", "sqrt_iswap", "sycamore"]) {
    for (const parallel of ["parallel_", ""]) {
      for (const [kind, toPauli] of [
        ["pauli", 1],
        ["average", 1.25],
      ] as const) {
        const name = `two_qubit_${parallel}${gate}_gate_xeb_${kind}_error_per_cycle`;
        const found = metrics.get(name);
        if (found === undefined) continue;
        const values = new Map([...found].map(([key, value]) => [key, value * toPauli]));
        return { name, values, factor: 0.8, perCycle: true };
      }
    }
  }
  return undefined;
}

function pauliOf(singles: Picked, name: string): number {
  return (singles.values.get(name) ?? 0) * singles.factor * 1.5;
}

function qubitValues(
  name: string,
  singles: Picked | undefined,
  metrics: ReadonlyMap<string, Metric>,
  time: string,
): QubitCalibration["values"] {
  const from = (
    candidates: readonly string[],
    convert: (value: number) => number,
  ): CalibrationEntry | undefined => {
    const found = pick(
      metrics,
      candidates.map((candidate) => [candidate, 1] as const),
    );
    const value = found?.values.get(name);
    return entryOf(value === undefined ? undefined : convert(value), found?.name ?? "", time);
  };
  const error = singles?.values.get(name);
  return present<QubitCalibration["values"]>({
    t1Us: from(["single_qubit_idle_t1_micros"], (value) => value),
    singleQubitFidelity: entryOf(
      error === undefined || singles === undefined ? undefined : 1 - error * singles.factor,
      singles?.name ?? "",
      time,
    ),
    readoutF0: from(["parallel_p00_error", "single_qubit_p00_error"], (value) => 1 - value),
    readoutF1: from(["parallel_p11_error", "single_qubit_p11_error"], (value) => 1 - value),
  });
}

function siteOf(name: string): { readonly row: number; readonly col: number } {
  const [row, col] = name.split("_").map(Number);
  return { row: row ?? 0, col: col ?? 0 };
}

function compareSites(a: string, b: string): number {
  const x = siteOf(a);
  const y = siteOf(b);
  return x.row - y.row || x.col - y.col;
}
