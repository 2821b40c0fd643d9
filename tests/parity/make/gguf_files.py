"""Makes tests/parity/goldens/gguf: a file with a tensor of every block format, and their numbers as the package gguf has them.

    python tests/parity/make/gguf_files.py

Needs gguf (0.19), numpy and safetensors. The blocks are noise but for their scales, which are finite: every code, scale and sign is there.
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

GOLDENS = Path(__file__).resolve().parents[1] / "goldens" / "gguf"
# Where the half-precision floats of a block lie, in bytes.
HALVES = {
    T.Q4_0: [0],
    T.Q4_1: [0, 2],
    T.Q5_0: [0],
    T.Q5_1: [0, 2],
    T.Q8_0: [0],
    T.Q2_K: [80, 82],
    T.Q3_K: [108],
    T.Q4_K: [0, 2],
    T.Q5_K: [0, 2],
    T.Q6_K: [208],
}
ROWS = 3


def noise(rng, kind):
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS * 512 // numbers, size), dtype=np.uint8)
    for at in HALVES[kind]:
        scales = rng.standard_normal(len(blocks)).astype(np.float16)
        # Zero, the smallest number, and the largest.
        scales[:3] = [-0.0, 6e-8, 65504.0]
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def q8_k(rng):
    """Which the package only names: a scale in f32, 256 signed bytes, and sums that nobody needs."""
    scales = rng.standard_normal(ROWS * 2).astype(np.float32)
    codes = rng.integers(-128, 128, (ROWS * 2, 256), dtype=np.int8)
    sums = codes.reshape(ROWS * 2, 16, 16).sum(-1, dtype=np.int16)
    blocks = np.concatenate([scales.view(np.uint8).reshape(-1, 4), codes.view(np.uint8), sums.view(np.uint8)], axis=-1)
    return blocks.reshape(ROWS, -1), (scales[:, None] * codes.astype(np.float32)).reshape(ROWS, 512)


def main():
    GOLDENS.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(9)
    writer = gguf.GGUFWriter(GOLDENS / "formats.gguf", "none")
    writer.add_string("test.text", "word")
    writer.add_uint8("test.uint8", 200)
    writer.add_int32("test.int32", -7)
    writer.add_uint64("test.uint64", 1 << 40)
    writer.add_float32("test.float32", 0.5)
    writer.add_float64("test.float64", -0.25)
    writer.add_bool("test.bool", True)
    writer.add_array("test.texts", ["a", "", "ö"])
    writer.add_array("test.integers", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.0])
    writer.add_array("test.bools", [True, False])
    expected = {}
    for kind in HALVES:
        blocks = noise(rng, kind)
        writer.add_tensor(kind.name, blocks, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(blocks, kind).reshape(ROWS, 512)
    blocks, numbers = q8_k(rng)
    writer.add_tensor("Q8_K", blocks, raw_dtype=T.Q8_K)
    expected["Q8_K"] = numbers
    plain = rng.standard_normal((ROWS, 5)).astype(np.float32)
    writer.add_tensor("F32", plain)
    writer.add_tensor("F16", plain.astype(np.float16))
    bf16 = gguf.quantize(plain, T.BF16)
    writer.add_tensor("BF16", bf16, raw_dtype=T.BF16)
    expected["F32"] = plain
    expected["F16"] = plain.astype(np.float16).astype(np.float32)
    expected["BF16"] = gguf.dequantize(bf16, T.BF16)
    # A convolution as the converter of ComfyUI-GGUF lays it out: rows that are whole blocks, and its shape beside it.
    kernel = gguf.quantize(rng.standard_normal((9, 64)).astype(np.float32), T.Q8_0)
    writer.add_array("comfy.gguf.orig_shape.kernel", [8, 8, 3, 3])
    writer.add_tensor("kernel", kernel, raw_dtype=T.Q8_0)
    expected["kernel"] = gguf.dequantize(kernel, T.Q8_0).reshape(8, 8, 3, 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, GOLDENS / "expected.safetensors")


if __name__ == "__main__":
    main()
