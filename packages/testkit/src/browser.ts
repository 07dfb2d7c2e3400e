/** Pages in a real browser: bundles a script of a package, serves it and opens it in headless Chromium. */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";

/** Development dependencies of the workspace, which no package declares. */
const workspace = createRequire(new URL("../../../package.json", import.meta.url));

/** A page that runs one script; what the script puts on `window` can be called. */
export interface BrowserPage {
  /** Evaluates an expression in the page and returns its value, which must be plain data. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

interface Browser {
  newPage(): Promise<BrowserPage & { goto(url: string): Promise<unknown> }>;
  close(): Promise<void>;
}

/** What starts Chromium. */
export interface Chrome {
  readonly executablePath: string;
  readonly args: readonly string[];
}

/** Finds Chromium: the program that QTUNE_CHROME names, else the npm package on Linux x64, else nothing. */
export async function findChrome(): Promise<Chrome | undefined> {
  const args = ["--no-sandbox"];
  const named = process.env["QTUNE_CHROME"];
  if (named !== undefined) return { executablePath: named, args };
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  try {
    const url = pathToFileURL(workspace.resolve("@sparticuz/chromium")).href;
    const { default: chromium } = (await import(url)) as {
      default: { executablePath(): Promise<string> };
    }; // its published interface
    return { executablePath: await chromium.executablePath(), args };
  } catch {
    return undefined; // an optional dependency
  }
}

/**
 * Bundles a script for browsers, packages of the workspace from their sources.
 *
 * @param folder where the imports of the script are resolved.
 */
export async function bundleForBrowser(
  script: string,
  folder: string,
  options: { readonly minify?: boolean } = {},
): Promise<string> {
  const esbuild = createRequire(workspace.resolve("tsup"))("esbuild") as {
    build(options: object): Promise<{ outputFiles: readonly { text: string }[] }>;
  }; // its published interface
  const { outputFiles } = await esbuild.build({
    stdin: { contents: script, resolveDir: folder, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions: ["@qtune/source"],
    minify: options.minify ?? false,
  });
  return outputFiles[0]?.text ?? "";
}

/** Serves a script on a page of its own at a free port and opens it. Effect: `close` ends browser and server. */
export async function openPage(chrome: Chrome, script: string): Promise<BrowserPage> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(
      isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // of a listening server
  const url = pathToFileURL(workspace.resolve("puppeteer-core")).href;
  const { default: puppeteer } = (await import(url)) as {
    default: { launch(options: object): Promise<Browser> };
  }; // its published interface
  const browser = await puppeteer.launch({ ...chrome, headless: true });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  return {
    evaluate: (expression) => page.evaluate(expression),
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
