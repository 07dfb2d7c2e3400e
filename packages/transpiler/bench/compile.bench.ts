/**
 * Compares the compiler with Qiskit on the same square grid: CZ, layers (u3 and CZ; virtual Z is free on both sides) and processor time.
 *
 * Usage: node --conditions=@qtune/source bench/compile.bench.ts [level] [family]
 *        QTUNE_QISKIT_PYTHON=/path/to/venv/bin/python with `pip install qiskit` adds the columns of Qiskit at level 3.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createChip } from "@qtune/chip";
import { type CompileLevel, compileCircuit } from "../src/compile.ts";
import { printQasm2 } from "@qtune/circuit";
import { benchCircuits } from "./families.ts";
import { qasmBenchCircuits } from "./qasmbench.ts";

interface Row {
  readonly cz: number;
  readonly layers: number;
  readonly seconds: number;
}

const grid = createChip("grid-12x6-ideal");
const chip = { ...grid, limits: { ...grid.limits, maxLayers: 1e9 } };
const level = Number(process.argv[2] ?? 3) as CompileLevel;
const circuits = [...qasmBenchCircuits(), ...benchCircuits()].filter(
  ({ family }) => process.argv[3] === undefined || process.argv[3].split(",").includes(family),
);

function ours(): Row[] {
  for (const { circuit } of circuits.filter(({ n }) => n <= 16))
    compileCircuit(circuit, { chip, level }); // the compiler of JavaScript warms up
  return circuits.map(({ circuit }) => {
    const start = process.cpuUsage();
    const { report } = compileCircuit(circuit, { chip, level, nowMs: () => performance.now() });
    if (process.env["QTUNE_PASSES"] !== undefined)
      console.log(
        report.passes
          .map((pass) => `${pass.pass} ${pass.cz}/${pass.elapsedMs?.toFixed(0)}ms`)
          .join(", "),
      );
    return { cz: report.cz, layers: report.layers, seconds: cpuSeconds(start) };
  });
}

/** Processor time since `start`, all threads, so that other work on the machine matters little. */
function cpuSeconds(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function qiskit(): (Row & { tool: string })[] | undefined {
  const python = process.env["QTUNE_QISKIT_PYTHON"];
  if (python === undefined) return undefined;
  const folder = mkdtempSync(path.join(tmpdir(), "compile-bench-"));
  const files = circuits.map(({ family, n, circuit }, index) => {
    const file = path.join(folder, `${String(index).padStart(3, "0")}-${family}-${n}.qasm`);
    writeFileSync(file, printQasm2(circuit));
    return file;
  });
  const script = path.join(import.meta.dirname, "compare-qiskit.py");
  const text = execFileSync(python, [script, "3", "12", "6", ...files], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row & { tool: string });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

const mine = ours();
const theirs = qiskit();
console.log(
  `qtune level ${level}${theirs === undefined ? "" : ` against ${theirs[0]?.tool ?? ""}`}, 12 x 6 grid`,
);
console.log(
  "| circuit | CZ | layers | ms | CZ (Qiskit) | layers (Qiskit) | ms (Qiskit) |\n|---|---|---|---|---|---|---|",
);
circuits.forEach(({ family, n }, index) => {
  const row = mine[index];
  const peer = theirs?.[index];
  if (row === undefined) return;
  const right =
    peer === undefined
      ? "| | |"
      : `| ${peer.cz} | ${peer.layers} | ${(peer.seconds * 1000).toFixed(0)}`;
  console.log(
    `| ${family} ${n} | ${row.cz} | ${row.layers} | ${(row.seconds * 1000).toFixed(0)} ${right} |`,
  );
});
if (theirs !== undefined) {
  for (const column of ["cz", "layers", "seconds"] as const) {
    const ratios = mine.map((row, index) => row[column] / (theirs[index]?.[column] ?? Number.NaN));
    console.log(
      `median ratio of ${column}: ${median(ratios).toFixed(3)} (below 1: fewer than Qiskit)`,
    );
  }
}
