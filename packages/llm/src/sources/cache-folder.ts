/**
 * The cache of fetched models. An entry is a folder with a manifest that is written last: without a manifest an entry
 * does not exist. The manifest holds size, time and SHA-256 of each file, so that a damaged entry is noticed and fetched
 * anew.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { type Abortable, type OnProgress, QtuneError, sleep, throwIfAborted } from "@qtune/base";
import { writeFileAtomically } from "@qtune/weights";

/** What the manifest says of one file. */
export interface CachedFile {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly sha256: string;
}

/** The manifest of a cache entry. */
export interface CacheManifest {
  readonly schema: "qtune.cache-entry/1";
  /** The source as people write it. */
  readonly source: string;
  /** Where the bytes came from and how they were checked, e.g. tarball address and integrity. */
  readonly origin: Readonly<Record<string, string>>;
  /** By path inside the entry, with forward slashes. */
  readonly files: Readonly<Record<string, CachedFile>>;
}

const manifestName = ".qtune-manifest.json";

/** Returns the cache folder: `QTUNE_CACHE`, else `$XDG_CACHE_HOME/qtune`, else `~/.cache/qtune`. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment["QTUNE_CACHE"];
  if (own !== undefined && own !== "") return own;
  const shared = environment["XDG_CACHE_HOME"];
  return path.join(
    shared === undefined || shared === "" ? path.join(homedir(), ".cache") : shared,
    "qtune",
  );
}

/** Options of work on files that may take a while. */
export interface FileWorkOptions extends Abortable {
  readonly onProgress?: OnProgress | undefined;
}

/** Returns the hash of a file's content in hexadecimal. Cost: reads the file once. */
export async function hashFile(
  filePath: string,
  algorithm: "sha1" | "sha256" | "sha512",
  options: FileWorkOptions = {},
): Promise<string> {
  const hash = createHash(algorithm);
  const { size } = await stat(filePath);
  let done = 0;
  for await (const chunk of createReadStream(filePath, { highWaterMark: 2 ** 20 })) {
    throwIfAborted(options.signal);
    const bytes = chunk as Uint8Array; // a stream without encoding yields bytes
    hash.update(bytes);
    done += bytes.length;
    options.onProgress?.({ phase: "verify", done, total: size, unit: "bytes" });
  }
  return hash.digest("hex");
}

/** Smaller files are hashed quicker than the note of an earlier hash is found. */
const noteFromBytes = 64 * 2 ** 20;

/**
 * Returns the SHA-256 of a file; for large ones from a note in the cache, as long as size and time are the same.
 *
 * Cost: reads the file once, later calls look at its status only.
 */
export async function hashFileOnce(
  filePath: string,
  options: FileWorkOptions & { readonly cacheDir?: string | undefined },
): Promise<string> {
  const { size, mtimeMs } = await stat(filePath);
  if (size < noteFromBytes) return hashFile(filePath, "sha256", options);
  const key = createHash("sha256").update(path.resolve(filePath)).digest("hex").slice(0, 24);
  const notePath = path.join(options.cacheDir ?? defaultCacheDir(), "hashes", `${key}.json`);
  const note = await readFile(notePath, "utf8").then(parseNote, () => undefined);
  if (note?.sizeBytes === size && note.modifiedMs === mtimeMs) return note.sha256;
  const sha256 = await hashFile(filePath, "sha256", options);
  const fresh: CachedFile = { sizeBytes: size, modifiedMs: mtimeMs, sha256 };
  const text = new TextEncoder().encode(JSON.stringify(fresh));
  await writeFileAtomically(notePath, (sink) => sink.write(text));
  return sha256;
}

/** Reads a note; one that is damaged is none. */
function parseNote(text: string): CachedFile | undefined {
  try {
    const note = JSON.parse(text) as CachedFile; // written by hashFileOnce; a wrong one is not believed below
    return /^[0-9a-f]{64}$/.test(note.sha256) ? note : undefined;
  } catch {
    return undefined; // the file is hashed again
  }
}

/**
 * Returns the manifest of an entry whose files are all as they were written, or nothing.
 *
 * Cost: looks at sizes and times; a file whose time changed is hashed.
 */
export async function readCacheEntry(folder: string): Promise<CacheManifest | undefined> {
  const text = await readFile(path.join(folder, manifestName), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const manifest = JSON.parse(text) as CacheManifest; // written by writeCacheEntry; a wrong one fails below
    if (manifest.schema !== "qtune.cache-entry/1") return undefined;
    for (const [name, file] of Object.entries(manifest.files)) {
      if (!(await isUnchanged(path.join(folder, name), file))) return undefined;
    }
    return manifest;
  } catch {
    return undefined; // unreadable is the same as absent: the entry is fetched again
  }
}

async function isUnchanged(filePath: string, file: CachedFile): Promise<boolean> {
  const status = await stat(filePath);
  if (status.size !== file.sizeBytes) return false;
  return status.mtimeMs === file.modifiedMs || (await hashFile(filePath, "sha256")) === file.sha256;
}

/**
 * Makes a cache entry: `fill` writes into a temporary folder, which then takes the place of `folder` in one step.
 *
 * Effect: two processes may do this at the same time; one of the equal results stays.
 */
export async function writeCacheEntry(
  folder: string,
  entry: Pick<CacheManifest, "source" | "origin">,
  fill: (temporary: string) => Promise<void>,
  options: FileWorkOptions = {},
): Promise<CacheManifest> {
  const temporary = `${folder}.${randomUUID()}.tmp`;
  await mkdir(temporary, { recursive: true });
  try {
    await fill(temporary);
    const manifest: CacheManifest = {
      schema: "qtune.cache-entry/1",
      ...entry,
      files: await describeFiles(temporary, options),
    };
    const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
    await writeFileAtomically(path.join(temporary, manifestName), (sink) => sink.write(text));
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    return manifest;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function describeFiles(
  folder: string,
  options: FileWorkOptions,
): Promise<Record<string, CachedFile>> {
  const files: Record<string, CachedFile> = {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const filePath = path.join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(filePath);
    const sha256 = await hashFile(filePath, "sha256", options);
    const name = path.relative(folder, filePath).split(path.sep).join("/");
    files[name] = { sizeBytes: size, modifiedMs: mtimeMs, sha256 };
  }
  return files;
}

/**
 * Runs `work` while holding a lock file, so that two processes do not fetch the same thing into the same place. A lock
 * whose process is gone is taken over.
 */
export async function withLock<T>(
  lockPath: string,
  work: () => Promise<T>,
  options: Abortable = {},
): Promise<T> {
  await mkdir(path.dirname(lockPath), { recursive: true });
  while (!(await tryLock(lockPath))) await sleep(100, options);
  try {
    return await work();
  } finally {
    await rm(lockPath, { force: true });
  }
}

async function tryLock(lockPath: string): Promise<boolean> {
  try {
    const handle = await open(lockPath, "wx");
    await handle.writeFile(`${process.pid}`);
    await handle.close();
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      throw QtuneError.from(error);
    }
  }
  const holder = Number(await readFile(lockPath, "utf8").catch(() => ""));
  if (holder > 0 && !isAlive(holder)) await rm(lockPath, { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // No permission to signal it means that it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
