/** Downloads over HTTP that go on where they stopped and are believed only when their hash is right. */
import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { QtuneError, sleep, throwIfAborted } from "@qtune/base";
import { type FileWorkOptions, hashFile } from "./cache-folder.ts";

/** A file to download. */
export interface Download extends FileWorkOptions {
  readonly url: string;
  /** Where the whole file goes; while incomplete it is `<target>.part`. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Hash that the file must have. */
  readonly expected?: FileHash | undefined;
  /** Name for progress and messages. Default: the address. */
  readonly label?: string;
  /** Tries after the first one. Default: 4. */
  readonly retries?: number;
  /** A connection that brings nothing for so long is given up and tried again. Default: 30 s. */
  readonly stallMs?: number;
}

/** A hash in hexadecimal. */
export interface FileHash {
  readonly algorithm: "sha1" | "sha256" | "sha512";
  readonly hex: string;
}

/**
 * Downloads a file, resuming what an earlier try left, and checks its hash.
 *
 * Effect: `target` appears only when complete and right.
 * Errors: not_found, unauthenticated, permission_denied as the server says; unavailable when nothing answers after all
 *         tries; data_loss when the hash is wrong twice, the second time from scratch; cancelled.
 */
export async function downloadFile(download: Download): Promise<void> {
  const part = `${download.target}.part`;
  await mkdir(path.dirname(download.target), { recursive: true });
  for (const isLastTry of [false, true]) {
    await fetchPart(download, part);
    const problem = await hashProblem(download, part);
    if (problem === undefined) break;
    await rm(part, { force: true }); // a damaged piece may come from an earlier run: start from nothing, once
    if (isLastTry) throw problem;
  }
  await rename(part, download.target);
}

async function hashProblem(download: Download, part: string): Promise<QtuneError | undefined> {
  const { expected, signal } = download;
  if (expected === undefined) return undefined;
  const given = await hashFile(part, expected.algorithm, { signal });
  if (given === expected.hex) return undefined;
  return new QtuneError(
    "data_loss",
    `expected ${expected.algorithm} ${expected.hex} but the download has ${given}; ` +
      "the server or a proxy in between delivers something else",
    { where: download.label ?? download.url, details: { expected: expected.hex, given } },
  );
}

/** Brings the part file to its full length, trying again after failures that may pass. */
async function fetchPart(download: Download, part: string): Promise<void> {
  const tries = (download.retries ?? 4) + 1;
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchRest(download, part);
      return;
    } catch (error) {
      throwIfAborted(download.signal);
      const failure = QtuneError.from(error);
      const mayPass = ["unavailable", "unknown", "deadline_exceeded", "cancelled"].includes(
        failure.code,
      );
      if (!mayPass) throw failure;
      if (attempt === tries) {
        throw new QtuneError(
          "unavailable",
          `no download after ${tries} tries: ${reasonOf(error)}`,
          {
            where: download.label ?? download.url,
            cause: error,
          },
        );
      }
      await sleep(Math.min(8000, 250 * 2 ** attempt), download);
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

const sizeOf = async (filePath: string): Promise<number> =>
  stat(filePath).then(
    (status) => status.size,
    () => 0, // not begun yet
  );

async function fetchRest(download: Download, part: string): Promise<void> {
  const have = await sizeOf(part);
  const stall = createStallGuard(download.stallMs ?? 30_000, download.signal);
  try {
    const range = have > 0 ? { range: `bytes=${have}-` } : {};
    const headers = { ...download.headers, ...range, "accept-encoding": "identity" };
    const response = await fetch(download.url, { headers, signal: stall.signal });
    if (response.status === 416) {
      // Nothing beyond what we have: complete, or longer than the file is now. The hash decides; without one, start over.
      await response.body?.cancel();
      if (download.expected === undefined) await rm(part, { force: true });
      if (download.expected !== undefined) return;
      throw new QtuneError("unavailable", "the server refused to resume; starting over");
    }
    assertOk(response, download);
    const start = response.status === 206 ? have : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const isPlain = response.headers.get("content-encoding") === null;
    const total = isPlain && Number.isFinite(length) ? start + length : undefined;
    await appendBody({ download, part, response, start, total, stall });
  } finally {
    stall.stop();
  }
}

interface StallGuard {
  readonly signal: AbortSignal;
  /** Says that something arrived. */
  touch(): void;
  stop(): void;
}

/** Aborts when nothing arrives for `stallMs`, or when the caller's signal fires. */
function createStallGuard(stallMs: number, outer: AbortSignal | undefined): StallGuard {
  const controller = new AbortController();
  const onStall = (): void =>
    controller.abort(new QtuneError("unavailable", `nothing arrived for ${stallMs / 1000} s`));
  let timer = setTimeout(onStall, stallMs);
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onStall, stallMs);
  };
  const signal =
    outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]);
  return { signal, touch, stop: () => clearTimeout(timer) };
}

/** Progress is told after so many bytes, not with every packet. */
const progressStepBytes = 2 ** 18;

interface Body {
  readonly download: Download;
  readonly part: string;
  readonly response: Response;
  readonly start: number;
  readonly total: number | undefined;
  readonly stall: StallGuard;
}

async function appendBody({ download, part, response, start, total, stall }: Body): Promise<void> {
  const handle = await open(part, start === 0 ? "w" : "r+");
  const { label = download.url, onProgress } = download;
  let done = start;
  let told = start;
  const tell = (): void => {
    told = done;
    const progress = { phase: "download", done, unit: "bytes", message: label };
    onProgress?.(total === undefined ? progress : { ...progress, total });
  };
  try {
    for await (const chunk of response.body ?? []) {
      stall.touch();
      await handle.write(chunk, 0, chunk.byteLength, done);
      done += chunk.byteLength;
      if (done - told >= progressStepBytes) tell();
    }
  } finally {
    await handle.close();
  }
  tell();
  if (total !== undefined && done !== total) {
    throw new QtuneError("unavailable", `the connection ended at ${done} of ${total} bytes`);
  }
}

/** Throws what a status outside 200 to 299 means. */
export function assertOk(
  response: Response,
  request: { readonly url: string; readonly label?: string },
): void {
  if (response.ok) return;
  const { status } = response;
  const code =
    status === 404 || status === 410
      ? "not_found"
      : status === 401
        ? "unauthenticated"
        : status === 403
          ? "permission_denied"
          : status === 429 || status >= 500
            ? "unavailable"
            : "failed_precondition";
  throw new QtuneError(
    code,
    `the server answered ${status} ${response.statusText} for ${request.url}`,
    {
      where: request.label ?? "download",
      details: { status, url: request.url },
    },
  );
}

/** Reads the integrity text of a registry (`sha512-<base64>`, several separated by spaces): the strongest one known. */
export function parseIntegrity(text: string): FileHash | undefined {
  for (const algorithm of ["sha512", "sha256", "sha1"] as const) {
    const entry = text.split(/\s+/).find((one) => one.startsWith(`${algorithm}-`));
    const base64 = entry?.slice(algorithm.length + 1).split("?")[0];
    if (base64 === undefined) continue;
    const bytes = Buffer.from(base64, "base64");
    if (bytes.length === createHash(algorithm).digest().length)
      return { algorithm, hex: bytes.toString("hex") };
  }
  return undefined;
}
