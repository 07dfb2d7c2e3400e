import { describe, expect, test } from "vitest";
import { decoderSites, widths } from "./model-sites.fixture.ts";
import { selectTargets } from "./select-targets.ts";

const sites = decoderSites({ ...widths["minimind2-small"], layers: 2 });
const select = (targets: readonly string[] | string, more: object = {}): readonly string[] =>
  selectTargets(sites, { targets, classicalLayers: [], ...more }).map((site) => site.path);

describe("selectTargets", () => {
  test("matches names at the end of paths", () => {
    expect(select(["v_proj", "self_attn.q_proj"])).toEqual([
      "model.layers.0.self_attn.q_proj",
      "model.layers.0.self_attn.v_proj",
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.self_attn.v_proj",
    ]);
  });
  test("matches a regular expression over the whole path", () => {
    expect(select(String.raw`.*\.1\..*(gate|up)_proj`)).toEqual([
      "model.layers.1.mlp.gate_proj",
      "model.layers.1.mlp.up_proj",
    ]);
  });
  test("takes every module for all-linear, in the layers that are asked for", () => {
    expect(select("all-linear")).toHaveLength(14);
    expect(select("all-linear", { layers: [1] })).toHaveLength(7);
  });
  test("lists every name that matches nothing, with the nearest one", () => {
    const attempt = (): unknown => select(["q_proj", "v_prj", "wqkv"], { layers: [5] });
    expect(attempt).toThrow(
      expect.objectContaining({
        issues: [
          expect.objectContaining({ where: "adapter.layers", given: "5" }),
          expect.objectContaining({ given: "v_prj", hint: "did you mean v_proj?" }),
          expect.objectContaining({ given: "wqkv" }),
        ],
      }),
    );
  });
});
