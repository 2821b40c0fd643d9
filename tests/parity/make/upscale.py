"""Goldens of upscalers: tiny networks of every family and naming, and the real one of workflows/models on a piece of a picture.

    python tests/parity/make/upscale.py COMFYUI

COMFYUI is a checkout of ComfyUI 0.3.64, for its tiles; the networks are those of spandrel 0.4.2 (run here as a black box), PyTorch 2.

Writes goldens/upscale.json (the tensors of each file: name, shape, and how their values are made) and goldens/upscale.safetensors.
"""

import json
import math
import os
import sys
from pathlib import Path
from unittest.mock import MagicMock

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "tests/parity/goldens"
COMFYUI = Path(sys.argv[1]).resolve()
sys.argv = [sys.argv[0], "--cpu"]
sys.path.insert(1, str(COMFYUI))
os.environ["OMP_NUM_THREADS"] = "2"

# What ComfyUI and spandrel import for other models.
for module in ["torchvision", "torchvision.models", "torchvision.ops", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.ops.misc", "timm", "timm.layers", "timm.models", "timm.models.layers"]:
    try:
        __import__(module)
    except ImportError:
        sys.modules[module] = MagicMock()

import comfy.options

comfy.options.enable_args_parsing()

import comfy.utils
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch
from spandrel import ModelLoader
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SPAN import SPAN

from made import values

torch.set_grad_enabled(False)
cases, numbers = [], {}
picture = torch.from_numpy(values(7 << 20, (1, 3, 11, 14), 0.5, 1.0))
numbers["picture"] = picture.numpy()


def made(shapes, seed, size):
    """Values for a state of these shapes, and their table. The last biases make the pictures grey, away from the bounds."""
    state, table = {}, []
    last = [name for name, shape in shapes.items() if shape == (3,)] or [name for name in shapes if name.endswith("bias")][-1:]
    for at, (name, shape) in enumerate(shapes.items()):
        if len(shape) > 1:
            scale, offset = size * math.sqrt(6 / math.prod(shape[1:])), 0.0
        else:
            scale, offset = 0.3, 0.5 if name in last else 0.1
        scale, offset = float(np.float32(scale)), float(np.float32(offset))
        state[name] = torch.from_numpy(values(seed + at, shape, offset, scale))
        table.append([name, list(shape), offset, scale])
    return state, table


def keep(name, shapes, tiles=None, rename=lambda it: it, size=1.0):
    seed = 10_000_000 + 10_000 * len(cases)
    shapes = {rename(k): v for k, v in shapes.items()}
    state, table = made(shapes, seed, size)
    cases.append({"case": name, "seed": seed, "tensors": table})
    model = ModelLoader().load_from_state_dict(dict(state)).eval()
    numbers[f"{name}.y"] = model(picture).numpy()
    if tiles:
        tile, overlap = tiles
        large = torch.from_numpy(values(8 << 20, (2, 3, 21, 34), 0.5, 1.0))
        y = comfy.utils.tiled_scale(large, model, tile_x=tile, tile_y=tile, overlap=overlap, upscale_amount=model.scale)
        numbers[f"{name}.large"], numbers[f"{name}.tiled"] = large.numpy(), y.clamp(0, 1).numpy()
    print(name, model.architecture.id, model.scale, numbers[f"{name}.y"].shape)


def shapes(model):
    return {k: tuple(v.shape) for k, v in model.state_dict().items()}


def real_names(doublings, trunk=False):
    """From the names of the first ESRGAN to Real-ESRGAN's, or BSRGAN's."""
    last = {f"model.{3 * doublings + 2}": "conv_hr", f"model.{3 * doublings + 4}": "conv_last", "model.0": "conv_first"}
    bsrgan = {"conv_hr": "HRconv", "conv_body": "trunk_conv", "conv_up1": "upconv1", "conv_up2": "upconv2"}

    def rename(key):
        stem, end = key.rsplit(".", 1)
        part = stem.split(".")
        if stem in last:
            new = last[stem]
        elif part[1] != "1":
            new = f"conv_up{int(part[1]) // 3}"
        elif len(part) == 4:
            new = "conv_body"
        else:
            new = f"RRDB_trunk.{part[3]}.{part[4]}.{part[5]}" if trunk else f"body.{part[3]}.{part[4].lower()}.{part[5]}"
        return f"{bsrgan.get(new, new) if trunk else new}.{end}"

    return rename


small = dict(num_filters=6, num_blocks=2)
keep("numbered_4", shapes(ESRGAN(scale=4, **small)))
keep("numbered_1", shapes(ESRGAN(scale=1, **small)))
keep("bsrgan_2", shapes(ESRGAN(scale=2, **small)), rename=real_names(1, trunk=True))
keep("real_4", shapes(ESRGAN(scale=4, **small)), rename=real_names(2))
keep("real_2", shapes(ESRGAN(in_nc=12, scale=4, **small)), rename=real_names(2))
keep("real_1", shapes(ESRGAN(in_nc=48, scale=4, **small)), rename=real_names(2))
keep("compact_3", shapes(Compact(num_feat=6, num_conv=2, upscale=3)), tiles=(12, 3), size=0.5)
keep("span_2", shapes(SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2)), size=0.22)
keep("span_4_plain", shapes(SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=4, norm=False)))

model = ModelLoader().load_from_state_dict(load_torch(ROOT / "workflows/models/upscale_models/realesr-animevideov3-x4.safetensors")).eval()
apple = torch.from_numpy(load_file(OUT / "demo.safetensors")["0"]).reshape(64, 64, 3)[16:44, 20:52].float() / 255
numbers["real.picture"] = apple.numpy()
numbers["real.y"] = model(apple.permute(2, 0, 1)[None])[0].permute(1, 2, 0).contiguous().numpy().astype(np.float16)

text = ",\n".join(
    f' {{"case": "{it["case"]}", "seed": {it["seed"]}, "tensors": [\n' + ",\n".join("  " + json.dumps(row) for row in it["tensors"]) + "]}"
    for it in cases
)
(OUT / "upscale.json").write_text("[\n" + text + "\n]\n")
save_file({k: np.ascontiguousarray(v) for k, v in numbers.items()}, OUT / "upscale.safetensors")
