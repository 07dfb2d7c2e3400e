import { expect, test } from "vitest";
import { probeProviders, runtimeProviders } from "./providers.ts";

test("the CPU is there, comes first and computes", async () => {
  expect(runtimeProviders()[0]?.name).toBe("cpu");
  const probed = await probeProviders();
  expect(probed[0]).toMatchObject({ name: "cpu", works: true });
  for (const { works, detail } of probed) expect(works || detail !== "").toBe(true);
});
