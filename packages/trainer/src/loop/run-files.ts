/** What a run folder says about itself: the resolved configuration, the environment, and whether a resumed run is the same. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type AdapterProvenance, hasCircuit } from "@qtune/adapters";
import { type Issue, QtuneError } from "@qtune/base";
import { writeFileAtomically } from "@qtune/weights";
import { parse as parseYaml, stringify as printYaml } from "yaml";
import type { RunConfig } from "../config/run-config.ts";
import type { TrainerModel } from "../model.ts";
import type { TrainingEvent } from "./events.ts";

/** What a run is. */
export interface RunIdentity {
  readonly config: RunConfig;
  readonly environment: Readonly<Record<string, string>>;
  readonly provenance: AdapterProvenance;
}

/** Describes a run for its files. */
export function describeRun(run: {
  readonly config: RunConfig;
  readonly model: TrainerModel;
  readonly totalSteps: number;
  readonly environment: Readonly<Record<string, string>>;
}): RunIdentity {
  const { config, model, totalSteps, environment } = run;
  const { data, train, executor } = config;
  return {
    config,
    environment: {
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      ...environment,
    },
    provenance: {
      base: { name: model.identity.source, sha256: model.identity.sha256 },
      notes: {
        "qtune.seed": String(train.seed),
        "qtune.steps": String(totalSteps),
        "qtune.data": data.source,
        "qtune.executor":
          executor.kind === "exact" ? "exact" : `${executor.kind} ${executor.chip ?? ""}`.trim(),
        "qtune.shots": executor.shots === undefined ? "exact" : String(executor.shots),
      },
      card: [
        "## Training",
        "",
        `- Data: ${data.source}; ${totalSteps} steps, learning rate ${train.lr}, seed ${train.seed}`,
        ...(hasCircuit(config.adapter.kind) ? [`- Circuits: ${describeCircuits(executor)}`] : []),
      ].join("\n"),
    },
  };
}

function describeCircuits({ kind, chip, shots }: RunConfig["executor"]): string {
  const where = kind === "exact" ? "simulated exactly" : `${kind} ${chip ?? ""}`.trim();
  return shots === undefined ? where : `${where}, ${shots} shots`;
}

/** Parts of a configuration that may change between the halves of a run: where it lives and how often it saves. */
const changeable = new Set([
  "output",
  "train.checkpointEvery",
  "train.saveTotalLimit",
  "train.threads",
  "train.earlyStopPatience",
  "train.lossLimit",
  "train.lossLimitPatience",
  "eval",
  "executor.target",
]);

/**
 * Compares a configuration with the one that a folder was begun with.
 *
 * Effect: tells harmless differences.
 * Errors: failed_precondition listing every difference that would make another run of it.
 */
export async function assertSameRun(
  directory: string,
  identity: RunIdentity,
  emit: (event: TrainingEvent) => void,
): Promise<void> {
  const file = path.join(directory, "config.yaml");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const differences = compare(parseYaml(text), JSON.parse(JSON.stringify(identity.config)), []);
  const [harmless, grave] = [true, false].map((allowed) =>
    differences.filter(
      ({ where }) =>
        [...changeable].some((key) => where === key || where.startsWith(`${key}.`)) === allowed,
    ),
  );
  for (const { where, expected, given } of harmless ?? []) {
    emit({ kind: "log", level: "info", message: `${where} changes from ${expected} to ${given}` });
  }
  if ((grave ?? []).length === 0) return;
  throw QtuneError.fromIssues(
    (grave ?? []).map((issue) => ({
      ...issue,
      hint: `the run in ${directory} was begun otherwise; use another folder or the same settings`,
    })),
    "failed_precondition",
  );
}

function compare(before: unknown, after: unknown, at: readonly string[]): Issue[] {
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => compare(before[key], after[key], [...at, key]));
  }
  const [expected, given] = [before, after].map((value) => JSON.stringify(value) ?? "nothing");
  return expected === given
    ? []
    : [{ where: at.join("."), expected: expected ?? "", given: given ?? "" }];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Writes `config.yaml` and `environment.json`. */
export async function writeRunFiles(directory: string, identity: RunIdentity): Promise<void> {
  await writeText(
    path.join(directory, "config.yaml"),
    printYaml(JSON.parse(JSON.stringify(identity.config))),
  );
  await writeText(
    path.join(directory, "environment.json"),
    `${JSON.stringify({ ...identity.environment, base: identity.provenance.base }, undefined, 2)}\n`,
  );
}

async function writeText(file: string, text: string): Promise<void> {
  await writeFileAtomically(file, (sink) => sink.write(new TextEncoder().encode(text)));
}
