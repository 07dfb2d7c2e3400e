/**
 * IBM backend properties, alone or together with the backend configuration (`{ properties,
 * configuration }`). T2 is an echo time there. Two-qubit gates other than CZ count as CZ, which
 * they equal up to local gates.
 */
import type { CalibrationEntry, CouplerCalibration, QubitCalibration } from "../calibration.ts";
import { type Coupler, couplerKey, createTopology } from "../topology.ts";
import { nameSome, typicalTimes } from "./gate-times.ts";
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

const twoQubitGates = ["cz", "ecr", "cx"];
/** One pulse each, before those of two. */
const singleQubitGates = ["sx", "x", "u2", "u3", "u"];

/** Reads backend properties of IBM. */
export const ibmFormat: ChipFormat = {
  name: "ibm",
  meaning: "IBM backend properties (and configuration)",
  detect: (root) => {
    const { properties, configuration } = parts(root);
    return (
      (Array.isArray(properties["qubits"]) && Array.isArray(properties["gates"])) ||
      Array.isArray(configuration["coupling_map"])
    );
  },
  read: readIbm,
};

function parts(root: JsonObject): {
  readonly properties: JsonObject;
  readonly configuration: JsonObject;
} {
  const configuration = objectOf(root["configuration"] ?? root["conf"]);
  const properties = objectOf(root["properties"] ?? root["props"]);
  if (isObject(root["properties"]) || isObject(root["props"])) return { properties, configuration };
  return Array.isArray(root["coupling_map"])
    ? { properties: {}, configuration: root }
    : { properties: root, configuration };
}

function readIbm(root: JsonObject, log: ReadLog): ChipFacts {
  const { properties, configuration } = parts(root);
  if (!Array.isArray(properties["qubits"])) {
    log.issues.push({
      where: "properties",
      expected: "backend properties (qubits, gates)",
      given: "a configuration alone",
      hint: 'put both into one file: {"properties": …, "configuration": …}',
    });
  }
  const time = readTimeIfThere(properties["last_update_date"], "last_update_date", log);
  const gates = listOf(properties["gates"]).map((gate, index) =>
    readGate(objectOf(gate), index, time, log),
  );
  const rows = listOf(properties["qubits"]);
  const dead: number[] = [];
  const qubits = rows.flatMap((row, id) => {
    const qubit = readQubit(id, row, gates, time, log);
    if (qubit === undefined) dead.push(id);
    return qubit ?? [];
  });
  if (dead.length > 0) {
    log.warnings.push({
      where: `properties.qubits: ${nameSome(dead.map(String))}`,
      expected: "operational, with an error of sx or x below 1",
      given: "neither or nothing",
      hint: dead.length === 1 ? "it counts as dead" : `these ${dead.length} count as dead`,
    });
  }
  const live = new Set(qubits.map(({ id }) => id));
  const couplers = readCouplers(gates, live, log);
  const built = listOf(configuration["coupling_map"]).map((pair) => {
    const [a, b] = listOf(pair).map(Number);
    return { a: a ?? 0, b: b ?? 0 };
  });
  const name = properties["backend_name"] ?? configuration["backend_name"];
  const readouts = rows.flatMap((row, id) =>
    listOf(row)
      .map(objectOf)
      .filter((parameter) => parameter["name"] === "readout_length")
      .map((parameter) =>
        readUnit(parameter, "ns", `properties.qubits[${id}].readout_length`, log),
      ),
  );
  return {
    content: {
      chip: typeof name === "string" ? `IBM ${name}` : "IBM backend",
      kind: "measured",
      calibratedAt: time,
      source: "IBM backend properties",
      qubits,
      couplers,
    },
    topology: createTopology({
      qubits: Math.max(1, rows.length, ...built.map(({ a, b }) => 1 + Math.max(a, b))),
      couplers: [...built, ...couplers.map(({ a, b }) => ({ a, b }))],
    }),
    timing: typicalTimes(
      {
        pulseNs: lengthsOf(gates, [["sx"], ["x"], ["u2"]]),
        czNs: lengthsOf(gates, [twoQubitGates]),
        measureNs: readouts.filter((length) => length !== undefined),
      },
      log,
    ),
    limits: present<{
      minShots: number;
      maxShots: number;
      maxCircuitsPerJob: number;
      maxLayers: number;
    }>({
      minShots: 1,
      maxShots: readNumber(configuration["max_shots"], "configuration.max_shots", log),
      maxCircuitsPerJob: readNumber(
        configuration["max_experiments"],
        "configuration.max_experiments",
        log,
      ),
      maxLayers: 1_000_000, // IBM publishes no such limit
    }),
  };
}

interface IbmGate {
  readonly name: string;
  readonly qubits: readonly number[];
  readonly error?: CalibrationEntry;
  readonly lengthNs?: number;
}

function readGate(gate: JsonObject, index: number, time: string, log: ReadLog): IbmGate {
  const name = String(gate["gate"]);
  const where = `properties.gates[${index}]`;
  const parameters = listOf(gate["parameters"]).map(objectOf);
  const error = parameters.find((parameter) => parameter["name"] === "gate_error");
  const length = parameters.find((parameter) => parameter["name"] === "gate_length");
  const date = error?.["date"];
  return {
    name,
    qubits: listOf(gate["qubits"]).map(Number),
    ...present<{ error: CalibrationEntry; lengthNs: number }>({
      error: entryOf(
        readNumber(error?.["value"], `${where}.gate_error`, log),
        "IBM gate_error",
        typeof date === "string" ? date : time,
      ),
      lengthNs:
        length === undefined ? undefined : readUnit(length, "ns", `${where}.gate_length`, log),
    }),
  };
}

