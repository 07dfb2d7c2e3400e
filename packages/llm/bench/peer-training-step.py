"""The peer of training-step.ts: the same step in torch + transformers + PEFT. Prints one line of JSON.

Needs torch, transformers and peft from PyPI. Logits are computed at labelled positions only, as on the other side.
"""
import json
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

given = json.loads(sys.argv[1])
layers, hidden, heads, kv_heads, head_dim, ffn, vocab = given["sizes"]
torch.set_num_threads(2)
torch.manual_seed(0)
config = LlamaConfig(
    num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads,
    head_dim=head_dim, intermediate_size=ffn, vocab_size=vocab, tie_word_embeddings=True, max_position_embeddings=8192,
)
model = LlamaForCausalLM(config).to(getattr(torch, given["dtype"]))
rank = given["rank"]
model = get_peft_model(
    model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
B, T = given["B"], given["T"]
ids = torch.randint(0, vocab, (B, T))
labels = ids.clone()
labels[:, :round(T * (1 - given["labelled"]))] = -100
mask = labels[:, 1:] != -100
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # the peak of the resident set starts anew
wall, cpu = [], []
for _ in range(given.get("steps", 5)):
    begun, used = time.perf_counter(), time.process_time()
    states = model.base_model.model.model(input_ids=ids).last_hidden_state[:, :-1][mask]
    logits = model.base_model.model.lm_head(states)
    torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][mask], reduction="sum").backward()
    model.zero_grad()
    wall.append(1000 * (time.perf_counter() - begun))
    cpu.append(1000 * (time.process_time() - used))
print(json.dumps({
    "wallMs": sorted(wall)[len(wall) // 2], "cpuMs": sorted(cpu)[len(cpu) // 2],
    "peakMb": int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1000,
}))
