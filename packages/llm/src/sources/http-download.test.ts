import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { downloadFile, parseIntegrity } from "./http-download.ts";
import { startTestServer, type TestServer } from "./registry.suite.ts";

const content = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) & 0xff);
const expected = {
  algorithm: "sha256",
  hex: createHash("sha256").update(content).digest("hex"),
} as const;

let folder: string;
let server: TestServer;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-download-"));
  target = path.join(folder, "file.bin");
  server = await startTestServer();
  server.files.set("/file", content);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const download = (more: object = {}): Promise<void> =>
  downloadFile({ url: `${server.url}file`, target, expected, retries: 2, ...more });

describe("downloadFile", () => {
  test("brings the file and says how far it is", async () => {
    const seen: number[] = [];
    await download({
      onProgress: (progress: { done: number; total?: number }) => {
        seen.push(progress.done);
        expect(progress.total).toBe(content.length);
      },
    });
    expect(new Uint8Array(await readFile(target))).toEqual(content);
    expect(seen.at(-1)).toBe(content.length);
  });

  test("goes on where an earlier run stopped", async () => {
    await writeFile(`${target}.part`, content.subarray(0, 60_000));
    await download();
    expect(server.requests).toEqual(["/file bytes=60000-"]);
    expect(new Uint8Array(await readFile(target))).toEqual(content);
  });

  test("starts over when the server knows no ranges", async () => {
    await writeFile(`${target}.part`, content.subarray(0, 10));
    server.intercept = (_, response) => {
      response.writeHead(200, { "content-length": content.length }).end(content);
      return true;
    };
    await download();
    expect(new Uint8Array(await readFile(target))).toEqual(content);
  });

  test("resumes after the connection breaks", async () => {
    let isFirst = true;
    server.intercept = (_, response) => {
      if (!isFirst) return false;
      isFirst = false;
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    await download();
    expect(server.requests[1]).toMatch(/bytes=\d+-/);
    expect(new Uint8Array(await readFile(target))).toEqual(content);
  });

  test("tries again when nothing arrives", async () => {
    let isFirst = true;
    server.intercept = (_, response) => {
      if (!isFirst) return false;
      isFirst = false;
      response.writeHead(200, { "content-length": content.length }).flushHeaders();
      return true;
    };
    await download({ stallMs: 100 });
    expect(server.requests).toHaveLength(2);
  });

  test("throws a damaged piece of an earlier run away and fetches anew", async () => {
    await writeFile(`${target}.part`, new Uint8Array(60_000));
    await download();
    expect(server.requests).toEqual(["/file bytes=60000-", "/file"]);
    expect(new Uint8Array(await readFile(target))).toEqual(content);
  });

  test("accepts a piece that is already whole", async () => {
    await writeFile(`${target}.part`, content);
    await download();
    expect(new Uint8Array(await readFile(target))).toEqual(content);
  });

  test("refuses content with the wrong hash and keeps nothing", async () => {
    server.files.set("/file", content.subarray(1));
    await expect(download()).rejects.toMatchObject({ code: "data_loss" });
    await expect(stat(target)).rejects.toThrow();
    await expect(stat(`${target}.part`)).rejects.toThrow();
  });

  test.each([
    [404, "not_found"],
    [401, "unauthenticated"],
    [403, "permission_denied"],
  ])("says at once what %i means", async (status, code) => {
    server.intercept = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    await expect(download()).rejects.toMatchObject({ code });
    expect(server.requests).toHaveLength(1);
  });

  test("gives up after all tries when the server is ill", async () => {
    server.intercept = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(download({ retries: 1 })).rejects.toThrow(/after 2 tries.*503/);
  });

  test("stops when asked to", async () => {
    server.intercept = () => true;
    const signal = AbortSignal.timeout(50);
    await expect(download({ signal })).rejects.toMatchObject({ code: "deadline_exceeded" });
  });
});

describe("parseIntegrity", () => {
  test("takes the strongest hash it knows", () => {
    const sha1 = `sha1-${createHash("sha1").update("x").digest("base64")}`;
    const sha512 = `sha512-${createHash("sha512").update("x").digest("base64")}`;
    const hex = createHash("sha512").update("x").digest("hex");
    expect(parseIntegrity(`${sha1} ${sha512}`)).toEqual({ algorithm: "sha512", hex });
    expect(parseIntegrity(sha1)?.algorithm).toBe("sha1");
  });

  test("knows nothing of an unknown or damaged one", () => {
    expect(parseIntegrity("md5-abc")).toBeUndefined();
    expect(parseIntegrity("sha512-abc")).toBeUndefined();
  });
});
