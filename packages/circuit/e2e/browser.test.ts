/** The package in a real browser: it reads, prints, draws and rewrites what it does in Node. */
import path from "node:path";
import { gzipSync } from "node:zlib";
import {
  bundleForBrowser,
  type BrowserPage,
  findChrome,
  openPage,
  printSkipReason,
} from "@qtune/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answer, program } from "./page.ts";

const folder = import.meta.dirname;
const chrome = await findChrome();
if (chrome === undefined) printSkipReason("no Chromium here; QTUNE_CHROME names one");

describe.skipIf(chrome === undefined)("in a browser", () => {
  let page: BrowserPage;

  beforeAll(async () => {
    if (chrome === undefined) return;
    const script = await bundleForBrowser(
      'import { answer } from "./page.ts"; window.answer = answer;',
      folder,
    );
    page = await openPage(chrome, script);
  }, 120_000);

  afterAll(() => page?.close());

  test("a program is read, printed in every format, drawn and optimised as in Node", async () => {
    const found = await page.evaluate(`answer(${JSON.stringify(program)})`);
    expect(found).toEqual(answer(program));
  });

  test("a mistake gets the same issues as in Node", async () => {
    const wrong = program.replace("cx q[0],q[1]", "cy2 q[0],q[7]");
    const found = await page.evaluate(`answer(${JSON.stringify(wrong)})`);
    expect(found).toEqual(answer(wrong));
    expect(answer(wrong).issues[0]).toMatch(/expected a gate that is defined/);
  });
});

test("everything that the package exports fits in 80 kB, gzipped", async () => {
  const all = await bundleForBrowser('export * from "@qtune/circuit";', path.join(folder, ".."), {
    minify: true,
  });
  const gzipped = gzipSync(all).length;
  console.log(
    `bundle: ${(all.length / 1000).toFixed(0)} kB, ${(gzipped / 1000).toFixed(0)} kB gzipped`,
  );
  expect(gzipped).toBeLessThan(80_000);
});
