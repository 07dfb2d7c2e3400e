import { expect, test } from "vitest";
import { smooth } from "./chart.ts";
import { renderReport } from "./html.ts";
import { sampleReport } from "./sample.ts";
import { printChange, printTable } from "./table.ts";

test("the page needs nothing from outside and escapes what it shows", () => {
  const html = renderReport({ ...sampleReport, title: "<script>alert(1)</script>" });
  expect(html).not.toMatch(/<script|<link|src=|url\(/);
  expect(html).toContain("&lt;script&gt;");
});

test("the first line of the method box says on what the training ran", () => {
  const html = renderReport(sampleReport);
  expect(html.indexOf("exact local simulator")).toBeGreaterThan(0);
  expect(html.indexOf("exact local simulator")).toBeLessThan(html.indexOf("<table"));
});

test("the table has one row per arm and aligned columns", () => {
  const lines = printTable(sampleReport).split("\n");
  expect(lines).toHaveLength(2 + sampleReport.arms.length);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  expect(lines[3]).toContain("reference");
});

test("a change is printed with its sign", () => {
  expect(printChange(-0.758)).toBe("−75.8 %");
  expect(printChange(0.356)).toBe("+35.6 %");
});

test("smoothing starts at the first value and keeps a constant", () => {
  expect(smooth([2, 2, 2], 0.8)).toEqual([2, 2, 2]);
  expect(smooth([5, 0], 0.5)[0]).toBe(5);
});
