import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startDaemon } from "./daemon.ts";

const root = path.resolve(import.meta.dirname, "../../..");
/** Kept between runs, outside of the repository. */
const environment = path.join(tmpdir(), "qtune-python-client");
const python = path.join(environment, "bin", "python");

/** Returns why there is no Python with gRPC here, after trying to make one. */
function whyNot(): string | undefined {
  try {
    if (!existsSync(python))
      execFileSync("python3", ["-m", "venv", environment], { stdio: "pipe" });
    execFileSync(python, ["-c", "import grpc_tools"], { stdio: "pipe" });
    return undefined;
  } catch {
    // Not there yet: install it once.
  }
  try {
    execFileSync(python, ["-m", "pip", "install", "-q", "grpcio", "grpcio-tools"], {
      stdio: "pipe",
      timeout: 120_000,
    });
    return undefined;
  } catch (error) {
    return `no Python with grpcio-tools: ${String(error).split("\n")[0]}`;
  }
}

test(
  "a Python client made of the .proto files alone runs circuits and reads results and errors",
  { timeout: 240_000 },
  async ({ skip }) => {
    const reason = whyNot();
    if (reason !== undefined) {
      console.info(`skipped: ${reason}`);
      return skip(reason);
    }
    const work = mkdtempSync(path.join(tmpdir(), "qtune-python-"));
    const daemon = await startDaemon([
      "--chip",
      "grid-3x3",
      "--threads",
      "1",
      "--listen",
      "127.0.0.1:0",
      "--data-dir",
      path.join(work, "data"),
    ]);
    try {
      const folders = ["circuit", "device", "simulator"].map((name) => `qtune/${name}/v1`);
      const files = folders.flatMap((folder) =>
        readdirSync(path.join(root, "proto", folder)).map((file) => `${folder}/${file}`),
      );
      const output = [`--python_out=${work}`, `--grpc_python_out=${work}`];
      execFileSync(
        python,
        ["-m", "grpc_tools.protoc", "-I", path.join(root, "proto"), ...output, ...files],
        { stdio: "pipe" },
      );
      const script = path.join(import.meta.dirname, "python_client.py");
      const text = execFileSync(python, [script, daemon.address], {
        env: { ...process.env, PYTHONPATH: work },
        encoding: "utf8",
        timeout: 120_000,
      });
      const result = JSON.parse(text) as Record<string, unknown>;
      expect(result["device"]).toBe("devices/grid-3x3");
      expect((result["states"] as number[]).at(-1)).toBe(5); // TASK_STATE_SUCCEEDED
      const rows = result["rows"] as Record<string, number>[];
      expect(rows).toHaveLength(3);
      for (const row of rows)
        expect(Object.values(row).reduce((sum, count) => sum + count, 0)).toBe(200);
      expect(result["second"]).toEqual(rows[1]);
      expect(result["zz"]).toBeCloseTo(1, 5);
      expect(result["refused"]).toMatchObject({ code: "OUT_OF_RANGE", details: true });
    } finally {
      await daemon.stop();
      rmSync(work, { recursive: true, force: true });
    }
  },
);
