/**
 * Amazon Braket device properties of gate-model QPUs: the standardized part carries the
 * calibration (of each qubit, or in version 3 of the device as a whole), the paradigm the connectivity; devices before it
 * carry the specifications of the provider (Rigetti: 1Q and 2Q). T2 is read as an echo time (assumed: the schema does
 * not say), so it gives no static detuning.
 */
import type { CalibrationEntry, CouplerCalibration, QubitCalibration } from "../calibration.ts";
import { type Coupler, createTopology } from "../topology.ts";
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

/** Reads Braket device properties. */
export const braketFormat: ChipFormat = {
  name: "braket",
  meaning: "Amazon Braket device properties",
  detect: (root) =>
    isObject(standardized(root)["oneQubitProperties"]) || isObject(root["standardized"]),
  read: readBraket,
};

function standardized(root: JsonObject): JsonObject {
  const part = isObject(root["standardized"]) ? root["standardized"] : root;
  if (["singleQubitFidelity", "twoQubitGateFidelity", "readoutFidelity"].some((key) => key in part))
    return fromDeviceMeans(part, objectOf(root["paradigm"]));
  if (isObject(root["standardized"])) return root["standardized"];
  const specs = objectOf(objectOf(root["provider"])["specs"]);
  return isObject(specs["1Q"]) ? fromProviderSpecs(specs) : root;
}

/** The specifications of Rigetti as standardized properties: fidelities by name, times in seconds. */
function fromProviderSpecs(specs: JsonObject): JsonObject {
  const fidelity = (row: JsonObject, field: string, name: string): readonly JsonObject[] =>
    row[field] === undefined
      ? []
      : [{ fidelityType: { name }, fidelity: row[field], standardError: row[`${field}_std_err`] }];
  const time = (value: unknown): JsonObject => ({ value, unit: "S" });
  const oneQubitProperties = Object.entries(objectOf(specs["1Q"])).map(([key, value]) => {
    const row = objectOf(value);
    const oneQubitFidelity = [
      ...fidelity(row, "f1Q_simultaneous_RB", "SIMULTANEOUS_RANDOMIZED_BENCHMARKING"),
      ...fidelity(row, "f1QRB", "RANDOMIZED_BENCHMARKING"),
      ...fidelity(row, "fRO", "READOUT"),
    ];
    return [key, { T1: time(row["T1"]), T2: time(row["T2"]), oneQubitFidelity }] as const;
  });
  const twoQubitProperties = Object.entries(objectOf(specs["2Q"])).map(([key, value]) => {
    const row = objectOf(value);
    const gates = ["CZ", "CPHASE", "XY"].filter((name) => row[`f${name}`] !== undefined);
    const twoQubitGateFidelity = gates.map((gateName) => ({
      gateName,
      fidelity: row[`f${gateName}`],
      standardError: row[`f${gateName}_std_err`],
    }));
    return [key, { twoQubitGateFidelity }] as const;
  });
  return {
    oneQubitProperties: Object.fromEntries(oneQubitProperties),
    twoQubitProperties: Object.fromEntries(twoQubitProperties),
  };
}

/** Version 3 gives one number for the whole device where others give one per qubit: it stands for each of them. */
function fromDeviceMeans(part: JsonObject, paradigm: JsonObject): JsonObject {
  const own = objectOf(part["oneQubitProperties"]);
  const count = Number(paradigm["qubitCount"] ?? 0);
  const keys =
    Object.keys(own).length > 0
      ? Object.keys(own)
      : Array.from({ length: count }, (_, qubit) => String(qubit));
  const fidelities = (value: unknown, name?: string): readonly JsonObject[] =>
    listOf(value)
      .map(objectOf)
      .map((item) => (name === undefined ? item : { ...item, fidelityType: { name } }));
  const oneQubitProperties = keys.map((key) => {
    const row = objectOf(own[key]);
    const oneQubitFidelity = [
      ...fidelities(part["singleQubitFidelity"]),
      ...fidelities(row["oneQubitFidelity"]), // after those of the device, so before them
      ...fidelities(part["readoutFidelity"], "READOUT"),
    ];
    return [key, { T1: part["T1"], T2: part["T2"], ...row, oneQubitFidelity }] as const;
  });
  const pairs = pairsOf(objectOf(paradigm["connectivity"]), keys);
  const twoQubitGateFidelity = fidelities(part["twoQubitGateFidelity"]);
  return {
    ...part,
    oneQubitProperties: Object.fromEntries(oneQubitProperties),
    twoQubitProperties: isObject(part["twoQubitProperties"])
      ? part["twoQubitProperties"]
      : Object.fromEntries(pairs.map((key) => [key, { twoQubitGateFidelity }])),
  };
}

