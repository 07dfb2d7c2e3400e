/**
 * An HTTP server on one address that hands requests to handlers in turn. The Host header must name this address, so that no
 * web page elsewhere can reach it through a browser.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { QtuneError } from "@qtune/base";
import type { HttpHandler } from "./openai-handler.ts";

/** Options of {@link startHttpServer}. */
export interface HttpServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Asked in turn, until one answers. */
  readonly handlers: readonly HttpHandler[];
}

/** A server that listens. */
export interface HttpServer {
  /** `http://host:port`. */
  readonly address: string;
  /** Ends open calls and stops. */
  close(): Promise<void>;
}

const maxConnections = 256;

/** Starts a server. Errors: invalid_argument for no address, unavailable when it is taken. */
export async function startHttpServer({
  listen,
  handlers,
}: HttpServerOptions): Promise<HttpServer> {
  const [, host = "", portText = ""] = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(listen) ?? [];
  if (host === "" || Number(portText) > 65_535) {
    throw new QtuneError("invalid_argument", `expected host:port but was given ${listen}`, {
      where: "listen",
    });
  }
  const isAnywhere = host === "0.0.0.0" || host === "[::]";
  const allowed = new Set<string>();
  const server = createServer((request, response) => {
    response.setHeader("x-content-type-options", "nosniff");
    if (!isAnywhere && !allowed.has(request.headers.host ?? ""))
      return sendText(response, 421, "unknown host");
    void (async () => {
      for (const handle of handlers) if (await handle(request, response)) return;
      sendText(response, 404, "not found");
    })().catch(() => {
      // A handler answers its own errors; what is left is a response that cannot be written any more.
      response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new QtuneError("unavailable", `cannot listen on ${listen}`, { where: "listen", cause }),
      ),
    );
    server.listen(Number(portText), host.replace(/^\[|\]$/g, ""), resolve);
  });
  const { port } = server.address() as AddressInfo; // a TCP server has one
  for (const name of [host, "127.0.0.1", "localhost", "[::1]"]) allowed.add(`${name}:${port}`);
  return {
    address: `http://${host}:${port}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function sendText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) response.end();
  else response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}
