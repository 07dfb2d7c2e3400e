import { existsSync, readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import type { Command } from "commander";
import { type BuiltIn, type Measured, builtIns } from "../bench/built-in.ts";
import { type PeerReport, comparePeers } from "../bench/peers.ts";
import { runProgram } from "../bench/run-program.ts";
import { type CommandContext, defineAction } from "../command.ts";

interface BenchOptions {
  readonly peers?: boolean;
  readonly only?: readonly string[];
  readonly list?: boolean;
}

/** Adds `qtune bench`: how fast this machine is, and how fast others are on it. */
export function addBench(program: Command, signal: AbortSignal): void {
  const command = program
    .command("bench")
    .description("measure speed: a short set everywhere, every benchmark of a checkout there")
    .option("--only <name...>", "benchmarks whose names contain one of these")
    .option("--list", "say which there are and run none")
    .option(
      "--peers",
      "compare with PennyLane, TorchQuantum, qsim and Aer, installed from PyPI into the cache folder (needs Python and a checkout)",
    );
  defineAction<BenchOptions>(command, signal, async (_, options, context) => {
    if (options.peers === true) return runPeers(options.only ?? [], context);
    const all = [...builtIns.map(fromBuiltIn), ...checkoutBenches(findCheckout())];
    if (options.list === true) {
      context.output.result({ benchmarks: all.map(({ name, what }) => ({ name, what })) }, () =>
        all.map(({ name, what }) => `${name.padEnd(28)} ${what}`).join("\n"),
      );
      return;
    }
    await runBenches(chooseBenches(all, options.only), context);
  });
}

/** A benchmark of either kind. */
interface Bench {
  readonly name: string;
  readonly what: string;
  run(
    context: CommandContext,
  ): Promise<Measured | { readonly code: number; readonly lines: readonly string[] }>;
}

const fromBuiltIn = ({ name, what, run }: BuiltIn): Bench => ({ name, what, run });

/** The root of the checkout that this file is in, sources or built; undefined when installed from npm. */
function findCheckout(): string | undefined {
  let folder = import.meta.dirname;
  while (path.dirname(folder) !== folder) {
    if (existsSync(path.join(folder, "packages", "simulator", "bench", "peers.py"))) return folder;
    folder = path.dirname(folder);
  }
  return undefined;
}

function checkoutBenches(root: string | undefined): readonly Bench[] {
  if (root === undefined) return [];
  return ["packages", "apps"].flatMap((group) =>
    readdirSync(path.join(root, group)).flatMap((owner) => {
      const folder = path.join(root, group, owner, "bench");
      if (!existsSync(folder)) return [];
      return readdirSync(folder)
        .filter((file) => file.endsWith(".bench.ts"))
        .map((file) =>
          fromFile(`${owner}/${file.replace(".bench.ts", "")}`, path.join(folder, file), root),
        );
    }),
  );
}

function fromFile(name: string, file: string, root: string): Bench {
  return {
    name,
    what: path.relative(root, file),
    run: async ({ output, signal }) => {
      const {
        code,
        lines,
        output: all,
      } = await runProgram(process.execPath, ["--conditions=@qtune/source", file], {
        signal,
        note: (line) => output.note(line),
      });
      if (code !== 0) output.note(all.slice(-600));
      return { code, lines: lines.filter((line) => line !== "") };
    },
  };
}

function chooseBenches(
  all: readonly Bench[],
  only: readonly string[] | undefined,
): readonly Bench[] {
  if (only === undefined) return all;
  const exact = all.filter(({ name }) => only.includes(name));
  const chosen =
    exact.length > 0 ? exact : all.filter(({ name }) => only.some((part) => name.includes(part)));
  if (chosen.length > 0) return chosen;
  throw new QtuneError(
    "not_found",
    `expected a part of the name of a benchmark but was given ${only.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`,
    { where: "--only" },
  );
}

async function runBenches(chosen: readonly Bench[], context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const results: Readonly<Record<string, unknown>>[] = [];
  const lines: string[] = [describeMachine()];
  for (const bench of chosen) {
    signal.throwIfAborted();
    output.note(`== ${bench.name}: ${bench.what}`);
    const result = await bench.run(context);
    results.push({ name: bench.name, what: bench.what, ...result });
    lines.push(
      "ms" in result
        ? `${bench.name.padEnd(28)} ${result.ms.toFixed(2).padStart(10)} ms   ${result.rate}`
        : `${bench.name.padEnd(28)} ${result.code === 0 ? "done" : `ended with ${result.code}`}`,
    );
    if ("code" in result && result.code !== 0) process.exitCode = 1;
  }
  output.result({ machine: describeMachine(), results }, () => lines.join("\n"));
}

function describeMachine(): string {
  return `Node ${process.versions.node}, ${os.availableParallelism()} x ${os.cpus()[0]?.model ?? os.arch()}`;
}

async function runPeers(
  only: readonly string[],
  { output, signal }: CommandContext,
): Promise<void> {
  const root = findCheckout();
  if (root === undefined) {
    throw new QtuneError(
      "failed_precondition",
      "expected a checkout of QTune, where the Python side of the comparison is, but this one is installed from a package; clone the repository and run qtune bench --peers there",
      { where: "--peers" },
    );
  }
  const report = await comparePeers({ root, only, signal, note: (line) => output.note(line) });
  output.result({ machine: describeMachine(), ...report }, () => printReport(report));
}

function printReport({ versions, rows, folder }: PeerReport): string {
  const lines = rows.map(
    ({ name, ms, peer, peerMs, ratio }) =>
      `${name.padEnd(44)} ours ${String(ms).padStart(10)} ms   ${peer.padEnd(18)} ${String(peerMs).padStart(10)} ms   ${ratio}x`,
  );
  return [describeMachine(), ...versions, `peers in ${folder}`, "", ...lines].join("\n");
}
