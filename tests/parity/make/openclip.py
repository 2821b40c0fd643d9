"""Goldens of OpenCLIP's text encoders: those of SD 2 and SD XL, at a small width, as ComfyUI runs them.

    python tests/parity/make/openclip.py COMFYUI

COMFYUI is a checkout of ComfyUI 0.3.64, which runs here as a black box; transformers 5.23, torch 2.15. The tokenizer is that of
goldens/text/gelu.

Writes goldens/openclip.json (the tensors of each encoder: OpenCLIP's name, shape, and how its values are made) and
goldens/openclip.safetensors.
"""

import json
import math
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "tests/parity/goldens"
COMFYUI = Path(sys.argv[1]).resolve()
sys.argv = [sys.argv[0], "--cpu"]
sys.path.insert(1, str(COMFYUI))
os.environ["OMP_NUM_THREADS"] = "2"

import comfy.options

comfy.options.enable_args_parsing()

import comfy.utils
import numpy as np
import torch
from comfy.sd1_clip import SDClipModel, SDTokenizer
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from made import values

torch.set_grad_enabled(False)
FOLDER = OUT / "text/gelu/tokenizer"
VOCAB = len(json.loads((FOLDER / "vocab.json").read_text()))
LENGTH, WIDTH = 20, 64
cases, numbers = {}, {}


def shapes(layers, inner, fused):
    """Of a text encoder in the names of OpenCLIP (`fused`) or transformers."""
    block = {"ln_1.weight": [WIDTH], "ln_1.bias": [WIDTH], "attn.in_proj_weight": [3 * WIDTH, WIDTH], "attn.in_proj_bias": [3 * WIDTH],
             "attn.out_proj.weight": [WIDTH, WIDTH], "attn.out_proj.bias": [WIDTH], "ln_2.weight": [WIDTH], "ln_2.bias": [WIDTH],
             "mlp.c_fc.weight": [inner, WIDTH], "mlp.c_fc.bias": [inner], "mlp.c_proj.weight": [WIDTH, inner], "mlp.c_proj.bias": [WIDTH]}
    if not fused:
        block = {"layer_norm1.weight": [WIDTH], "layer_norm1.bias": [WIDTH], "layer_norm2.weight": [WIDTH], "layer_norm2.bias": [WIDTH],
                 "mlp.fc1.weight": [inner, WIDTH], "mlp.fc1.bias": [inner], "mlp.fc2.weight": [WIDTH, inner], "mlp.fc2.bias": [WIDTH]}
        block |= {f"self_attn.{p}_proj.{end}": [WIDTH, WIDTH][: 2 if end == "weight" else 1] for p in ("q", "k", "v", "out") for end in ("weight", "bias")}
        names = {"text_model.embeddings.token_embedding.weight": [VOCAB, WIDTH], "text_model.embeddings.position_embedding.weight": [LENGTH, WIDTH]}
        names |= {f"text_model.encoder.layers.{i}.{k}": v for i in range(layers) for k, v in block.items()}
        return names | {"text_model.final_layer_norm.weight": [WIDTH], "text_model.final_layer_norm.bias": [WIDTH]}
    names = {"positional_embedding": [LENGTH, WIDTH], "token_embedding.weight": [VOCAB, WIDTH]}
    names |= {f"transformer.resblocks.{i}.{k}": v for i in range(layers) for k, v in block.items()}
    return names | {"ln_final.weight": [WIDTH], "ln_final.bias": [WIDTH], "text_projection": [WIDTH, 48 if layers == 32 else WIDTH], "logit_scale": []}


def made(name, layers, inner, fused=True):
    seed, state, table = 30_000_000 + 10_000 * len(cases), {}, []
    for at, (key, shape) in enumerate(shapes(layers, inner, fused).items()):
        if len(shape) > 1:
            offset, scale = 0.0, 1.5 / math.sqrt(shape[1])
        else:
            norm = "ln_" in key or "layer_norm" in key
            offset, scale = (1.0, 0.4) if norm and key.endswith("weight") else (0.0, 0.2)
        if "embedding" in key:
            scale = 1.0
        scale = float(np.float32(scale))
        state[key] = torch.from_numpy(values(seed + at, shape, offset, scale))
        table.append([key, shape, offset, scale])
    cases[name] = {"seed": seed, "tensors": table}
    return state


def transformers_names(state):
    state = comfy.utils.clip_text_transformers_convert({"m." + k: v for k, v in state.items() if k != "logit_scale"}, "m.", "")
    return state


