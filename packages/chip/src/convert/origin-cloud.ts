/**
 * Reply of Origin's cloud to `getFullConfig.json`, with or without its envelope. All numbers are
 * text; a qubit that is not calibrated is present with empty text; `readFidelity` is `"F0/F1"`;
 * keys of `gateJSON` are `"i_j"`.
 */
import type { CouplerCalibration, QubitCalibration } from "../calibration.ts";
import type { ChipFacts, ChipFormat } from "./imported-chip.ts";
import { gridFor } from "./imported-chip.ts";
import {
  type JsonObject,
  type ReadLog,
  entryOf,
  isObject,
  objectOf,
  present,
  readNumber,
  readTime,
} from "./json-reader.ts";

const method = "published by the Origin cloud";

/** Reads chip configurations of the Origin cloud. */
export const originCloudFormat: ChipFormat = {
  name: "origin-cloud",
  meaning: "chip configuration of the Origin quantum cloud",
  detect: (root) => isObject(body(root)["adjJSON"]),
  read: readOriginCloud,
};

/** The configuration itself: the member `obj` of the envelope, which may be text in turn. */
function body(root: JsonObject): JsonObject {
  if (typeof root["obj"] === "string") {
    try {
      return objectOf(JSON.parse(root["obj"]));
    } catch {
      return root; // no configuration inside: the next format may know it
    }
  }
  return isObject(root["obj"]) ? root["obj"] : root;
}

function readOriginCloud(root: JsonObject, log: ReadLog): ChipFacts {
  const config = body(root);
  const time = readTime(config["updateTime"], "+08:00", "updateTime", log);
  const sites = objectOf(config["adjJSON"]);
  const qubits = Object.entries(sites).flatMap(([key, site]) =>
    readQubit(key, objectOf(site), time, log),
  );
  const live = new Set(qubits.map(({ id }) => id));
  const couplers = Object.entries(objectOf(config["gateJSON"])).flatMap(([key, gate]) =>
    readGate(key, objectOf(gate), live, log),
  );
  const count =
    readNumber(config["qubitNum"], "qubitNum", log) ??
    1 + Math.max(0, ...Object.keys(sites).map(Number));
  const maxShots = readNumber(config["maximumNumberRuns"], "maximumNumberRuns", log);
  const maxLayers = readNumber(config["maximumLayers"], "maximumLayers", log);
  return {
    content: {
      chip: count <= 72 ? "Origin Wukong 72" : `Origin ${count} qubits`,
      kind: "measured",
      calibratedAt: time,
      source: "Origin quantum cloud, chip configuration",
      qubits,
      couplers,
    },
    topology: gridFor(count),
    limits: present<{ maxShots: number; maxLayers: number }>({ maxShots, maxLayers }),
  };
}

function readQubit(
  key: string,
  site: JsonObject,
  time: string,
  log: ReadLog,
): readonly QubitCalibration[] {
  const where = `adjJSON.${key}`;
  const id = Number(key);
  const read = (name: string): number | undefined =>
    readNumber(site[name], `${where}.${name}`, log);
  const fidelity = read("averageFidelity");
  if (fidelity === undefined || fidelity === 0) return []; // uncalibrated
  const [f0, f1] = readPair(site["readFidelity"], `${where}.readFidelity`, log);
  const positive = (name: string): number | undefined => {
    const value = read(name);
    return value === 0 ? undefined : value; // 0 means not measured
  };
  const entry = (value: number | undefined) => entryOf(value, method, time);
  return [
    {
      id,
      values: present<QubitCalibration["values"]>({
        frequencyMhz: entry(positive("frequency")),
        t1Us: entry(positive("T1")),
        t2Us: entry(positive("T2")),
        tEchoUs: entry(positive("Ts2")),
        singleQubitFidelity: entry(fidelity),
        readoutF0: entry(f0),
        readoutF1: entry(f1),
      }),
    },
  ];
}

function readPair(
  value: unknown,
  where: string,
  log: ReadLog,
): readonly [number | undefined, number | undefined] {
  if (value === undefined || value === null || value === "") return [undefined, undefined];
  const parts = String(value).split("/");
  if (parts.length !== 2) {
    log.issues.push({
      where,
      expected: '"F0/F1", e.g. "0.9742/0.9442"',
      given: JSON.stringify(value),
    });
    return [undefined, undefined];
  }
  return [readNumber(parts[0], where, log), readNumber(parts[1], where, log)];
}

function readGate(
  key: string,
  gate: JsonObject,
  live: ReadonlySet<number>,
  log: ReadLog,
): readonly CouplerCalibration[] {
  const where = `gateJSON.${key}`;
  const match = /^(\d+)_(\d+)$/.exec(key);
  if (match === null) {
    log.issues.push({ where, expected: 'a key like "3_9"', given: key });
    return [];
  }
  const [i, j] = [Number(match[1]), Number(match[2])];
  const fidelity = readNumber(gate["fidelity"], `${where}.fidelity`, log);
  if (fidelity === undefined || fidelity === 0) {
    const hint =
      live.has(i) && live.has(j) ? "the edge is left out" : "an edge to a dead qubit is left out";
    log.warnings.push({
      where,
      expected: "a fidelity",
      given: String(gate["fidelity"] ?? "nothing"),
      hint,
    });
    return [];
  }
  const time = readTime(gate["changeTime"] ?? "", "+08:00", `${where}.changeTime`, log);
  return [
    {
      a: Math.min(i, j),
      b: Math.max(i, j),
      values: present<CouplerCalibration["values"]>({
        czFidelity: entryOf(fidelity, method, time),
      }),
    },
  ];
}
