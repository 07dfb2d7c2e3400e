#!/usr/bin/env node
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import pino from "pino";
import { QtuneError, suggest } from "@qtune/base";
import { type DriftRates, observedDriftRates, validateDriftRates } from "@qtune/chip";
import { parseTokenFile, type ServerTls } from "@qtune/rpc";
import { loadChip } from "./chip-source.ts";
import { serviceNames, startDeviceEmulator } from "./device-emulator.ts";
import type { ClockMode } from "./engine.ts";
import { startStatusPage } from "./status-page.ts";

/** What the command line gives. */
interface DaemonOptions {
  readonly listen: string;
  readonly chip: string;
  readonly chipSeed?: string;
  readonly dataDir: string;
  readonly services: string;
  readonly http?: string;
  readonly clock: ClockMode;
  readonly drift?: DriftRates;
  readonly driftSeed: bigint;
  readonly bufferQubits: "0" | "1";
  readonly threads?: number;
  readonly maxQueuedCircuits?: number;
  readonly tokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly insecure?: boolean;
  readonly logLevel: string;
  readonly exitWithStdin?: boolean;
  readonly faultUnavailableRate?: number;
  readonly faultLatencyMs?: number;
  readonly faultBreakStreamsAfter?: number;
  readonly faultFailJob?: number;
}

const defaultFolder = path.join(os.homedir(), ".cache", "qtune", "device");
const program = new Command("qtune-device-emulator")
  .description("An emulated chip over gRPC: DeviceService and SimulatorService.")
  .option("--listen <host:port>", "gRPC address; port 0 takes a free one", "127.0.0.1:7272")
  .option("--chip <name|file>", "a preset, or a calibration file in any known format", "wukong-72")
  .option("--chip-seed <seed>", "seed of a preset's synthetic calibration")
  .option("--data-dir <folder>", "task batches and results; must survive", defaultFolder)
  .option("--services <names>", `some of ${serviceNames.join(",")}`, serviceNames.join(","))
  .option("--http <host:port>", "status page and /metrics; off unless given")
  .addOption(
    new Option("--clock <mode>", "whether chip time passes at once or in real time")
      .choices(["instant", "real-time"])
      .default("instant"),
  )
  .option(
    "--drift <rates>",
    "how the chip ages, per √day: `observed`, or quantity=rate,... (default: it does not)",
    driftRates,
  )
  .option("--drift-seed <seed>", "seed of the drift", bigInteger, 0n)
  .addOption(
    new Option(
      "--buffer-qubits <n>",
      "idle qubits around each circuit of an execution; 0 fits more, which then disturb each other where the chip has crosstalk",
    )
      .choices(["0", "1"])
      .default("1"),
  )
  .option("--threads <n>", "worker threads (default: one per processor)", positiveInteger)
  .option("--max-queued-circuits <n>", "circuits that may wait or run in all", positiveInteger)
  .option("--token-file <file>", "JSON list of tokens; without it everyone may do everything")
  .option("--tls-cert <file>", "certificate chain as PEM")
  .option("--tls-key <file>", "private key as PEM")
  .option("--tls-client-ca <file>", "authority of client certificates: every client must show one")
  .option("--insecure", "listen beyond this machine without tokens or client certificates")
  .addOption(
    new Option("--log-level <level>", "how much is logged to stderr")
      .choices(["debug", "info", "warn", "error"])
      .default("info"),
  )
  .addOption(new Option("--exit-with-stdin", "end when standard input closes").hideHelp())
  .addOption(
    new Option("--fault-unavailable-rate <share>", "refuse this share of calls (for tests)")
      .argParser(Number)
      .hideHelp(),
  )
  .addOption(
    new Option("--fault-latency-ms <ms>", "delay every call (for tests)")
      .argParser(Number)
      .hideHelp(),
  )
  .addOption(
    new Option("--fault-break-streams-after <n>", "break streams (for tests)")
      .argParser(Number)
      .hideHelp(),
  )
  .addOption(
    new Option("--fault-fail-job <n>", "fail this chip job of every batch (for tests)")
      .argParser(Number)
      .hideHelp(),
  )
  .exitOverride();

try {
  program.parse();
} catch (error) {
  process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : 2);
}
const options = program.opts<DaemonOptions>();
const logger = pino({ level: options.logLevel }, pino.destination(2));

try {
  await run();
} catch (caught) {
  const error = QtuneError.from(caught);
  process.stderr.write(`qtune-device-emulator: ${error.message}\n`);
  // An unknown chip is bad usage too.
  process.exit(error.code === "invalid_argument" || error.code === "not_found" ? 2 : 1);
}

