"""Files as Python writes them: every number type, a model in shards, a half-precision variant.

    python tests/parity/make/weights.py

Writes goldens/weights/. Every tensor holds 0, 1, 2, ... minus 3, halved (whole numbers and truth values: 0, 1, 2, ...).

Made with safetensors 0.8, huggingface_hub 2.4, torch 2.
"""

import json
import shutil
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "goldens" / "weights"
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)


def numbers(rows, columns, dtype):
    whole = torch.arange(rows * columns).reshape(rows, columns)
    return ((whole - 3) / 2).to(dtype) if dtype.is_floating_point else whole.to(dtype)


names = "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 bool".split()
save_file({name: numbers(3, 5, getattr(torch, name)) for name in names}, OUT / "types.safetensors", metadata={"format": "pt"})


def component(folder, dtype, **options):
    state = {f"{name}.weight": numbers(rows, 8, dtype) for name, rows in [("first", 4), ("second", 6), ("third", 5)]}
    (OUT / folder).mkdir()
    save_torch_state_dict(state, OUT / folder, **options)
    (OUT / folder / "config.json").write_text(json.dumps({"made_by": "python"}) + "\n")


component("sharded", torch.float32, max_shard_size=200)
component("half", torch.float16, filename_pattern="model.fp16{suffix}.safetensors")
