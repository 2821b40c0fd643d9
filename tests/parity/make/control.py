"""Goldens of control networks: what a tiny UNet computes while ControlNets and T2I-Adapters bend it.

    python tests/parity/make/control.py COMFYUI

COMFYUI is a checkout of ComfyUI 0.3.64, which runs here as a black box: its UNet, its control networks, and what it does with their
pictures, strengths and parts of the schedule. Names of diffusers are checked against diffusers 0.42.1.

Writes goldens/control.json (the tensors of each file: name, diffusers' name, shape, and how their values are made) and
goldens/control.safetensors.
"""

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "tests/parity/goldens"
COMFYUI = Path(sys.argv[1]).resolve()
sys.argv = [sys.argv[0], "--cpu"]
sys.path.insert(1, str(COMFYUI))
os.environ["OMP_NUM_THREADS"] = "2"

from diffusers import ControlNetModel

import comfy.options

comfy.options.enable_args_parsing()
# What ComfyUI imports for other models.
for module in ["torchvision", "torchvision.transforms", "torchaudio", "av"]:
    sys.modules.setdefault(module, MagicMock())

import comfy.cldm.cldm
import comfy.controlnet
import comfy.ops
import comfy.utils
import numpy as np
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.t2i_adapter.adapter import Adapter, Adapter_light
from safetensors.numpy import save_file

from made import values

torch.set_grad_enabled(False)
cases, numbers = {}, {}


def fill(name, model, rename=lambda it: it):
    """Gives a model its weights and writes their table: original name, diffusers' name, shape, offset, scale."""
    state, table, seed = {}, [], 20_000_000 + 10_000 * len(cases)
    for place, (key, tensor) in enumerate(model.state_dict().items()):
        shape = list(tensor.shape)
        if len(shape) > 1:
            offset, scale = 0.0, math.sqrt(12 / math.prod(shape[1:]))
        else:
            norm = key.split(".")[-2] in ("norm", "norm1", "norm2", "norm3") or key.endswith(("in_layers.0.weight", "out_layers.0.weight", "out.0.weight"))
            offset, scale = (1.0, 0.4) if norm and key.endswith("weight") else (0.0, 0.2)
        scale = float(np.float32(scale))
        state[key] = torch.from_numpy(values(seed + place, shape, offset, scale))
        table.append([key, rename(key), shape, offset, scale])
    model.load_state_dict(state)
    cases[name] = {"seed": seed, "tensors": table}
    return model.eval()


parts = dict(
    image_size=32, in_channels=4, model_channels=32, num_res_blocks=[2, 2], channel_mult=(1, 2), num_heads=8, use_spatial_transformer=True,
    context_dim=24, use_checkpoint=False, legacy=False, transformer_depth=[1, 1, 0, 0], dtype=torch.float32,
    operations=comfy.ops.disable_weight_init,
)
unet = fill("unet", UNetModel(out_channels=4, transformer_depth_middle=1, transformer_depth_output=[1, 1, 1, 0, 0, 0], **parts))
net = comfy.cldm.cldm.ControlNet(hint_channels=3, transformer_depth_middle=1, **parts)
config = dict(num_res_blocks=[2, 2], channel_mult=[1, 2], transformer_depth=[1, 1, 0, 0], transformer_depth_middle=1, transformer_depth_output=[1, 1, 1, 0, 0, 0])
foreign = {v: k for k, v in comfy.utils.unet_to_diffusers(config).items()}


def diffusers_name(key):
    stem, end = key.rsplit(".", 1)
    part = stem.split(".")
    if part[0] == "zero_convs":
        return f"controlnet_down_blocks.{part[1]}.{end}"
    if part[0] == "middle_block_out":
        return f"controlnet_mid_block.{end}"
    if part[0] == "input_hint_block":
        index = int(part[1]) // 2
        return "controlnet_cond_embedding." + ("conv_in" if index == 0 else "conv_out" if index == 7 else f"blocks.{index - 1}") + f".{end}"
    return foreign[key]


net = fill("controlnet", net, diffusers_name)
theirs = ControlNetModel(
    block_out_channels=(32, 64), layers_per_block=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), cross_attention_dim=24,
    conditioning_embedding_out_channels=(16, 32, 96, 256),
).eval()
theirs.load_state_dict({row[1]: net.state_dict()[row[0]] for row in cases["controlnet"]["tensors"]})
full = fill("adapter", Adapter(cin=192, channels=[32, 64, 128, 128], nums_rb=2, ksize=1, sk=True, use_conv=False, xl=False),
            lambda key: "adapter." + key if key.startswith("conv_in") else f"adapter.body.{int(key.split('.')[1]) // 2}." + (
                key.split(".", 2)[2] if ".in_conv." in key else f"resnets.{int(key.split('.')[1]) % 2}." + key.split(".", 2)[2]))
