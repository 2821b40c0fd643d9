"""A UNet of Stable Diffusion 1.5's size with random half-precision weights, for timing.

    python benches/make/sd15_unet.py FOLDER

Writes FOLDER/diffusion_pytorch_model.safetensors (1.7 GB) and FOLDER/config.json. Made with diffusers, torch, safetensors.
"""

import json
import math
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
with torch.device("meta"):
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
weights = {}
for name, tensor in unet.state_dict().items():
    scale = 1 / math.sqrt(math.prod(tensor.shape[1:])) if tensor.dim() > 1 else 0.1
    random = torch.randn(tensor.shape) * scale
    weights[name] = (random + 1 if "norm" in name and name.endswith("weight") else random).half()
save_file(weights, folder / "diffusion_pytorch_model.safetensors")
(folder / "config.json").write_text(unet.to_json_string())
