"""Goldens of the UNets of SD 1, SD 2 and SD XL and of the autoencoders, from diffusers.

    python tests/parity/make/sd15.py

Writes goldens/sd15.json (each case's configuration and, for every tensor, its name in diffusers, its original name, its shape and how
its values are made) and goldens/sd15.safetensors (inputs and outputs). The weights themselves are not stored: both sides make them
from the tensor's place in the table, by integer arithmetic that is exact everywhere. Original names are made here from the
configuration and checked against diffusers' own conversion of original checkpoints.

Made with diffusers 0.42.1, torch 2, numpy, safetensors.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors.numpy import save_file

from made import values

torch.set_grad_enabled(False)
OUT = Path(__file__).parent.parent / "goldens"
cases, numbers = {}, {}


def fill(name, model, original, dtype="F32", shapes=None):
    """Gives a model its weights and writes their table. `original` maps diffusers' names to the original ones."""
    state, table, seed = {}, [], 1000 * len(cases)
    for place, (key, tensor) in enumerate(model.state_dict().items()):
        shape = list(tensor.shape)
        if len(shape) > 1:
            offset, scale = 0.0, math.sqrt(12 / math.prod(shape[1:]))
        else:
            offset, scale = (1.0, 0.4) if "norm" in key and key.endswith("weight") else (0.0, 0.2)
        scale = float(np.float32(scale))
        made = values(seed + place, shape, offset, scale)
        state[key] = torch.from_numpy(made.astype(np.float16).astype(np.float32) if dtype == "F16" else made)
        table.append([key, original(key), shape, (shapes or (lambda key, shape: shape))(original(key), shape), offset, scale])
    model.load_state_dict(state)
    config = {k: v for k, v in json.loads(model.to_json_string()).items() if k != "_diffusers_version"}
    cases[name] = {"dtype": dtype, "seed": seed, "config": config, "tensors": table}
    return model.eval(), state


def keep(name, **tensors):
    for key, value in tensors.items():
        numbers[f"{name}.{key}"] = value.contiguous().float().numpy()


RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
ENDS = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0", "conv_out": "out.2"}


def unet_names(config):
    depth = config["layers_per_block"]

    def rename(key):
        for new, old in ENDS.items():
            if key.startswith(new + "."):
                return old + key[len(new):]
        part = key.split(".")
        side, part = part[0], part[1:]
        block = int(part.pop(0)) if side != "mid_block" else 0
        kind, index, rest = part[0], int(part[1]), part[2:]
        if kind == "resnets":
            rest[0] = RESNET[rest[0]]
        if side == "mid_block":
            where = f"middle_block.{2 * index if kind == 'resnets' else 1}"
        elif kind == "downsamplers":
            where, rest[0] = f"input_blocks.{(block + 1) * (depth + 1)}.0", "op"
        elif kind == "upsamplers":
            attends = config["up_block_types"][block].startswith("CrossAttn")
            where = f"output_blocks.{block * (depth + 1) + depth}.{2 if attends else 1}"
        else:
            at = block * (depth + 1) + index
            where = (f"input_blocks.{at + 1}" if side == "down_blocks" else f"output_blocks.{at}") + f".{0 if kind == 'resnets' else 1}"
        return ".".join([where, *rest])

    return rename


def unet(name, dtype="F32", size=(6, 9), tokens=5, ids=None, **config):
    model = UNet2DConditionModel(sample_size=8, **config)
    model, state = fill(name, model, unet_names(model.config), dtype)
    rename = unet_names(model.config)
    back = convert_ldm_unet_checkpoint({"model.diffusion_model." + rename(k): v for k, v in state.items()}, dict(model.config))
    assert back.keys() == state.keys() and all(back[k] is state[k] for k in state), name
    width = model.config.cross_attention_dim
    x = torch.from_numpy(values(1 << 20, (2, model.config.in_channels, *size), 0.0, 4.0))
    context = torch.from_numpy(values(2 << 20, (2, tokens, width), 0.0, 3.0))
    timestep = torch.tensor([999.0, 7.5])
    more, kept = {}, {}
    if ids:
        pooled = torch.from_numpy(values(7 << 20, (2, 32), 0.0, 3.0))
        more, kept = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.tensor([ids, ids])}}, {"pooled": pooled}
    keep(name, x=x, context=context, timestep=timestep, y=model(x, timestep, context, **more).sample, **kept)


def vae_names(levels):
    plain = {"conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut", "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v"}

    def rename(key):
        part = [plain.get(it, it) for it in key.replace("to_out.0", "proj_out").split(".")]
        if "mid_block" in part:
            kind, index = part[2], int(part[3])
            part[1:4] = ["mid", "attn_1" if kind == "attentions" else f"block_{index + 1}"]
        elif "down_blocks" in part or "up_blocks" in part:
            index = int(part[2])
            part[1:3] = ["down", str(index)] if part[1] == "down_blocks" else ["up", str(levels - 1 - index)]
            if part[3] == "resnets":
                part[3] = "block"
            else:
                part[3:5] = ["downsample" if part[1] == "down" else "upsample"]
        return ".".join(part)

    return rename