conv = fill("adapter_conv", Adapter(cin=64, channels=[32, 64, 128, 128], nums_rb=2, ksize=3, sk=True, use_conv=True, xl=False))
xl = fill("adapter_xl", Adapter(cin=768, channels=[32, 64, 128, 128], nums_rb=2, ksize=1, sk=True, use_conv=False, xl=True))
light = fill("adapter_light", Adapter_light(cin=192, channels=[32, 64, 128, 128], nums_rb=4),
             lambda key: "adapter." + key.replace(".body.", ".resnets.", 1) if key.startswith("body.") and ".body." in key else "adapter." + key)


class Sampling:
    """Levels are timesteps, and nothing is scaled."""

    def timestep(self, t):
        return t

    def calculate_input(self, t, x):
        return x


model = SimpleNamespace(model_sampling=Sampling())
x = torch.from_numpy(values(9 << 20, (2, 4, 6, 10), 0.0, 4.0))
context = torch.from_numpy(values(10 << 20, (2, 5, 24), 0.0, 3.0))
timestep = torch.tensor([700.0, 700.0])
hint = torch.from_numpy(values(11 << 20, (1, 3, 40, 37), 0.5, 1.0))
two = torch.from_numpy(values(12 << 20, (2, 3, 48, 80), 0.5, 1.0))
for key, value in dict(x=x, context=context, timestep=timestep, hint=hint, two=two).items():
    numbers[key] = value.numpy()


def applied(control, picture, strength, range_=(0.0, 1.0), before=None):
    control = control.copy().set_cond_hint(picture, strength, range_)
    control.set_previous_controlnet(before)
    return control


def keep(name, control, parts=1):
    """With two parts the second sees the latents at half their size."""
    # Parts of the schedule are parts of 1000 timesteps.
    control.pre_run(model, lambda part: 1000 * (1 - part) if part > 0 else 1e9)
    batch, times, prompts = (x, timestep, context) if parts == 1 else (torch.cat([x, x / 2]), timestep.repeat(2), context.repeat(2, 1, 1))
    added = control.get_control(batch, times, {"c_crossattn": prompts}, parts, {})
    numbers[f"{name}.y"] = unet(batch, times, prompts, control=added).numpy()


def controlnet(**more):
    return comfy.controlnet.ControlNet(net, load_device=torch.device("cpu"), **more)


def adapter(model):
    return comfy.controlnet.T2IAdapter(model, model.input_channels, 8, "nearest-exact", device=torch.device("cpu"))


numbers["plain.y"] = unet(x, timestep, context).numpy()
keep("controlnet", applied(controlnet(), hint, 1.0))
keep("strength", applied(controlnet(), two, 0.6))
keep("averaged", applied(controlnet(global_average_pooling=True), two, 0.6))
keep("adapter", applied(adapter(full), hint, 0.8))
keep("adapter_conv", applied(adapter(conv), hint, 0.8))
keep("adapter_light", applied(adapter(light), two, 1.2))
keep("both", applied(controlnet(), hint, 0.7, before=applied(adapter(full), two, 0.9)))
keep("late", applied(controlnet(), hint, 0.7, (0.5, 1.0), before=applied(adapter(full), two, 0.9)))
keep("shared", applied(controlnet(), hint, 0.7, before=applied(adapter(light), two, 0.9)), parts=2)
assert np.array_equal(numbers["plain.y"], numbers["late.y"]) is False
# The features alone: this UNet has no place for all of them.
features = xl(comfy.utils.common_upscale(hint, 96, 64, "nearest-exact", "center"))
for index, feature in enumerate([features["input"][-4], features["input"][-6], features["input"][-9], features["middle"][0]]):
    numbers[f"adapter_xl.{index}"] = feature.numpy()

ours = net(x=x, hint=comfy.utils.common_upscale(hint, 80, 48, "nearest-exact", "center").expand(2, 3, 48, 80), timesteps=timestep, context=context)
down, middle = theirs(x, timestep, context, comfy.utils.common_upscale(hint, 80, 48, "nearest-exact", "center").expand(2, 3, 48, 80), return_dict=False)
assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip([*ours["output"], *ours["middle"]], [*down, middle]))

rows = lambda case: ",\n".join("   " + json.dumps(it) for it in case["tensors"])
text = ",\n".join(f' "{name}": {{"seed": {case["seed"]}, "tensors": [\n{rows(case)}]}}' for name, case in cases.items())
(OUT / "control.json").write_text("{\n" + text + "\n}\n")
save_file({k: np.ascontiguousarray(v) for k, v in numbers.items()}, OUT / "control.safetensors")
