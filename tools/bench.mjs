/**
 * Runs benchmarks: `npx -y pnpm@12 bench [filter]`. Each is a file `packages/<name>/bench/<case>.bench.ts` that prints its work,
 * its rates and a ratio against a limit or a peer measured in the same run. One at a time: two cores are no place for two.
 */
import "./require-node.mjs";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { root, run } from "./run.mjs";

const [filter = ""] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const passed = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const files = ["packages", "apps"].flatMap((group) =>
  readdirSync(path.join(root, group)).flatMap((name) => {
    const folder = path.join(root, group, name, "bench");
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((file) => file.endsWith(".bench.ts"))
      .map((file) => path.join(folder, file));
  }),
);
const chosen = files.filter((file) => path.relative(root, file).includes(filter));
if (chosen.length === 0) {
  process.stderr.write(
    `no benchmark matches ${JSON.stringify(filter)}; there are\n${files.map((file) => `  ${path.relative(root, file)}`).join("\n")}\n`,
  );
  process.exit(2);
}
let failed = 0;
for (const file of chosen) {
  process.stdout.write(`\n== ${path.relative(root, file)}\n`);
  const { code } = await run(process.execPath, ["--conditions=@qtune/source", file, ...passed]);
  if (code !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
