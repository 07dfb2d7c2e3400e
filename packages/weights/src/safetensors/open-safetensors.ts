/** Opens safetensors files: one, a folder, or shards under an index. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { plainDtypes } from "../dtype-table.ts";
import { openRangeFile, type RangeFile, tensorInFile } from "../file.ts";
import type { TensorSet, TensorSource } from "../tensor.ts";
import { maxHeaderBytes, parseHeader } from "./header.ts";

/**
 * Opens a safetensors file, a `*.safetensors.index.json` with its shards, or a folder that holds either
 * (`model.safetensors` goes first). Reads headers only.
 *
 * Effect: the result holds open files until `close()`.
 * Errors: not_found names missing files, data_loss says what is damaged.
 *
 * @example
 * const weights = await openSafetensors("model.safetensors");
 * const embedding = await weights.tensors.get("model.embed_tokens.weight")?.readFloat32();
 * await weights.close();
 */
export async function openSafetensors(filePath: string): Promise<TensorSet> {
  const resolved = await resolveEntry(filePath);
  return resolved.endsWith(".json") ? openShards(resolved) : openSingle(resolved);
}

/** Finds the file to start with when given a folder. */
async function resolveEntry(filePath: string): Promise<string> {
  if (!(await isFolder(filePath))) return filePath;
  for (const name of ["model.safetensors", "model.safetensors.index.json"]) {
    const candidate = path.join(filePath, name);
    if (await exists(candidate)) return candidate;
  }
  throw new QtuneError(
    "not_found",
    "expected model.safetensors or model.safetensors.index.json in this folder",
    { where: filePath },
  );
}

const exists = async (filePath: string): Promise<boolean> =>
  stat(filePath).then(
    () => true,
    () => false, // whatever the reason, the caller goes on to a message that names the path
  );

const isFolder = async (filePath: string): Promise<boolean> =>
  stat(filePath).then(
    (status) => status.isDirectory(),
    () => false, // opening the file will say what is wrong
  );

async function openSingle(filePath: string): Promise<TensorSet> {
  const file = await openRangeFile(filePath);
  try {
    return await readSet(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readSet(file: RangeFile): Promise<TensorSet> {
  if (file.sizeBytes < 8) {
    throw new QtuneError(
      "data_loss",
      `expected a safetensors file but it has ${file.sizeBytes} bytes`,
      {
        where: file.path,
      },
    );
  }
  const prefix = await file.read(0, 8);
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  const limit = Math.min(maxHeaderBytes, file.sizeBytes - 8);
  if (headerBytes > limit) {
    throw new QtuneError(
      "data_loss",
      `expected a header of at most ${limit} bytes but its length field says ${headerBytes}; ` +
        "the file is truncated or no safetensors file",
      { where: file.path },
    );
  }
  const text = new TextDecoder().decode(await file.read(8, headerBytes));
  const dataStart = 8 + headerBytes;
  const header = parseHeader(text, file.sizeBytes - dataStart, file.path);
  const tensors = new Map<string, TensorSource>();
  for (const { name, dtype, shape, begin, end } of header.entries) {
    const stored = { name, dtype, shape, offset: dataStart + begin, sizeBytes: end - begin };
    tensors.set(name, tensorInFile(file, stored, plainDtypes[dtype]));
  }
  return { tensors, metadata: header.metadata, close: () => file.close() };
}

async function openShards(indexPath: string): Promise<TensorSet> {
  const weightMap = await readWeightMap(indexPath);
  const names = await presentShards(indexPath, weightMap);
  const folder = path.dirname(indexPath);
  const shards = new Map<string, TensorSet>();
  const close = async (): Promise<void> => {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
  };
  try {
    for (const name of names) shards.set(name, await openSingle(path.join(folder, name)));
    return { tensors: collect(weightMap, shards, indexPath), metadata: {}, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function collect(
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorSet>,
  indexPath: string,
): ReadonlyMap<string, TensorSource> {
  const tensors = new Map<string, TensorSource>();
  const missing: string[] = [];
  for (const [name, shard] of weightMap) {
    const tensor = shards.get(shard)?.tensors.get(name);
    if (tensor === undefined) missing.push(`${name} (in ${shard})`);
    else tensors.set(name, tensor);
  }
  if (missing.length > 0) {
    throw new QtuneError(
      "data_loss",
      `the index names tensors that are not there: ${missing.join(", ")}`,
      {
        where: indexPath,
      },
    );
  }
  return tensors;
}

/**
 * Lists the files that an index of shards names, in alphabetical order.
 *
 * Errors: data_loss for a damaged index, or one that names a file outside its folder; not_found names missing files.
 */
export async function listShards(indexPath: string): Promise<string[]> {
  const names = await presentShards(indexPath, await readWeightMap(indexPath));
  return names.map((name) => path.join(path.dirname(indexPath), name));
}

async function presentShards(
  indexPath: string,
  weightMap: ReadonlyMap<string, string>,
): Promise<string[]> {
  const folder = path.dirname(indexPath);
  const names = [...new Set(weightMap.values())].sort();
  const missing: string[] = [];
  for (const name of names) if (!(await exists(path.join(folder, name)))) missing.push(name);
  if (missing.length === 0) return names;
  throw new QtuneError(
    "not_found",
    `the index names files that are not there: ${missing.join(", ")}`,
    { where: indexPath },
  );
}

async function readWeightMap(indexPath: string): Promise<ReadonlyMap<string, string>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(indexPath, "utf8"));
  } catch (cause) {
    throw new QtuneError("data_loss", "expected a JSON index of shards", {
      where: indexPath,
      cause,
    });
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map; // any JSON; checked next
  if (typeof map !== "object" || map === null) {
    throw new QtuneError("data_loss", "expected an object `weight_map`", { where: indexPath });
  }
  const weightMap = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    // A shard lies beside its index: a path here could only point out of the model's folder.
    if (typeof shard !== "string" || shard !== path.basename(shard) || shard === "..") {
      throw new QtuneError(
        "data_loss",
        `expected a plain file name but was given ${JSON.stringify(shard)}`,
        {
          where: `${indexPath}: weight_map.${name}`,
        },
      );
    }
    weightMap.set(name, shard);
  }
  return weightMap;
}
