"""Makes the golden files of packages/weights/testdata/gguf: blocks of every GGUF type and their float32 values, quantised
values, and a small file, all as the Python package gguf gives them.

    python -m venv VENV && VENV/bin/pip install gguf==0.19.0 numpy
    VENV/bin/python tools/golden/gguf_golden.py --out packages/weights/testdata/gguf
"""

import argparse
import base64
import importlib.metadata
import json
import pathlib

import gguf
import numpy
from gguf import GGMLQuantizationType, quants
from gguf.constants import GGML_QUANT_SIZES

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ2_XXS", "BF16", "F16"]
# Where the half-precision scales of a block lie; random bits there would be infinite now and then.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ2_XXS": [0], "BF16": [], "F16": [],
}


def text(array):
    return base64.b64encode(numpy.ascontiguousarray(array).tobytes()).decode()


def random_blocks(name, random, count):
    block_size, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    if name in ("F16", "BF16"):
        values = random.normal(size=64 * count).astype(numpy.float32)
        return quants.quantize(values.reshape(1, -1), GGMLQuantizationType[name]).view(numpy.uint8)
    blocks = random.integers(0, 256, size=(count, block_bytes), dtype=numpy.uint8)
    for offset in HALVES[name]:
        scales = (random.normal(size=count) * 0.05).astype(numpy.float16)
        blocks[:, offset : offset + 2] = scales.view(numpy.uint8).reshape(count, 2)
    return blocks.reshape(1, -1)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    out = arguments.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(20261124)
    made = {
        "script": "tools/golden/gguf_golden.py",
        "versions": {"gguf": importlib.metadata.version("gguf"), "numpy": numpy.__version__},
    }

    blocks = {}
    for name in TYPES:
        raw = random_blocks(name, random, 3)
        values = quants.dequantize(raw, GGMLQuantizationType[name]).astype(numpy.float32)
        blocks[name] = {"bytes": text(raw), "values": text(values)}

    values = (random.normal(size=(4, 64)) * 0.1).astype(numpy.float32)
    values[0, :32] = 0
    values[1, 5] = 3.0
    values[2, :32] = numpy.arange(32) * 0.5
    quantised = {
        name: text(quants.quantize(values, GGMLQuantizationType[name])) for name in ("F16", "BF16", "Q8_0")
    }
    golden = {"made": made, "blocks": blocks, "values": text(values), "quantised": quantised}
    (out / "blocks.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")

    writer = gguf.GGUFWriter(out / "tiny.gguf", "llama")
    writer.add_name("tiny")
    writer.add_uint8("t.u8", 200)
    writer.add_int8("t.i8", -5)
    writer.add_uint16("t.u16", 60000)
    writer.add_int16("t.i16", -30000)
    writer.add_uint32("t.u32", 4000000000)
    writer.add_int32("t.i32", -2000000000)
    writer.add_uint64("t.u64", 2**60 + 1)
    writer.add_int64("t.i64", -(2**40))
    writer.add_float32("t.f32", 0.5)
    writer.add_float64("t.f64", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.text", "grüß 你好")
    writer.add_array("t.texts", ["a", "", "你"])
    writer.add_array("t.numbers", [1, 2, 3])
    writer.add_array("t.floats", [0.5, -1.5])
    writer.add_tensor("a.weight", numpy.arange(64, dtype=numpy.float32).reshape(2, 32))
    raw = quants.quantize(values, GGMLQuantizationType.Q8_0)
    writer.add_tensor("b.weight", raw, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("c.bias", numpy.arange(5, dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