def vae_shape(key, shape):
    """The original attention projects with 1x1 convolutions."""
    return shape + [1, 1] if ".attn_1." in key and len(shape) == 2 else shape


def kl(name, dtype="F32", **config):
    levels = len(config["block_out_channels"])
    sides = {"down_block_types": ("DownEncoderBlock2D",) * levels, "up_block_types": ("UpDecoderBlock2D",) * levels}
    model = AutoencoderKL(sample_size=32, **sides, **config)
    rename = vae_names(levels)
    model, state = fill(name, model, rename, dtype, vae_shape)
    old = {"first_stage_model." + rename(k): v.reshape(vae_shape(rename(k), list(v.shape))) for k, v in state.items()}
    back = convert_ldm_vae_checkpoint(old, dict(model.config))
    assert back.keys() == state.keys() and all(torch.equal(back[k], state[k]) for k in state), name
    pictures = torch.from_numpy(values(3 << 20, (2, 3, 16, 24), 0.0, 2.0))
    latents = torch.from_numpy(values(4 << 20, (2, model.config.latent_channels, 3, 5), 0.0, 4.0))
    keep(name, pictures=pictures, latents=latents, encoded=model.encode(pictures).latent_dist.mode(), decoded=model.decode(latents).sample)


def tiny(name, **config):
    def rename(key):
        side, _, index, *rest = key.split(".")
        return ".".join([f"taesd_{side}", str(int(index) + (side == "decoder")), *rest])

    model, _ = fill(name, AutoencoderTiny(**config), rename)
    pictures = torch.from_numpy(values(5 << 20, (2, 3, 16, 24), 0.0, 2.0))
    latents = torch.from_numpy(values(6 << 20, (2, model.config.latent_channels, 2, 3), 0.0, 10.0))
    keep(name, pictures=pictures, latents=latents, encoded=model.encode(pictures).latents, decoded=model.decode(latents).sample)


DOWN, UP = "DownBlock2D", "UpBlock2D"
CROSS_DOWN, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
unet("unet", block_out_channels=(32, 64), layers_per_block=1, down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP), cross_attention_dim=24)
unet("inpaint", dtype="F16", in_channels=9, block_out_channels=(32, 32, 64), layers_per_block=1, down_block_types=(CROSS_DOWN, CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP, CROSS_UP), cross_attention_dim=16, size=(7, 5))
unet("edit", in_channels=8, block_out_channels=(16, 48), layers_per_block=2, down_block_types=(CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP), cross_attention_dim=12, attention_head_dim=(2, 4), norm_num_groups=8, norm_eps=1e-3, flip_sin_to_cos=False, freq_shift=1, use_linear_projection=True, transformer_layers_per_block=(1, 2))
kl("kl", block_out_channels=(32, 64), layers_per_block=1)
kl("kl_bare", dtype="F16", block_out_channels=(8, 16, 16), layers_per_block=2, norm_num_groups=4, latent_channels=6, use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False, scaling_factor=0.3)
tiny("tiny", encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1, 2, 2, 2), num_decoder_blocks=(2, 2, 2, 1))
unet("sd2", block_out_channels=(64, 128), layers_per_block=1, down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP), cross_attention_dim=1024, attention_head_dim=(1, 2), use_linear_projection=True)
xl = dict(addition_embed_type="text_time", addition_time_embed_dim=256, use_linear_projection=True)
unet("sdxl", ids=[768.0, 1024.0, 3.0, 5.0, 512.0, 640.0], block_out_channels=(64, 128), layers_per_block=1, down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP), transformer_layers_per_block=(1, 2), attention_head_dim=(1, 2), cross_attention_dim=48, projection_class_embeddings_input_dim=32 + 6 * 256, **xl)
unet("refiner", dtype="F16", ids=[768.0, 1024.0, 0.0, 0.0, 2.5], block_out_channels=(64, 64, 128), layers_per_block=1, down_block_types=(DOWN, CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP, UP), transformer_layers_per_block=(1, 2, 1), attention_head_dim=(1, 1, 2), cross_attention_dim=40, projection_class_embeddings_input_dim=32 + 5 * 256, **xl)

rows = lambda case: ",\n".join("   " + json.dumps(it) for it in case["tensors"])
text = ",\n".join(
    f' "{name}": {{"dtype": "{case["dtype"]}", "seed": {case["seed"]}, "config": {json.dumps(case["config"])}, "tensors": [\n{rows(case)}]}}'
    for name, case in cases.items()
)
(OUT / "sd15.json").write_text("{\n" + text + "\n}\n")
save_file(numbers, OUT / "sd15.safetensors")
