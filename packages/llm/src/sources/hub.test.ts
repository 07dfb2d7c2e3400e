import { createHash } from "node:crypto";
import { mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fetchSource } from "./fetch-source.ts";
import { chooseFiles } from "./hub.ts";
import { parseModelSource } from "./model-source.ts";
import { startTestServer, type TestServer } from "./registry.suite.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const weights = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
const configText = '{"model_type":"llama"}';

let folder: string;
let server: TestServer;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-hub-"));
  server = await startTestServer();
  vi.stubEnv("HF_ENDPOINT", server.url);
  vi.stubEnv("HF_HUB_CACHE", path.join(folder, "hub"));
  vi.stubEnv("HF_TOKEN", "secret");
  publish();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true });
});

const gitHash = (text: string): string =>
  createHash("sha1").update(`blob ${text.length}\0${text}`).digest("hex");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Publishes a repository of two files: one in Git, one in LFS. */
function publish(): void {
  const info = { _id: "1", id: "org/tiny", sha: commit, private: false };
  server.files.set("/api/models/org/tiny/revision/main", JSON.stringify(info));
  const tree = [
    { type: "file", path: "config.json", size: configText.length, oid: gitHash(configText) },
    {
      type: "file",
      path: "model.safetensors",
      size: weights.length,
      oid: "f".repeat(40),
      lfs: { oid: sha256(weights), size: weights.length, pointerSize: 130 },
    },
    { type: "file", path: "pytorch_model.bin", size: 9, oid: "e".repeat(40) },
  ];
  server.files.set(`/api/models/org/tiny/tree/${commit}`, JSON.stringify(tree));
  server.files.set(`/org/tiny/resolve/${commit}/config.json`, configText);
  server.files.set(`/org/tiny/resolve/${commit}/model.safetensors`, weights);
}

const fetchTiny = (options = {}): ReturnType<typeof fetchSource> =>
  fetchSource(parseModelSource("hf:org/tiny"), options);

describe("the Hugging Face Hub", () => {
  test("fills the cache that other tools share, and only with what a model needs", async () => {
    const { path: snapshot, origin } = await fetchTiny();
    const repository = path.join(folder, "hub", "models--org--tiny");
    expect(snapshot).toBe(path.join(repository, "snapshots", commit));
    expect(origin["revision"]).toBe(commit);
    expect(await readFile(path.join(repository, "refs", "main"), "utf8")).toBe(commit);
    expect(await readlink(path.join(snapshot, "model.safetensors"))).toBe(
      `../../blobs/${sha256(weights)}`,
    );
    expect(new Uint8Array(await readFile(path.join(snapshot, "model.safetensors")))).toEqual(
      weights,
    );
    expect(server.requests.some((request) => request.includes("pytorch_model"))).toBe(false);
  });

  test("fetches nothing twice, and nothing at all offline", async () => {
    await fetchTiny();
    const blobs = (): number =>
      server.requests.filter((request) => request.includes("/resolve/")).length;
    const once = blobs();
    await fetchTiny();
    expect(blobs()).toBe(once);
    const { length } = server.requests;
    expect((await fetchTiny({ offline: true })).path).toContain(commit);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await fetchTiny();
    expect(server.requests).toHaveLength(length);
  });

  test("resumes a large file", async () => {
    await fetchTiny();
    const repository = path.join(folder, "hub", "models--org--tiny");
    const blob = path.join(repository, "blobs", sha256(weights));
    await rm(blob);
    await rm(path.join(repository, "snapshots", commit, "model.safetensors"));
    await writeFile(`${blob}.part`, weights.subarray(0, 3000));
    await fetchTiny();
    expect(server.requests.at(-1)).toMatch(/model\.safetensors bytes=3000-/);
  });

  test("sends the token", async () => {
    let authorization: string | undefined;
    server.intercept = (request) => {
      authorization = request.headers.authorization;
      return false;
    };
    await fetchTiny();
    expect(authorization).toBe("Bearer secret");
  });

  test("refuses files whose hash is wrong", async () => {
    server.files.set(`/org/tiny/resolve/${commit}/model.safetensors`, weights.toReversed());
    await expect(fetchTiny()).rejects.toMatchObject({ code: "data_loss" });
    publish();
    server.files.set(
      `/org/tiny/resolve/${commit}/config.json`,
      configText.replace("llama", "lemma"),
    );
    await rm(path.join(folder, "hub"), { recursive: true });
    await expect(fetchTiny()).rejects.toThrow(/Git hash/);
  });

  test.each([
    [401, "unauthenticated", /HF_TOKEN/],
    [403, "permission_denied", /gated/],
    [404, "not_found", /404/],
    [500, "unavailable", /500/],
  ])("explains the answer %i", async (status, code, message) => {
    server.intercept = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    await expect(fetchTiny()).rejects.toMatchObject({ code });
    await expect(fetchTiny()).rejects.toThrow(message);
  });

  test("asks which one is meant where there are several GGUF files", async () => {
    const file = (name: string): object => ({
      type: "file",
      path: name,
      size: 1,
      oid: "a".repeat(40),
    });
    server.files.set(
      `/api/models/org/tiny/tree/${commit}`,
      JSON.stringify([file("a.Q4.gguf"), file("b.Q8.gguf")]),
    );
    await expect(fetchTiny()).rejects.toThrow(
      /a\.Q4\.gguf, b\.Q8\.gguf; write hf:org\/tiny\/a\.Q4\.gguf/,
    );
  });

  test("says so when a model is not in the cache offline", async () => {
    await expect(fetchTiny({ offline: true })).rejects.toMatchObject({ code: "unavailable" });
  });

  test("refuses a repository that names files outside itself", async () => {
    const tree = [{ type: "file", path: "../../../evil.json", size: 1, oid: "a".repeat(40) }];
    server.files.set(`/api/models/org/tiny/tree/${commit}`, JSON.stringify(tree));
    const source = parseModelSource("hf:org/tiny");
    await expect(fetchSource(source, {})).rejects.toThrow();
  });
});

describe("chooseFiles", () => {
  const files = (...names: string[]): { path: string }[] => names.map((name) => ({ path: name }));
  const names = (list: { path: string }[], inside = ""): string[] =>
    chooseFiles(list, inside).map((file) => file.path);

  test("prefers safetensors to GGUF and leaves other formats", () => {
    const all = files(
      "config.json",
      "a.gguf",
      "model.safetensors",
      "x.bin",
      "onnx/model.onnx",
      "LICENSE",
    );
    expect(names(all)).toEqual(["config.json", "LICENSE", "model.safetensors"]);
    expect(names(files("README.md", "a.gguf"))).toEqual(["README.md", "a.gguf"]);
  });

  test("takes the usual weights where a repository holds them twice", () => {
    const twice = files(
      "consolidated.safetensors",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    );
    expect(names(twice)).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
    expect(names(files("other.safetensors"))).toEqual(["other.safetensors"]);
  });

  test("takes exactly what a path names", () => {
    expect(names(files("a/x.gguf", "a.txt", "ab/y"), "a")).toEqual(["a/x.gguf"]);
    expect(names(files("x.gguf", "y.gguf"), "y.gguf")).toEqual(["y.gguf"]);
  });
});
