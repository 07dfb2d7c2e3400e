/** The main job: bundles the apps, then runs `qtune quickstart` with the given arguments. */
import "./require-node.mjs";
import path from "node:path";
import { buildApps, root, run } from "./run.mjs";

const started = Date.now();
process.stderr.write("bundling the command line and the two daemons ...\n");
const built = await buildApps();
if (built !== 0) process.exit(built);
process.stderr.write(`bundled in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
const { code } = await run(process.execPath, [
  path.join(root, "apps/cli/dist/main.js"),
  "quickstart",
  ...process.argv.slice(2),
]);
process.exit(code);
