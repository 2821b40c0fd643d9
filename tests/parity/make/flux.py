"""Goldens of FLUX.1's network, from diffusers.

    python tests/parity/make/flux.py

Writes goldens/flux.json (each case's configuration and how the values of every tensor are made) and goldens/flux.safetensors (inputs
and outputs). The case `dev_original` has the fused tensors of black-forest-labs/flux under their names; here they are cut into
diffusers' own.

Made with diffusers 0.42.1, torch 2, numpy, safetensors.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import FirstBlockCacheConfig, FluxTransformer2DModel
from safetensors.numpy import save_file

from made import fill, joined

torch.set_grad_enabled(False)
OUT = Path(__file__).parent.parent / "goldens"
cases, numbers = {}, {}

# original name, diffusers' names of its parts, in both of which {} is the block
BLOCKS = {
    "double_blocks.{}.": {
        "img_mod.lin": ["norm1.linear"],
        "txt_mod.lin": ["norm1_context.linear"],
        "img_attn.qkv": ["attn.to_q", "attn.to_k", "attn.to_v"],
        "txt_attn.qkv": ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
        "img_attn.proj": ["attn.to_out.0"],
        "txt_attn.proj": ["attn.to_add_out"],
        "img_attn.norm.query_norm.scale": ["attn.norm_q.weight"],
        "img_attn.norm.key_norm.scale": ["attn.norm_k.weight"],
        "txt_attn.norm.query_norm.scale": ["attn.norm_added_q.weight"],
        "txt_attn.norm.key_norm.scale": ["attn.norm_added_k.weight"],
        "img_mlp.0": ["ff.net.0.proj"],
        "img_mlp.2": ["ff.net.2"],
        "txt_mlp.0": ["ff_context.net.0.proj"],
        "txt_mlp.2": ["ff_context.net.2"],
    },
    "single_blocks.{}.": {
        "modulation.lin": ["norm.linear"],
        "linear1": ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"],
        "linear2": ["proj_out"],
        "norm.query_norm.scale": ["attn.norm_q.weight"],
        "norm.key_norm.scale": ["attn.norm_k.weight"],
    },
}
ENDS = {
    "img_in": ["x_embedder"],
    "txt_in": ["context_embedder"],
    "time_in.in_layer": ["time_text_embed.timestep_embedder.linear_1"],
    "time_in.out_layer": ["time_text_embed.timestep_embedder.linear_2"],
    "vector_in.in_layer": ["time_text_embed.text_embedder.linear_1"],
    "vector_in.out_layer": ["time_text_embed.text_embedder.linear_2"],
    "guidance_in.in_layer": ["time_text_embed.guidance_embedder.linear_1"],
    "guidance_in.out_layer": ["time_text_embed.guidance_embedder.linear_2"],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
    "final_layer.linear": ["proj_out"],
}


def original_parts(state):
    """Original name -> diffusers' names whose tensors it is made of, one behind the other."""
    table = dict(ENDS)
    prefixes = {"double_blocks.{}.": "transformer_blocks.{}.", "single_blocks.{}.": "single_transformer_blocks.{}."}
    for block, rows in BLOCKS.items():
        for index in range(2):
            for name, parts in rows.items():
                table[block.format(index) + name] = [prefixes[block].format(index) + it for it in parts]
    return joined(table, state)


def spread(name, shape):
    if len(shape) > 1:
        return 0.0, math.sqrt(12 / math.prod(shape[1:]))
    return (1.0, 0.4) if "norm" in name and not name.endswith("bias") else (0.0, 0.2)


def build(name, guidance, original=False):
    config = dict(
        patch_size=1, in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=32, num_attention_heads=2,
        joint_attention_dim=24, pooled_projection_dim=20, guidance_embeds=guidance, axes_dims_rope=[4, 14, 14],
    )
    model = FluxTransformer2DModel(**config).eval()
    seed = 100_000 + 1000 * len(cases)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    state, table = fill(shapes, seed, spread, original_parts(shapes) if original else None, ("final_layer.adaLN",))
    model.load_state_dict(state)
    cases[name] = {"dtype": "F32", "seed": seed, "config": {"_class_name": "FluxTransformer2DModel", **config}, "tensors": table}
    return model


def run(model, x, timestep, context, pooled, guidance):
    batch, channels, high, wide = x.shape
    x = F.pad(x, (0, wide % 2, 0, high % 2), mode="circular")
    down, across = x.shape[2] // 2, x.shape[3] // 2
    packed = x.view(batch, channels, down, 2, across, 2).permute(0, 2, 4, 1, 3, 5).reshape(batch, down * across, 4 * channels)
    ids = torch.zeros(down, across, 3)
    ids[..., 1] += torch.arange(down)[:, None]
    ids[..., 2] += torch.arange(across)[None]
    y = model(
        hidden_states=packed, encoder_hidden_states=context, pooled_projections=pooled, timestep=timestep,
        img_ids=ids.reshape(-1, 3), txt_ids=torch.zeros(context.shape[1], 3),
        guidance=None if guidance is None else torch.full((batch,), guidance),
    ).sample
    y = y.view(batch, down, across, channels, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, 2 * down, 2 * across)
    return y[:, :, :high, :wide]


def case(name, guidance, original=False, size=(4, 6)):
    model = build(name, guidance, original)
    torch.manual_seed(len(cases))
    inputs = dict(
        x=torch.randn(2, 16, *size), timestep=torch.tensor([0.75, 0.125]), context=torch.randn(2, 5, 24), pooled=torch.randn(2, 20)
    )
    outputs = {"y": run(model, **inputs, guidance=2.5 if guidance else None)}
    if guidance:
        outputs["y_usual"] = run(model, **inputs, guidance=3.5)
    # A second, less noisy call, of which the first-block cache leaves out all but the first block.
    model.enable_cache(FirstBlockCacheConfig(threshold=1e6))
    later = {**inputs, "x": inputs["x"] * 0.9, "timestep": inputs["timestep"] * 0.9, "guidance": 3.5 if guidance else None}
    with model.cache_context("prompt"):
        run(model, **inputs, guidance=3.5 if guidance else None)
        outputs["y_later"] = run(model, **later)
    for key, value in {**inputs, **outputs}.items():
        numbers[f"{name}.{key}"] = value.contiguous().numpy()


case("dev", True)
case("dev_original", True, original=True)
case("schnell", False, size=(5, 7))

OUT.joinpath("flux.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in cases.items()) + "\n}\n")
save_file(numbers, OUT / "flux.safetensors")
