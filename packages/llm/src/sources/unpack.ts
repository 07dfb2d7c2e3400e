/**
 * Unpacks archives from registries, which anyone can publish: only plain files, only inside the target, and not more
 * than an honest archive of that size can hold.
 */
import { createWriteStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { QtuneError, throwIfAborted } from "@qtune/base";
import { extract, type ReadEntry } from "tar";
import { open as openZip, type Entry, type ZipFile } from "yauzl";
import type { FileWorkOptions } from "./cache-folder.ts";

/** Limits against archives that unpack to more than anyone meant to store. */
export interface UnpackLimits {
  /** Most bytes of all files together. Default: 1 GiB or 20 times the archive, whichever is more. */
  readonly maxBytes?: number;
  /** Default: 20,000. */
  readonly maxFiles?: number;
}

/** Options of {@link unpackArchive}. */
export interface UnpackOptions extends FileWorkOptions {
  readonly limits?: UnpackLimits;
  /** Name for messages. Default: the archive's path. */
  readonly label?: string;
  /** Unpacks only files for which this holds; gets the path inside the archive. Default: all. */
  readonly wants?: (entryPath: string) => boolean;
}

/**
 * Unpacks a `.tgz`, `.tar.gz`, `.whl` or `.zip` into a folder. The one folder that tarballs put around everything
 * (`package/`, `name-version/`) is taken off.
 *
 * Errors: data_loss for a damaged archive, invalid_argument for one that reaches outside the folder, resource_exhausted
 *         beyond the limits.
 */
export async function unpackArchive(
  archive: string,
  folder: string,
  options: UnpackOptions = {},
): Promise<void> {
  const { size } = await stat(archive);
  const meter = createMeter(size, options, options.label ?? archive);
  await mkdir(folder, { recursive: true });
  const isZip = /\.(whl|zip)$/.test(archive);
  try {
    await (isZip
      ? unpackZip(archive, folder, meter, options)
      : unpackTar(archive, folder, meter, options));
  } catch (error) {
    throwIfAborted(options.signal);
    if (error instanceof QtuneError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new QtuneError("data_loss", `the archive is damaged: ${reason}`, {
      where: options.label ?? archive,
      cause: error,
    });
  }
}

/** Counts what an archive announces and refuses the rest. */
interface Meter {
  /** Checks one entry before a byte of it is written; says whether it is wanted. */
  admit(entryPath: string, sizeBytes: number): boolean;
}

function createMeter(archiveBytes: number, options: UnpackOptions, label: string): Meter {
  const maxBytes = options.limits?.maxBytes ?? Math.max(2 ** 30, 20 * archiveBytes);
  const maxFiles = options.limits?.maxFiles ?? 20_000;
  let bytes = 0;
  let files = 0;
  return {
    admit: (entryPath, sizeBytes) => {
      throwIfAborted(options.signal);
      assertInside(entryPath, label);
      if (options.wants?.(entryPath) === false) return false;
      bytes += sizeBytes;
      files += 1;
      if (bytes > maxBytes || files > maxFiles) {
        throw new QtuneError(
          "resource_exhausted",
          `the archive of ${archiveBytes} bytes unpacks to more than ${maxBytes} bytes or ${maxFiles} files`,
          { where: label, details: { maxBytes, maxFiles } },
        );
      }
      options.onProgress?.({ phase: "unpack", done: bytes, unit: "bytes", message: entryPath });
      return true;
    },
  };
}

function assertInside(entryPath: string, label: string): void {
  const parts = entryPath.split(/[/\\]/);
  if (
    parts.includes("..") ||
    path.posix.isAbsolute(entryPath) ||
    path.win32.isAbsolute(entryPath)
  ) {
    throw new QtuneError(
      "invalid_argument",
      `the archive holds ${JSON.stringify(entryPath)}, which reaches outside its folder; do not trust it`,
      { where: label },
    );
  }
}

async function unpackTar(
  archive: string,
  folder: string,
  meter: Meter,
  options: UnpackOptions,
): Promise<void> {
  // tar swallows what a filter throws on some paths, so the first problem is kept and thrown here.
  let problem: QtuneError | undefined;
  const filter = (entryPath: string, entry: unknown): boolean => {
    const { type, size } = entry as ReadEntry; // while extracting, entries are always read entries
    if (problem !== undefined || (type !== "File" && type !== "OldFile")) return false;
    try {
      assertInside(entryPath, options.label ?? archive); // before the outer folder is taken off
      return meter.admit(withoutTopFolder(entryPath), size);
    } catch (error) {
      problem = QtuneError.from(error);
      return false;
    }
  };
  await extract({
    file: archive,
    cwd: folder,
    strip: 1,
    strict: true,
    filter,
    preserveOwner: false,
  });
  if (problem !== undefined) throw problem;
  throwIfAborted(options.signal);
}

const withoutTopFolder = (entryPath: string): string => entryPath.split("/").slice(1).join("/");

async function unpackZip(
  archive: string,
  folder: string,
  meter: Meter,
  options: UnpackOptions,
): Promise<void> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    openZip(archive, { lazyEntries: true, autoClose: false }, (error, opened) => {
      if (error === null) resolve(opened);
      else reject(error);
    });
  });
  try {
    for await (const entry of entriesOf(zip)) {
      if (entry.fileName.endsWith("/")) continue;
      if (!meter.admit(entry.fileName, entry.uncompressedSize)) continue;
      await writeEntry(zip, entry, path.join(folder, entry.fileName), options.signal);
    }
  } finally {
    zip.close();
  }
}

/** Yields the entries of a zip file one by one. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const settle = (value: Entry | undefined, error?: unknown): void => {
        zip.removeListener("entry", onEntry);
        zip.removeListener("end", onEnd);
        zip.removeListener("error", onError);
        if (error === undefined) resolve(value);
        else reject(QtuneError.from(error));
      };
      const onEntry = (found: Entry): void => settle(found);
      const onEnd = (): void => settle(undefined);
      const onError = (error: unknown): void => settle(undefined, asBadZip(error));
      zip.once("entry", onEntry);
      zip.once("end", onEnd);
      zip.once("error", onError);
      zip.readEntry();
    });
    if (entry === undefined) return;
    yield entry;
  }
}

/** yauzl refuses names that reach outside; the code says which kind of problem it is. */
function asBadZip(error: unknown): QtuneError {
  const reason = error instanceof Error ? error.message : String(error);
  const isTraversal = /relative path|absolute path|invalid characters/.test(reason);
  return new QtuneError(
    isTraversal ? "invalid_argument" : "data_loss",
    isTraversal
      ? `the archive reaches outside its folder: ${reason}`
      : `the archive is damaged: ${reason}`,
    { cause: error },
  );
}

async function writeEntry(
  zip: ZipFile,
  entry: Entry,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const content = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error === null) resolve(stream);
      else reject(error);
    });
  });
  // yauzl fails the stream when it holds more or less than the entry announced.
  await pipeline(content, createWriteStream(target), ...(signal === undefined ? [] : [{ signal }]));
}
