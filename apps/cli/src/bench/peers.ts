/**
 * Comparison with other simulators: Python packages of pinned versions in virtual environments in QTune's cache folder. The
 * cases and the Python side stand in packages/simulator/bench of a checkout.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { defaultCacheDir } from "@qtune/llm";
import { runProgram } from "./run-program.ts";

/** One comparison: arguments of our benchmark and of `peers.py`, and the environment that the latter needs. */
interface PeerCase {
  readonly name: string;
  readonly ours: readonly string[];
  readonly peers: readonly string[];
  readonly environment: "venv" | "torch";
}

const cases: readonly PeerCase[] = [
  ...["4 1 512", "8 1 512"].map((size): PeerCase => ({
    name: `layer, n L B = ${size}`,
    ours: ["qnn.bench.ts", "2", ...size.split(" ")],
    peers: ["qnn", "2", ...size.split(" "), "default.qubit", "torchquantum"],
    environment: "torch",
  })),
  ...["ghz", "qft", "random", "qv"].map((family): PeerCase => ({
    name: `${family}, 20 qubits, float32, two threads`,
    ours: ["state-vector.bench.ts", "2", "float32", family, "20"],
    peers: ["state-vector", "2", "float32", family, "20", "qsim", "lightning"],
    environment: "venv",
  })),
  {
    name: "noisy, 10 qubits, 1,000 shots, two threads",
    ours: ["noisy.bench.ts", "2"],
    peers: ["noisy", "2"],
    environment: "venv",
  },
];

/** A peer's time on a case, and how many times longer than ours it is. */
export interface PeerRow {
  readonly name: string;
  readonly ms: number;
  readonly peer: string;
  readonly peerMs: number;
  readonly ratio: number;
}

/** What the comparison found. */
export interface PeerReport {
  readonly folder: string;
  readonly versions: readonly string[];
  readonly rows: readonly PeerRow[];
}

/** How peers are compared. */
export interface PeerOptions {
  /** The checkout. */
  readonly root: string;
  /** Parts of names of cases; none chooses all. */
  readonly only: readonly string[];
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
}

/**
 * Installs the peers where they are not there yet, and runs all chosen cases, ours and theirs one after the other.
 *
 * Errors: failed_precondition without a Python that makes virtual environments, not_found when no case has the name,
 *         unavailable when installing or running fails, cancelled.
 */
export async function comparePeers(options: PeerOptions): Promise<PeerReport> {
  const chosen = cases.filter(
    ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) {
    throw new QtuneError(
      "not_found",
      `expected a part of the name of a comparison but was given ${options.only.join(", ")}; there are: ${cases.map(({ name }) => name).join("; ")}`,
      { where: "--only" },
    );
  }
  const python = await findPython(options.signal);
  const folder = path.join(defaultCacheDir(), "peers");
  await install(folder, python, options);
  const rows: PeerRow[] = [];
  for (const one of chosen) {
    options.note(`== ${one.name}`);
    rows.push(...(await runCase(one, folder, options)));
  }
  return { folder, versions: await readVersions(folder, options.signal), rows };
}

/** The Python that makes environments: `QTUNE_PYTHON`, else `python3`. */
async function findPython(signal: AbortSignal): Promise<string> {
  const python = process.env["QTUNE_PYTHON"] ?? "python3";
  const script = "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 10) else 3)";
  const { code } = await runProgram(python, ["-c", script], { signal });
  if (code === 0) return python;
  throw new QtuneError(
    "failed_precondition",
    `expected Python 3.10 or newer with venv to install the peers into, but ${python} ${code === 3 ? "is older" : "is missing or lacks venv"}; ` +
      "install python3 and python3-venv, or name another one with QTUNE_PYTHON; without --peers no Python is needed",
    { where: "--peers" },
  );
}

/** Installs into a folder beside, so that what was interrupted is not taken for whole. */
async function install(folder: string, python: string, options: PeerOptions): Promise<void> {
  const marker = path.join(folder, "installed");
  if (existsSync(marker)) return;
  options.note(`installing the peers from PyPI into ${folder}: about 3 GB, some minutes`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const script = path.join(options.root, "packages", "simulator", "bench", "install-peers.sh");
  const { code, output } = await runProgram("sh", [script, folder], {
    signal: options.signal,
    env: { QTUNE_PYTHON: python },
    note: options.note,
  });
  if (code !== 0) {
    throw new QtuneError(
      "unavailable",
      `installing the peers ended with ${code}; is PyPI in reach? The end of its output: ${output.slice(-400)}`,
      { where: "--peers" },
    );
  }
  writeFileSync(`${marker}.new`, output);
  renameSync(`${marker}.new`, marker);
}

async function runCase(one: PeerCase, folder: string, options: PeerOptions): Promise<PeerRow[]> {
  const bench = path.join(options.root, "packages", "simulator", "bench");
  const [file = "", ...rest] = one.ours;
  const own = await runLines(
    process.execPath,
    ["--conditions=@qtune/source", path.join(bench, file), ...rest],
    options,
  );
  const python = path.join(folder, one.environment, "bin", "python");
  const peers = await runLines(python, [path.join(bench, "peers.py"), ...one.peers], options);
  const ms = timeOf(own[0] ?? {});
  return peers.map((line) => ({
    name: one.name,
    ms,
    peer: String(line["engine"]),
    peerMs: timeOf(line),
    ratio: Number((timeOf(line) / ms).toFixed(2)),
  }));
}

type Line = Readonly<Record<string, unknown>>;

/** The wall time of a line: of gradients where it has them. */
function timeOf(line: Line): number {
  const gradient = line["gradient"];
  const from = typeof gradient === "object" && gradient !== null ? (gradient as Line) : line;
  return Number(from["ms"]);
}

async function runLines(
  program: string,
  args: readonly string[],
  options: PeerOptions,
): Promise<readonly Line[]> {
  const { code, output, lines } = await runProgram(program, args, options);
  if (code !== 0) {
    throw new QtuneError(
      "unavailable",
      `${path.basename(args.find((arg) => arg.includes("bench")) ?? program)} ended with ${code}: ${output.slice(-400)}`,
      { where: "--peers" },
    );
  }
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
}

async function readVersions(folder: string, signal: AbortSignal): Promise<readonly string[]> {
  const wanted =
    /^(pennylane|pennylane_lightning|qulacs|qiskit|qiskit-aer|qsimcirq|cirq-core|torch|torchquantum)==/i;
  const all: string[] = [];
  for (const environment of ["venv", "torch"]) {
    const python = path.join(folder, environment, "bin", "python");
    const { lines } = await runProgram(python, ["-m", "pip", "list", "--format=freeze"], {
      signal,
    });
    all.push(...lines.filter((line) => wanted.test(line)).map((line) => `${environment}: ${line}`));
  }
  return all;
}
