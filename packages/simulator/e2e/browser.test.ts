/** The simulator in a real browser: the same numbers as in Node, on threads where the page is isolated, on one where not. */
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type CircuitBatch, allPauliZ, ringAnsatz } from "@qtune/circuit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLocalExecutor } from "../src/index.ts";

const require = createRequire(import.meta.url);
const entry = `
import { createBackend } from "@qtune/kernels";
import { allPauliZ, ringAnsatz } from "@qtune/circuit";
import { createLocalExecutor, sampleCircuit } from "./src/index.ts";
window.runBatch = async (shared, rows, B) => {
  const backend = createBackend();
  const executor = createLocalExecutor({ backend });
  const batch = { circuit: ringAnsatz({ n: 4, layers: 2 }), shared: Float64Array.from(shared), rows: Float64Array.from(rows), B, observables: allPauliZ(4) };
  const { expectations } = await executor.run(batch);
  const gradient = await executor.vjp(batch, new Float64Array(4 * B).fill(1));
  const report = { kind: backend.kind, threads: backend.threads, reason: backend.reason };
  await executor.close();
  return { ...report, expectations: [...expectations], shared: [...gradient.shared] };
};`;

interface PageResult {
  readonly kind: string;
  readonly threads: number;
  readonly reason: string;
  readonly expectations: readonly number[];
  readonly shared: readonly number[];
}

interface Page {
  goto(url: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<void>;
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** Finds Chromium: the npm package on Linux x64, else the program that QTUNE_CHROME names. */
async function findChrome(): Promise<
  { executablePath: string; args: readonly string[] } | undefined
> {
  const named = process.env["QTUNE_CHROME"];
  if (named !== undefined) return { executablePath: named, args: ["--no-sandbox"] };
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const chromium = (await import(pathToFileURL(require.resolve("@sparticuz/chromium")).href)) as {
    default: { executablePath(): Promise<string> };
  };
  return { executablePath: await chromium.default.executablePath(), args: ["--no-sandbox"] };
}

/** Bundles the page script for browsers. */
async function bundle(): Promise<string> {
  const esbuild = createRequire(require.resolve("tsup"))("esbuild") as {
    build(options: object): Promise<{ outputFiles: readonly { text: string }[] }>;
  };
  const { outputFiles } = await esbuild.build({
    stdin: { contents: entry, resolveDir: path.resolve(import.meta.dirname, ".."), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions: ["@qtune/source"],
  });
  return outputFiles[0]!.text; // one entry, one file
}

const chrome = await findChrome().catch(() => undefined);
if (chrome === undefined) console.log("skipped: no Chromium here; QTUNE_CHROME names one");

describe.skipIf(chrome === undefined)("in a browser", () => {
  let server: Server;
  let browser: Browser;
  let origin = "";

  beforeAll(async () => {
    const script = await bundle();
    server = createServer((request, response) => {
      if (request.url?.startsWith("/isolated") === true) {
        response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
        response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      }
      response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
      const isScript = request.url === "/page.js";
      response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
      response.end(
        isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const puppeteer = (await import(pathToFileURL(require.resolve("puppeteer-core")).href)) as {
      default: { launch(options: object): Promise<Browser> };
    };
    browser = await puppeteer.default.launch({ ...chrome, headless: true });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const B = 300;
  const shared = Array.from({ length: 32 }, (_, i) => Math.sin(i));
  const rows = Array.from({ length: 4 * B }, (_, i) => Math.cos(i));

  async function runPage(where: string): Promise<PageResult> {
    const page = await browser.newPage();
    await page.goto(`${origin}/${where}`);
    const result = await page.evaluate(
      `window.runBatch(${JSON.stringify(shared)}, ${JSON.stringify(rows)}, ${B})`,
    );
    await page.close();
    return result as PageResult; // what the page script returns
  }

  async function runHere(): Promise<{ expectations: Float64Array; shared: Float64Array }> {
    const executor = createLocalExecutor();
    const batch: CircuitBatch = {
      circuit: ringAnsatz({ n: 4, layers: 2 }),
      shared: Float64Array.from(shared),
      rows: Float64Array.from(rows),
      B,
      observables: allPauliZ(4),
    };
    const { expectations } = await executor.run(batch);
    const gradient = await executor.vjp(batch, new Float64Array(4 * B).fill(1));
    await executor.close();
    return { expectations, shared: gradient.shared };
  }

  test.each(["isolated", "plain"])(
    "a page that is %s computes what Node computes",
    { timeout: 60_000 },
    async (where) => {
      const page = await runPage(where);
      const here = await runHere();
      page.expectations.forEach((value, i) =>
        expect(Math.abs(value - here.expectations[i]!)).toBeLessThan(2e-5),
      );
      page.shared.forEach((value, i) =>
        expect(Math.abs(value - here.shared[i]!)).toBeLessThan(2e-4),
      );
      if (where === "isolated") expect(page.threads).toBeGreaterThan(1);
      else
        expect(page).toMatchObject({
          threads: 1,
          reason: expect.stringMatching(/memory cannot be shared/) as string,
        });
      expect(page.kind).toMatch(/simd/);
    },
  );
});
