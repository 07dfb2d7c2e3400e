"""Writes what transformers computes at far positions, up to 8,192, with the tiny models of decoder_golden.py.

Usage: python tools/golden/positions_golden.py packages/llm/testdata/decoder
Versions that made the committed files: transformers 5.18.0 for `v5`, 4.57.6 for `v4`, torch 2.15.0 (CPU, float64).

Run with transformers 5 it writes config.v5.json and positions.v5.json beside each model, with transformers 4 the same for v4:
the weights are those of model.safetensors, the configuration is as that version saves it, with room for 8,192 positions.
The text is a formula, so that only logits are stored. It passes in pieces, with a cache of keys and values.
"""
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

LENGTH, PIECE = 8192, 512
WANTED = [511, 1023, 2047, 4095, 6143, 8191]
major = transformers.__version__.split(".")[0]
common = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=LENGTH,
)


def rope(theta, **scaling):
    """RoPE settings in the words of the version."""
    if major == "4":
        return dict(rope_theta=theta, rope_scaling=scaling or None)
    return dict(rope_parameters=dict(rope_theta=theta, **(scaling or dict(rope_type="default"))))


families = {
    "llama3": (LlamaForCausalLM, LlamaConfig(**common, tie_word_embeddings=True, rms_norm_eps=1e-5, **rope(
        5e5, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=1024))),
    "llama-yarn": (LlamaForCausalLM, LlamaConfig(**common, tie_word_embeddings=False, rms_norm_eps=1e-5, **rope(
        1e4, rope_type="yarn", factor=4.0, original_max_position_embeddings=2048))),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**common, tie_word_embeddings=True, rms_norm_eps=1e-6, **rope(1e6))),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(
        **common, head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-6, **rope(1e6))),
}


def main(target: Path):
    ids = torch.tensor([[(31 * t + t * t % 17) % 64 for t in range(LENGTH)]])
    for name, (kind, config) in families.items():
        folder = target / name
        model = kind(config)
        missing, unexpected = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
        model.tie_weights()
        model = model.double().eval()
        cache, rows = None, {}
        with torch.no_grad():
            for start in range(0, LENGTH, PIECE):
                out = model(ids[:, start:start + PIECE], past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                for position in WANTED:
                    if start <= position < start + PIECE:
                        rows[position] = out.logits[0, position - start].tolist()
        config.architectures = [kind.__name__]
        (folder / f"config.v{major}.json").write_text(config.to_json_string(use_diff=False))
        golden = dict(transformers=transformers.__version__, torch=torch.__version__, length=LENGTH,
                      positions=WANTED, logits=[[round(value, 9) for value in rows[p]] for p in WANTED])
        (folder / f"positions.v{major}.json").write_text(json.dumps(golden) + "\n")
        print(name, [round(rows[p][0], 4) for p in WANTED])


main(Path(sys.argv[1]))
