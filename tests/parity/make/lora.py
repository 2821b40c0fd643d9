"""Goldens of LoRA and its relatives: what a tiny UNet and a tiny CLIP compute under files of every kind and naming.

    python tests/parity/make/lora.py COMFYUI

COMFYUI is a checkout of ComfyUI 0.3.64, whose key tables and arithmetic run here as a black box; the networks are those of diffusers
0.42.1 and transformers 5.23, with the weights of goldens/sd15.json (`unet`) and goldens/text/gelu. Where ComfyUI does not know a
name (PEFT's for attention, PEFT's magnitudes) the name is translated to one that it knows, or the arithmetic is PEFT's.

Writes goldens/lora.json (the tensors of each file: name, shape, and how their values are made) and goldens/lora.safetensors.
"""

import json
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

from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

import comfy.options

comfy.options.enable_args_parsing()

# What ComfyUI imports for other models.
for module in ["torchvision", "torchvision.transforms", "torchaudio", "av"]:
    sys.modules.setdefault(module, MagicMock())
import comfy.lora
import torch
from safetensors.numpy import load_file, save_file

from made import values

torch.set_grad_enabled(False)
# This version of PyTorch refuses the strides that ComfyUI's LoKr with a core has.
kron = torch.kron
torch.kron = lambda a, b: kron(a.contiguous(), b.contiguous())
sd15 = json.loads((OUT / "sd15.json").read_text())["unet"]
inputs = {key: torch.from_numpy(value) for key, value in load_file(OUT / "sd15.safetensors").items()}
unet = UNet2DConditionModel(sample_size=8, **{k: v for k, v in sd15["config"].items() if not k.startswith("_") and k != "sample_size"}).eval()
rows = sd15["tensors"]
unet_state = {row[0]: torch.from_numpy(values(sd15["seed"] + at, row[2], row[4], row[5])) for at, row in enumerate(rows)}
own = {row[1]: row[0] for row in rows}
clip = CLIPTextModel.from_pretrained(OUT / "text/gelu/text_encoder").eval()
clip_state = {k: v.clone() for k, v in clip.state_dict().items()}


class Named:
    """What ComfyUI's key tables look at."""

    def __init__(self, names):
        self.names = names
        self.model_config = SimpleNamespace(unet_config=dict(
            num_res_blocks=[1, 1], channel_mult=[1, 2], transformer_depth=[1, 0], transformer_depth_middle=1, transformer_depth_output=[1, 1, 0, 0]
        ))

    def state_dict(self):
        return dict.fromkeys(self.names)


canonical = lambda name: name if name.startswith("text_model.") else "text_model." + name
keys = comfy.lora.model_lora_keys_unet(Named([f"diffusion_model.{it}" for it in own]), {})
keys = comfy.lora.model_lora_keys_clip(Named([f"clip_l.transformer.{canonical(it)}" for it in clip_state]), keys)
of_clip = {f"clip_l.transformer.{canonical(it)}": it for it in clip_state}

cases, numbers, seeds = [], {}, iter(range(1_000_000, 9_000_000, 1000))


def tensors(*rows):
    """A file: rows of (name, shape, size of the values, offset)."""
    seed, made, table = next(seeds), {}, []
    for at, (name, shape, *more) in enumerate(rows):
        scale, offset = [*more, *[0.4, 0.0][len(more):]]
        scale, offset = float(torch.tensor(scale)), float(torch.tensor(offset))
        made[name] = torch.from_numpy(values(seed + at, shape, offset, scale))
        table.append([name, shape, offset, scale])
    return {"seed": seed, "tensors": table}, made


def peft_dora(weight, file, layer, strength):
    up, down = file[f"{layer}.lora_B.weight"], file[f"{layer}.lora_A.weight"]
    changed = weight + up @ down
    changed = changed * (file[f"{layer}.lora_magnitude_vector"] / changed.norm(dim=1))[:, None]
    return weight + strength * (changed - weight)


