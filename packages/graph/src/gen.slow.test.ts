import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test.runIf(process.env["QTUNE_SLOW"] === "1")(
  "the committed bytes are what assembly/ compiles to",
  () => {
    const script = fileURLToPath(new URL("../tools/gen.mjs", import.meta.url));
    expect(() =>
      execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" }),
    ).not.toThrow();
  },
);
