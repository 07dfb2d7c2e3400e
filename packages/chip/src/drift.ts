/**
 * How a calibration ages: the logarithm of each quantity (of its error, for fidelities) walks at
 * random, at a rate in units of 1/√day. No drift rates of Wukong are published, so all are 0 unless
 * set. The path is a function of snapshot, seed and time: asking for a later time goes on along the
 * same path.
 */
import { type Issue, QtuneError, type Random, createRandom, suggest } from "@qtune/base";
import { type CalibrationEntry, type CalibrationSnapshot, createSnapshot } from "./calibration.ts";
import {
  type CouplerQuantity,
  type QuantityRow,
  type QubitQuantity,
  couplerQuantityTable,
  qubitQuantityTable,
} from "./calibration-quantities.ts";
import type { Topology } from "./topology.ts";

/** Standard deviation of the logarithm after one day, by quantity. Absent: 0. */
export type DriftRates = { readonly [Q in QubitQuantity | CouplerQuantity]?: number };

/**
 * The only drift that can be derived from published data: ln P(0|1) of qubits 50, 51, 56 and 62 of
 * Wukong 72 moved by −0.05, −0.03, −0.31 and −0.42 in the 2.6 days from 2026-03-06 to 2026-03-08,
 * which is 0.16 per √day.
 */
export const observedDriftRates: DriftRates = { readoutF1: 0.16 };

/** Options of {@link driftSnapshot}. */
export interface DriftOptions {
  /** When, ISO 8601, at most 400 days after the calibration. */
  readonly time: string;
  readonly rates: DriftRates;
  readonly seed: number | bigint | string;
  /** A later calibration that the path must meet: the drift between two snapshots. */
  readonly until?: CalibrationSnapshot;
  readonly topology: Topology;
}

/** How far a chip has drifted from a calibration: with the snapshot, all that it takes to replay a day. */
export interface DriftState {
  /** Time since the calibration, 0 to 400 days. */
  readonly seconds: number;
  readonly rates: DriftRates;
  readonly seed: number | bigint | string;
}

/**
 * Returns the calibration as it is after some time; the snapshot itself where nothing moves.
 *
 * Effect: pure: the same state of the same snapshot has the same id everywhere.
 * Errors: out_of_range for a time that {@link driftSnapshot} refuses.
 */
export function driftBy(
  snapshot: CalibrationSnapshot,
  topology: Topology,
  { seconds, rates, seed }: DriftState,
): CalibrationSnapshot {
  const moves = Object.values(rates).some((rate) => rate !== 0);
  if (seconds === 0 || !moves) return snapshot;
  const time = new Date(Date.parse(snapshot.calibratedAt) + seconds * 1000).toISOString();
  return driftSnapshot(snapshot, { time, rates, seed, topology });
}

/**
 * Returns everything that is wrong with drift rates from outside.
 *
 * Range: names of quantities that can move, 0 ≤ rate ≤ 10 per √day.
 */
export function validateDriftRates(rates: Readonly<Record<string, unknown>>): readonly Issue[] {
  const tables = { ...qubitQuantityTable, ...couplerQuantityTable };
  const names = Object.entries(tables).flatMap(([name, row]) =>
    (row as QuantityRow).drift === "none" ? [] : [name],
  );
  return Object.entries(rates).flatMap(([name, rate]): Issue[] => {
    const where = `drift.${name}`;
    if (!names.includes(name)) {
      const close = suggest(name, names);
      const hint = close === undefined ? {} : { hint: `did you mean ${close}?` };
      return [{ where, expected: `one of ${names.join(", ")}`, given: name, ...hint }];
    }
    if (typeof rate === "number" && rate >= 0 && rate <= 10) return [];
    return [{ where, expected: "a rate from 0 to 10 per √day", given: String(rate) }];
  });
}

const hourMs = 3_600_000;

/**
 * Returns the calibration as it would be at a later time.
 *
 * Maths:  x(t) = x(0) + rate · W(t) with x = ln value, or ln(1 − fidelity); W is a random walk with
 *         a step per hour. With `until`, x goes from one calibration to the other: x₀ + f (x₁ − x₀)
 *         + rate · (W(t) − f W(T)), f = t / T.
 * Effect: pure. Kind `drifted`, with the parent's id; values that do not move keep their entries.
 * Errors: out_of_range for a time before the calibration, more than 400 days later, or after
 *         `until`.
 */