def run(name, *files, rename=lambda it: it, peft=None):
    """Applies files of (table and tensors, strength) and keeps what the networks then compute."""
    # ComfyUI's models have their convolutions' shapes; diffusers' proj_in is one too here.
    state, text = {k: v.clone() for k, v in unet_state.items()}, {k: v.clone() for k, v in clip_state.items()}
    unknown = []
    for (_, made), strength in files:
        if peft:
            state[own[peft[1]]] = peft_dora(state[own[peft[1]]], made, peft[0], strength)
            continue
        renamed = {rename(k): v for k, v in made.items()}
        loaded = comfy.lora.load_lora(renamed, keys, log_missing=False)
        assert loaded, name
        for target, patch in loaded.items():
            target = target[0] if isinstance(target, tuple) else target
            place, key = (state, own[target.removeprefix("diffusion_model.")]) if target.startswith("diffusion_model.") else (text, of_clip[target])
            before = place[key].clone()
            place[key] = comfy.lora.calculate_weight([(strength, patch, 1.0, None, None)], place[key], target)
            assert not torch.equal(before, place[key]), (name, target)
    unet.load_state_dict(state)
    y = unet(inputs["unet.x"], inputs["unet.timestep"], inputs["unet.context"]).sample
    numbers[f"{name}.y"] = y.numpy()
    if any(not torch.equal(text[k], clip_state[k]) for k in text):
        clip.load_state_dict(text)
        table = json.loads((OUT / "text/gelu/tokenizer/vocab.json").read_text())
        start, end = len(table) - 2, len(table) - 1
        ids = torch.tensor([[start, table["a</w>"], table["b</w>"]] + [end] * 17])
        numbers[f"{name}.context"] = clip(ids).last_hidden_state.numpy()
    cases.append({"case": name, "files": [{**table, "strength": strength} for (table, _), strength in files]})


def low(layer, outputs, inputs, rank, up=".lora_up.weight", down=".lora_down.weight", alpha=None):
    more = [(layer + ".alpha", [], 0.0, alpha)] if alpha is not None else []
    return [(layer + up, [outputs, rank]), (layer + down, [rank, inputs]), *more]


