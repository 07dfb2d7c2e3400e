/**
 * Chip configuration of PilotOS, with or without its envelope: qubits that are not calibrated are
 * absent, 0 means not measured, columns of `FidelityMat` are the prepared state, every edge is
 * listed from both ends.
 */
import type { CouplerCalibration, QubitCalibration, SnapshotContent } from "../calibration.ts";
import { couplerKey } from "../topology.ts";
import type { ChipFacts, ChipFormat } from "./imported-chip.ts";
import { gridFor } from "./imported-chip.ts";
import {
  type JsonObject,
  type ReadLog,
  entryOf,
  isObject,
  listOf,
  objectOf,
  present,
  readNumber,
  readTime,
} from "./json-reader.ts";

const method = "PilotOS chip configuration";

/** Reads chip configurations of PilotOS. */
export const pilotOsFormat: ChipFormat = {
  name: "pilot-os",
  meaning: "chip configuration of Origin PilotOS",
  detect: (root) => isObject(body(root)["QubitParams"]),
  read: readPilotOs,
};

function body(root: JsonObject): JsonObject {
  return isObject(root["QuantumChipArch"]) ? root["QuantumChipArch"] : root;
}

function readPilotOs(root: JsonObject, log: ReadLog): ChipFacts {
  const config = body(root);
  const time = readTime(config["LastUpdateTime"], "+08:00", "LastUpdateTime", log);
  const available = Array.isArray(config["AvailableQubits"])
    ? new Set(config["AvailableQubits"].map(Number))
    : undefined;
  const qubits = Object.entries(objectOf(config["QubitParams"]))
    .filter(([key]) => available === undefined || available.has(Number(key)))
    .flatMap(([key, row]) => readQubit(key, objectOf(row), time, log));
  const couplers = readEdges(objectOf(config["AdjMatrix"]), time, log);
  const count = readNumber(config["QubitCount"], "QubitCount", log) ?? 72;
  const clock = objectOf(config["QGateClock"]);
  const high = listOf(config["HighFrequencyQubit"])
    .map(Number)
    .sort((a, b) => a - b);
  const compensation = readCompensation(objectOf(config["CompensateAngle"]), log);
  return {
    content: {
      chip: count <= 72 ? "Origin Wukong 72" : `Origin ${count} qubits`,
      kind: "measured",
      calibratedAt: time,
      source: "Origin PilotOS, chip configuration",
      qubits,
      couplers,
      ...(high.length === 0 ? {} : { highFrequencyQubits: high }),
      ...(compensation.length === 0 ? {} : { czCompensation: compensation }),
    },
    topology: gridFor(count),
    timing: present<{ pulseNs: number; czNs: number }>({
      pulseNs: readNumber(clock["RPhi"], "QGateClock.RPhi", log),
      czNs: readNumber(clock["CZ"], "QGateClock.CZ", log),
    }),
    limits: present<{ maxShots: number }>({
      maxShots: readNumber(config["MaxShots"], "MaxShots", log),
    }),
  };
}

function readQubit(
  key: string,
  row: JsonObject,
  time: string,
  log: ReadLog,
): readonly QubitCalibration[] {
  const where = `QubitParams.${key}`;
  const positive = (name: string): number | undefined => {
    const value = readNumber(row[name], `${where}.${name}`, log);
    return value === 0 ? undefined : value;
  };
  const fidelity = positive("SingleGateFidelity");
  if (fidelity === undefined) {
    log.warnings.push({
      where,
      expected: "SingleGateFidelity",
      given: "nothing",
      hint: "the qubit counts as dead",
    });
    return [];
  }
  // Row = what was read, column = what was prepared.
  const [readZero, readOne] = listOf(row["FidelityMat"]).map(listOf);
  const entry = (value: number | undefined) => entryOf(value, method, time);
  return [
    {
      id: Number(key),
      values: present<QubitCalibration["values"]>({
        frequencyMhz: entry(positive("Frequency")),
        t1Us: entry(positive("T1")),
        t2Us: entry(positive("T2")),
        singleQubitFidelity: entry(fidelity),
        readoutF0: entry(readNumber(readZero?.[0], `${where}.FidelityMat[0][0]`, log)),
        readoutF1: entry(readNumber(readOne?.[1], `${where}.FidelityMat[1][1]`, log)),
      }),
    },
  ];
}

function readEdges(matrix: JsonObject, time: string, log: ReadLog): readonly CouplerCalibration[] {
  const edges = new Map<string, CouplerCalibration>();
  for (const [key, list] of Object.entries(matrix)) {
    for (const [index, item] of listOf(list).entries()) {
      const where = `AdjMatrix.${key}[${index}]`;
      const { v, w } = objectOf(item);
      const [i, j] = [Number(key), Number(v)];
      const fidelity = readNumber(w, `${where}.w`, log);
      if (fidelity === undefined || fidelity === 0) continue; // a dead edge may be listed with 0
      const known = edges.get(couplerKey(i, j))?.values.czFidelity?.value;
      if (known !== undefined && known !== fidelity) {
        log.warnings.push({
          where,
          expected: `${known} as from the other end`,
          given: String(fidelity),
          hint: "the first one is kept",
        });
        continue;
      }
      edges.set(couplerKey(i, j), {
        a: Math.min(i, j),
        b: Math.max(i, j),
        values: { czFidelity: { value: fidelity, method, time } },
      });
    }
  }
  return [...edges.values()];
}

function readCompensation(
  angles: JsonObject,
  log: ReadLog,
): NonNullable<SnapshotContent["czCompensation"]> {
  return Object.entries(angles).flatMap(([key, pair]) => {
    const where = `CompensateAngle.${key}`;
    const match = /^CZ\((\d+),(\d+)\)$/.exec(key);
    if (match === null) {
      log.warnings.push({
        where,
        expected: "a key like CZ(3,9)",
        given: key,
        hint: "it is not used",
      });
      return [];
    }
    const [i = "", j = ""] = match.slice(1);
    const [a, b] = Number(i) < Number(j) ? [i, j] : [j, i];
    return [
      {
        a: Number(a),
        b: Number(b),
        angleARad: readNumber(objectOf(pair)[a], `${where}.${a}`, log) ?? 0,
        angleBRad: readNumber(objectOf(pair)[b], `${where}.${b}`, log) ?? 0,
      },
    ];
  });
}
