/**
 * A small HTTP page for people and for Prometheus: `/` says what waits, `/metrics` counts calls, `/healthz` says that the
 * process lives. Off unless the operator asks for it; it changes nothing. The Host header must name this address, so that
 * no web page elsewhere can read it through a browser; where tokens are known, one is asked for.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { QtuneError } from "@qtune/base";
import { type CallRecord, type TokenTable, authenticate } from "@qtune/rpc";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { DeviceEmulator } from "./device-emulator.ts";

/** Options of {@link startStatusPage}. */
export interface StatusPageOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly tokens: TokenTable | undefined;
}

/** The page of a daemon. */
export interface StatusPage {
  /** `http://host:port`. */
  readonly address: string;
  /** Says which daemon the page is about. */
  show(daemon: DeviceEmulator): void;
  countCall(record: CallRecord): void;
  close(): Promise<void>;
}

/** Starts the page. Errors: unavailable when the address is taken. */
export async function startStatusPage(options: StatusPageOptions): Promise<StatusPage> {
  const metrics = createMetrics();
  let daemon: DeviceEmulator | undefined;
  const server = createServer((request, response) => {
    handle(request, response, options.tokens).catch(() => response.writeHead(500).end());
  });
  const separator = options.listen.lastIndexOf(":");
  const host = options.listen.slice(0, separator);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new QtuneError("unavailable", `cannot listen on ${options.listen}`, {
          where: "--http",
          cause: error,
        }),
      ),
    );
    server.listen(Number(options.listen.slice(separator + 1)), host.replace(/^\[|\]$/g, ""), () =>
      resolve(),
    );
  });
  const { port } = server.address() as AddressInfo; // a TCP server has one
  const allowedHosts = new Set([`${host}:${port}`, `127.0.0.1:${port}`, `localhost:${port}`]);

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    tokens: TokenTable | undefined,
  ): Promise<void> {
    response.setHeader("x-content-type-options", "nosniff");
    if (!allowedHosts.has(request.headers.host ?? ""))
      return void response.writeHead(421).end("unknown host\n");
    if (request.method !== "GET") return void response.writeHead(405, { allow: "GET" }).end();
    const path = (request.url ?? "/").split("?")[0];
    if (path === "/healthz") return void response.end("ok\n");
    if (tokens !== undefined && !isKnown(request, tokens)) {
      return void response
        .writeHead(401, { "www-authenticate": "Bearer" })
        .end("a token is needed\n");
    }
    if (path === "/metrics") {
      metrics.observeQueue(daemon);
      return void response
        .setHeader("content-type", metrics.contentType)
        .end(await metrics.print());
    }
    if (path === "/")
      return void response
        .setHeader("content-type", "text/html; charset=utf-8")
        .end(printPage(daemon));
    response.writeHead(404).end("not found\n");
  }

  return {
    address: `http://${host}:${port}`,
    show: (shown) => {
      daemon = shown;
    },
    countCall: metrics.countCall,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function isKnown(request: IncomingMessage, tokens: TokenTable): boolean {
  try {
    authenticate(request.headers.authorization, tokens);
    return true;
  } catch {
    return false; // told by the status alone
  }
}

function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const calls = new Counter({
    name: "qtune_calls_total",
    help: "Finished gRPC calls.",
    labelNames: ["method", "code"],
    registers,
  });
  const seconds = new Histogram({
    name: "qtune_call_seconds",
    help: "Duration of gRPC calls.",
    labelNames: ["method"],
    buckets: [0.001, 0.01, 0.1, 1, 10, 100],
    registers,
  });
  const circuits = new Gauge({
    name: "qtune_queued_circuits",
    help: "Circuits that wait or run.",
    registers,
  });
  const batches = new Gauge({
    name: "qtune_queued_task_batches",
    help: "Task batches that are not finished.",
    registers,
  });
  return {
    contentType: registry.contentType,
    print: () => registry.metrics(),
    countCall: ({ method, code, durationMs }: CallRecord): void => {
      calls.inc({ method, code });
      seconds.observe({ method }, durationMs / 1000);
    },
    observeQueue: (daemon: DeviceEmulator | undefined): void => {
      const queue = daemon?.queue();
      circuits.set(queue?.circuits ?? 0);
      batches.set(queue?.taskBatches ?? 0);
    },
  };
}

function printPage(daemon: DeviceEmulator | undefined): string {
  const queue = daemon?.queue();
  const rows = [
    ["Device", daemon?.device ?? "starting"],
    ["gRPC address", daemon?.address ?? "starting"],
    ["Unfinished task batches", String(queue?.taskBatches ?? 0)],
    ["Circuits that wait or run", String(queue?.circuits ?? 0)],
    ["Expected time until they have run", `${(queue?.drainSeconds ?? 0).toFixed(1)} s`],
  ];
  const body = rows.map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`).join("");
  const style = "body{font:16px system-ui;margin:2rem}th{text-align:left;padding-right:2rem}";
  return `<!doctype html><meta charset="utf-8"><title>QTune device</title><style>${style}</style><h1>QTune device emulator</h1><table>${body}</table>\n`;
}