A = "input_blocks_1_1_transformer_blocks_0_"
D = "down_blocks.0.attentions.0.transformer_blocks.0."
kohya = tensors(
    *low(f"lora_unet_{A}attn1_to_q", 32, 32, 4, alpha=2.0),
    *low(f"lora_unet_{A}attn2_to_k", 32, 24, 3, alpha=5.0),
    *low(f"lora_unet_{A}ff_net_0_proj", 256, 32, 2),
    ("lora_unet_input_blocks_1_1_proj_in.lora_up.weight", [32, 4, 1, 1]), ("lora_unet_input_blocks_1_1_proj_in.lora_down.weight", [4, 32, 1, 1]),
    ("lora_unet_input_blocks_3_0_in_layers_2.lora_up.weight", [64, 4, 1, 1]), ("lora_unet_input_blocks_3_0_in_layers_2.lora_down.weight", [4, 32, 3, 3]), ("lora_unet_input_blocks_3_0_in_layers_2.alpha", [], 0.0, 1.5),
    *low("lora_te_text_model_encoder_layers_1_self_attn_v_proj", 24, 24, 2, alpha=1.0),
    *low("lora_te_text_model_encoder_layers_0_mlp_fc1", 40, 24, 2),
)
run("kohya", (kohya, 0.8))
kohya_diffusers = tensors(
    *low("lora_unet_" + (D + "attn1.to_out.0").replace(".", "_"), 32, 32, 4, alpha=1.0),
    *low("lora_unet_up_blocks_1_attentions_1_transformer_blocks_0_attn2_to_v", 32, 24, 4),
    ("lora_unet_mid_block_resnets_1_conv2.lora_up.weight", [64, 3, 1, 1]), ("lora_unet_mid_block_resnets_1_conv2.lora_down.weight", [3, 64, 1, 1]), ("lora_unet_mid_block_resnets_1_conv2.lora_mid.weight", [3, 3, 3, 3]), ("lora_unet_mid_block_resnets_1_conv2.alpha", [], 0.0, 2.0),
    ("lora_unet_down_blocks_0_downsamplers_0_conv.lora_up.weight", [32, 2, 1, 1]), ("lora_unet_down_blocks_0_downsamplers_0_conv.lora_down.weight", [2, 32, 3, 3]),
    ("lora_unet_up_blocks_0_upsamplers_0_conv.lora_up.weight", [64, 2, 1, 1]), ("lora_unet_up_blocks_0_upsamplers_0_conv.lora_down.weight", [2, 64, 3, 3]),
)
run("kohya_diffusers", (kohya_diffusers, 1.0))
run("diffusers", (tensors(
    *low(f"unet.{D}attn1.processor.to_q", 32, 32, 4, "_lora.up.weight", "_lora.down.weight"),
    *low(f"unet.{D}attn1.processor.to_out", 32, 32, 4, "_lora.up.weight", "_lora.down.weight"),
    *low(f"unet.{D}ff.net.2", 32, 128, 2, ".lora.up.weight", ".lora.down.weight"),
    *low("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", 24, 24, 2, ".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
), 1.0))
to_processor = lambda it: it.removeprefix("base_model.model.").replace(".to_out.0", ".to_out").replace(".to_", ".processor.to_")
for prefix in ["unet.", "base_model.model."]:
    run("peft_" + prefix.split(".")[0], (tensors(
        *low(f"{prefix}{D}attn1.to_q", 32, 32, 4, ".lora_B.weight", ".lora_A.weight"),
        *low(f"{prefix}{D}attn2.to_out.0", 32, 32, 4, ".lora_B.weight", ".lora_A.weight"),
        *low(f"{prefix}{D}ff.net.0.proj", 256, 32, 4, ".lora_B.weight", ".lora_A.weight"),
    ), -0.5), rename=to_processor)
run("two", (kohya, 0.7), (kohya_diffusers, -0.3))


def loha(layer, w1, w2, t=None):
    rows = [(layer + ".hada_w1_a", w1[0], 1.0), (layer + ".hada_w1_b", w1[1], 1.0), (layer + ".hada_w2_a", w2[0], 0.5), (layer + ".hada_w2_b", w2[1], 0.5)]
    return rows + ([(layer + ".hada_t1", t, 1.0), (layer + ".hada_t2", t, 1.0)] if t else [])


run("loha", (tensors(
    *loha(f"lora_unet_{A}attn1_to_k", ([32, 3], [3, 32]), ([32, 3], [3, 32])), (f"lora_unet_{A}attn1_to_k.alpha", [], 0.0, 2.0),
    *loha("lora_unet_input_blocks_1_0_out_layers_3", ([32, 2], [2, 288]), ([32, 2], [2, 288])),
    *loha("lora_unet_middle_block_0_in_layers_2", ([3, 64], [3, 64]), ([3, 64], [3, 64]), [3, 3, 3, 3]),
), 0.9))
run("lokr", (tensors(
    (f"lora_unet_{A}attn1_to_v.lokr_w1", [4, 8], 1.0), (f"lora_unet_{A}attn1_to_v.lokr_w2_a", [8, 2], 1.0), (f"lora_unet_{A}attn1_to_v.lokr_w2_b", [2, 4], 1.0), (f"lora_unet_{A}attn1_to_v.alpha", [], 0.0, 3.0),
    (f"lora_unet_{A}attn1_to_q.lokr_w1_a", [4, 3], 1.0), (f"lora_unet_{A}attn1_to_q.lokr_w1_b", [3, 8], 1.0), (f"lora_unet_{A}attn1_to_q.lokr_w2", [8, 4], 0.5), (f"lora_unet_{A}attn1_to_q.alpha", [], 0.0, 1.0),
    ("lora_unet_input_blocks_1_0_in_layers_2.lokr_w1", [4, 4], 1.0), ("lora_unet_input_blocks_1_0_in_layers_2.lokr_w2", [8, 8, 3, 3], 0.5), ("lora_unet_input_blocks_1_0_in_layers_2.alpha", [], 0.0, 7.0),
    ("lora_unet_middle_block_2_in_layers_2.lokr_w1", [8, 4], 1.0), ("lora_unet_middle_block_2_in_layers_2.lokr_w2_a", [2, 8], 1.0), ("lora_unet_middle_block_2_in_layers_2.lokr_w2_b", [2, 16], 1.0), ("lora_unet_middle_block_2_in_layers_2.lokr_t2", [2, 2, 3, 3], 1.0),
), 1.0))
dora = lambda layer, shape: [(layer + ".dora_scale", shape, 0.5, 1.0)]
run("dora", (tensors(
    *low(f"lora_unet_{A}attn1_to_q", 32, 32, 4, alpha=2.0), *dora(f"lora_unet_{A}attn1_to_q", [32, 1]),
    *low(f"lora_unet_{A}attn2_to_k", 32, 24, 4), *dora(f"lora_unet_{A}attn2_to_k", [1, 24]),
    ("lora_unet_input_blocks_3_0_in_layers_2.lora_up.weight", [64, 4, 1, 1]), ("lora_unet_input_blocks_3_0_in_layers_2.lora_down.weight", [4, 32, 3, 3]), *dora("lora_unet_input_blocks_3_0_in_layers_2", [1, 32, 1, 1]),
), 0.6))
layer = f"unet.{D}attn1.to_v"
run("peft_dora", (tensors(*low(layer, 32, 32, 4, ".lora_B.weight", ".lora_A.weight"), (layer + ".lora_magnitude_vector", [32], 0.5, 1.0)), 0.75),
    peft=(layer, "input_blocks.1.1.transformer_blocks.0.attn1.to_v.weight"))
run("full", (tensors(
    (f"diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.diff", [32, 32]),
    ("lora_unet_input_blocks_1_0_in_layers_2.diff", [32, 32, 3, 3], 0.1), ("lora_unet_input_blocks_1_0_in_layers_2.diff_b", [32]),
    ("lora_unet_input_blocks_1_0_in_layers_0.w_norm", [32]), ("lora_unet_input_blocks_1_0_in_layers_0.b_norm", [32]),
    (f"lora_unet_{A}attn1_to_k.set_weight", [32, 32]),
), 0.5))
run("glora", (tensors(
    *[(f"lora_unet_{A}attn2_to_k.{part}.weight", shape) for part, shape in [("a1", [24, 3]), ("a2", [3, 24]), ("b1", [32, 3]), ("b2", [3, 24])]], (f"lora_unet_{A}attn2_to_k.alpha", [], 0.0, 2.0),
    *[(f"lora_unet_{A}attn2_to_v.{part}.weight", shape) for part, shape in [("a1", [3, 24]), ("a2", [24, 3]), ("b1", [3, 24]), ("b2", [32, 3])]],
    *[(f"lora_unet_input_blocks_3_0_in_layers_2.{part}.weight", shape) for part, shape in [("a1", [32, 3]), ("a2", [3, 32]), ("b1", [64, 3]), ("b2", [3, 288])]],
), 0.5))
run("oft", (tensors(
    (f"lora_unet_{A}attn1_to_q.oft_blocks", [4, 8, 8], 0.5), (f"lora_unet_{A}attn1_to_q.alpha", [], 0.0, 0.3),
    ("lora_unet_input_blocks_1_0_in_layers_2.oft_blocks", [8, 4, 4], 0.5),
    (f"lora_unet_{A}attn1_to_v.oft_blocks", [3, 4, 8, 8], 0.5), (f"lora_unet_{A}attn1_to_v.alpha", [], 0.0, 0.0), (f"lora_unet_{A}attn1_to_v.rescale", [32, 1], 0.3, 1.0),
), 0.8))

text = ",\n".join(
    f' {{"case": "{case["case"]}", "files": [\n' + ",\n".join(
        f'  {{"strength": {it["strength"]}, "seed": {it["seed"]}, "tensors": [\n' + ",\n".join("   " + json.dumps(row) for row in it["tensors"]) + "]}"
        for it in case["files"]) + "]}"
    for case in cases
)
(OUT / "lora.json").write_text("[\n" + text + "\n]\n")
save_file({k: v.astype("float32") for k, v in numbers.items()}, OUT / "lora.safetensors")
