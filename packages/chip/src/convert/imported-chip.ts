import { type Issue, QtuneError } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type SnapshotContent,
  createSnapshot,
  validateSnapshot,
} from "../calibration.ts";
import { createCalibrationView } from "../calibration-view.ts";
import type { ChipLimits, ChipModel, ChipTiming } from "../chip-model.ts";
import { nativeGatesOf, wukongLimits, wukongTiming } from "../presets/presets.ts";
import { type Topology, createGridTopology } from "../topology.ts";
import type { JsonObject, ReadLog } from "./json-reader.ts";

/** A chip read from a file. */
export interface ImportedChip {
  readonly chip: ChipModel;
  /** Name of the format that the file was in. */
  readonly format: string;
  /** What was assumed or left out; show it to the user. */
  readonly warnings: readonly Issue[];
}

/** What a reader of one format finds. */
export interface ChipFacts {
  readonly content: SnapshotContent;
  readonly topology: Topology;
  readonly timing?: Partial<ChipTiming>;
  readonly limits?: Partial<ChipLimits>;
}

/** One format of chip files. */
export interface ChipFormat {
  readonly name: string;
  readonly meaning: string;
  /** Tells whether a JSON document looks like this format. */
  readonly detect: (root: JsonObject) => boolean;
  readonly read: (root: JsonObject, log: ReadLog) => ChipFacts;
}

/**
 * Builds the chip of the facts of a file.
 *
 * Errors: invalid_argument with everything that is missing or impossible, each with its place and
 *         the file.
 */
export function buildImportedChip(
  facts: ChipFacts,
  log: ReadLog,
  origin: { readonly format: string; readonly fileName: string },
): ImportedChip {
  const issues = [...log.issues, ...validateSnapshot(facts.content, facts.topology)];
  if (issues.length > 0) {
    throw QtuneError.fromIssues(issues.map((issue) => ({ ...issue, file: origin.fileName })));
  }
  const snapshot = createSnapshot(facts.content, facts.topology);
  const timing = { ...wukongTiming, ...facts.timing };
  const chip: ChipModel = {
    name: nameOf(snapshot.chip),
    title: snapshot.chip,
    topology: facts.topology,
    nativeGates: nativeGatesOf(timing),
    timing,
    limits: { ...wukongLimits, ...facts.limits },
    snapshots: [snapshot],
    knobs: {},
    sources: [`${snapshot.source} (${origin.fileName})`],
  };
  const warnings = [...log.warnings, ...describeGaps(snapshot)].map((issue) => ({
    ...issue,
    file: origin.fileName,
  }));
  return { chip, format: origin.format, warnings };
}

/** What the model needs and the snapshot lacks. */
const neededQuantities = ["t1Us", "singleQubitFidelity", "readoutF0", "readoutF1"] as const;

/** Says which values are missing and what stands in for them: never silently. */
function describeGaps(snapshot: CalibrationSnapshot): readonly Issue[] {
  const { assumed } = createCalibrationView(snapshot);
  const partly = [...new Set(assumed.map(({ quantity }) => quantity))].map((quantity): Issue => {
    const rows = assumed.filter((row) => row.quantity === quantity);
    return {
      where: `qubits ${rows.map(({ qubit }) => qubit).join(", ")}: ${quantity}`,
      expected: "a number",
      given: "null",
      hint: `the median of the others, ${Number((rows[0]?.value ?? 0).toPrecision(4))}, stands in`,
    };
  });
  const wholly = neededQuantities
    .filter((quantity) => snapshot.qubits.every(({ values }) => values[quantity] === undefined))
    .map((quantity): Issue => ({
      where: `qubits: ${quantity}`,
      expected: "a number",
      given: "null for all of them",
      hint: "this part of the noise is off",
    }));
  if (snapshot.kind === "ideal") return partly;
  return [...partly, ...wholly, ...describeLongEchoes(snapshot)];
}

/** An echo time over 2 T1 is a fluctuation between two measurements: it is cut, and said. */
function describeLongEchoes(snapshot: CalibrationSnapshot): readonly Issue[] {
  const long = snapshot.qubits.filter(({ values }) => {
    const { t1Us, tEchoUs } = values;
    return t1Us !== undefined && tEchoUs !== undefined && tEchoUs.value > 2 * t1Us.value;
  });
  if (long.length === 0) return [];
  return [
    {
      where: `qubits ${long.map(({ id }) => id).join(", ")}: tEchoUs`,
      expected: "at most 2 T1",
      given: "more",
      hint: "2 T1 stands in",
    },
  ];
}

function nameOf(title: string): string {
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return name === "" ? "chip" : name;
}

/** The grid of Wukong for 72 qubits, else the near-square grid that holds them. */
export function gridFor(qubits: number): Topology {
  if (qubits <= 72) return createGridTopology(12, 6);
  const cols = Math.ceil(Math.sqrt(qubits));
  return createGridTopology(Math.ceil(qubits / cols), cols);
}
