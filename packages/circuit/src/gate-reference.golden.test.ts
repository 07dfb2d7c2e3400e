import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { expectGolden } from "@qtune/testkit";
import { printGateReference } from "./gate-reference.ts";

test("docs/circuit-gates.md is what the gate table says", () => {
  const root = path.resolve(fileURLToPath(import.meta.url), "../../../..");
  expectGolden(path.join(root, "docs/circuit-gates.md"), printGateReference());
});
