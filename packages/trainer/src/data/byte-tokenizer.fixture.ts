/** A tokenizer of bytes with a small chat template, so that tests need no vocabulary file. Ids: byte + 3. */
import type { Tokenizer } from "@qtune/llm";

const start = 1;
const end = 2;

const chatTemplate =
  "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}";

/** Creates the tokenizer: vocabulary of 259 ids, `<s>` and `</s>` as special tokens. */
export function createByteTokenizer(): Tokenizer {
  const special = new Map([
    ["<s>", start],
    ["</s>", end],
  ]);
  const tokenBytes = (id: number): Uint8Array => {
    for (const [text, known] of special) if (known === id) return new TextEncoder().encode(text);
    return id < 3 ? new Uint8Array(0) : Uint8Array.of(id - 3);
  };
  return {
    vocabSize: 259,
    specials: { bosId: start, eosId: end, padId: 0, unkId: undefined, all: special },
    chatTemplate,
    templateVariables: {},
    encode: (text) =>
      text
        .split(/(<s>|<\/s>)/)
        .flatMap(
          (part) =>
            special.get(part) ?? [...new TextEncoder().encode(part)].map((byte) => byte + 3),
        ),
    decode: (ids, { skipSpecial = true } = {}) =>
      new TextDecoder().decode(
        Uint8Array.from(
          [...ids].filter((id) => !skipSpecial || id > 2).flatMap((id) => [...tokenBytes(id)]),
        ),
      ),
    normalize: (text) => text,
    tokenBytes,
  };
}
