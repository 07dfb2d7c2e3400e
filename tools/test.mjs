/**
 * Everything that CI checks, in one command, and one last line that counts: `N passed, N failed, N skipped`.
 *
 * Checks without a runner of their own (generated files, contracts, format, lint, types) count one each.
 * `--only a,b` runs some steps by name; QTUNE_SLOW=1 adds the slow tests.
 */
import "./require-node.mjs";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { run } from "./run.mjs";

const scratch = mkdtempSync(path.join(os.tmpdir(), "qtune-test-"));
const vitestReport = path.join(scratch, "vitest.json");

/** Steps in order. `command` counts as one check; `vitest` adds what its report counts. */
const steps = [
  { name: "contracts", command: ["node", ["tools/check-contracts.mjs"]] },
  // After the check: what is committed must not need this to be right.
  { name: "gen", command: ["nx", ["run-many", "-t", "gen", "--output-style=stream"]] },
  { name: "format", command: ["prettier", ["--check", "--log-level=warn", "."]] },
  {
    name: "lint",
    command: ["nx", ["run-many", "-t", "lint", "--parallel=2", "--output-style=stream"]],
  },
  {
    name: "typecheck",
    command: ["nx", ["run-many", "-t", "typecheck", "--parallel=2", "--output-style=stream"]],
  },
  {
    name: "build",
    command: ["nx", ["run-many", "-t", "build", "--parallel=2", "--output-style=stream"]],
  },
  {
    name: "tests",
    vitest: true,
    command: [
      "vitest",
      ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`],
    ],
  },
];

const onlyAt = process.argv.indexOf("--only");
const only = onlyAt < 0 ? undefined : (process.argv[onlyAt + 1] ?? "").split(",");
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

for (const step of steps) {
  if (only !== undefined && !only.includes(step.name)) continue;
  const started = Date.now();
  const [command, args] = step.command;
  // Quiet unless something is wrong: a person reads the end of the output first.
  const { code, output } = await run(command, args, { capture: !step.vitest });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (!step.vitest && code !== 0) process.stdout.write(output);
  process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)\n`);
  if (code !== 0) failures.push(step.name);
  if (step.vitest) addVitest(code);
  else totals[code === 0 ? "passed" : "failed"] += 1;
}

rmSync(scratch, { recursive: true, force: true });
if (failures.length > 0) process.stdout.write(`failed: ${failures.join(", ")}\n`);
process.stdout.write(
  `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`,
);
process.exit(totals.failed === 0 ? 0 : 1);

function addVitest(code) {
  let report;
  try {
    report = JSON.parse(readFileSync(vitestReport, "utf8"));
  } catch {
    totals.failed += 1; // no report: the runner itself broke
    return;
  }
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests;
  totals.skipped += report.numPendingTests + (report.numTodoTests ?? 0);
  // A file that does not load has no tests to count, yet it is a failure.
  if (code !== 0 && report.numFailedTests === 0) totals.failed += 1;
}
