#!/usr/bin/env node
import { mkdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command, CommanderError, Option } from "commander";
import pino from "pino";
import { QtuneError } from "@qtune/base";
import { serviceNames, startTrainerDaemon } from "./index.ts";

/** What the command line gives. */
interface DaemonOptions {
  readonly listen: string;
  readonly dataDir: string;
  readonly cacheDir?: string;
  readonly device: string[];
  readonly model: string[];
  readonly dataRoot?: string;
  readonly services: string;
  readonly tokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly logLevel: string;
  readonly exitWithStdin?: boolean;
}

const home = path.join(os.homedir(), ".cache", "qtune");
const program = new Command("qtune-trainer")
  .description("Training over gRPC: TrainerService, TrainingSessionService, QuantumLayerService.")
  .option("--listen <host:port>", "gRPC address; port 0 takes a free one", "127.0.0.1:7273")
  .option(
    "--data-dir <folder>",
    "runs, events and uploads; must survive",
    path.join(home, "trainer"),
  )
  .option(
    "--cache-dir <folder>",
    "downloaded models (default: QTUNE_CACHE, or qtune in the cache folder of the user)",
  )
  .option(
    "--model <source>",
    "a model that runs may name beside the short names (repeatable)",
    (value: string, all: string[]) => [...all, value],
    [],
  )
  .option(
    "--device <target>",
    "a device or simulator service that runs may use: grpc://host:port (repeatable)",
    (value: string, all: string[]) => [...all, value],
    [],
  )
  .option("--data-root <folder>", "folder below which runs may name data and models")
  .option("--services <names>", `some of ${serviceNames.join(",")}`, serviceNames.join(","))
  .option(
    "--token-file <file>",
    "JSON list of tokens; without it everyone who reaches the address may do everything",
  )
  .option("--tls-cert <file>", "certificate chain as PEM")
  .option("--tls-key <file>", "private key as PEM")
  .option("--tls-client-ca <file>", "authority of client certificates: every client must show one")
  .addOption(
    new Option("--log-level <level>", "how much is logged to stderr")
      .choices(["debug", "info", "warn", "error"])
      .default("info"),
  )
  .addOption(
    new Option(
      "--exit-with-stdin",
      "end when standard input closes, that is with the parent process",
    ).hideHelp(),
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
  const services = options.services.split(",").map((name) => {
    const known = serviceNames.find((candidate) => candidate === name);
    if (known === undefined)
      throw new QtuneError(
        "invalid_argument",
        `expected some of ${serviceNames.join(",")} but was given ${name}`,
        { where: "--services" },
      );
    return known;
  });
  mkdirSync(options.dataDir, { recursive: true });
  const daemon = await startTrainerDaemon({
    listen: options.listen,
    dataDirectory: options.dataDir,
    ...(options.cacheDir === undefined ? {} : { cacheDirectory: options.cacheDir }),
    devices: options.device,
    models: options.model,
    ...(options.dataRoot === undefined ? {} : { dataRoot: options.dataRoot }),
    services,
    ...(options.tokenFile === undefined ? {} : { tokenFile: options.tokenFile }),
    ...readTls(options),
    log: (message, fields = {}) => logger.info(fields, message),
  });
  process.stdout.write(
    `${JSON.stringify({ address: daemon.address, pid: process.pid, services })}\n`,
  );
  logger.info({ address: daemon.address, services }, "listening");
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) process.exit(130);
    stopping = true;
    logger.info({ reason }, "stopping");
    void daemon.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, "stopped badly");
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGTERM", () => stop("SIGTERM"));
  if (options.exitWithStdin === true)
    process.stdin.on("end", () => stop("the parent process is gone")).resume();
} catch (caught) {
  const error = QtuneError.from(caught);
  process.stderr.write(`qtune-trainer: ${error.message}\n`);
  process.exit(error.code === "invalid_argument" ? 2 : 1);
}

function readTls({ tlsCert, tlsKey, tlsClientCa }: DaemonOptions): {
  tls?: { certificate: string; privateKey: string; clientAuthority?: string };
} {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new QtuneError("invalid_argument", "expected both --tls-cert and --tls-key", {
      where: "TLS",
    });
  }
  return {
    tls: {
      certificate: readFileSync(tlsCert, "utf8"),
      privateKey: readFileSync(tlsKey, "utf8"),
      ...(tlsClientCa === undefined ? {} : { clientAuthority: readFileSync(tlsClientCa, "utf8") }),
    },
  };
}
