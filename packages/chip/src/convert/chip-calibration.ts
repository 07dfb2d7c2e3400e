/**
 * Our own calibration file, schema `qtune.chip-calibration/1`: `meta`, `qubits`, `edges`. A value
 * is a number, null (not published), or `{ value, error, method, time }` where it differs from the
 * method and time of `meta`.
 */
import {
  type CalibrationEntry,
  type CalibrationSnapshot,
  type SnapshotContent,
  type SnapshotKind,
  snapshotId,
} from "../calibration.ts";
import {
  couplerQuantities,
  couplerQuantityTable,
  qubitQuantities,
  qubitQuantityTable,
} from "../calibration-quantities.ts";
import { type ChipLimits, type ChipModel, type ChipTiming, newestSnapshot } from "../chip-model.ts";
import { type Topology, createGridTopology, createTopology } from "../topology.ts";
import type { ChipFacts, ChipFormat } from "./imported-chip.ts";
import {
  type JsonObject,
  type ReadLog,
  isObject,
  listOf,
  objectOf,
  readNumber,
  readTime,
} from "./json-reader.ts";

/** Value of the member `schema`. */
export const chipCalibrationSchema = "qtune.chip-calibration/1";

const kinds: readonly SnapshotKind[] = ["measured", "synthetic", "ideal", "fitted", "drifted"];

/** Reads files of our own schema. */
export const chipCalibrationFormat: ChipFormat = {
  name: chipCalibrationSchema,
  meaning: "calibration file of this project",
  detect: (root) =>
    typeof root["schema"] === "string" && root["schema"].startsWith("qtune.chip-calibration/"),
  read: readChipCalibration,
};

function readChipCalibration(root: JsonObject, log: ReadLog): ChipFacts {
  if (root["schema"] !== chipCalibrationSchema) {
    log.issues.push({
      where: "schema",
      expected: chipCalibrationSchema,
      given: String(root["schema"]),
      hint: "the file is of a newer version: update this program",
    });
  }
  const meta = objectOf(root["meta"]);
  const time = readTime(meta["calibratedAt"], "Z", "meta.calibratedAt", log);
  const method = typeof meta["method"] === "string" ? meta["method"] : "published";
  const kind = kinds.find((name) => name === meta["kind"]) ?? "measured";
  const base = { method, time };
  const highFrequency = listOf(root["highFrequencyQubits"]).filter((id) => typeof id === "number");
  const compensation = readCompensation(root["czCompensationRad"], log);
  const content: SnapshotContent = {
    chip: typeof meta["chip"] === "string" ? meta["chip"] : "chip",
    kind,
    calibratedAt: time,
    source: readSource(meta["source"]),
    ...(typeof meta["parentId"] === "string" ? { parentId: meta["parentId"] } : {}),
    qubits: listOf(root["qubits"]).map((row, index) => ({
      id: readId(objectOf(row)["id"], `qubits[${index}].id`, log),
      values: readValues(
        objectOf(row),
        qubitQuantities,
        qubitIgnored,
        `qubits[${index}]`,
        base,
        log,
      ),
    })),
    couplers: listOf(root["edges"]).map((row, index) => ({
      a: readId(objectOf(row)["a"], `edges[${index}].a`, log),
      b: readId(objectOf(row)["b"], `edges[${index}].b`, log),
      values: readValues(
        objectOf(row),
        couplerQuantities,
        couplerIgnored,
        `edges[${index}]`,
        base,
        log,
      ),
    })),
    ...(highFrequency.length === 0 ? {} : { highFrequencyQubits: highFrequency }),
    ...(compensation === undefined ? {} : { czCompensation: compensation }),
  };
  if (!Array.isArray(root["edges"])) {
    log.issues.push({
      where: "edges",
      expected: "a list of edges (may be empty)",
      given: typeof root["edges"],
    });
  }
  return {
    content,
    topology: readTopology(meta["topology"], content, log),
    timing: readTiming(meta, log),
    limits: readLimits(meta, log),
  };
}

const qubitIgnored = ["id", "row", "col"];
const couplerIgnored = ["a", "b"];

function readId(value: unknown, where: string, log: ReadLog): number {
  if (typeof value === "number") return value; // its range is checked with the snapshot
  log.issues.push({
    where,
    expected: "the number of a qubit",
    given: JSON.stringify(value) ?? "nothing",
  });
  return -1;
}

