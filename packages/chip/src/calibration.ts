import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { type Issue, QtuneError } from "@qtune/base";
import {
  type CouplerQuantity,
  type QuantityRow,
  type QubitQuantity,
  couplerQuantityTable,
  qubitQuantityTable,
} from "./calibration-quantities.ts";
import { type Topology, couplerKey } from "./topology.ts";

/** One calibrated number, and how far to trust it. */
export interface CalibrationEntry {
  /** In the unit of its quantity. */
  readonly value: number;
  /** Standard error, same unit. Absent: not published. */
  readonly error?: number;
  /**
   * How it was obtained, e.g. `randomised benchmarking`, `published`, `synthetic`, `maximum
   * likelihood`.
   */
  readonly method: string;
  /** When, ISO 8601. */
  readonly time: string;
}

/** What is known about a qubit that works. Absent quantities were not published. */
export interface QubitCalibration {
  readonly id: number;
  readonly values: { readonly [Q in QubitQuantity]?: CalibrationEntry };
}

/** What is known about a coupler that works, `a` < `b`. */
export interface CouplerCalibration {
  readonly a: number;
  readonly b: number;
  readonly values: { readonly [Q in CouplerQuantity]?: CalibrationEntry };
}

/** Where the numbers of a snapshot come from. */
export type SnapshotKind = "measured" | "synthetic" | "ideal" | "fitted" | "drifted";

/** The content of a snapshot: all of it but the id, which is its hash. */
export interface SnapshotContent {
  /** Name of the chip, e.g. `Origin Wukong 72`. */
  readonly chip: string;
  readonly kind: SnapshotKind;
  /** ISO 8601. */
  readonly calibratedAt: string;
  /** Origin of the numbers, for people. */
  readonly source: string;
  /** The snapshot that this one was fitted or drifted from. */
  readonly parentId?: string;
  /** Qubits that work, ascending. A qubit that is not listed is dead or uncalibrated. */
  readonly qubits: readonly QubitCalibration[];
  /** Couplers that work, ascending. */
  readonly couplers: readonly CouplerCalibration[];
  /** The qubits of each pair that the vendor runs at the higher frequency, where published. */
  readonly highFrequencyQubits?: readonly number[];
  /**
   * Virtual Z that the controller adds after each CZ, where published. Part of the gate, not of its
   * error.
   */
  readonly czCompensation?: readonly {
    readonly a: number;
    readonly b: number;
    readonly angleARad: number;
    readonly angleBRad: number;
  }[];
}

/** An immutable, versioned calibration: same content, same id. */
export interface CalibrationSnapshot extends SnapshotContent {
  /** `cal-` and the first 16 hexadecimal digits of the SHA-256 of the content as canonical JSON. */
  readonly id: string;
}

/**
 * Creates a snapshot: sorts it, checks it against the topology, names it by its content and freezes
 * it.
 *
 * Errors: invalid_argument listing everything that is missing or impossible.
 */
export function createSnapshot(content: SnapshotContent, topology: Topology): CalibrationSnapshot {
  const issues = validateSnapshot(content, topology);
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  const { id: _, ...rest } = content as SnapshotContent & { id?: string }; // a snapshot may serve as content
  const sorted: SnapshotContent = {
    ...rest,
    qubits: content.qubits.toSorted((x, y) => x.id - y.id),
    couplers: content.couplers.toSorted(byEnds),
    ...(content.czCompensation === undefined
      ? {}
      : { czCompensation: content.czCompensation.toSorted(byEnds) }),
    ...(content.highFrequencyQubits === undefined
      ? {}
      : { highFrequencyQubits: content.highFrequencyQubits.toSorted((x, y) => x - y) }),
  };
  return deepFreeze({ id: snapshotId(sorted), ...sorted });
}

type Pair = { readonly a: number; readonly b: number };

function byEnds(x: Pair, y: Pair): number {
  return x.a - y.a || x.b - y.b;
}

/** Returns the id that content gets. */
export function snapshotId(content: SnapshotContent): string {
  const { id: _, ...rest } = content as SnapshotContent & { id?: string }; // a whole snapshot is welcome, too
  return `cal-${bytesToHex(sha256(utf8ToBytes(canonicalJson(rest)))).slice(0, 16)}`;
}

/** JSON with sorted keys and without spaces, so that equal content has one spelling. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/**
 * Returns everything that is wrong with the content of a snapshot.
 *
 * Checks: qubits and couplers exist and are listed once, couplers join qubits that work, every
 *         value is finite and in the range of its quantity, T2* is at most 2 T1.
 */