/** Couplers as keys like `3-9`, each once: those of the connectivity, all pairs where everything is connected. */
function pairsOf(connectivity: JsonObject, keys: readonly string[]): readonly string[] {
  const listed = readConnectivity(connectivity).map(
    ({ a, b }) => `${Math.min(a, b)}-${Math.max(a, b)}`,
  );
  if (listed.length > 0 || connectivity["fullyConnected"] !== true) return [...new Set(listed)];
  return keys.flatMap((a, index) => keys.slice(index + 1).map((b) => `${a}-${b}`));
}

function readBraket(root: JsonObject, log: ReadLog): ChipFacts {
  const properties = standardized(root);
  const service = objectOf(root["service"]);
  const time = readTimeIfThere(
    service["updatedAt"] ?? properties["updatedAt"],
    "service.updatedAt",
    log,
  );
  const qubits = Object.entries(objectOf(properties["oneQubitProperties"])).flatMap(([key, row]) =>
    readQubit(key, objectOf(row), time, log),
  );
  const live = new Set(qubits.map(({ id }) => id));
  const gates = new Set<string>();
  const couplers = Object.entries(objectOf(properties["twoQubitProperties"])).flatMap(
    ([key, row]) => readPair(key, objectOf(row), { live, time, gates }, log),
  );
  if ([...gates].some((name) => name !== "CZ")) {
    log.warnings.push({
      where: "standardized.twoQubitProperties",
      expected: "CZ",
      given: nameSome([...gates]),
      hint: `${nameSome([...gates])}: modelled as CZ with the same error`,
    });
  }
  const paradigm = objectOf(root["paradigm"]);
  const built = readConnectivity(objectOf(paradigm["connectivity"]));
  const last = Math.max(
    0,
    ...qubits.map(({ id }) => id),
    ...built.map(({ a, b }) => Math.max(a, b)),
  );
  const shots = listOf(service["shotsRange"]).map(Number);
  log.warnings.push({
    where: "standardized.oneQubitProperties",
    expected: "what T2 means",
    given: "nothing",
    hint: "T2 is read as an echo time",
  });
  return {
    content: {
      chip: `Braket ${nameOf(root)}`,
      kind: "measured",
      calibratedAt: time,
      source: "Amazon Braket device properties",
      qubits,
      couplers,
    },
    topology: createTopology({
      qubits: last + 1,
      couplers: [...built, ...couplers.map(({ a, b }) => ({ a, b }))],
    }),
    timing: typicalTimes(
      {
        pulseNs: lengthOf(properties["singleQubitGateDuration"], "singleQubitGateDuration", log),
        czNs: lengthOf(properties["twoQubitGateDuration"], "twoQubitGateDuration", log),
        measureNs: lengthOf(properties["readoutDuration"], "readoutDuration", log),
      },
      log,
    ),
    limits: present<{ minShots: number; maxShots: number; maxLayers: number }>({
      minShots: shots[0],
      maxShots: shots[1],
      maxLayers: 1_000_000,
    }),
  };
}

function nameOf(root: JsonObject): string {
  const documentation = objectOf(objectOf(root["service"])["deviceDocumentation"]);
  const summary = documentation["summary"];
  return typeof summary === "string" && summary.length < 60 ? summary : "device";
}

function readConnectivity(connectivity: JsonObject): readonly Coupler[] {
  return Object.entries(objectOf(connectivity["connectivityGraph"])).flatMap(([key, list]) =>
    listOf(list).map((other) => ({ a: Number(key), b: Number(other) })),
  );
}

