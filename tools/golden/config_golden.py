"""Makes packages/llm/testdata/config/*.json: configurations of small models as transformers writes them. Run once with each
generation; the file name says which.

    python -m venv VENV && VENV/bin/pip install transformers==4.57.1   (and another with transformers==5.18.0)
    VENV/bin/python tools/golden/config_golden.py --out packages/llm/testdata/config
"""

import argparse
import json
import pathlib

import transformers

COMMON = dict(
    hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    vocab_size=256, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
)
FOUR = transformers.__version__.startswith("4.")


def rope(theta, **scaling):
    if FOUR:
        return {"rope_theta": theta, "rope_scaling": scaling or None}
    return {"rope_parameters": {"rope_theta": theta, "rope_type": "default", **scaling}}


MODELS = {
    "llama": (transformers.LlamaConfig, dict(rms_norm_eps=1e-5, **rope(10000.0))),
    "llama3": (
        transformers.LlamaConfig,
        dict(
            tie_word_embeddings=True, head_dim=16,
            **rope(500000.0, rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=1024),
        ),
    ),
    "llama-linear": (transformers.LlamaConfig, rope(10000.0, rope_type="linear", factor=2.0)),
    "llama-dynamic": (transformers.LlamaConfig, rope(10000.0, rope_type="dynamic", factor=2.0)),
    "qwen2": (transformers.Qwen2Config, dict(tie_word_embeddings=True, **rope(1000000.0))),
    "qwen2-yarn": (
        transformers.Qwen2Config,
        rope(1000000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=1024),
    ),
    "qwen3": (transformers.Qwen3Config, dict(head_dim=32, **rope(1000000.0))),
    "mistral": (transformers.MistralConfig, dict(sliding_window=1024, **rope(10000.0))),
}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    out = arguments.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    configs = {}
    for name, (kind, extra) in MODELS.items():
        config = kind(**{**COMMON, **extra})
        config.architectures = [kind.__name__.replace("Config", "ForCausalLM")]
        configs[name] = json.loads(config.to_json_string())
    made = {"script": "tools/golden/config_golden.py", "versions": {"transformers": transformers.__version__}}
    major = transformers.__version__.split(".")[0]
    text = json.dumps({"made": made, "configs": configs}, separators=(",", ":"))
    (out / f"transformers-{major}.json").write_text(text + "\n", encoding="utf-8")


main()
