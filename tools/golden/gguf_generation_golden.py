"""Makes packages/llm/testdata/generation/smollm2-gguf.json: what transformers generates greedily from the weights of a GGUF
file, dequantised to float32, and the logits of the first new token.

    python -m venv VENV && VENV/bin/pip install transformers==5.18.0 gguf==0.19.0 torch
    VENV/bin/python tools/golden/gguf_generation_golden.py --model FOLDER/SmolLM2-135M-Instruct.Q4_1.gguf \
        --out packages/llm/testdata/generation/smollm2-gguf.json
"""

import argparse
import importlib.metadata
import json
import pathlib

import torch
import transformers

PROMPTS = ["What is the capital of France?", "Write one sentence about the sea.", "Count from one to ten."]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", type=pathlib.Path, required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    where = {"gguf_file": options.model.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model.parent, **where)
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model.parent, dtype=torch.float32, **where)
    model.eval()
    items = []
    for prompt in PROMPTS:
        messages = [{"role": "user", "content": prompt}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        inputs = torch.tensor([ids])
        with torch.no_grad():
            logits = model(inputs).logits[0, -1]
            new = model.generate(
                inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=64, do_sample=False, pad_token_id=2
            )[0, len(ids):]
        top = torch.topk(logits, 10)
        items.append(
            {
                "prompt": prompt,
                "promptIds": ids,
                "newIds": new.tolist(),
                "text": tokenizer.decode(new, skip_special_tokens=True),
                "topLogits": [[int(i), float(v)] for i, v in zip(top.indices, top.values)],
            }
        )
    made = {
        "script": "tools/golden/gguf_generation_golden.py",
        "versions": {name: importlib.metadata.version(name) for name in ("transformers", "gguf", "torch")},
        "model": options.model.name,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"made": made, "items": items}, separators=(",", ":")) + "\n", encoding="utf-8")


main()
