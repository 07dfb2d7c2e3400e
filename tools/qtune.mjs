/** The `qtune` command line in a checkout: builds what is stale, then hands everything over. */
import "./require-node.mjs";
import path from "node:path";
import { buildApps, root, run } from "./run.mjs";

const built = await buildApps();
if (built !== 0) process.exit(built);
const { code } = await run(process.execPath, [
  path.join(root, "apps/cli/dist/main.js"),
  ...process.argv.slice(2),
]);
process.exit(code);
