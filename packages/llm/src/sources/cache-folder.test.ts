import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  defaultCacheDir,
  hashFile,
  hashFileOnce,
  readCacheEntry,
  withLock,
  writeCacheEntry,
} from "./cache-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-cache-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const entry = { source: "npm:a@1.0.0", origin: { url: "https://example.org/a.tgz" } };

async function makeEntry(text: string): Promise<string> {
  const target = path.join(folder, "entry");
  await writeCacheEntry(target, entry, (temporary) =>
    writeFile(path.join(temporary, "a.txt"), text),
  );
  return target;
}

describe("a cache entry", () => {
  test("is there once its manifest is, with size and hash of each file", async () => {
    const target = await makeEntry("hello");
    const manifest = await readCacheEntry(target);
    expect(manifest).toMatchObject(entry);
    expect(manifest?.files["a.txt"]).toMatchObject({
      sizeBytes: 5,
      sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    expect(await readdir(folder)).toEqual(["entry"]);
  });

  test("is not there when a file was changed, cut off or removed, but survives a touch", async () => {
    const target = await makeEntry("hello");
    const file = path.join(target, "a.txt");
    await utimes(file, 1, 1);
    expect(await readCacheEntry(target)).toBeDefined();
    await writeFile(file, "hallo");
    expect(await readCacheEntry(target)).toBeUndefined();
    await truncate(file, 2);
    expect(await readCacheEntry(target)).toBeUndefined();
    await rm(file);
    expect(await readCacheEntry(target)).toBeUndefined();
  });

  test("leaves nothing behind when it cannot be made, and the old one in place", async () => {
    const target = await makeEntry("hello");
    const failing = writeCacheEntry(target, entry, () => Promise.reject(new Error("disk full")));
    await expect(failing).rejects.toThrow("disk full");
    expect(await readdir(folder)).toEqual(["entry"]);
    expect(await readFile(path.join(target, "a.txt"), "utf8")).toBe("hello");
  });
});

describe("hashFileOnce", () => {
  test("reads a large file once, and again when it has changed", async () => {
    const file = path.join(folder, "large.bin");
    await writeFile(file, "a");
    await truncate(file, 65 * 2 ** 20);
    const reads: number[] = [];
    const options = { cacheDir: folder, onProgress: () => reads.push(1) };
    const first = await hashFileOnce(file, options);
    expect(first).toBe(await hashFile(file, "sha256"));
    const { length } = reads;
    expect(await hashFileOnce(file, options)).toBe(first);
    expect(reads).toHaveLength(length);
    await truncate(file, 66 * 2 ** 20);
    expect(await hashFileOnce(file, options)).not.toBe(first);
  });
});

describe("withLock", () => {
  test("lets one at a time in", async () => {
    const lock = path.join(folder, "x.lock");
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    await Promise.all([withLock(lock, work), withLock(lock, work), withLock(lock, work)]);
    expect(most).toBe(1);
  });

  test("takes over from a process that is gone, and waits for one that is not until told to stop", async () => {
    const lock = path.join(folder, "x.lock");
    await writeFile(lock, "999999999");
    expect(await withLock(lock, () => Promise.resolve("done"))).toBe("done");
    await writeFile(lock, `${process.ppid}`);
    const waiting = withLock(lock, () => Promise.resolve("done"), {
      signal: AbortSignal.timeout(150),
    });
    await expect(waiting).rejects.toMatchObject({ code: "deadline_exceeded" });
  });
});

test("the cache lies where the environment says, else in the user's cache folder", () => {
  expect(defaultCacheDir({ QTUNE_CACHE: "/a" })).toBe("/a");
  expect(defaultCacheDir({ XDG_CACHE_HOME: "/b" })).toBe(path.join("/b", "qtune"));
  expect(defaultCacheDir({})).toMatch(/\.cache.qtune$/);
});
