"""Goldens of the T5 and UMT5 encoders from transformers, and of T5's tokens and weighted prompts from ComfyUI.

    python tests/parity/make/t5.py COMFYUI TOKENIZER_JSON

COMFYUI is a checkout of ComfyUI 0.3.64, which runs here as a black box, TOKENIZER_JSON that of google/t5-v1_1-xxl; transformers 5.23,
torch 2.
Writes goldens/t5.json, goldens/t5.safetensors and goldens/text/t5_tokens.json.
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "goldens"
COMFYUI, TOKENIZER = Path(sys.argv[1]).resolve(), sys.argv[2]
sys.argv = [sys.argv[0], "--cpu"]
sys.path.insert(0, str(COMFYUI))

import comfy.options

comfy.options.enable_args_parsing()

import numpy as np
import torch
from comfy.sd1_clip import SDClipModel
from comfy.text_encoders.flux import T5XXLTokenizer
from comfy.text_encoders.t5 import T5
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

from made import values

torch.set_grad_enabled(False)
cases, numbers = {}, {}
SIZES = dict(d_model=24, d_kv=6, d_ff=40, num_layers=3, num_heads=4, feed_forward_proj="gated-gelu", dense_act_fn="gelu_pytorch_tanh")


def fill(name, model):
    state, table, seed = {}, [], 200_000 + 1000 * len(cases)
    for key, tensor in model.state_dict().items():
        if key == "encoder.embed_tokens.weight":
            state[key] = state["shared.weight"]
            continue
        shape = list(tensor.shape)
        offset, scale = (0.0, math.sqrt(12 / shape[-1])) if len(shape) > 1 else (1.0, 0.4)
        scale = float(np.float32(scale))
        state[key] = torch.from_numpy(values(seed + len(table), shape, offset, scale))
        table.append([key, key, shape, shape, offset, scale])
    model.load_state_dict(state)
    cases[name] = {"dtype": "F32", "seed": seed, "config": {}, "tensors": table}
    return model.eval(), state


def keep(name, **tensors):
    for key, value in tensors.items():
        numbers[f"{name}.{key}"] = value.contiguous().float().numpy()


for name, config, family in [("t5", T5Config, T5EncoderModel), ("umt5", UMT5Config, UMT5EncoderModel)]:
    model, _ = fill(name, family(config(vocab_size=50, **SIZES)))
    # Long enough for the far distances, which share rows.
    ids = torch.randint(0, 50, (2, 150), generator=torch.Generator().manual_seed(1))
    keep(name, ids=ids, y=model(input_ids=ids).last_hidden_state)

config = {**SIZES, "d_model": 8, "vocab_size": 32128}
_, state = fill("prompts", T5EncoderModel(T5Config(**config)))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "config.json")
    settings = {**config, "is_gated_act": True, "model_type": "t5"}
    Path(path).write_text(json.dumps(settings))
    clip = SDClipModel(
        device="cpu", textmodel_json_config=path, special_tokens={"end": 1, "pad": 0}, model_class=T5, layer="last",
        enable_attention_masks=False, return_attention_masks=False, dtype=torch.float32,
    )
clip.transformer.load_state_dict({k: v for k, v in state.items() if k != "encoder.embed_tokens.weight"}, strict=True)
tokenizer = T5XXLTokenizer()
tokenizer.tokenizer = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER)
assert tokenizer.tokenizer("")["input_ids"] == [tokenizer.end_token] == [1]
for case, prompt in {"plain": "a cat", "weighted": "a (cat:1.5) on (a mat)"}.items():
    keep("prompts", **{case: clip.encode_token_weights(tokenizer.tokenize_with_weights(prompt))[0][:, :16]})

texts = [it["text"] for it in json.loads((OUT / "text/tokens.json").read_text())]
tokens = [{"text": it, "ids": tokenizer.tokenizer(it)["input_ids"][:-1]} for it in texts]
(OUT / "text/t5_tokens.json").write_text("[\n" + ",\n".join(json.dumps(it) for it in tokens) + "\n]\n")
(OUT / "t5.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in cases.items()) + "\n}\n")
save_file(numbers, OUT / "t5.safetensors")