export function validateSnapshot(content: SnapshotContent, topology: Topology): readonly Issue[] {
  return [
    ...validateTime(content.calibratedAt),
    ...validateQubits(content, topology),
    ...validateCouplers(content, topology),
  ];
}

function validateTime(time: string): readonly Issue[] {
  if (!Number.isNaN(Date.parse(time))) return [];
  return [
    {
      where: "calibration.calibratedAt",
      expected: "a time as ISO 8601",
      given: JSON.stringify(time),
    },
  ];
}

function validateQubits(content: SnapshotContent, topology: Topology): readonly Issue[] {
  const issues: Issue[] = [];
  const seen = new Set<number>();
  if (content.qubits.length === 0) {
    issues.push({
      where: "calibration.qubits",
      expected: "at least one calibrated qubit",
      given: "none",
      hint: "a qubit counts as calibrated when its gate fidelity is given",
    });
  }
  if (
    content.qubits.length > 0 &&
    !content.qubits.some(({ values }) => values.singleQubitFidelity)
  ) {
    issues.push({
      where: "calibration.qubits",
      expected: "singleQubitFidelity of at least one qubit",
      given: "none",
      hint: "without it the chip would be silently perfect",
    });
  }
  for (const { id, values } of content.qubits) {
    const where = `calibration.qubits[id=${id}]`;
    if (!Number.isInteger(id) || id < 0 || id >= topology.qubits) {
      issues.push({ where, expected: `a qubit below ${topology.qubits}`, given: String(id) });
    }
    if (seen.has(id))
      issues.push({ where, expected: "each qubit once", given: `qubit ${id} twice` });
    seen.add(id);
    issues.push(
      ...validateValues(values, qubitQuantityTable, where),
      ...validateTimes(values, where),
    );
  }
  return issues;
}

function validateTimes(values: QubitCalibration["values"], where: string): readonly Issue[] {
  const t1 = values.t1Us?.value;
  const t2 = values.t2Us?.value;
  if (t1 === undefined || t2 === undefined || t2 <= 2 * t1 * (1 + 1e-9)) return [];
  if (!(t1 > 0)) return []; // that is the problem, and it is named already
  return [
    {
      where: `${where}.t2Us`,
      expected: `T2 of at most 2 T1 = ${Number((2 * t1).toPrecision(6))} us`,
      given: `${Number(t2.toPrecision(6))} us`,
      hint: "T2 cannot exceed 2 T1; check the units (us) or leave t2Us null",
    },
  ];
}

function validateCouplers(content: SnapshotContent, topology: Topology): readonly Issue[] {
  const issues: Issue[] = [];
  const built = new Set(topology.couplers.map(({ a, b }) => couplerKey(a, b)));
  const live = new Set(content.qubits.map(({ id }) => id));
  const seen = new Set<string>();
  for (const { a, b, values } of content.couplers) {
    const where = `calibration.edges[${a}-${b}]`;
    const key = couplerKey(a, b);
    if (!(a < b)) issues.push({ where, expected: "a < b", given: `(${a}, ${b})` });
    const dead = [a, b].filter((qubit) => !live.has(qubit));
    if (!built.has(key) && dead.length === 0) {
      issues.push({ where, expected: "a coupler of the topology", given: `(${a}, ${b})` });
    }
    if (dead.length > 0) {
      issues.push({
        where,
        expected: "an edge between calibrated qubits",
        given: `an edge to dead qubit ${dead.join(" and ")}`,
        hint: "remove the edge or calibrate the qubit",
      });
    }
    if (seen.has(key)) issues.push({ where, expected: "each edge once", given: `${key} twice` });
    seen.add(key);
    issues.push(...validateValues(values, couplerQuantityTable, where));
    if (values.czFidelity === undefined) {
      issues.push({
        where: `${where}.czFidelity`,
        expected: "the fidelity of CZ",
        given: "nothing",
        hint: "leave the edge out where CZ is not calibrated",
      });
    }
  }
  return issues;
}

function validateValues(
  values: Readonly<Record<string, CalibrationEntry | undefined>>,
  table: Readonly<Record<string, QuantityRow>>,
  where: string,
): readonly Issue[] {
  const issues: Issue[] = [];
  for (const [name, entry] of Object.entries(values)) {
    const row = table[name];
    if (entry === undefined || row === undefined) continue;
    const { value } = entry;
    if (Number.isFinite(value) && value >= row.min && value <= row.max) continue;
    const unit = row.unit === "1" ? "" : ` ${row.unit}`;
    issues.push({
      where: `${where}.${name}`,
      expected: `a number from ${row.min} to ${row.max}${unit} (${row.meaning})`,
      given: String(value),
      hint: "null means not published",
    });
  }
  return issues;
}
