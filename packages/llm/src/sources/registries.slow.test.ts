/** Real packages from the configured registries: slow, and they need the network. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findData, printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { openSafetensors } from "@qtune/weights";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openModel } from "./open-model.ts";

if (!wantsSlowTests()) printSkipReason("models from the registries are fetched with QTUNE_SLOW=1");

describe.skipIf(!wantsSlowTests())("models from the registries", () => {
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir =
      process.env["QTUNE_TEST_CACHE"] ?? (await mkdtemp(path.join(tmpdir(), "qtune-registries-")));
  });
  afterAll(async () => {
    if (process.env["QTUNE_TEST_CACHE"] === undefined) await rm(cacheDir, { recursive: true });
  });

  const reference = findData("models/minimind2-small");
  test.skipIf(reference === undefined)(
    "the int8 initialisers of MiniMind2 become the published float16 weights, bit for bit",
    { timeout: 300_000 },
    async () => {
      const model = await openModel("minimind2-small", { cacheDir });
      const expected = await openSafetensors(reference ?? "");
      expect([...model.tensors.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
      for (const [name, tensor] of expected.tensors) {
        const given = await model.tensors.tensors.get(name)?.readBytes();
        expect(Buffer.compare(given ?? new Uint8Array(), await tensor.readBytes()), name).toBe(0);
      }
      await Promise.all([model.close(), expected.close()]);
    },
  );
});
