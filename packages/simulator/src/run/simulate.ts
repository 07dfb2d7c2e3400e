/**
 * Simulates any bound circuit: cut down, split into parts, each part on the engine that suits it, results joined. The
 * reasons are part of the result.
 */
import {
  type Abortable,
  QtuneError,
  type Random,
  assertInteger,
  createRandom,
  shuffleInPlace,
  throwIfAborted,
} from "@qtune/base";
import {
  type Circuit,
  type Counts,
  type Observable,
  type Operation,
  type PauliTerm,
  assertCircuit,
  expandCircuit,
  findGate,
} from "@qtune/circuit";
import { assertObservables } from "../batched/observable-table.ts";
import { propagatePaulis } from "../engines/pauli-propagation.ts";
import { lowerOperations } from "../plan/lower.ts";
import { splitMeasurements } from "../plan/plan.ts";
import { type Tally, runBranches } from "./branching.ts";
import {
  type ChosenEngine,
  type EngineLimits,
  type Method,
  chooseEngine,
} from "./choose-engine.ts";
import { type Part, extractPart, lightCone, splitParts } from "./parts.ts";

/** How a circuit is simulated. */
export interface SimulateOptions extends EngineLimits, Abortable {
  /** Draws shots instead of listing the distribution. */
  readonly shots?: number | undefined;
  /** Seed of the shots; needed with them. */
  readonly seed?: bigint | undefined;
  /** What to estimate exactly. The circuit may have final measurements only. */
  readonly observables?: readonly Observable[] | undefined;
}

/** How one part was run. */
export interface PartReport {
  readonly qubits: readonly number[];
  readonly method: Method | "pauli-propagation";
  readonly reason: string;
  /** Weight that was cut, or a bound of the error; absent when exact. */
  readonly error?: number;
}

/** What came out. */
export interface SimulationResult {
  readonly counts?: Counts;
  readonly probabilities?: ReadonlyMap<string, number>;
  readonly expectations?: Float64Array;
  readonly parts: readonly PartReport[];
}

/** Most outcomes of an exact distribution. */
const maxOutcomes = 2 ** 20;

/**
 * Simulates a bound circuit: counts with `shots`, expectations with `observables`, else the exact distribution.
 *
 * Range:  mid-circuit measurement, reset and classical control are taken. Outcomes are c[m − 1] … c[0], or all qubits
 *         where the circuit has no classical bit.
 * Effect: the same seed gives the same counts for any number of threads. Cancellable.
 * Errors: invalid_argument for open parameters or shots without a seed, out_of_range for shots, resource_exhausted when
 *         every method's bound is exceeded (says which), cancelled.
 */
export async function simulate(
  circuit: Circuit,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  assertCircuit(circuit);
  assertBound(circuit);
  if (options.observables !== undefined) return estimate(circuit, options.observables, options);
  const { shots, seed } = options;
  if (shots !== undefined) {
    assertInteger(shots, { min: 1, max: 1e9 }, "shots");
    if (seed === undefined)
      throw new QtuneError("invalid_argument", "expected a seed with shots but was given none", {
        where: "seed",
      });
  }
  const random = seed === undefined ? undefined : createRandom(seed, "simulate");
  const runs: PartRun[] = [];
  for (const [index, part] of splitParts(circuit).entries()) {
    runs.push(await runPart(part, shots, random?.fork("part", index), options));
  }
  const parts = runs.map(({ report }) => report);
  if (shots === undefined) return { probabilities: joinDistributions(circuit, runs), parts };
  return { counts: joinShots(circuit, runs, shots, random!), parts }; // shots come with a seed
}

/** Returns the exact distribution of a bound circuit, only outcomes with p > 1e-12, in the order of their text. See {@link simulate}. */
export async function exactDistribution(
  circuit: Circuit,
  options: Omit<SimulateOptions, "shots" | "seed" | "observables"> = {},
): Promise<ReadonlyMap<string, number>> {
  const { probabilities } = await simulate(circuit, {
    ...options,
    errorBudget: options.errorBudget ?? 0,
  });
  return probabilities ?? new Map();
}

/** Draws shots of a bound circuit. See {@link simulate}. */
export async function sampleCircuit(
  circuit: Circuit,
  options: SimulateOptions & { readonly shots: number; readonly seed: bigint },
): Promise<Counts> {
  const { counts } = await simulate(circuit, options);
  return counts ?? new Map();
}

function assertBound(circuit: Circuit): void {
  const [open] = circuit.parameters;
  if (open === undefined) return;
  throw new QtuneError(
    "invalid_argument",
    `expected a circuit without open parameters but ${open.name} has no value; bind the circuit first`,
    {
      where: "circuit.parameters",
    },
  );
}

interface PartRun {
  readonly part: Part;
  readonly tally: Tally;
  readonly report: PartReport;
}

