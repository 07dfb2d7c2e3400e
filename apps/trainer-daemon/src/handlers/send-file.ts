import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";

const chunkBytes = 512 * 1024;

/** Lists the plain files below a folder, by path; links are left out. Cost: reads every file when `hashed`. */
export async function listFiles(
  folder: string,
  options: { readonly hashed: boolean },
): Promise<trainingV1.FileEntry[]> {
  const entries: trainingV1.FileEntry[] = [];
  const visit = async (relative: string): Promise<void> => {
    for (const entry of await readdir(path.join(folder, relative), { withFileTypes: true })) {
      const inside = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) await visit(inside);
      if (!entry.isFile()) continue;
      const { size } = await lstat(path.join(folder, inside));
      const sha256 = options.hashed ? await hashFile(path.join(folder, inside)) : "";
      entries.push({ path: inside, sizeBytes: BigInt(size), sha256 });
    }
  };
  await visit("");
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Sends one file of a folder from an offset, its entry on the first chunk. Errors: not_found, out_of_range. */
export async function* sendFile(
  folder: string,
  entry: trainingV1.FileEntry,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<trainingV1.FileChunk> {
  const size = Number(entry.sizeBytes);
  if (offset > size)
    throw new QtuneError(
      "out_of_range",
      `expected an offset of at most ${size} but was given ${offset}`,
      { where: "offset" },
    );
  if (offset === size) {
    yield { entry, offset: BigInt(offset), data: Buffer.alloc(0) };
    return;
  }
  let position = offset;
  let first = true;
  // `end` pins the size that the entry states: a file that grows meanwhile is sent as it was listed.
  for await (const data of createReadStream(path.join(folder, entry.path), {
    start: offset,
    end: size - 1,
    highWaterMark: chunkBytes,
    signal,
  })) {
    const bytes = data as Buffer; // no encoding was set
    yield { entry: first ? entry : undefined, offset: BigInt(position), data: bytes };
    position += bytes.length;
    first = false;
  }
}

/** Returns the entry of a path, which must be one of the listed ones: a path that a client names is never joined. */
export function findEntry(
  entries: readonly trainingV1.FileEntry[],
  wanted: string,
): trainingV1.FileEntry {
  const entry = entries.find((candidate) => candidate.path === wanted);
  if (entry === undefined) {
    const names = entries.slice(0, 12).map((candidate) => candidate.path);
    throw new QtuneError("not_found", `no such file; there are ${names.join(", ")}`, {
      where: `path ${JSON.stringify(wanted.slice(0, 80))}`,
    });
  }
  return entry;
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const data of createReadStream(file)) hash.update(data as Buffer);
  return hash.digest("hex");
}
