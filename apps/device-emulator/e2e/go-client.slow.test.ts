import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startDaemon } from "./daemon.ts";

const root = path.resolve(import.meta.dirname, "../../..");
/** Generators are kept between runs, outside of the repository. */
const tools = path.join(tmpdir(), "qtune-go-tools");
const slow = process.env["QTUNE_SLOW"] === "1";

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): string {
  return execFileSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: "pipe",
    timeout: 280_000,
    env: { ...process.env, ...env },
  });
}

/** Returns why Go cannot be used here, after trying to get the two generators. */
function whyNot(): string | undefined {
  if (!slow) return "slow: set QTUNE_SLOW=1";
  try {
    mkdirSync(tools, { recursive: true });
    const names = readdirSync(tools);
    const generators = [
      "google.golang.org/protobuf/cmd/protoc-gen-go",
      "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    ];
    for (const generator of generators) {
      if (!names.includes(path.basename(generator)))
        run("go", ["install", `${generator}@latest`], tools, { GOBIN: tools });
    }
    return undefined;
  } catch (error) {
    return `no Go with its protobuf generators: ${String(error).split("\n")[0]}`;
  }
}

const reason = whyNot();
if (reason !== undefined) console.info(`skipped: ${reason}`);

test.skipIf(reason !== undefined)(
  "a Go client made of the .proto files alone runs circuits and reads results and errors",
  { timeout: 600_000 },
  async () => {
    const work = mkdtempSync(path.join(tmpdir(), "qtune-go-"));
    const args = ["--chip", "grid-3x3", "--threads", "1", "--listen", "127.0.0.1:0"];
    const daemon = await startDaemon([...args, "--data-dir", path.join(work, "data")]);
    try {
      const plugin = (name: string): object => ({
        local: path.join(tools, name),
        out: "gen",
        opt: ["paths=source_relative"],
      });
      const managed = {
        enabled: true,
        override: [{ file_option: "go_package_prefix", value: "qtune.test/gen" }],
      };
      const template = {
        version: "v2",
        managed,
        plugins: [plugin("protoc-gen-go"), plugin("protoc-gen-go-grpc")],
      };
      writeFileSync(path.join(work, "buf.gen.yaml"), JSON.stringify(template));
      const paths = ["circuit", "device"].flatMap((name) => [
        "--path",
        path.join(root, `proto/qtune/${name}`),
      ]);
      const buf = path.join(root, "node_modules/.bin/buf");
      run(
        buf,
        ["generate", path.join(root, "proto"), "--template", "buf.gen.yaml", "-o", work, ...paths],
        work,
      );
      writeFileSync(path.join(work, "go.mod"), "module qtune.test\n\ngo 1.24\n");
      copyFileSync(path.join(import.meta.dirname, "go_client/main.go"), path.join(work, "main.go"));
      run("go", ["mod", "tidy"], work);
      run("go", ["build", "-o", "client", "."], work);
      const result = JSON.parse(run("./client", [daemon.address], work)) as Record<string, unknown>;
      const rows = result["rows"] as Record<string, number>[];
      expect(rows).toHaveLength(2);
      for (const row of rows)
        expect(Object.values(row).reduce((sum, count) => sum + count, 0)).toBe(200);
      expect(result).toMatchObject({ device: "devices/grid-3x3", refused: "OutOfRange" });
      expect(result["details"]).toBeGreaterThanOrEqual(2);
    } finally {
      await daemon.stop();
      rmSync(work, { recursive: true, force: true });
    }
  },
);