async function run(): Promise<void> {
  const { listen, dataDir, clock, threads, maxQueuedCircuits, tokenFile } = options;
  const tls = readTls();
  assertGuarded(listen, tls);
  const tokens =
    tokenFile === undefined ? undefined : parseTokenFile(readFile(tokenFile, "--token-file"));
  const { chip, warnings } = loadChip(options.chip, options.chipSeed);
  for (const warning of warnings) logger.warn({ warning }, "the chip file");
  const services = chosenServices(options.services);
  const status =
    options.http === undefined
      ? undefined
      : await startStatusPage({ listen: options.http, tokens });
  const daemon = await startDeviceEmulator({
    chip,
    listen,
    dataDirectory: dataDir,
    services,
    clock,
    bufferQubits: options.bufferQubits === "0" ? 0 : 1,
    ...(options.drift === undefined
      ? {}
      : { drift: { rates: options.drift, seed: options.driftSeed } }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(tls === undefined ? {} : { tls }),
    ...(threads === undefined ? {} : { threads }),
    ...(maxQueuedCircuits === undefined ? {} : { maxQueuedCircuits }),
    faults: {
      unavailableRate: options.faultUnavailableRate,
      latencyMs: options.faultLatencyMs,
      breakStreamsAfter: options.faultBreakStreamsAfter,
      failJob: options.faultFailJob,
    },
    log: (message, fields = {}) => logger.info(fields, message),
    onCall: (record) => {
      status?.countCall(record);
      logger.debug(record, "call");
    },
  });
  status?.show(daemon);
  const { address, device } = daemon;
  const ready = {
    address,
    pid: process.pid,
    services,
    device,
    ...(status === undefined ? {} : { http: status.address }),
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  logger.info(ready, "listening");
  const closeAll = async (): Promise<void> => {
    await daemon.close();
    await status?.close();
  };
  stopOnSignals(closeAll);
}

/** Ends the process in order on the first signal, at once on the second. */
function stopOnSignals(close: () => Promise<void>): void {
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) process.exit(130);
    stopping = true;
    logger.info({ reason }, "stopping");
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error: String(error) }, "stopped badly");
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGTERM", () => stop("SIGTERM"));
  if (options.exitWithStdin === true) {
    process.stdin.on("end", () => stop("the parent process is gone")).resume();
  }
}

/** An address beyond this machine needs tokens or client certificates, or the word of the operator. */
function assertGuarded(listen: string, tls: ServerTls | undefined): void {
  const host = listen.slice(0, listen.lastIndexOf(":"));
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(host);
  if (local || options.insecure === true || options.tokenFile !== undefined) return;
  if (tls?.clientAuthority !== undefined) return;
  throw new QtuneError(
    "invalid_argument",
    `${listen} can be reached from other machines; give --token-file or --tls-client-ca, or say --insecure`,
    { where: "--listen" },
  );
}

function chosenServices(text: string): (typeof serviceNames)[number][] {
  return text.split(",").map((name) => {
    const known = serviceNames.find((candidate) => candidate === name);
    if (known !== undefined) return known;
    const near = suggest(name, serviceNames);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new QtuneError(
      "invalid_argument",
      `expected some of ${serviceNames.join(",")} but was given ${name}${hint}`,
      {
        where: "--services",
      },
    );
  });
}

function readTls(): ServerTls | undefined {
  const { tlsCert, tlsKey, tlsClientCa } = options;
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new QtuneError("invalid_argument", "expected both --tls-cert and --tls-key", {
      where: "TLS",
    });
  }
  return {
    certificate: readFile(tlsCert, "--tls-cert"),
    privateKey: readFile(tlsKey, "--tls-key"),
    ...(tlsClientCa === undefined
      ? {}
      : { clientAuthority: readFile(tlsClientCa, "--tls-client-ca") }),
  };
}

function readFile(file: string, where: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new QtuneError("invalid_argument", `cannot read ${file}`, { where, cause: error });
  }
}

/** Parses `observed` or `quantity=rate,...`. */
function driftRates(text: string): DriftRates {
  if (text === "observed") return observedDriftRates;
  if (!text.includes("="))
    throw new InvalidArgumentError(
      `expected observed, or quantity=rate,... such as readoutF1=0.16 but was given ${text}`,
    );
  const rates = Object.fromEntries(
    text.split(",").map((part) => {
      const [name = "", rate = ""] = part.split("=");
      return [name.trim(), rate.trim() === "" ? Number.NaN : Number(rate)];
    }),
  );
  const [issue] = validateDriftRates(rates);
  if (issue === undefined) return rates;
  const { where, expected, given = "", hint } = issue;
  throw new InvalidArgumentError(
    `${where}: expected ${expected} but was given ${given}${hint === undefined ? "" : `; ${hint}`}`,
  );
}

function bigInteger(text: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError("expected an integer from 0 to 2^63");
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("expected an integer, at least 1");
  return value;
}
