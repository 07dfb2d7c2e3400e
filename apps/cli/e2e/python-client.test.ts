import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { compileProto, findPython, printSkipReason } from "@qtune/testkit";
import { expect, test } from "vitest";
import { createTestBed, tinyRun } from "./runs.ts";

const protoRoot = path.resolve(import.meta.dirname, "../../../proto");

test(
  "a Python client made of the .proto files alone trains an adapter and fetches it",
  { timeout: 300_000 },
  async ({ skip }) => {
    const { python, reason } = findPython("grpc", ["grpcio", "grpcio-tools"], "import grpc_tools");
    if (python === undefined) {
      printSkipReason(reason);
      return skip(reason);
    }
    const stubs = mkdtempSync(path.join(tmpdir(), "qtune-python-stubs-"));
    await using bed = await createTestBed();
    try {
      const folders = ["circuit", "training"].map((name) => `qtune/${name}/v1`);
      const files = folders.flatMap((folder) =>
        readdirSync(path.join(protoRoot, folder)).map((file) => `${folder}/${file}`),
      );
      compileProto(python, { protoRoot, files, output: stubs });
      const script = path.join(import.meta.dirname, "python_trainer.py");
      const config = JSON.stringify(tinyRun(bed.model, { steps: 4 }));
      const text = execFileSync(python, [script, bed.trainer.address, config], {
        env: { ...process.env, PYTHONPATH: stubs },
        encoding: "utf8",
        timeout: 240_000,
      });
      const result = JSON.parse(text) as Record<string, unknown>;
      expect(result["same"]).toBe(true);
      expect(result["losses"]).toHaveLength(4);
      expect((result["states"] as string[]).at(-1)).toBe("RUN_STATE_SUCCEEDED");
      // BC on q_proj of two layers, 32 wide, r = 4: 2 (r (i + o) + 2 r² + 4 r).
      expect(result["trainable"]).toBe(2 * (4 * 64 + 2 * 16 + 16));
      expect(result["files"]).toMatchObject({
        "adapter_model.safetensors": true,
        "adapter_config.json": true,
      });
      expect(result["refused"]).toMatchObject({ code: "INVALID_ARGUMENT", fields: [true, true] });
    } finally {
      rmSync(stubs, { recursive: true, force: true });
    }
  },
);