export function driftSnapshot(
  snapshot: CalibrationSnapshot,
  options: DriftOptions,
): CalibrationSnapshot {
  const span = spanOf(snapshot, options);
  if (span.hours === 0) return snapshot;
  const random = createRandom(options.seed, "drift", snapshot.id);
  const move = (
    entries: Readonly<Record<string, CalibrationEntry>>,
    later: Readonly<Record<string, CalibrationEntry>> | undefined,
    table: Readonly<Record<string, QuantityRow>>,
    stream: Random,
  ): Record<string, CalibrationEntry> =>
    Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => {
        const rate = (options.rates as Readonly<Record<string, number | undefined>>)[name] ?? 0;
        return [
          name,
          moveEntry(entry, later?.[name], {
            row: table[name],
            rate,
            span,
            random: stream.fork(name),
            time: options.time,
          }),
        ];
      }),
    );
  const qubits = snapshot.qubits.map((row) => ({
    id: row.id,
    values: keepPossible(
      move(
        row.values,
        options.until?.qubits.find(({ id }) => id === row.id)?.values,
        qubitQuantityTable,
        random.fork("q", row.id),
      ),
    ),
  }));
  const couplers = snapshot.couplers.map(({ a, b, values }) => ({
    a,
    b,
    values: move(
      values,
      options.until?.couplers.find((row) => row.a === a && row.b === b)?.values,
      couplerQuantityTable,
      random.fork("c", a, b),
    ),
  }));
  return createSnapshot(
    {
      ...snapshot,
      kind: "drifted",
      calibratedAt: options.time,
      source: `${snapshot.source}; drifted by ${(span.hours / 24).toFixed(2)} days, seed ${options.seed} (assumed model)`,
      parentId: snapshot.id,
      qubits,
      couplers,
    },
    options.topology,
  );
}

interface Span {
  readonly hours: number;
  /** Hours to `until`, where given. */
  readonly total?: number;
}

function spanOf(snapshot: CalibrationSnapshot, options: DriftOptions): Span {
  const start = Date.parse(snapshot.calibratedAt);
  const hours = (Date.parse(options.time) - start) / hourMs;
  const total =
    options.until === undefined
      ? undefined
      : (Date.parse(options.until.calibratedAt) - start) / hourMs;
  const last = Math.min(400 * 24, total ?? Infinity);
  if (hours >= 0 && hours <= last) return total === undefined ? { hours } : { hours, total };
  throw new QtuneError(
    "out_of_range",
    `expected a time from ${snapshot.calibratedAt} to ${(last / 24).toFixed(1)} days later but was given ${options.time}`,
    { where: "drift.time" },
  );
}

function moveEntry(
  entry: CalibrationEntry,
  later: CalibrationEntry | undefined,
  how: {
    readonly row: QuantityRow | undefined;
    readonly rate: number;
    readonly span: Span;
    readonly random: Random;
    readonly time: string;
  },
): CalibrationEntry {
  const { row, rate, span, random } = how;
  if (row === undefined || row.drift === "none" || (rate === 0 && later === undefined))
    return entry;
  const isFidelity = row.drift === "fidelity";
  const toLog = (value: number): number => Math.log(Math.max(1e-6, isFidelity ? 1 - value : value));
  const share = span.total === undefined || span.total === 0 ? 0 : span.hours / span.total;
  const target = later === undefined ? 0 : share * (toLog(later.value) - toLog(entry.value));
  const walk = rate === 0 ? 0 : rate * bridged(random, span, later === undefined ? 0 : share);
  const moved = Math.exp(toLog(entry.value) + target + walk);
  const value = Math.min(row.max, Math.max(row.min, isFidelity ? 1 - moved : moved));
  return { value, method: "drift model", time: how.time };
}

/** W(t) − share · W(T) in units of √day, both on the path of the stream's key. */
function bridged(path: Random, span: Span, share: number): number {
  const here = walkAt(path, span.hours);
  return share === 0 || span.total === undefined ? here : here - share * walkAt(path, span.total);
}

/**
 * A random walk with one step per hour, straight in between. A fork starts anew, so each call walks
 * the same path.
 */
function walkAt(path: Random, hours: number): number {
  const steps = path.fork("steps");
  const whole = Math.floor(hours);
  let sum = 0;
  for (let hour = 0; hour < whole; hour++) sum += steps.nextNormal();
  if (hours > whole) sum += (hours - whole) * steps.nextNormal();
  return sum / Math.sqrt(24);
}

/** T2* never exceeds 2 T1. */
function keepPossible(values: Record<string, CalibrationEntry>): Record<string, CalibrationEntry> {
  const { t1Us, t2Us } = values;
  if (t1Us === undefined || t2Us === undefined || t2Us.value <= 2 * t1Us.value) return values;
  return { ...values, t2Us: { ...t2Us, value: 2 * t1Us.value } };
}