function readValues(
  row: JsonObject,
  quantities: readonly string[],
  ignored: readonly string[],
  where: string,
  base: { readonly method: string; readonly time: string },
  log: ReadLog,
): Readonly<Record<string, CalibrationEntry>> {
  const values: Record<string, CalibrationEntry> = {};
  for (const [name, raw] of Object.entries(row)) {
    if (ignored.includes(name)) continue;
    if (!quantities.includes(name)) {
      log.warnings.push({
        where: `${where}.${name}`,
        expected: `one of ${quantities.join(", ")}`,
        given: name,
        hint: "it is not used",
      });
      continue;
    }
    const detailed = isObject(raw) ? raw : { value: raw };
    const value = readNumber(detailed["value"], `${where}.${name}`, log);
    if (value === undefined) continue;
    const error = readNumber(detailed["error"], `${where}.${name}.error`, log);
    values[name] = {
      value,
      ...(error === undefined ? {} : { error }),
      method: typeof detailed["method"] === "string" ? detailed["method"] : base.method,
      time: typeof detailed["time"] === "string" ? detailed["time"] : base.time,
    };
  }
  return values;
}

function readSource(source: unknown): string {
  if (typeof source === "string") return source;
  const { repository, commit, path } = objectOf(source);
  const parts = [repository, commit, path].filter((part) => typeof part === "string");
  return parts.length === 0 ? "calibration file" : parts.join(" ");
}

function readCompensation(value: unknown, log: ReadLog): SnapshotContent["czCompensation"] {
  if (!Array.isArray(value)) return undefined;
  return value.map((row: unknown, index) => {
    const where = `czCompensationRad[${index}]`;
    const { a, b, angleA, angleB } = objectOf(row);
    return {
      a: readId(a, `${where}.a`, log),
      b: readId(b, `${where}.b`, log),
      angleARad: readNumber(angleA, `${where}.angleA`, log) ?? 0,
      angleBRad: readNumber(angleB, `${where}.angleB`, log) ?? 0,
    };
  });
}

function readTopology(value: unknown, content: SnapshotContent, log: ReadLog): Topology {
  const { rows, cols, qubits, couplers, sites } = objectOf(value);
  if (typeof rows === "number" && typeof cols === "number") return createGridTopology(rows, cols);
  if (typeof qubits === "number" && Array.isArray(couplers)) {
    return createTopology({
      qubits,
      couplers: couplers.map((pair: unknown) => {
        const [a, b] = listOf(pair);
        return { a: Number(a), b: Number(b) };
      }),
      ...(Array.isArray(sites)
        ? {
            sites: sites.map((site: unknown) => {
              const [row, col] = listOf(site);
              return { row: Number(row), col: Number(col) };
            }),
          }
        : {}),
    });
  }
  log.warnings.push({
    where: "meta.topology",
    expected: "rows and cols, or qubits and couplers",
    given: value === undefined ? "nothing" : JSON.stringify(value),
    hint: "the couplers are taken to be the edges listed",
  });
  const last = Math.max(0, ...content.qubits.map(({ id }) => id));
  return createTopology({
    qubits: last + 1,
    couplers: content.couplers.filter(({ a, b }) => a >= 0 && b > a && b <= last),
  });
}

function readTiming(meta: JsonObject, log: ReadLog): Partial<ChipTiming> {
  const times = objectOf(meta["gateTimesNs"]);
  const timing: Record<string, number> = {};
  const put = (name: keyof ChipTiming, value: unknown, where: string): void => {
    const number = readNumber(value, where, log);
    if (number !== undefined) timing[name] = number;
  };
  put("pulseNs", times["RPhi"], "meta.gateTimesNs.RPhi");
  put("czNs", times["CZ"], "meta.gateTimesNs.CZ");
  put("measureNs", times["Measure"], "meta.gateTimesNs.Measure");
  put("shotPeriodNs", meta["shotPeriodNs"], "meta.shotPeriodNs");
  return timing as Partial<ChipTiming>; // every key was put by name
}

