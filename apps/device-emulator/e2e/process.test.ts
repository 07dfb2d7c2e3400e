import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createDeviceClient } from "@qtune/rpc";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { type TestDaemon, startDaemon } from "./daemon.ts";

const folder = mkdtempSync(path.join(tmpdir(), "qtune-process-"));
const running: TestDaemon[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await each.kill();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(...args: readonly string[]): Promise<TestDaemon> {
  const dataDir = mkdtempSync(path.join(folder, "data-"));
  const daemon = await startDaemon([
    "--chip",
    "grid-3x3",
    "--threads",
    "1",
    "--listen",
    "127.0.0.1:0",
    "--data-dir",
    dataDir,
    ...args,
  ]);
  running.push(daemon);
  return daemon;
}

describe("the daemon as a process", () => {
  test("says where it listens, answers, and stops with exit code 0", async () => {
    const daemon = await start("--services", "device");
    expect(daemon.ready).toMatchObject({
      device: "devices/grid-3x3",
      services: ["device"],
      pid: daemon.process.pid,
    });
    const client = createDeviceClient({ target: daemon.address });
    expect((await client.service.getDevice({ name: "devices/grid-3x3" })).qubits).toBe(9);
    client.close();
    expect(await daemon.stop()).toBe(0);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["an unknown chip", ["--chip", "wukong-27"], /wukong-72/],
    ["a chip file that is not there", ["--chip", "./nowhere.json"], /cannot read .*nowhere\.json/],
    ["an unknown service", ["--services", "devise"], /did you mean device/],
    ["an address that others reach, without tokens", ["--listen", "0.0.0.0:0"], /--token-file/],
    ["half of a certificate pair", ["--tls-cert", "x.pem"], /--tls-key/],
  ])("refuses %s with exit code 2 and a hint", async (_, args, text) => {
    const error: unknown = await start(...args).catch((each: unknown) => each);
    expect(String(error)).toMatch(text);
    expect(String(error)).toContain("exit 2");
  });

  test("refuses a port that is taken with exit code 1", async () => {
    const first = await start();
    await expect(start("--listen", first.address)).rejects.toThrowError(/exit 1: .*cannot listen/s);
  });

  test("shows a status page and metrics to who has a token and names the right host", async () => {
    const tokenFile = path.join(folder, "tokens.json");
    writeFileSync(tokenFile, JSON.stringify([{ name: "me", token: "a-token-for-this-test" }]));
    const daemon = await start("--http", "127.0.0.1:0", "--token-file", tokenFile);
    const http = String(daemon.ready["http"]);
    const headers = { authorization: "Bearer a-token-for-this-test" };
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
    expect((await fetch(`${http}/`)).status).toBe(401);
    expect(await (await fetch(`${http}/`, { headers })).text()).toContain("devices/grid-3x3");
    const client = createDeviceClient({ target: daemon.address, token: "a-token-for-this-test" });
    await client.service.getDevice({ name: "devices/grid-3x3" });
    client.close();
    const metrics = await (await fetch(`${http}/metrics`, { headers })).text();
    expect(metrics).toMatch(
      /qtune_calls_total\{method="\/qtune.device.v1.DeviceService\/GetDevice",code="ok"\} 1/,
    );
    expect((await fetch(`${http}/nowhere`, { headers })).status).toBe(404);
    expect((await fetch(`${http}/`, { method: "POST", headers })).status).toBe(405);
    expect(await statusWithHost(http, "evil.example")).toBe(421);
  });
});

/** fetch does not let a program choose the Host header, which is what this is about. */
async function statusWithHost(address: string, host: string): Promise<number | undefined> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    request(`${address}/`, { headers: { host } }, (response) =>
      resolve(response.resume().statusCode),
    )
      .on("error", reject)
      .end();
  });
}
