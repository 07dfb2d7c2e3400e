/** A small registry in this process for tests: serves files over HTTP, with ranges, and misbehaves on request. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server with files by path. */
export interface TestServer {
  readonly url: string;
  readonly files: Map<string, Uint8Array | string>;
  /** Paths asked for, with the Range header where there was one. */
  readonly requests: string[];
  /** Called before a file is served; answers the request itself by returning true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

/** Starts a server on a free port of the loopback interface. */
export async function startTestServer(): Promise<TestServer> {
  const files = new Map<string, Uint8Array | string>();
  const requests: string[] = [];
  const served: TestServer = {
    url: "",
    files,
    requests,
    intercept: () => false,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const { range } = request.headers;
    requests.push(range === undefined ? (request.url ?? "") : `${request.url} ${range}`);
    if (served.intercept(request, response)) return;
    const content = files.get((request.url ?? "").split("?")[0] ?? "");
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const body = Buffer.from(content);
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (range !== undefined && start >= body.length) {
      response.writeHead(416).end();
      return;
    }
    const type =
      typeof content === "string" && content.startsWith("{")
        ? "application/json"
        : "application/octet-stream";
    response.writeHead(range === undefined ? 200 : 206, {
      "content-type": type,
      "content-length": body.length - start,
    });
    response.end(body.subarray(start));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server has a port
  return Object.assign(served, { url: `http://127.0.0.1:${port}/` });
}

/** Publishes a tarball as a package version of the npm protocol. */
export function publishNpm(
  server: TestServer,
  {
    name,
    version,
    tarball,
    integrity,
  }: { name: string; version: string; tarball: Uint8Array; integrity?: string },
): void {
  const file = `/${name}/-/x-${version}.tgz`;
  const sha512 = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  server.files.set(file, tarball);
  const dist = { tarball: `${server.url.slice(0, -1)}${file}`, integrity: integrity ?? sha512 };
  server.files.set(
    `/${name.replace("/", "%2f")}/${version}`,
    JSON.stringify({ name, version, dist }),
  );
}