/** The lengths of the gates of the first group of names that has any. */
function lengthsOf(
  gates: readonly IbmGate[],
  groups: readonly (readonly string[])[],
): readonly number[] {
  for (const names of groups) {
    const lengths = gates
      .filter(({ name }) => names.includes(name))
      .map(({ lengthNs }) => lengthNs)
      .filter((length) => length !== undefined);
    if (lengths.length > 0) return lengths;
  }
  return [];
}

/** What one unit is in another; 1 for the same, so that such values stay as they are, bit for bit. */
const unitScales: Readonly<Record<"ns" | "us" | "MHz", Readonly<Record<string, number>>>> = {
  ns: { s: 1e9, ms: 1e6, us: 1e3, ns: 1 },
  us: { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 },
  MHz: { Hz: 1e-6, kHz: 1e-3, MHz: 1, GHz: 1e3 },
};

/** Value in SI-prefixed units, converted: seconds to `ns` or `us`, hertz to `MHz`. */
function readUnit(
  parameter: JsonObject,
  to: "ns" | "us" | "MHz",
  where: string,
  log: ReadLog,
): number | undefined {
  const value = readNumber(parameter["value"], where, log);
  const unit = String(parameter["unit"]).replace(/[µμ]/, "u");
  const scales = unitScales[to];
  const scale = scales[unit];
  if (value === undefined) return undefined;
  if (scale === undefined) {
    log.issues.push({
      where: `${where}.unit`,
      expected: Object.keys(scales).join(", "),
      given: unit,
    });
    return undefined;
  }
  return value * scale;
}

function readQubit(
  id: number,
  row: unknown,
  gates: readonly IbmGate[],
  time: string,
  log: ReadLog,
): QubitCalibration | undefined {
  const where = `properties.qubits[${id}]`;
  const parameters = new Map(
    listOf(row).map((item) => [String(objectOf(item)["name"]), objectOf(item)]),
  );
  if (parameters.get("operational")?.["value"] === 0) return undefined;
  const error = singleQubitGates
    .map((name) => gates.find((gate) => gate.name === name && gate.qubits[0] === id)?.error)
    .find((entry) => entry !== undefined);
  if (error === undefined || error.value >= 1) return undefined;
  const timed = (name: string, to: "us" | "MHz"): CalibrationEntry | undefined => {
    const parameter = parameters.get(name);
    if (parameter === undefined) return undefined;
    return entryOf(
      readUnit(parameter, to, `${where}.${name}`, log),
      `IBM ${name}`,
      dateOf(parameter, time),
    );
  };
  const readout = (specific: string): CalibrationEntry | undefined => {
    const parameter = parameters.get(specific) ?? parameters.get("readout_error");
    const value = readNumber(parameter?.["value"], `${where}.${specific}`, log);
    return entryOf(
      value === undefined ? undefined : 1 - value,
      `IBM ${specific}`,
      dateOf(parameter ?? {}, time),
    );
  };
  return {
    id,
    values: present<QubitCalibration["values"]>({
      frequencyMhz: timed("frequency", "MHz"),
      t1Us: timed("T1", "us"),
      tEchoUs: timed("T2", "us"),
      singleQubitFidelity: { ...error, value: 1 - error.value },
      readoutF0: readout("prob_meas1_prep0"),
      readoutF1: readout("prob_meas0_prep1"),
    }),
  };
}

function dateOf(parameter: JsonObject, time: string): string {
  return typeof parameter["date"] === "string" ? parameter["date"] : time;
}

function readCouplers(
  gates: readonly IbmGate[],
  live: ReadonlySet<number>,
  log: ReadLog,
): readonly CouplerCalibration[] {
  const best = new Map<
    string,
    { readonly pair: Coupler; readonly gate: IbmGate; readonly error: CalibrationEntry }
  >();
  const unusable = new Map<string, string>();
  for (const gate of gates) {
    const [i, j] = gate.qubits;
    if (
      !twoQubitGates.includes(gate.name) ||
      gate.error === undefined ||
      i === undefined ||
      j === undefined
    )
      continue;
    const key = couplerKey(i, j);
    if (gate.error.value >= 1 || !live.has(i) || !live.has(j)) {
      unusable.set(key, `${Math.min(i, j)}-${Math.max(i, j)}`);
      continue;
    }
    const known = best.get(key);
    if (known === undefined || gate.error.value < known.error.value) {
      best.set(key, { pair: { a: Math.min(i, j), b: Math.max(i, j) }, gate, error: gate.error });
    }
  }
  const lost = [...unusable].filter(([key]) => !best.has(key)).map(([, pair]) => pair);
  if (lost.length > 0) {
    log.warnings.push({
      where: `properties.gates: ${nameSome(lost)}`,
      expected: "an error below 1, in one direction at least, between live qubits",
      given: "1, or a dead qubit",
      hint: lost.length === 1 ? "the edge is left out" : `these ${lost.length} edges are left out`,
    });
  }
  if ([...best.values()].some(({ gate }) => gate.name !== "cz")) {
    log.warnings.push({
      where: "properties.gates",
      expected: "cz",
      given: [...new Set([...best.values()].map(({ gate }) => gate.name))].join(", "),
      hint: "modelled as CZ with the same error",
    });
  }
  return [...best.values()].map(({ pair, gate, error }) => ({
    ...pair,
    values: present<CouplerCalibration["values"]>({
      czFidelity: { ...error, value: 1 - error.value },
      czDurationNs: entryOf(gate.lengthNs, "IBM gate_length", error.time),
    }),
  }));
}
