/** Checks the contracts: buf lint, no breaking change against the committed image, generated code up to date. */
import "./require-node.mjs";
import { run } from "./run.mjs";

const checks = [
  ["buf", ["lint"]],
  ["buf", ["breaking", "proto", "--against", "proto/v1.baseline.binpb"]],
  ["node", ["packages/contracts/tools/gen.mjs", "--check"]],
];
for (const [command, args] of checks) {
  const { code } = await run(command, args);
  if (code !== 0) process.exit(code);
}
