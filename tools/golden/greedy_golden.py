"""Writes what transformers generates greedily with a model folder: prompts through its chat template, 64 tokens each.

Usage: python tools/golden/greedy_golden.py FOLDER packages/llm/testdata/generation/minimind2-small.json
Versions that made the committed file: transformers 5.18.0, torch 2.15.0 (CPU, float32).
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ["What is the capital of France?", "你好，请介绍一下你自己。", "12 + 7 等于多少？"]

folder, target = sys.argv[1:3]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
items = []
for prompt in PROMPTS:
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), max_new_tokens=64, do_sample=False)[0].tolist()
    items.append({"prompt": prompt, "promptIds": ids, "ids": out[len(ids):]})
    print(tokenizer.decode(out[len(ids):]))
how = "tools/golden/greedy_golden.py, transformers 5.18.0, torch 2.15.0, float32"
with open(target, "w") as file:
    file.write(json.dumps({"how": how, "items": items}, ensure_ascii=False, indent=1) + "\n")