function readLimits(meta: JsonObject, log: ReadLog): Partial<ChipLimits> {
  const limits: Record<string, number> = {};
  const put = (name: keyof ChipLimits, value: unknown, where: string): void => {
    const number = readNumber(value, where, log);
    if (number !== undefined) limits[name] = number;
  };
  const published = objectOf(meta["published"]);
  put("maxShots", published["maximumNumberRuns"], "meta.published.maximumNumberRuns");
  put("maxLayers", published["maximumLayers"], "meta.published.maximumLayers");
  for (const name of [
    "minShots",
    "maxShots",
    "maxLayers",
    "maxCircuitsPerJob",
    "maxQueue",
  ] as const) {
    put(name, objectOf(meta["limits"])[name], `meta.limits.${name}`);
  }
  return limits as Partial<ChipLimits>; // every key was put by name
}

/**
 * Prints a snapshot of a chip (default: the newest) as a calibration file; reading it back gives
 * the same snapshot id.
 *
 * Effect: pure; two spaces of indentation, one line per qubit and edge.
 */
export function printChipCalibration(
  chip: ChipModel,
  snapshot: CalibrationSnapshot = newestSnapshot(chip),
): string {
  const { topology } = chip;
  const base = { method: baseMethod(snapshot), time: snapshot.calibratedAt };
  const meta = {
    chip: snapshot.chip,
    snapshotId: snapshotId(snapshot),
    kind: snapshot.kind,
    ...(snapshot.parentId === undefined ? {} : { parentId: snapshot.parentId }),
    topology:
      topology.grid === undefined
        ? {
            qubits: topology.qubits,
            couplers: topology.couplers.map(({ a, b }) => [a, b]),
            sites: topology.sites.map(({ row, col }) => [row, col]),
          }
        : topology.grid,
    calibratedAt: snapshot.calibratedAt,
    source: snapshot.source,
    method: base.method,
    gateTimesNs: {
      RPhi: chip.timing.pulseNs,
      CZ: chip.timing.czNs,
      Measure: chip.timing.measureNs,
    },
    shotPeriodNs: chip.timing.shotPeriodNs,
    limits: chip.limits,
    units: unitsOf(),
  };
  const qubits = snapshot.qubits.map(({ id, values }) => ({ id, ...writeValues(values, base) }));
  const edges = snapshot.couplers.map(({ a, b, values }) => ({
    a,
    b,
    ...writeValues(values, base),
  }));
  const compensation = snapshot.czCompensation?.map(({ a, b, angleARad, angleBRad }) => ({
    a,
    b,
    angleA: angleARad,
    angleB: angleBRad,
  }));
  return [
    "{",
    `  "schema": ${JSON.stringify(chipCalibrationSchema)},`,
    `  "meta": ${indent(JSON.stringify(meta, null, 2))},`,
    `  "qubits": ${linesOf(qubits)},`,
    `  "edges": ${linesOf(edges)},`,
    `  "highFrequencyQubits": ${JSON.stringify(snapshot.highFrequencyQubits ?? null)},`,
    `  "czCompensationRad": ${compensation === undefined ? "null" : linesOf(compensation)}`,
    "}",
    "",
  ].join("\n");
}

/** The method that most entries share, so that their values are written as plain numbers. */
function baseMethod(snapshot: CalibrationSnapshot): string {
  const counts = new Map<string, number>();
  for (const { values } of [...snapshot.qubits, ...snapshot.couplers]) {
    for (const entry of Object.values(values))
      counts.set(entry.method, (counts.get(entry.method) ?? 0) + 1);
  }
  return [...counts].sort((x, y) => y[1] - x[1])[0]?.[0] ?? "published";
}

function writeValues(
  values: Readonly<Record<string, CalibrationEntry>>,
  base: { readonly method: string; readonly time: string },
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, entry]) => {
      const { value, error, method, time } = entry;
      const plain = error === undefined && method === base.method && time === base.time;
      return [name, plain ? value : entry];
    }),
  );
}

function unitsOf(): Readonly<Record<string, string>> {
  const rows = Object.entries({ ...qubitQuantityTable, ...couplerQuantityTable });
  return Object.fromEntries(rows.map(([name, { unit, meaning }]) => [name, `${unit}: ${meaning}`]));
}

function linesOf(rows: readonly unknown[]): string {
  if (rows.length === 0) return "[]";
  return `[\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]`;
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n  ");
}
