/**
 * Checkpoints: `checkpoint-N/{adapter_*, optimizer.safetensors, rng.json, trainer_state.json, manifest.json}`.
 *
 * A checkpoint is written under a temporary name, flushed and renamed, and its manifest holds the hash of each file: one
 * that a crash, a full disk or a bad sector has damaged is noticed, and the one before it is used.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type Adapter, type AdapterProvenance, loadAdapter, saveAdapter } from "@qtune/adapters";
import { QtuneError, internalError } from "@qtune/base";
import {
  type TensorToWrite,
  openSafetensors,
  writeFileAtomically,
  writeSafetensors,
} from "@qtune/weights";
import type { AdamState } from "../optimise/adamw.ts";

/** Names as in Hugging Face's trainer_state.json, and what a resumed run needs beside them. */
export interface TrainerState {
  readonly epoch: number;
  readonly global_step: number;
  readonly max_steps: number;
  readonly log_history: readonly Readonly<Record<string, number>>[];
  readonly best_metric: number | null;
  readonly best_global_step: number | null;
  readonly best_model_checkpoint: string | null;
  readonly num_input_tokens_seen: number;
  /** Evaluations since the best one. */
  readonly evaluations_without_improvement: number;
  /** What circuits have cost so far. */
  readonly usage: Readonly<Record<string, number | string>>;
  /** Whether it is the last of a run that has ended. */
  readonly final: boolean;
}

/** Where every stream of randomness stands: streams are functions of the seed and of these counters. */
export interface RandomState {
  readonly seed: number;
  readonly step: number;
}

/** A training state in memory. */
export interface CheckpointContent {
  readonly adapter: Adapter;
  readonly values: Map<string, Float32Array>;
  readonly optimizer: AdamState;
  readonly state: TrainerState;
  readonly random: RandomState;
}

