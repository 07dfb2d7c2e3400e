/** JSON and server-sent events over node:http, bounded. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { requestError } from "./api-error.ts";

const defaultBodyBytes = 8 * 1024 * 1024;
/** Bytes that may wait for a client that reads slowly; beyond, it is cut off. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** Reads a body as JSON. Errors: invalid_argument with status 413, 415 or 400. */
export async function readJson(
  request: IncomingMessage,
  { maxBodyBytes = defaultBodyBytes }: { readonly maxBodyBytes?: number | undefined },
): Promise<unknown> {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  // A web page can send any other type to this address without asking first.
  if (type !== "application/json") {
    throw requestError("invalid_argument", "expected content-type application/json", {
      status: 415,
    });
  }
  const parts: Buffer[] = [];
  let size = 0;
  // Kept open on an early end: the answer leaves by the same connection.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const part of chunks) {
    size += part.length;
    if (size > maxBodyBytes) {
      throw requestError("invalid_argument", `expected at most ${maxBodyBytes} bytes`, {
        status: 413,
      });
    }
    parts.push(part);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
  } catch (error) {
    throw requestError("invalid_argument", `expected JSON: ${(error as Error).message}`);
  }
}

/** Sends an answer as JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  // What is left of a body that was too large is not read.
  if (status === 413) response.setHeader("connection", "close");
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8" })
    .end(`${JSON.stringify(body)}\n`);
}

/** A stream of events. */
export interface EventStream {
  /** Sends an event; the first also sends the headers. */
  send(event: unknown): void;
  /** Says that all was sent. */
  end(): void;
}

/** Opens a stream of server-sent events. */
export function openEventStream(response: ServerResponse): EventStream {
  const open = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
    });
  };
  return {
    send(event) {
      open();
      response.write(`data: ${JSON.stringify(event)}\n\n`);
      if (response.writableLength > maxWaitingBytes) response.destroy();
    },
    end() {
      open();
      response.end("data: [DONE]\n\n");
    },
  };
}
