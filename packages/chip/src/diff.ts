import type { CalibrationEntry, CalibrationSnapshot } from "./calibration.ts";
import { couplerKey } from "./topology.ts";

/** One number that differs between two calibrations. */
export interface SnapshotChange {
  /** `q56` or `c56-62`. */
  readonly where: string;
  readonly quantity: string;
  readonly before: number;
  readonly after: number;
  readonly delta: number;
  /** Difference in units of its standard error, where both errors are known. */
  readonly sigmas?: number;
}

/** How one quantity moved over all qubits or couplers that have it in both. */
export interface QuantityShift {
  readonly quantity: string;
  readonly count: number;
  readonly medianBefore: number;
  readonly medianAfter: number;
  /** Root mean square of the differences. */
  readonly rms: number;
}

/** What changed between two calibrations. */
export interface SnapshotDiff {
  readonly before: string;
  readonly after: string;
  readonly qubitsGone: readonly number[];
  readonly qubitsNew: readonly number[];
  readonly couplersGone: readonly string[];
  readonly couplersNew: readonly string[];
  /**
   * Values that only one of the two has, on qubits and couplers that both have: `c56-62
   * incoherentFactor`.
   */
  readonly valuesGone: readonly string[];
  readonly valuesNew: readonly string[];
  /** Largest relative change first. */
  readonly changes: readonly SnapshotChange[];
  readonly shifts: readonly QuantityShift[];
}

/** Compares two calibrations of a chip. Effect: pure. */
export function diffSnapshots(
  before: CalibrationSnapshot,
  after: CalibrationSnapshot,
): SnapshotDiff {
  const left = entriesOf(before);
  const right = entriesOf(after);
  const changes: SnapshotChange[] = [];
  const pairs = new Map<string, { readonly before: number; readonly after: number }[]>();
  for (const [key, a] of left.entries) {
    const b = right.entries.get(key);
    if (b === undefined) continue;
    const [where = "", quantity = ""] = key.split(" ");
    pairs.set(quantity, [...(pairs.get(quantity) ?? []), { before: a.value, after: b.value }]);
    if (a.value === b.value) continue;
    changes.push(changeOf(where, quantity, a, b));
  }
  changes.sort((x, y) => relative(y) - relative(x) || (x.where < y.where ? -1 : 1));
  return {
    before: before.id,
    after: after.id,
    qubitsGone: [...left.qubits].filter((id) => !right.qubits.has(id)),
    qubitsNew: [...right.qubits].filter((id) => !left.qubits.has(id)),
    couplersGone: [...left.couplers].filter((key) => !right.couplers.has(key)),
    couplersNew: [...right.couplers].filter((key) => !left.couplers.has(key)),
    valuesGone: onlyIn(left, right),
    valuesNew: onlyIn(right, left),
    changes,
    shifts: [...pairs].map(([quantity, values]) => shiftOf(quantity, values)),
  };
}

/** Keys of entries that the other lacks although it has the qubit or coupler. */
function onlyIn(one: Entries, other: Entries): readonly string[] {
  return [...one.entries.keys()].filter((key) => {
    const [where = ""] = key.split(" ");
    const isThere = where.startsWith("q")
      ? other.qubits.has(Number(where.slice(1)))
      : other.couplers.has(where.slice(1));
    return isThere && !other.entries.has(key);
  });
}

interface Entries {
  readonly qubits: ReadonlySet<number>;
  readonly couplers: ReadonlySet<string>;
  readonly entries: ReadonlyMap<string, CalibrationEntry>;
}

function entriesOf(snapshot: CalibrationSnapshot): Entries {
  const entries = new Map<string, CalibrationEntry>();
  for (const { id, values } of snapshot.qubits) {
    for (const [name, entry] of Object.entries(values)) entries.set(`q${id} ${name}`, entry);
  }
  for (const { a, b, values } of snapshot.couplers) {
    for (const [name, entry] of Object.entries(values)) {
      entries.set(`c${couplerKey(a, b)} ${name}`, entry);
    }
  }
  return {
    qubits: new Set(snapshot.qubits.map(({ id }) => id)),
    couplers: new Set(snapshot.couplers.map(({ a, b }) => couplerKey(a, b))),
    entries,
  };
}

function changeOf(
  where: string,
  quantity: string,
  a: CalibrationEntry,
  b: CalibrationEntry,
): SnapshotChange {
  const delta = b.value - a.value;
  const known = a.error !== undefined && b.error !== undefined;
  const error = Math.hypot(a.error ?? 0, b.error ?? 0);
  const sigmas = known && error > 0 ? { sigmas: delta / error } : {};
  return { where, quantity, before: a.value, after: b.value, delta, ...sigmas };
}

/** Change relative to what matters: the error for fidelities, the value for the rest. */
function relative({ quantity, before, after }: SnapshotChange): number {
  const isFidelity = quantity.endsWith("Fidelity") || /^readoutF[01]$/.test(quantity);
  const [a, b] = isFidelity ? [1 - before, 1 - after] : [before, after];
  if (a <= 0 || b <= 0) return Math.abs(b - a);
  return Math.abs(Math.log(b / a));
}

function shiftOf(
  quantity: string,
  values: readonly { readonly before: number; readonly after: number }[],
): QuantityShift {
  const squares = values.reduce((sum, { before, after }) => sum + (after - before) ** 2, 0);
  return {
    quantity,
    count: values.length,
    medianBefore: median(values.map(({ before }) => before)),
    medianAfter: median(values.map(({ after }) => after)),
    rms: Math.sqrt(squares / values.length),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Prints a diff for people: what is gone or new, medians, and the largest changes. */
export function printSnapshotDiff(
  diff: SnapshotDiff,
  options: { readonly top?: number } = {},
): string {
  const { top = 12 } = options;
  const lines = [`${diff.before} -> ${diff.after}`];
  const list = (label: string, items: readonly (number | string)[]): void => {
    if (items.length > 0) lines.push(`${label}: ${items.join(" ")}`);
  };
  list("qubits gone", diff.qubitsGone);
  list("qubits new", diff.qubitsNew);
  list("couplers gone", diff.couplersGone);
  list("couplers new", diff.couplersNew);
  list(
    "values gone",
    diff.valuesGone.map((key) => `(${key})`),
  );
  list(
    "values new",
    diff.valuesNew.map((key) => `(${key})`),
  );
  if (diff.changes.length === 0) return [...lines, "no value changed"].join("\n");
  lines.push("", "quantity               pairs   median before    median after      rms change");
  for (const { quantity, count, medianBefore, medianAfter, rms } of diff.shifts) {
    const numbers = [medianBefore, medianAfter, rms].map((x) => x.toPrecision(4).padStart(15));
    lines.push(`${quantity.padEnd(22)} ${String(count).padStart(5)} ${numbers.join(" ")}`);
  }
  const shown = diff.changes.slice(0, top);
  lines.push("", `largest of ${diff.changes.length} changes:`);
  for (const { where, quantity, before, after, sigmas } of shown) {
    const weight = sigmas === undefined ? "" : `  ${sigmas.toFixed(1)} sigma`;
    lines.push(
      `  ${where.padEnd(9)} ${quantity.padEnd(20)} ${before.toPrecision(5)} -> ${after.toPrecision(5)}${weight}`,
    );
  }
  return lines.join("\n");
}
