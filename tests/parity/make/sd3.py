"""Goldens of Stable Diffusion 3's network, from diffusers.

    python tests/parity/make/sd3.py

Writes goldens/sd3.json (each case's configuration and how the values of every tensor are made) and goldens/sd3.safetensors (inputs
and outputs). The case `medium35_original` has the fused tensors of Stability-AI/sd3.5 under their names; here they are cut into
diffusers' own.

Made with diffusers 0.42.1, torch 2, numpy, safetensors.
"""

import json
import math
from pathlib import Path

import torch
from diffusers import SD3Transformer2DModel
from safetensors.numpy import save_file

from made import fill, joined

torch.set_grad_enabled(False)
OUT = Path(__file__).parent.parent / "goldens"
LAYERS = 3
cases, numbers = {}, {}

BLOCK = {
    "x_block.adaLN_modulation.1": ["norm1.linear"],
    "context_block.adaLN_modulation.1": ["norm1_context.linear"],
    "x_block.attn.qkv": ["attn.to_q", "attn.to_k", "attn.to_v"],
    "x_block.attn2.qkv": ["attn2.to_q", "attn2.to_k", "attn2.to_v"],
    "context_block.attn.qkv": ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    "x_block.attn.ln_q": ["attn.norm_q"],
    "x_block.attn.ln_k": ["attn.norm_k"],
    "x_block.attn2.ln_q": ["attn2.norm_q"],
    "x_block.attn2.ln_k": ["attn2.norm_k"],
    "context_block.attn.ln_q": ["attn.norm_added_q"],
    "context_block.attn.ln_k": ["attn.norm_added_k"],
    "x_block.attn.proj": ["attn.to_out.0"],
    "x_block.attn2.proj": ["attn2.to_out.0"],
    "context_block.attn.proj": ["attn.to_add_out"],
    "x_block.mlp.fc1": ["ff.net.0.proj"],
    "x_block.mlp.fc2": ["ff.net.2"],
    "context_block.mlp.fc1": ["ff_context.net.0.proj"],
    "context_block.mlp.fc2": ["ff_context.net.2"],
}
ENDS = {
    "x_embedder.proj": ["pos_embed.proj"],
    "pos_embed": ["pos_embed.pos_embed"],
    "t_embedder.mlp.0": ["time_text_embed.timestep_embedder.linear_1"],
    "t_embedder.mlp.2": ["time_text_embed.timestep_embedder.linear_2"],
    "y_embedder.mlp.0": ["time_text_embed.text_embedder.linear_1"],
    "y_embedder.mlp.2": ["time_text_embed.text_embedder.linear_2"],
    "context_embedder": ["context_embedder"],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
    "final_layer.linear": ["proj_out"],
}
SWAPPED = ("final_layer.adaLN", f"joint_blocks.{LAYERS - 1}.context_block.adaLN")


def original_parts(state):
    """Original name -> diffusers' names whose tensors it is made of, one behind the other."""
    table = dict(ENDS)
    for index in range(LAYERS):
        for name, parts in BLOCK.items():
            table[f"joint_blocks.{index}.{name}"] = [f"transformer_blocks.{index}.{it}" for it in parts]
    return joined(table, state)


def spread(name, shape):
    if len(shape) > 1:
        return 0.0, 1.0 if "pos_embed" in name and len(shape) == 3 else math.sqrt(12 / math.prod(shape[1:]))
    return (1.0, 0.4) if ("norm" in name or "ln_" in name) and name.endswith("weight") else (0.0, 0.2)


def case(name, original=False, size=(6, 8), **more):
    config = dict(
        sample_size=8, patch_size=2, in_channels=16, num_layers=LAYERS, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=24, caption_projection_dim=32, pooled_projection_dim=20, out_channels=16, pos_embed_max_size=6, **more,
    )
    model = SD3Transformer2DModel(**config).eval()
    seed = 300_000 + 1000 * len(cases)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    state, table = fill(shapes, seed, spread, original_parts(shapes) if original else None, SWAPPED)
    model.load_state_dict(state)
    config = {**config, "dual_attention_layers": list(config.get("dual_attention_layers", ()))}
    cases[name] = {"dtype": "F32", "seed": seed, "config": {"_class_name": "SD3Transformer2DModel", **config}, "tensors": table}
    torch.manual_seed(len(cases))
    inputs = dict(
        x=torch.randn(2, 16, *size), timestep=torch.tensor([750.0, 125.0]), context=torch.randn(2, 5, 24), pooled=torch.randn(2, 20)
    )

    def run(x, timestep, **more):
        return model(
            hidden_states=x, encoder_hidden_states=inputs["context"], pooled_projections=inputs["pooled"], timestep=timestep, **more
        ).sample

    x, timestep = inputs["x"], inputs["timestep"]
    outputs = {"y": run(x, timestep), "y_skipped": run(x, timestep, skip_layers=[0])}
    # A second, less noisy call in which all blocks but the first add what they added before. (The cache of diffusers fails at the last
    # block of this model, which gives no text.)
    first, last = model.transformer_blocks[0], model.transformer_blocks[-1]
    seen = []
    hooks = [it.register_forward_hook(lambda module, inputs, output: seen.append(output[1])) for it in (first, last)]
    run(x, timestep)
    hooks[1].remove()
    rest = seen[1] - seen[0]
    hooks.append(last.register_forward_hook(lambda module, inputs, output: (output[0], seen[-1] + rest)))
    outputs["y_later"] = run(x * 0.9, timestep * 0.9)
    for key, value in {**inputs, **outputs}.items():
        numbers[f"{name}.{key}"] = value.contiguous().numpy()


case("medium")
case("large35", qk_norm="rms_norm")
case("medium35", qk_norm="rms_norm", dual_attention_layers=(0, 1))
case("medium35_original", original=True, qk_norm="rms_norm", dual_attention_layers=(0, 1))

OUT.joinpath("sd3.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in cases.items()) + "\n}\n")
save_file(numbers, OUT / "sd3.safetensors")