function readQubit(
  key: string,
  row: JsonObject,
  time: string,
  log: ReadLog,
): readonly QubitCalibration[] {
  const where = `standardized.oneQubitProperties.${key}`;
  const fidelities = new Map(
    listOf(row["oneQubitFidelity"]).map((item) => [
      String(objectOf(objectOf(item)["fidelityType"])["name"]),
      objectOf(item),
    ]),
  );
  const read = (...names: readonly string[]): CalibrationEntry | undefined => {
    const name = names.find((candidate) => fidelities.has(candidate));
    const item = name === undefined ? undefined : fidelities.get(name);
    const value = readNumber(item?.["fidelity"], `${where}.${name}`, log);
    return entryOf(
      value,
      `Braket ${name}`,
      time,
      readNumber(item?.["standardError"], `${where}.${name}.standardError`, log),
    );
  };
  const gate = read("SIMULTANEOUS_RANDOMIZED_BENCHMARKING", "RANDOMIZED_BENCHMARKING");
  if (gate === undefined) {
    log.warnings.push({
      where,
      expected: "a fidelity by randomised benchmarking",
      given: [...fidelities.keys()].join(", ") || "nothing",
      hint: "the qubit counts as dead",
    });
    return [];
  }
  const both = read("READOUT");
  return [
    {
      id: Number(key),
      values: present<QubitCalibration["values"]>({
        t1Us: readSeconds(row["T1"], `${where}.T1`, time, log),
        tEchoUs: readSeconds(row["T2"], `${where}.T2`, time, log),
        singleQubitFidelity: gate,
        readoutF0: asFidelity(read("READOUT_ERROR_0_TO_1"), where, log) ?? both,
        readoutF1: asFidelity(read("READOUT_ERROR_1_TO_0"), where, log) ?? both,
      }),
    },
  ];
}

/**
 * A readout error is published under the name `fidelity`; some devices put a fidelity there all the
 * same.
 */
function asFidelity(
  entry: CalibrationEntry | undefined,
  where: string,
  log: ReadLog,
): CalibrationEntry | undefined {
  if (entry === undefined) return undefined;
  if (entry.value <= 0.5) return { ...entry, value: 1 - entry.value };
  log.warnings.push({
    where,
    expected: "a readout error",
    given: String(entry.value),
    hint: "a value over 1/2 is read as a fidelity",
  });
  return entry;
}

function readSeconds(
  value: unknown,
  where: string,
  time: string,
  log: ReadLog,
): CalibrationEntry | undefined {
  const { value: raw, standardError, unit } = objectOf(value);
  const scale = { S: 1e6, MS: 1e3, US: 1, NS: 1e-3 }[String(unit ?? "S").toUpperCase()];
  const number = readNumber(raw, where, log);
  if (number === undefined) return undefined;
  if (scale === undefined) {
    log.issues.push({ where: `${where}.unit`, expected: "S, MS, US or NS", given: String(unit) });
    return undefined;
  }
  const error = readNumber(standardError, `${where}.standardError`, log);
  return entryOf(number * scale, "Braket", time, error === undefined ? undefined : error * scale);
}

/** A duration of the device in ns, as a list: empty where it is not published. */
function lengthOf(value: unknown, name: string, log: ReadLog): readonly number[] {
  const entry = readSeconds(value, `standardized.${name}`, "", log);
  return entry === undefined ? [] : [1e3 * entry.value];
}

interface PairContext {
  readonly live: ReadonlySet<number>;
  readonly time: string;
  /** Names of the gates that pairs were read from; grows. */
  readonly gates: Set<string>;
}

function readPair(
  key: string,
  row: JsonObject,
  { live, time, gates: names }: PairContext,
  log: ReadLog,
): readonly CouplerCalibration[] {
  const where = `standardized.twoQubitProperties.${key}`;
  const [i, j] = key.split("-").map(Number);
  if (i === undefined || j === undefined || Number.isNaN(i) || Number.isNaN(j)) {
    log.issues.push({ where, expected: 'a key like "3-9"', given: key });
    return [];
  }
  const gates = listOf(row["twoQubitGateFidelity"]).map(objectOf);
  const gate =
    gates.find((item) => String(item["gateName"]).toUpperCase() === "CZ") ??
    gates.toSorted((x, y) => Number(y["fidelity"]) - Number(x["fidelity"]))[0];
  if (gate === undefined || !live.has(i) || !live.has(j)) {
    log.warnings.push({
      where,
      expected: "a gate fidelity between live qubits",
      given: gate === undefined ? "nothing" : "a dead qubit",
      hint: "the edge is left out",
    });
    return [];
  }
  const name = String(gate["gateName"] ?? "two-qubit gate").toUpperCase();
  names.add(name);
  const fidelity = readNumber(gate["fidelity"], `${where}.fidelity`, log);
  const error = readNumber(gate["standardError"], `${where}.standardError`, log);
  return [
    {
      a: Math.min(i, j),
      b: Math.max(i, j),
      values: present<CouplerCalibration["values"]>({
        czFidelity: entryOf(fidelity, `Braket ${name}`, time, error),
      }),
    },
  ];
}
