"""Writes tiny random models of each decoder family, and what transformers computes with them.

Usage: python tools/golden/decoder_golden.py packages/llm/testdata/decoder
Versions that made the committed files: transformers 5.18.0, torch 2.15.0 (CPU, float64).

Each family is a folder as save_pretrained writes it, with a golden.json beside: ids, labels, the logits of a few
positions, the summed loss over labelled positions, and the gradient of that loss with respect to low-rank updates
y + 2·B(A·x) of q_proj and v_proj in every layer, whose values are the sequence sin(k + 1)/4 over the elements.
The models run in float64 but for the norms, which the reference computes in float32 whatever the model's type.
"""
import json
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

common = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2,
)
families = {
    "llama3": (LlamaForCausalLM, LlamaConfig(
        **common, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters={"rope_theta": 5e5, "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64})),
    "llama-yarn": (LlamaForCausalLM, LlamaConfig(
        **common, tie_word_embeddings=False, rms_norm_eps=1e-5,
        rope_parameters={"rope_theta": 1e4, "rope_type": "yarn", "factor": 4.0,
                         "original_max_position_embeddings": 128})),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**common, tie_word_embeddings=True, rms_norm_eps=1e-6)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**common, head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-6)),
}
RANK = 2


def draw(shape, start=0):
    count = 1
    for size in shape:
        count *= size
    return (torch.sin(torch.arange(start, start + count, dtype=torch.float64) + 1) / 4).reshape(shape)


def attach(module, grads, name):
    """Adds y + 2·B(A·x) with fixed values and records the parameters."""
    a = draw((RANK, module.in_features)).requires_grad_()
    b = draw((module.out_features, RANK), 1000).requires_grad_()
    grads[name] = (a, b)
    module.register_forward_hook(lambda _, inputs, y: y + 2 * (inputs[0] @ a.T @ b.T))


def main(target: Path):
    for name, (kind, config) in families.items():
        torch.manual_seed(7)
        model = kind(config)
        for parameter_name, parameter in model.named_parameters():
            if "norm" in parameter_name or parameter_name.endswith("bias"):
                parameter.data += 0.2 * torch.randn_like(parameter)
        folder = target / name
        model.save_pretrained(folder)
        model = model.double().eval()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        ids = torch.tensor([[(7 * t + t * t) % 64 for t in range(200)]])
        logits = model(ids).logits[0]
        positions = [0, 1, 63, 64, 130, 199]
        adapters = {}
        for index, layer in enumerate(model.model.layers):
            for module in ("q_proj", "v_proj"):
                path = f"model.layers.{index}.self_attn.{module}"
                attach(getattr(layer.self_attn, module), adapters, path)
        adapted = model(ids[:, :40]).logits[0]
        first = 10
        loss = torch.nn.functional.cross_entropy(adapted[first - 1:-1], ids[0, first:40], reduction="sum")
        loss.backward()
        golden = {
            "how": "tools/golden/decoder_golden.py, transformers 5.18.0, torch 2.15.0, float64",
            "ids": ids[0].tolist(),
            "positions": positions,
            "logits": [[round(v, 8) for v in logits[p].tolist()] for p in positions],
            "adapted": {
                "length": 40, "firstLabel": first, "loss": loss.item(),
                "gradients": {f"{path}.{part}": [float(f"{v:.9e}") for v in tensor.grad.flatten().tolist()]
                              for path, pair in adapters.items() for part, tensor in zip("ab", pair)},
            },
        }
        (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, logits.shape, loss.item())


main(Path(sys.argv[1]))
