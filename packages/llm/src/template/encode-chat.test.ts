import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { goldenFolder } from "../tokenizer/golden.suite.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ChatMessage, RenderChatOptions } from "./chat-message.ts";
import { encodeChat } from "./encode-chat.ts";
import { renderChat } from "./render-chat.ts";

const turns = `{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}`;

/** Drops thoughts of all but the last message, so that a prefix renders differently from the whole. */
const forgetful = `{%- for m in messages %}
{%- set text = m.content if loop.last else m.content.split('</think>')[-1].lstrip('\\n') %}
{{- '<|im_start|>' + m.role + '\\n' + text + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}`;

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer({
    tokenizerJson: path.join(goldenFolder, "tiny-byte-level.json"),
  });
});

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

/** Returns the stretches of text under the mask, one per run of ones. */
function masked(messages: ChatMessage[], options: RenderChatOptions): string[] {
  const { ids, assistantMask } = encodeChat(tokenizer, messages, options);
  const runs: number[][] = [];
  for (const [index, id] of ids.entries()) {
    if (assistantMask[index] !== 1) continue;
    if (assistantMask[index - 1] === 1) runs.at(-1)?.push(id);
    else runs.push([id]);
  }
  return runs.map((run) => tokenizer.decode(run, { skipSpecial: false }));
}

describe("encodeChat", () => {
  test("marks what the assistant writes with its end of turn, and nothing else", () => {
    const messages = [user("cat"), assistant("dog"), user("mat"), assistant("river")];
    expect(masked(messages, { template: turns })).toEqual(["dog<|im_end|>", "river<|im_end|>"]);
  });

  test("is not confused by equal, empty or spaced contents, nor by markers inside them", () => {
    const messages = [
      user("same"),
      assistant("same"),
      user("same"),
      assistant(""),
      user("x"),
      assistant(" a\n"),
    ];
    expect(masked(messages, { template: turns })).toEqual([
      "same<|im_end|>",
      "<|im_end|>",
      " a\n<|im_end|>",
    ]);
    const nested = [
      user("x"),
      assistant("say <|im_start|>assistant\nhi"),
      user("y"),
      assistant("z"),
    ];
    const [first, second] = masked(nested, { template: turns });
    expect(first).toBe("say <|im_start|>assistant\nhi<|im_end|>");
    expect(second).toBe("z<|im_end|>");
  });

  test("survives a template that prints earlier turns differently", () => {
    const messages = [
      user("a"),
      assistant("<think>first</think>\none"),
      user("b"),
      assistant("<think>second</think>\ntwo"),
    ];
    expect(masked(messages, { template: forgetful })).toEqual([
      "one<|im_end|>",
      "<think>second</think>\ntwo<|im_end|>",
    ]);
  });

  test("marks whole tokens: one that begins before the answer and ends in it counts", () => {
    const glued =
      "{%- for m in messages %}{{ m.role + ':' + m.content + '<|im_end|>' }}{%- endfor %}";
    const [answer] = masked([user("x"), assistant("yes")], { template: glued });
    expect(answer?.endsWith("yes<|im_end|>")).toBe(true);
  });

  test("ends with the content where a template has no token for the end of a turn", () => {
    const plain = "{%- for m in messages %}{{ m.role + ': ' + m.content + '\\n\\n' }}{%- endfor %}";
    const [answer] = masked([user("x"), assistant("yes."), user("y")], { template: plain });
    expect(answer?.trim()).toBe("yes.");
  });

  test("has no BOS but the template's own", async () => {
    const withBos = await loadTokenizer({
      tokenizerJson: path.join(goldenFolder, "tiny-byte-level.json"),
    });
    const template = `{{- '<|endoftext|>' }}${turns}`;
    const { ids } = encodeChat(withBos, [user("x")], { template });
    expect(ids.filter((id) => id === 0)).toHaveLength(1);
  });

  test("normalises content as the tokenizer does before it measures", () => {
    expect(masked([user("x"), assistant("cafe\u0301!")], { template: turns })).toEqual([
      "café!<|im_end|>",
    ]);
  });

  test("says which message a template leaves out", () => {
    const deaf =
      "{%- for m in messages %}{%- if m.role == 'user' %}{{ m.content }}{%- endif %}{%- endfor %}";
    expect(() => encodeChat(tokenizer, [user("x"), assistant("y")], { template: deaf })).toThrow(
      /messages\[1\]: the template leaves this message out/,
    );
  });

  test("ignores the tags that mark generated text in some templates", () => {
    const tagged =
      "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{%- endfor %}";
    expect(masked([user("x"), assistant("y")], { template: tagged })).toEqual(["y<|im_end|>"]);
  });
});

describe("renderChat", () => {
  test("pins the date, so that the same data stays the same tomorrow", () => {
    const template = "{{ strftime_now('%d %b %Y') }}";
    expect(renderChat(tokenizer, [user("x")], { template })).toBe("26 Jul 2024");
    expect(renderChat(tokenizer, [user("x")], { template, date: "2026-03-08" })).toBe(
      "08 Mar 2026",
    );
  });

  test("hands variables and tools to the template", () => {
    const template = "{{ flavour }} {{ tools | length }}";
    const options = { template, variables: { flavour: "mild" }, tools: [{}, {}] };
    expect(renderChat(tokenizer, [user("x")], options)).toBe("mild 2");
  });

  test("says what is missing or refused", () => {
    expect(() => renderChat(tokenizer, [user("x")])).toThrow(/no chat template/);
    const strict = "{{ raise_exception('roles must alternate') }}";
    expect(() => renderChat(tokenizer, [user("x")], { template: strict })).toThrow(
      /roles must alternate/,
    );
    expect(() => renderChat(tokenizer, [user("x")], { template: "{% if %}" })).toThrow(
      /refuses the conversation/,
    );
  });
});
