import { describe, expect, test } from "vitest";
import { parseExamples } from "./read-examples.ts";

const lines = (...records: readonly object[]): string =>
  records.map((record) => JSON.stringify(record)).join("\n");

describe("parseExamples recognises", () => {
  test.each([
    ["text", { text: "hello" }, { kind: "text", text: "hello" }],
    [
      "prompt and completion",
      { prompt: "p", completion: "c" },
      { kind: "prompt", prompt: "p", completion: "c" },
    ],
    [
      "question and answer",
      { question: "q", answer: "a" },
      { kind: "prompt", prompt: "q", completion: "a" },
    ],
    [
      "tokens",
      { input_ids: [1, 2], labels: [-100, 2] },
      { kind: "tokens", ids: [1, 2], labels: [-100, 2] },
    ],
  ])("%s", (_, record, expected) => {
    expect(parseExamples(lines(record), "d.jsonl", "auto")).toEqual([
      { id: "d.jsonl:1", ...expected },
    ]);
  });

  test("messages, and leaves out what follows the last answer", () => {
    const messages = [
      { role: "system", content: "s" },
      { role: "user", content: "u" },
      { role: "assistant", content: "a" },
      { role: "user", content: "lost" },
    ];
    expect(parseExamples(lines({ messages }), "d.jsonl", "auto")[0]).toMatchObject({
      kind: "chat",
      messages: messages.slice(0, 3),
    });
  });

  test("alpaca with input, system and history", () => {
    const record = {
      instruction: "add",
      input: "1 2",
      output: "3",
      system: "s",
      history: [["u", "a"]],
    };
    expect(parseExamples(lines(record), "d.jsonl", "auto")[0]).toMatchObject({
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "u" },
        { role: "assistant", content: "a" },
        { role: "user", content: "add\n1 2" },
        { role: "assistant", content: "3" },
      ],
    });
  });

  test("sharegpt, and joins two turns of one speaker", () => {
    const conversations = [
      { from: "human", value: "a" },
      { from: "human", value: "b" },
      { from: "gpt", value: "c" },
    ];
    expect(parseExamples(lines({ conversations }), "d.jsonl", "auto")[0]).toMatchObject({
      messages: [
        { role: "user", content: "a\nb" },
        { role: "assistant", content: "c" },
      ],
    });
  });

  test("counselling dialogues as text, turns over several lines included", () => {
    const text = "来访者：你好\n心理咨询师：你好，\n请坐。\n\n来访者：再见\n心理咨询师：再见\n";
    const examples = parseExamples(text, "d.txt", "auto");
    expect(examples.map(({ id }) => id)).toEqual(["d.txt#1", "d.txt#2"]);
    expect(examples[0]).toMatchObject({
      messages: [{ content: "你好" }, { content: "你好，\n请坐。" }],
    });
  });

  test("a JSON list, CRLF and empty lines", () => {
    expect(
      parseExamples('[{"text":"a"},{"text":"b"}]', "d.json", "auto").map(({ id }) => id),
    ).toEqual(["d.json[0]", "d.json[1]"]);
    expect(parseExamples('{"text":"a"}\r\n\r\n{"text":"b"}\r\n', "d.jsonl", "auto")).toHaveLength(
      2,
    );
  });
});

describe("parseExamples reports", () => {
  test("every bad line with file, line and column", () => {
    const text = '{"text":"a"}\n{"text": oops}\n{"other":1}\n[1]\n';
    const attempt = (): unknown => parseExamples(text, "d.jsonl", "auto");
    expect(attempt).toThrow(
      expect.objectContaining({
        issues: [
          expect.objectContaining({
            file: "d.jsonl",
            line: 2,
            expected: "one JSON object per line",
          }),
          expect.objectContaining({ line: 4 }),
          expect.objectContaining({
            line: 3,
            expected: "a text record",
            given: "the fields other",
          }),
        ],
      }),
    );
  });
  test("a file whose first record has no known shape", () => {
    expect(() => parseExamples('{"x":1}', "d.jsonl", "auto")).toThrow("a record of a known shape");
  });
});