/** A checkpoint on disk. */
export interface CheckpointInfo {
  /** `checkpoint-N`. */
  readonly id: string;
  readonly directory: string;
  readonly step: number;
  readonly final: boolean;
  readonly best: boolean;
  /** Newest metrics when it was saved. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly savedAt: Date;
  readonly sizeBytes: number;
  readonly files: readonly {
    readonly path: string;
    readonly sizeBytes: number;
    readonly sha256: string;
  }[];
}

interface Manifest {
  readonly schema: "qtune.checkpoint/1";
  readonly files: readonly {
    readonly path: string;
    readonly sizeBytes: number;
    readonly sha256: string;
  }[];
}

const manifestName = "manifest.json";

/**
 * Saves a checkpoint and returns its folder. An existing one of the same step is replaced.
 *
 * Effect: after a crash at any moment either the whole checkpoint is there or none of it.
 */
export async function saveCheckpoint(
  runDirectory: string,
  content: CheckpointContent,
  provenance: AdapterProvenance,
): Promise<string> {
  const id = `checkpoint-${content.state.global_step}`;
  const temporary = path.join(runDirectory, `.${id}.tmp`);
  const target = path.join(runDirectory, id);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await saveAdapter(temporary, content.adapter, content.values, provenance);
  await saveOptimizer(path.join(temporary, "optimizer.safetensors"), content);
  await writeJson(path.join(temporary, "rng.json"), content.random);
  await writeJson(path.join(temporary, "trainer_state.json"), content.state);
  const names = (await readdir(temporary)).sort();
  const files = await Promise.all(names.map((name) => describeFile(temporary, name)));
  await writeJson(path.join(temporary, manifestName), {
    schema: "qtune.checkpoint/1",
    files,
  } satisfies Manifest);
  await rm(target, { recursive: true, force: true });
  await rename(temporary, target);
  await syncDirectory(runDirectory);
  return target;
}

async function saveOptimizer(
  file: string,
  { adapter, optimizer }: CheckpointContent,
): Promise<void> {
  const tensors = adapter.tensors.flatMap(({ parameter, shape }): TensorToWrite[] => {
    const moments = optimizer.moments.get(parameter);
    if (moments === undefined) throw internalError(`no optimiser state of ${parameter}`);
    return (["first", "second"] as const).map((name) => {
      const values = moments[name];
      return {
        name: `${parameter}.${name}`,
        dtype: values instanceof Float64Array ? "F64" : "F32",
        shape,
        read: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      };
    });
  });
  await writeSafetensors(file, tensors, { metadata: { step: String(optimizer.step) } });
}

/**
 * Loads a checkpoint into the shape of a run's adapter.
 *
 * Errors: data_loss when a file is missing or its hash is another; what `loadAdapter` throws.
 */
export async function loadCheckpoint(
  directory: string,
  adapter: Adapter,
): Promise<CheckpointContent> {
  await verifyCheckpoint(directory);
  const { values } = await loadAdapter(directory, adapter.sites);
  const state = await readJson<TrainerState>(path.join(directory, "trainer_state.json"));
  const random = await readJson<RandomState>(path.join(directory, "rng.json"));
  const set = await openSafetensors(path.join(directory, "optimizer.safetensors"));
  try {
    const moments = new Map<string, { first: Float32Array; second: Float32Array }>();
    for (const { parameter } of adapter.tensors) {
      const first = await set.tensors.get(`${parameter}.first`)?.readFloat32();
      const second = await set.tensors.get(`${parameter}.second`)?.readFloat32();
      if (first === undefined || second === undefined) {
        throw new QtuneError(
          "data_loss",
          `expected the moments of ${parameter} but there are none`,
          {
            where: `${directory}/optimizer.safetensors`,
          },
        );
      }
      moments.set(parameter, { first, second });
    }
    return {
      adapter,
      values,
      optimizer: { step: Number(set.metadata["step"]), moments },
      state,
      random,
    };
  } finally {
    await set.close();
  }
}

/** Throws `data_loss` naming the first file of a checkpoint that is missing, cut or changed. */
export async function verifyCheckpoint(directory: string): Promise<void> {
  const manifest = await readJson<Manifest>(path.join(directory, manifestName));
  for (const expected of manifest.files) {
    const given = await describeFile(directory, expected.path).catch(() => undefined);
    if (given?.sha256 === expected.sha256) continue;
    throw new QtuneError(
      "data_loss",
      given === undefined
        ? "expected a file of a checkpoint but there is none"
        : `expected ${expected.sizeBytes} bytes with sha256 ${expected.sha256} but found ${given.sizeBytes} with ${given.sha256}`,
      { where: path.join(directory, expected.path) },
    );
  }
}

/** Lists the checkpoints of a run, newest first. Effect: reads no tensor; a folder without a manifest is left out. */
export async function listCheckpoints(runDirectory: string): Promise<readonly CheckpointInfo[]> {
  const names = await readdir(runDirectory).catch(() => []);
  const steps = names
    .map((name) => /^checkpoint-(\d+)$/.exec(name)?.[1])
    .filter((step) => step !== undefined)
    .map(Number)
    .sort((a, b) => b - a);
  const infos: CheckpointInfo[] = [];
  for (const step of steps) {
    const id = `checkpoint-${step}`;
    const directory = path.join(runDirectory, id);
    try {
      infos.push(await describeCheckpoint(directory, id, step));
    } catch {
      // Damaged beyond listing: resuming says so when it comes to it, a list shows what is usable.
    }
  }
  const best = infos[0]?.best ? infos[0].id : await bestOf(infos[0]);
  return infos.map((info) => ({ ...info, best: info.id === best }));
}

async function bestOf(newest: CheckpointInfo | undefined): Promise<string | undefined> {
  if (newest === undefined) return undefined;
  const state = await readJson<TrainerState>(path.join(newest.directory, "trainer_state.json"));
  return state.best_model_checkpoint ?? undefined;
}

async function describeCheckpoint(
  directory: string,
  id: string,
  step: number,
): Promise<CheckpointInfo> {
  const manifestFile = path.join(directory, manifestName);
  const manifest = await readJson<Manifest>(manifestFile);
  const state = await readJson<TrainerState>(path.join(directory, "trainer_state.json"));
  const { mtime } = await stat(manifestFile);
  return {
    id,
    directory,
    step,
    final: state.final,
    best: state.best_model_checkpoint === id,
    metrics: state.log_history.at(-1) ?? {},
    savedAt: mtime,
    sizeBytes: manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    files: manifest.files,
  };
}

/** Deletes the oldest checkpoints beyond `limit`, never the newest nor the best. */
export async function pruneCheckpoints(
  runDirectory: string,
  limit: number,
): Promise<readonly string[]> {
  const infos = await listCheckpoints(runDirectory);
  const surplus = infos.slice(limit).filter((info) => !info.best);
  for (const { directory } of surplus) await rm(directory, { recursive: true, force: true });
  return surplus.map(({ id }) => id);
}

/** Removes what a crash has left half-written. */
export async function removeUnfinished(runDirectory: string): Promise<void> {
  for (const name of await readdir(runDirectory).catch(() => [])) {
    if (/^\.checkpoint-\d+\.tmp$/.test(name))
      await rm(path.join(runDirectory, name), { recursive: true, force: true });
  }
}

async function describeFile(directory: string, name: string): Promise<Manifest["files"][number]> {
  const bytes = await readFile(path.join(directory, name));
  return {
    path: name,
    sizeBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

async function writeJson(file: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  await writeFileAtomically(file, (sink) => sink.write(new TextEncoder().encode(text)));
}

/** Reads JSON of our own making. Errors: data_loss when it is missing or cut. */
async function readJson<T>(file: string): Promise<T> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as T; // written by this module
  } catch (cause) {
    throw new QtuneError("data_loss", "expected a readable file of a checkpoint", {
      where: file,
      cause,
    });
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  await handle.sync().catch(() => undefined); // some file systems cannot flush a folder
  await handle.close();
}
