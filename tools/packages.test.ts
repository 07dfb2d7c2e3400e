/**
 * Each public package as a stranger gets it: packed, checked (`publint`, `attw`), installed from the tarball in an empty
 * project and used there by the example in `package-uses/<name>.mjs`, one process each.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layers } from "./layers.mjs";

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, "..");
const scratch = mkdtempSync(path.join(os.tmpdir(), "qtune-packed-"));
const project = path.join(scratch, "project");
const publicLayers = layers.filter((layer) => layer.kind === "package" && layer.private !== true);
const tarballs = new Map<string, string>();

/** pnpm as the caller runs it (a script or a program of its own), else through npx. */
async function pnpm(args: string[], cwd: string): Promise<string> {
  const direct = process.env["npm_execpath"] ?? "";
  const isScript = /\.[cm]?js$/.test(direct);
  const [command, ...first] = !direct.includes("pnpm")
    ? ["npx", "-y", "pnpm@12"]
    : isScript
      ? [process.execPath, direct]
      : [direct];
  const { stdout } = await execute(command!, [...first, ...args], {
    cwd,
    maxBuffer: 1 << 26,
    env: { ...process.env, CI: "1" },
  });
  return stdout;
}

beforeAll(async () => {
  for (const layer of publicLayers) {
    const folder = path.join(root, "packages", layer.name);
    if (!existsSync(path.join(folder, "dist", "index.d.ts")))
      throw new Error(`${layer.name} is not built; run the build step first`);
    await pnpm(["pack", "--pack-destination", scratch], folder);
    const file = readdirSync(scratch).find((name) => name.startsWith(`qtune-${layer.name}-0`));
    if (file === undefined) throw new Error(`pnpm pack left no tarball of ${layer.name}`);
    tarballs.set(layer.name, path.join(scratch, file));
  }
  const dependencies = Object.fromEntries(
    [...tarballs].map(([name, file]) => [`@qtune/${name}`, `file:${file}`]),
  );
  await execute("mkdir", ["-p", project]);
  writeFileSync(
    path.join(project, "package.json"),
    JSON.stringify({ name: "stranger", private: true, type: "module", dependencies }),
  );
  // Workspace packages depend on each other by version; here those versions are the tarballs.
  const overrides = Object.entries(dependencies).map(([name, file]) => `  "${name}": "${file}"`);
  writeFileSync(
    path.join(project, "pnpm-workspace.yaml"),
    `overrides:\n${overrides.join("\n")}\nstrictDepBuilds: false\n`,
  );
  await pnpm(["install", "--prefer-offline", "--ignore-scripts"], project);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(publicLayers.map((layer) => layer.name))("%s", (name) => {
  test("publint finds nothing", async () => {
    const folder = path.join(project, "node_modules", "@qtune", name);
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test("its types resolve for ESM users", async () => {
    const attw = path.join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    await execute(
      process.execPath,
      [attw, "--profile", "esm-only", "--no-emoji", tarballs.get(name)!],
      { cwd: scratch },
    );
  });

  test("holds its readme and no sources, tests or paths of the machine that built it", () => {
    const folder = path.join(project, "node_modules", "@qtune", name);
    expect(existsSync(path.join(folder, "README.md"))).toBe(true);
    expect(existsSync(path.join(folder, "src"))).toBe(false);
    const bundle = readFileSync(path.join(folder, "dist", "index.js"), "utf8");
    expect(bundle).not.toContain(root);
    expect(bundle).not.toMatch(/from "\.\.?\/.*\.ts"/);
  });

  test("works alone in an empty project", async () => {
    const use = path.join(root, "tools", "package-uses", `${name}.mjs`);
    const inside = path.join(project, `${name}.mjs`);
    writeFileSync(inside, readFileSync(use));
    const { stdout } = await execute(process.execPath, [inside], { cwd: project });
    expect(stdout.trim()).toMatch(/^ok/);
  });
});