def encoder(state, layers, inner, act, projected, **how):
    config = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=1,
                  max_position_embeddings=LENGTH, hidden_act=act, bos_token_id=VOCAB - 2, eos_token_id=VOCAB - 1, pad_token_id=1, projection_dim=WIDTH)
    model = SDClipModel(textmodel_json_config=config, max_length=LENGTH, dtype=torch.float32, return_projected_pooled=projected, **how)
    padded = dict(state)
    table = "text_model.embeddings.token_embedding.weight"
    padded[table] = torch.nn.functional.pad(padded[table], (0, 0, 0, 49408 - VOCAB))
    if padded.get("text_projection.weight") is None:
        padded["text_projection.weight"] = torch.eye(WIDTH)
    if padded["text_projection.weight"].shape[0] != WIDTH:
        model.transformer.text_projection = torch.nn.Linear(WIDTH, padded["text_projection.weight"].shape[0], bias=False)
    model.transformer.load_state_dict(padded)
    return model, config


def tokenizer(pad_with_end):
    return SDTokenizer(tokenizer_path=str(FOLDER), max_length=LENGTH, pad_with_end=pad_with_end, embedding_size=WIDTH)


special = lambda pad: {"start": VOCAB - 2, "end": VOCAB - 1, "pad": pad}
h_state = made("h", 24, 96)
g_state = made("g", 32, 96)
l_state = made("l", 3, 128, fused=False)
h, _ = encoder(transformers_names(h_state), 24, 96, "gelu", True, layer="hidden", layer_idx=-2, special_tokens=special(0))
g, g_config = encoder(transformers_names(g_state), 32, 96, "gelu", True, layer="hidden", layer_idx=-2, special_tokens=special(0), layer_norm_hidden_state=False)
l, _ = encoder(l_state, 3, 128, "quick_gelu", False, layer="hidden", layer_idx=-2, special_tokens=special(VOCAB - 1), layer_norm_hidden_state=False)
zero, end = tokenizer(False), tokenizer(True)
run = lambda model, words, text: model.encode_token_weights(words.tokenize_with_weights(text))
PROMPTS = ["a b", "a (b:1.3) c", "a b " * 14]


def both(text_l, text_g):
    """As ComfyUI's SDXLClipModel joins them, and CLIPTextEncodeSDXL lengthens the shorter."""
    tokens = [end.tokenize_with_weights(text_l), zero.tokenize_with_weights(text_g)]
    while len(tokens[0]) < len(tokens[1]):
        tokens[0] += end.tokenize_with_weights("")
    while len(tokens[1]) < len(tokens[0]):
        tokens[1] += zero.tokenize_with_weights("")
    (one, _), (two, pooled) = l.encode_token_weights(tokens[0]), g.encode_token_weights(tokens[1])
    return torch.cat([one, two], -1), pooled


def keep(name, states):
    numbers[name + ".context"], numbers[name + ".pooled"] = (it.float().numpy() for it in states[:2])


for index, text in enumerate(PROMPTS):
    keep(f"h.{index}", run(h, zero, text))
    keep(f"g.{index}", run(g, zero, text))
    keep(f"both.{index}", both(text, text))
keep("different", both(PROMPTS[0], PROMPTS[2]))
for model in (l, g):
    model.set_clip_options({"layer": -1})
keep("last", both(PROMPTS[0], PROMPTS[0]))
h.set_clip_options({"layer": -3})
keep("third", run(h, zero, PROMPTS[0]))

# The larger one through transformers.
model = CLIPTextModelWithProjection(CLIPTextConfig(**{**g_config, "projection_dim": 48})).eval()
state = transformers_names(g_state)
model.load_state_dict({k if k in model.state_dict() else k: v for k, v in state.items()})
ids = torch.tensor([[t for t, _ in zero.tokenize_with_weights("a b")[0]]])
reply = model(ids, output_hidden_states=True)
assert np.allclose(reply.hidden_states[-2].numpy(), numbers["g.0.context"], atol=1e-4)
assert np.allclose(reply.text_embeds.numpy(), numbers["g.0.pooled"], atol=1e-4)

rows = lambda case: ",\n".join("   " + json.dumps(it) for it in case["tensors"])
text = ",\n".join(f' "{name}": {{"seed": {case["seed"]}, "tensors": [\n{rows(case)}]}}' for name, case in cases.items())
(OUT / "openclip.json").write_text("{\n" + text + "\n}\n")
save_file({k: np.ascontiguousarray(v) for k, v in numbers.items()}, OUT / "openclip.safetensors")
