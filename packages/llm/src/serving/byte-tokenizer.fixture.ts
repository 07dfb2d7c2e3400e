/** A tokenizer of bytes with a small chat template, so that tests need no vocabulary file. Ids: byte + 3. */
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

const specials = new Map([
  ["<s>", 1],
  ["</s>", 2],
]);

const chatTemplate =
  "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}";

/** Creates the tokenizer: 259 ids, `<s>` and `</s>` as special tokens, no BOS of its own. */
export function createByteTokenizer(): Tokenizer {
  const names = new Map([...specials].map(([text, id]) => [id, text]));
  const tokenBytes = (id: number): Uint8Array => {
    const name = names.get(id);
    if (name !== undefined) return new TextEncoder().encode(name);
    return id < 3 ? new Uint8Array(0) : Uint8Array.of(id - 3);
  };
  return {
    vocabSize: 259,
    specials: { bosId: 1, eosId: 2, padId: 0, unkId: undefined, all: specials },
    chatTemplate,
    templateVariables: {},
    encode: (text) =>
      text
        .split(/(<s>|<\/s>)/)
        .flatMap((part) => specials.get(part) ?? Array.from(Buffer.from(part), (byte) => byte + 3)),
    decode: (ids, { skipSpecial = true } = {}) =>
      Buffer.concat([...ids].filter((id) => !skipSpecial || id > 2).map(tokenBytes)).toString(),
    normalize: (text) => text,
    tokenBytes,
  };
}
