import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { simulatorV1 } from "@qtune/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientTls, createChannel } from "../client/channel.ts";
import { createServiceClient } from "../client/service-client.ts";
import { hostService } from "./handlers.ts";
import { type RpcServer, createServer } from "./server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "qtune-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

/** Makes an authority and a certificate that it signs for each name. Returns why not, where openssl is missing. */
function makeCertificates(): string | undefined {
  try {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    for (const authority of ["authority", "stranger"]) {
      openssl(
        "req",
        "-x509",
        ...key,
        "-keyout",
        `${authority}.key`,
        "-out",
        `${authority}.pem`,
        "-days",
        "2",
        "-subj",
        `/CN=${authority}`,
      );
    }
    for (const [name, authority] of [
      ["localhost", "authority"],
      ["alice", "authority"],
      ["mallory", "stranger"],
    ] as const) {
      openssl(
        "req",
        ...key,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        "-subj",
        `/CN=${name}`,
        "-addext",
        `subjectAltName=DNS:${name}`,
      );
      const signer = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial"];
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        ...signer,
        "-out",
        `${name}.pem`,
        "-days",
        "2",
        "-copy_extensions",
        "copy",
      );
    }
    return undefined;
  } catch (error) {
    return `openssl made no certificates: ${String(error).split("\n")[0]}`;
  }
}

const pem = (name: string): string => readFileSync(path.join(folder, name), "utf8");
const missing = makeCertificates();
if (missing !== undefined) console.info(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)("a server with certificates", () => {
  const servers: RpcServer[] = [];
  let plainTls: RpcServer;
  let mutual: RpcServer;

  async function start(clientAuthority?: string): Promise<RpcServer> {
    const services = [
      hostService(simulatorV1.SimulatorServiceService, {
        describe: async (_, { principal }) =>
          simulatorV1.DescribeResponse.fromPartial({ description: { name: principal.name } }),
      }),
    ];
    const pair = { certificate: pem("localhost.pem"), privateKey: pem("localhost.key") };
    const tls = clientAuthority === undefined ? pair : { ...pair, clientAuthority };
    const server = await createServer({ services, tls });
    servers.push(server);
    return server;
  }

  beforeAll(async () => {
    plainTls = await start();
    mutual = await start(pem("authority.pem"));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close({ graceMs: 100 })));
  });

  async function callAs(
    server: RpcServer,
    tls: ClientTls | undefined,
    scheme = "grpcs",
  ): Promise<string | undefined> {
    const channel = createChannel({
      target: `${scheme}://${server.address}`,
      deadlineMs: 3000,
      retry: { attempts: 1 },
      ...(tls === undefined ? {} : { tls: { serverName: "localhost", ...tls } }),
    });
    try {
      const client = createServiceClient(simulatorV1.SimulatorServiceService, channel);
      return (await client.describe({})).description?.name;
    } finally {
      channel.close();
    }
  }

  test("answers a client that knows its authority", async () => {
    expect(await callAs(plainTls, { authority: pem("authority.pem") })).toBe("anonymous");
  });

  test("is refused by a client that trusts another authority", async () => {
    await expect(callAs(plainTls, { authority: pem("stranger.pem") })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  test("does not talk plain text", async () => {
    await expect(callAs(plainTls, undefined, "grpc")).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  test("takes the name of a client's certificate as its principal, where it asks for one", async () => {
    const alice = {
      authority: pem("authority.pem"),
      certificate: pem("alice.pem"),
      privateKey: pem("alice.key"),
    };
    expect(await callAs(mutual, alice)).toBe("alice");
  });

  test.each([
    ["no certificate", {}],
    ["one of a stranger", { certificate: "mallory.pem", privateKey: "mallory.key" }],
  ])(
    "keeps out a client with %s, where it asks for one",
    async (_, files: Partial<Record<string, string>>) => {
      const read = Object.fromEntries(
        Object.entries(files).map(([key, file]) => [key, pem(file ?? "")]),
      );
      await expect(
        callAs(mutual, { authority: pem("authority.pem"), ...read }),
      ).rejects.toMatchObject({ code: "unavailable" });
    },
  );
});