async function runPart(
  part: Part,
  shots: number | undefined,
  random: Random | undefined,
  options: SimulateOptions,
): Promise<PartRun> {
  const chosen = chooseEngine(part.circuit, options);
  await using engine = chosen.engine;
  const split =
    shots === undefined || random === undefined
      ? ({ kind: "exact" } as const)
      : ({ kind: "shots", shots, random } as const);
  const tally = await runBranches(chosen.circuit, engine, split, options);
  return { part, tally, report: reportOf(part.qubits, chosen) };
}

function reportOf(qubits: readonly number[], { method, reason, mps }: ChosenEngine): PartReport {
  const error = mps?.droppedWeight ?? 0;
  return { qubits, method, reason, ...(error > 0 ? { error } : {}) };
}

/** Where the characters of a part's text go in the whole text. */
function positionsOf(
  circuit: Circuit,
  part: Part,
): { readonly width: number; readonly to: readonly number[] } {
  const width = circuit.clbits === 0 ? circuit.qubits : circuit.clbits;
  const bits = circuit.clbits === 0 ? part.qubits : part.clbits;
  // Texts start with the highest bit.
  return { width, to: [...bits].reverse().map((bit) => width - 1 - bit) };
}

function joinDistributions(
  circuit: Circuit,
  runs: readonly PartRun[],
): ReadonlyMap<string, number> {
  let joined: (readonly [string[], number])[] = [
    [new Array<string>(circuit.clbits === 0 ? circuit.qubits : circuit.clbits).fill("0"), 1],
  ];
  const visible = runs.filter(({ part }) => positionsOf(circuit, part).to.length > 0);
  if (visible.reduce((product, { tally }) => product * tally.size, 1) > maxOutcomes) {
    throw new QtuneError(
      "resource_exhausted",
      `expected at most ${maxOutcomes} outcomes but the distribution has more; give a number of shots`,
      { where: "circuit" },
    );
  }
  for (const { part, tally } of visible) {
    const { to } = positionsOf(circuit, part);
    joined = joined.flatMap(([text, p]) =>
      [...tally].flatMap(([own, q]) => {
        if (p * q <= 1e-12) return [];
        const next = [...text];
        to.forEach((position, i) => {
          next[position] = own[i] ?? "0";
        });
        return [[next, p * q] as const];
      }),
    );
  }
  return new Map(
    joined.map(([text, p]) => [text.join(""), p] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Pairs the shots of independent parts at random. */
function joinShots(
  circuit: Circuit,
  runs: readonly PartRun[],
  shots: number,
  random: Random,
): Counts {
  const width = circuit.clbits === 0 ? circuit.qubits : circuit.clbits;
  const visible = runs.filter(({ part }) => positionsOf(circuit, part).to.length > 0);

  const counts = new Map<string, number>();
  const lists = visible.map(({ tally }, index) => {
    const texts = [...tally]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([text, count]) => new Array<string>(count).fill(text));
    return visible.length === 1 ? texts : shuffleInPlace(texts, random.fork("join", index));
  });
  for (let shot = 0; shot < shots; shot++) {
    const text = new Array<string>(width).fill("0");
    for (const [index, { part }] of visible.entries()) {
      const own = lists[index]?.[shot] ?? "";
      positionsOf(circuit, part).to.forEach((position, i) => {
        text[position] = own[i] ?? "0";
      });
    }
    const key = text.join("");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Exact expectations; Pauli strings whose light cones hold the same qubits share one run. */
async function estimate(
  circuit: Circuit,
  observables: readonly Observable[],
  options: SimulateOptions,
): Promise<SimulationResult> {
  assertObservables(observables, circuit.qubits);
  const { unitary } = splitMeasurements(circuit);
  const known = new Map<string, number>();
  const parts: PartReport[] = [];
  for (const cone of groupByCone(circuit, unitary, observables))
    for await (const { key, value, report } of estimateCone(cone, options)) {
      known.set(key, value);
      if (report !== undefined) parts.push(report);
    }
  const expectations = Float64Array.from(observables, ({ terms }) =>
    terms.reduce((sum, term) => sum + term.coefficient * (known.get(nameOf(term)) ?? 1), 0),
  );
  return { expectations, parts };
}

function nameOf({ paulis }: PauliTerm): string {
  return paulis.map(({ qubit, pauli }) => `${pauli}${qubit}`).join(" ");
}

/** Strings whose light cones hold the same qubits, in the numbers of the part that holds all the cones. */
interface Cone {
  readonly part: Part;
  readonly strings: readonly { readonly key: string; readonly paulis: PauliTerm["paulis"] }[];
}

/** Returns the light cones of all Pauli strings but the empty one, whose value is 1. */
function groupByCone(
  circuit: Circuit,
  unitary: readonly Operation[],
  observables: readonly Observable[],
): readonly Cone[] {
  const groups = new Map<string, Map<string, PauliTerm>>();
  const seen = new Set([""]);
  for (const term of observables.flatMap(({ terms }) => terms)) {
    const key = nameOf(term);
    if (seen.has(key)) continue;
    seen.add(key);
    const qubits = extractCone(circuit, unitary, [term]).qubits.join();
    const group = groups.get(qubits) ?? new Map<string, PauliTerm>();
    groups.set(qubits, group.set(key, term));
  }
  return [...groups.values()].map((group) => {
    const part = extractCone(circuit, unitary, [...group.values()]);
    const strings = [...group].map(([key, { paulis }]) => ({
      key,
      paulis: paulis.map(({ qubit, pauli }) => ({ qubit: part.qubits.indexOf(qubit), pauli })),
    }));
    return { part, strings };
  });
}

/** What some of the strings depend on. */
function extractCone(
  circuit: Circuit,
  unitary: readonly Operation[],
  terms: readonly PauliTerm[],
): Part {
  const qubits = new Set(terms.flatMap(({ paulis }) => paulis.map(({ qubit }) => qubit)));
  const marks = [...qubits].map((qubit): Operation => ({ kind: "barrier", qubits: [qubit] }));
  return extractPart(circuit, [...lightCone(unitary, qubits), ...marks]);
}

interface StringValue {
  readonly key: string;
  readonly value: number;
  readonly report?: PartReport | undefined;
}

/** Above this, sums of Pauli strings are tried before a large state vector. */
const coneQubits = 20;

async function* estimateCone(
  { part, strings }: Cone,
  options: SimulateOptions,
): AsyncGenerator<StringValue> {
  const { method = "auto" } = options;
  const left: Cone["strings"][number][] = [];
  for (const string of strings) {
    const found =
      method === "auto" && part.qubits.length > coneQubits
        ? await propagateString(part, string.paulis, options)
        : undefined;
    if (found === undefined) left.push(string);
    else yield { key: string.key, ...found };
  }
  if (left.length === 0) return;
  const chosen = chooseEngine(
    part.circuit,
    method === "auto" || method === "stabilizer" ? { ...options, method: undefined } : options,
  );
  await using engine = chosen.engine;
  await engine.apply(lowerOperations(chosen.circuit.operations, chosen.circuit), options);
  for (const [i, { key, paulis }] of left.entries()) {
    throwIfAborted(options.signal);
    const value = await expectationOn(engine, chosen, paulis, i < left.length - 1);
    yield { key, value, ...(i === 0 ? { report: reportOf(part.qubits, chosen) } : {}) };
  }
}

/** The value by sums of Pauli strings, unless they exceed the error budget. */
async function propagateString(
  part: Part,
  paulis: PauliTerm["paulis"],
  options: SimulateOptions,
): Promise<{ readonly value: number; readonly report: PartReport } | undefined> {
  const operations = part.circuit.operations.filter(({ kind }) => kind !== "barrier");
  const small = expandCircuit(
    { ...part.circuit, operations },
    { keep: (gate) => (findGate(gate)?.qubits ?? 3) <= 2 },
  );
  const result = await propagatePaulis(
    { terms: [{ coefficient: 1, paulis }] },
    lowerOperations(small.operations, small),
    part.qubits.length,
    { maxTerms: 50_000, signal: options.signal },
  );
  if (result.errorBound > (options.errorBudget ?? 1e-6)) return undefined;
  const report = {
    qubits: part.qubits,
    method: "pauli-propagation",
    reason: `a light cone of ${part.qubits.length} qubits whose observable stays below 50,000 Pauli strings`,
  } as const;
  return {
    value: result.expectation,
    report: result.errorBound > 0 ? { ...report, error: result.errorBound } : report,
  };
}

type Gate = Extract<Operation, { kind: "gate" }>;

/** Effect: leaves the state as it was where `keep` says so. */
async function expectationOn(
  engine: ChosenEngine["engine"],
  chosen: ChosenEngine,
  paulis: PauliTerm["paulis"],
  keep: boolean,
): Promise<number> {
  if (chosen.mps !== undefined) {
    const string = new Uint8Array(chosen.circuit.qubits);
    for (const { qubit, pauli } of paulis) string[qubit] = { X: 1, Y: 2, Z: 3 }[pauli];
    return chosen.mps.pauliExpectation(string);
  }
  // Turn every Pauli into Z, gather the parity on one qubit, read its weight.
  const [first] = paulis;
  if (first === undefined) return 1;
  const turns = paulis.flatMap(({ qubit, pauli }): Gate[] => {
    if (pauli === "Z") return [];
    const half = {
      kind: "gate",
      gate: pauli === "X" ? "RY" : "RX",
      qubits: [qubit],
      angles: [pauli === "X" ? -Math.PI / 2 : Math.PI / 2],
    } as const;
    return [half];
  });
  const parity = paulis.slice(1).map(({ qubit }): Gate => ({
    kind: "gate",
    gate: "CX",
    qubits: [qubit, first.qubit],
    angles: [],
  }));
  const basis = [...turns, ...parity];
  await engine.apply(lowerOperations(basis, chosen.circuit));
  const { one, total } = engine.weights(first.qubit);
  if (keep) {
    const back = basis.reverse().map((one): Gate => ({ ...one, power: -1 }));
    await engine.apply(lowerOperations(back, chosen.circuit));
  }
  return 1 - (2 * one) / total;
}
