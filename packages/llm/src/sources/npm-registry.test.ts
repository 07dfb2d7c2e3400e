import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findNpmTarball, readNpmConfig } from "./npm-registry.ts";
import { findPypiFile, readHtmlIndex, readPypiIndex } from "./pypi-index.ts";
import { startTestServer } from "./registry.suite.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-registry-"));
  await mkdir(path.join(folder, "project"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const project = (): string => path.join(folder, "project");
const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  HOME: folder,
  npm_config_globalconfig: path.join(folder, "none"),
  ...more,
});

describe("readNpmConfig", () => {
  const ask = async (): Promise<string> => "https://default.example";

  test("asks npm where nothing is configured", async () => {
    const config = await readNpmConfig(environment(), project(), { ask });
    expect(config.registryOf("a")).toBe("https://default.example/");
    expect(config.headersFor("https://default.example/a")).toEqual({});
  });

  test("lets the project win over the user, and the environment over both", async () => {
    await writeFile(path.join(folder, ".npmrc"), "registry=https://user.example/\n");
    expect((await readNpmConfig(environment(), project())).registryOf("a")).toBe(
      "https://user.example/",
    );
    await writeFile(
      path.join(project(), ".npmrc"),
      "; mirror\nregistry = https://project.example/npm\n",
    );
    expect((await readNpmConfig(environment(), project())).registryOf("a")).toBe(
      "https://project.example/npm/",
    );
    const own = environment({ npm_config_registry: "https://env.example" });
    expect((await readNpmConfig(own, project())).registryOf("a")).toBe("https://env.example/");
  });

  test("knows registries of scopes and sends a token only to its own place", async () => {
    const lines = [
      "@lab:registry=https://lab.example/npm/",
      "//lab.example/npm/:_authToken=${LAB_TOKEN}",
    ];
    await writeFile(path.join(folder, ".npmrc"), lines.join("\n"));
    const config = await readNpmConfig(environment({ LAB_TOKEN: "secret" }), project(), { ask });
    expect(config.registryOf("@lab/model")).toBe("https://lab.example/npm/");
    expect(config.registryOf("other")).toBe("https://default.example/");
    const headers = config.headersFor("https://lab.example/npm/@lab%2fmodel/1.0.0");
    expect(headers).toEqual({ authorization: "Bearer secret" });
    expect(config.headersFor("https://lab.example/other/x")).toEqual({});
    expect(config.headersFor("https://evil.example/npm/x")).toEqual({});
  });
});

describe("findNpmTarball", () => {
  test("asks a mirror for tarballs that its reply places in the registry it copies", async () => {
    const server = await startTestServer();
    const integrity = `sha512-${Buffer.alloc(64).toString("base64")}`;
    const publish = (tarball: string): void => {
      server.files.set("/npm/a/1.0.0", JSON.stringify({ dist: { tarball, integrity } }));
    };
    const own = environment({ npm_config_registry: `${server.url}npm` });
    const config = await readNpmConfig(own, project());
    publish("https://upstream.example/a/-/a-1.0.0.tgz");
    expect((await findNpmTarball("a", "1.0.0", { config })).url).toBe(
      `${server.url}npm/a/-/a-1.0.0.tgz`,
    );
    publish("https://files.example/a.tgz");
    expect((await findNpmTarball("a", "1.0.0", { config })).url).toBe(
      "https://files.example/a.tgz",
    );
    await server.close();
  });
});

describe("the Python index", () => {
  test("is pip's: environment, then its file, then the public one", async () => {
    const empty = { HOME: folder };
    await mkdir(path.join(folder, ".config/pip"), { recursive: true });
    await writeFile(
      path.join(folder, ".config/pip/pip.conf"),
      "[global]\nindex-url = https://conf.example/simple\n",
    );
    expect(await readPypiIndex(empty)).toBe("https://conf.example/simple");
    expect(await readPypiIndex({ ...empty, PIP_INDEX_URL: "https://env.example/simple" })).toBe(
      "https://env.example/simple",
    );
  });

  test("is read in its HTML form too", () => {
    const hash = "a".repeat(64);
    const page = `<!DOCTYPE html><a href="../../files/x_y-1.0.tar.gz#sha256=${hash}" data-requires-python="&gt;=3">x_y-1.0.tar.gz</a><br/>
      <a href="https://other.example/x_y-1.0-py3-none-any.whl">x_y-1.0-py3-none-any.whl</a>`;
    expect(readHtmlIndex(page, "https://pypi.example/simple/x-y/")).toEqual([
      {
        filename: "x_y-1.0.tar.gz",
        url: "https://pypi.example/files/x_y-1.0.tar.gz",
        hash: { algorithm: "sha256", hex: hash },
      },
      {
        filename: "x_y-1.0-py3-none-any.whl",
        url: "https://other.example/x_y-1.0-py3-none-any.whl",
        hash: undefined,
      },
    ]);
  });

  test("gives the wheel of a version, else the source archive, else the files there are", async () => {
    const server = await startTestServer();
    const names = [
      "x_y-1.0.tar.gz",
      "x_y-1.0-cp312-linux.whl",
      "x_y-2.0-py3-none-any.whl",
      "x_y-2.0.tar.gz",
    ];
    const files = names.map((filename) => ({
      filename,
      url: `../../files/${filename}`,
      hashes: {},
    }));
    server.files.set("/simple/x-y/", JSON.stringify({ files }));
    const index = `${server.url}simple`;
    expect((await findPypiFile("X.y", "1.0", { index })).filename).toBe("x_y-1.0.tar.gz");
    expect((await findPypiFile("x-y", "2.0", { index })).url).toBe(
      `${server.url}files/x_y-2.0-py3-none-any.whl`,
    );
    await expect(findPypiFile("x-y", "3.0", { index })).rejects.toThrow(
      /version 3\.0.*x_y-2\.0\.tar\.gz/,
    );
    await expect(findPypiFile("unknown", "1.0", { index })).rejects.toMatchObject({
      code: "not_found",
    });
    await server.close();
    await expect(findPypiFile("x-y", "1.0", { index })).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});
