import { describe, expect, test } from "vitest";
import { compareWithLora, countParameters, matchedLoraRank } from "./accounting.ts";
import type { AdapterOptions } from "./adapter-config.ts";
import { decoderSites, widths } from "./model-sites.fixture.ts";
import { quickstartPresets } from "./presets.ts";

type Model = keyof typeof widths;

/** Model, r, then LoRA, BC, ABC, AB, A and circuit alone: q and v adapted, L = 1, published tensor network. */
const table: readonly (readonly [
  Model,
  number,
  number,
  number | undefined,
  number,
  number,
  number,
  number,
])[] = [
  ["qwen3-0.6b", 4, 573_440, 576_128, 533_120, 531_328, 415_744, 896],
  ["qwen3-0.6b", 8, 1_146_880, 1_155_840, 654_080, 648_704, 415_744, 1_792],
  ["qwen3-1.7b", 8, 1_605_632, 1_614_592, 711_424, 706_048, 473_088, 1_792],
  ["qwen3-4b", 8, 2_949_120, 2_960_640, 921_600, 914_688, 615_168, 2_304],
  ["qwen2-7b", 8, 2_523_136, 2_532_096, 690_816, 685_440, 452_480, 1_792],
  ["qwen3-8b", 8, 3_833_856, 3_845_376, 928_512, 921_600, 622_080, 2_304],
];

describe.each(table)("%s at rank %i", (model, rank, lora, bc, abc, ab, a, circuit) => {
  const sites = decoderSites(widths[model]);
  const count = (kind: AdapterOptions["kind"]): number =>
    countParameters({ kind, rank }, sites).total;
  test("has the published counts", () => {
    expect([count("lora"), count("BC"), count("ABC"), count("AB"), count("A")]).toEqual([
      lora,
      bc,
      abc,
      ab,
      a,
    ]);
  });
  test("has 4rL angles per circuit", () => {
    expect(countParameters({ kind: "ABC", rank }, sites).byRole.circuit).toBe(circuit);
  });
  test("follows the formulas of the other architectures", () => {
    const modules = 2 * widths[model].layers;
    expect(count("B")).toBe(lora + modules * rank ** 2);
    expect(count("C")).toBe(lora + modules * (rank ** 2 + 4 * rank));
    expect([count("BD"), count("BE"), count("BF")]).toEqual(
      [3, 4, 5].map((k) => lora + modules * k * rank ** 2),
    );
  });
});

test.each([
  ["minimind2-small", 106_496, 144_384],
  ["smollm2-135m", 460_800, 585_600],
  ["tinyllama-1.1b", 1_126_400, 533_632],
] as const)("%s: the published tensor network of rank 8 beside LoRA", (model, lora, abc) => {
  const sites = decoderSites(widths[model]);
  expect(countParameters({ kind: "lora", rank: 8 }, sites).total).toBe(lora);
  expect(countParameters({ kind: "ABC", rank: 8 }, sites).total).toBe(abc);
});

test("all seven linear modules of a 7B model at rank 4", () => {
  const sites = decoderSites(widths["qwen2-7b"]);
  const targets = "all-linear";
  expect(countParameters({ kind: "lora", rank: 4, targets }, sites).total).toBe(10_092_544);
  expect(countParameters({ kind: "ABC", rank: 4, targets }, sites).total).toBe(2_165_184);
});

test("the arms of the quickstart have the counts of the report", () => {
  const sites = decoderSites(widths["minimind2-small"]);
  const counts = quickstartPresets.map(({ adapter }) => countParameters(adapter, sites).total);
  expect(counts).toEqual([106_496, 26_624, 25_728, 25_216]);
  const shares = quickstartPresets.map(({ adapter }) =>
    compareWithLora(adapter, sites, 8).toFixed(3),
  );
  expect(shares).toEqual(["0.000", "-0.750", "-0.758", "-0.763"]);
  expect(matchedLoraRank(25_728, {}, sites)).toBe(2);
});

test("counts add up site by site", () => {
  const count = countParameters(
    { kind: "ABC", rank: 4, classicalLayers: [0] },
    decoderSites(widths["qwen3-0.6b"]),
  );
  expect(count.bySite.reduce((sum, site) => sum + site.parameters, 0)).toBe(count.total);
  expect(count.bySite[0]?.parameters).toBe(4 * (1024 + 2048)); // layer 0 is plain LoRA
});

test("the classical controls have the parameters of their papers", () => {
  const sites = decoderSites(widths["qwen3-8b"]); // q 4096 → 4096, v 4096 → 1024, 36 layers
  const count = (options: AdapterOptions): number => countParameters(options, sites).total / 36;
  expect(count({ kind: "vera", rank: 256 })).toBe(4096 + 256 + 1024 + 256);
  expect(count({ kind: "ia3", rank: 1 })).toBe(4096 + 1024);
  // A [64, 64] and [32, 64]; B of rank 8 on 64 × 64 and 32 × 64.
  expect(count({ kind: "lokr", rank: 8 })).toBe(64 * 64 + 8 * 128 + 32 * 64 + 8 * 96);
  const cores = 8 * 8 * 8 + 2 * 8 * 8 * 8 * 8 + 8 * 8 * 8;
  const narrow = 8 * 8 * 8 + 8 * 8 * 8 * 8 + 8 * 8 * 4 * 8 + 8 * 8 * 4;
  expect(count({ kind: "tt", rank: 8 })).toBe(cores + narrow);
});
