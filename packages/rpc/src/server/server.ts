/**
 * A gRPC server with everything that a service of ours offers: health, reflection, tokens, TLS, deadlines, status
 * details, graceful stop. The services themselves are plain handlers (handlers.ts).
 */
import { inspect } from "node:util";
import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import { QtuneError } from "@qtune/base";
import { HealthImplementation } from "grpc-health-check";
import { messageLimits } from "../limits.ts";
import {
  type CallHooks,
  type CallRecord,
  type ServerCall,
  adaptHandler,
  firstText,
  tolerantMethod,
} from "./adapt.ts";
import { type Principal, type TokenTable, anonymous, authenticate, authorize } from "./auth.ts";
import { type HostedService, grpcDefinition } from "./handlers.ts";
import { createReflection } from "./reflection.ts";

/** Certificates as PEM text. */
export interface ServerTls {
  readonly certificate: string;
  readonly privateKey: string;
  /** Authority that signs client certificates; with it every client must show one (mTLS). */
  readonly clientAuthority?: string;
}

/** Options of {@link createServer}. */
export interface RpcServerOptions {
  readonly services: readonly HostedService[];
  /** `host:port`; port 0 takes a free one. Default `127.0.0.1:0`. */
  readonly listen?: string;
  /** Known tokens. Absent: everyone is `anonymous` and may do everything. */
  readonly tokens?: TokenTable;
  /** Absent: plain text. */
  readonly tls?: ServerTls;
  readonly onCall?: (record: CallRecord) => void;
  /** Receives errors that leave as `internal`. Default: printed to stderr. */
  readonly onError?: (error: unknown, method: string) => void;
  /** Largest request, bytes. Default 64 MiB. */
  readonly maxMessageBytes?: number;
}

/** A server that listens. */
export interface RpcServer {
  /** `host:port` as clients on this machine reach it. */
  readonly address: string;
  readonly port: number;
  /** Sets what the health service says of one service, or of all. */
  setHealth(status: "SERVING" | "NOT_SERVING", service?: string): void;
  /** Stops taking calls, lets those that run end for `graceMs` (default 5,000), then cancels them. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Starts a server and waits until it listens.
 *
 * Errors: unavailable when the address is taken, invalid_argument when it cannot be read or the certificates are bad.
 */
export async function createServer(options: RpcServerOptions): Promise<RpcServer> {
  const server = new Server(serverOptions(options));
  const stopping = new AbortController();
  const hooks = createHooks(options, stopping.signal);
  for (const service of options.services) addService(server, service, hooks);
  const health = new HealthImplementation(healthMap(options.services));
  health.addToServer(server);
  createReflection(options.services.map((service) => service.name)).addToServer(server);
  const listen = options.listen ?? "127.0.0.1:0";
  const port = await bind(server, listen, createCredentials(options.tls));
  return {
    address: `${hostOf(listen)}:${port}`,
    port,
    setHealth: (status, service) => {
      const names =
        service === undefined ? ["", ...options.services.map((each) => each.name)] : [service];
      for (const name of names) health.setStatus(name, status);
    },
    close: ({ graceMs = 5000 } = {}) => stop(server, health, options.services, stopping, graceMs),
  };
}

function serverOptions(options: RpcServerOptions): ServerOptions {
  return {
    "grpc.max_receive_message_length": options.maxMessageBytes ?? messageLimits.maxMessageBytes,
    "grpc.max_send_message_length": -1,
    // Watch streams stay open for hours: a peer that is gone without a word is noticed within two minutes.
    "grpc.keepalive_time_ms": 90_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_concurrent_streams": 256,
  };
}

function addService(server: Server, service: HostedService, hooks: CallHooks): void {
  const methods = Object.entries(service.definition);
  const tolerant = Object.fromEntries(
    methods.map(([name, method]) => [name, tolerantMethod(method)]),
  );
  const handlers = methods.flatMap(([name, method]) => {
    const handler = service.handlers[name];
    return handler === undefined ? [] : [[name, adaptHandler(method, handler, hooks)] as const];
  });
  server.addService(grpcDefinition(tolerant), Object.fromEntries(handlers));
}

function createHooks(options: RpcServerOptions, stopping: AbortSignal): CallHooks {
  return {
    admit: (call, method) => {
      const principal = identify(call, options);
      authorize(principal, method);
      return principal;
    },
    stopping,
    onCall: options.onCall ?? (() => undefined),
    onError:
      options.onError ??
      ((error, method) => process.stderr.write(`${method}: ${inspect(error)}\n`)),
  };
}

function identify(call: ServerCall, options: RpcServerOptions): Principal {
  if (options.tokens !== undefined)
    return authenticate(firstText(call.metadata, "authorization"), options.tokens);
  const commonName = call.getAuthContext().sslPeerCertificate?.subject.CN;
  return typeof commonName === "string" ? { ...anonymous, name: commonName } : anonymous;
}

function createCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = {
    cert_chain: Buffer.from(tls.certificate),
    private_key: Buffer.from(tls.privateKey),
  };
  const authority = tls.clientAuthority === undefined ? null : Buffer.from(tls.clientAuthority);
  try {
    return ServerCredentials.createSsl(authority, [pair], authority !== null);
  } catch (error) {
    throw new QtuneError("invalid_argument", "the certificates cannot be read as PEM", {
      where: "tls",
      cause: error,
    });
  }
}

async function bind(
  server: Server,
  listen: string,
  credentials: ServerCredentials,
): Promise<number> {
  if (!/^(\[[0-9a-f:]+\]|[^:]+):\d{1,5}$/i.test(listen)) {
    throw new QtuneError("invalid_argument", `expected host:port but was given ${listen}`, {
      where: "listen",
    });
  }
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const hint = "is another process listening there? port 0 takes a free one";
      reject(
        new QtuneError("unavailable", `cannot listen on ${listen}; ${hint}`, {
          where: "listen",
          cause: error,
        }),
      );
    });
  });
}

function hostOf(listen: string): string {
  const host = listen.slice(0, listen.lastIndexOf(":"));
  return host === "0.0.0.0" || host === "[::]" ? "127.0.0.1" : host;
}

function healthMap(services: readonly HostedService[]): Record<string, "SERVING"> {
  return Object.fromEntries([
    ["", "SERVING"] as const,
    ...services.map((each) => [each.name, "SERVING"] as const),
  ]);
}

async function stop(
  server: Server,
  health: HealthImplementation,
  services: readonly HostedService[],
  stopping: AbortController,
  graceMs: number,
): Promise<void> {
  for (const name of ["", ...services.map((each) => each.name)])
    health.setStatus(name, "NOT_SERVING");
  const timer = setTimeout(() => {
    stopping.abort(new QtuneError("unavailable", "the server is stopping"));
    // Handlers get a moment to send their status; what is still open then is cut.
    setTimeout(() => server.forceShutdown(), 200).unref();
  }, graceMs);
  try {
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  } finally {
    clearTimeout(timer);
    stopping.abort(new QtuneError("unavailable", "the server is stopping"));
  }
}
