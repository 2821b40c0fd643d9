"""Goldens of language models: LLaMA 2 and 3, Mistral, Qwen 2.5 and 3, and ways to stretch their angles, from transformers.

    python tests/parity/make/language.py

Writes goldens/language.json (each case's configuration and how the values of every tensor are made) and goldens/language.safetensors
(tokens, and what may follow each of them; and what samplers keep of given numbers).

Made with transformers 5.23, torch 2, numpy, safetensors.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, AutoModelForCausalLM
from transformers.generation import logits_process as processors

from made import fill

torch.set_grad_enabled(False)
OUT = Path(__file__).parent.parent / "goldens"
cases, numbers = {}, {}


def spread(name, shape):
    if len(shape) > 1:
        return 0.0, math.sqrt(12 / shape[1])
    return (1.0, 0.4) if "norm" in name else (0.0, 0.4)


def case(name, kind, **more):
    config = kind(
        **{
            **dict(
                vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False, attn_implementation="eager",
            ),
            **more,
        }
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    seed = 400_000 + 1000 * len(cases)
    state = model.state_dict()
    if config.tie_word_embeddings:
        state.pop("lm_head.weight")
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    made, table = fill(shapes, seed, spread)
    model.load_state_dict(made, strict=False)
    model.tie_weights()
    cases[name] = {"dtype": "F32", "seed": seed, "config": json.loads(config.to_json_string(use_diff=False)), "tensors": table}
    torch.manual_seed(len(cases))
    tokens = torch.randint(0, 40, (1, 14))
    numbers[f"{name}.tokens"] = tokens[0].float().numpy()
    numbers[f"{name}.logits"] = model(tokens).logits[0].contiguous().numpy()


def rope(kind, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


case("llama2", LlamaConfig, num_key_value_heads=4)
stretched = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)
case("llama3", LlamaConfig, tie_word_embeddings=True, **rope("llama3", **stretched))
case("linear", LlamaConfig, attention_bias=True, **rope("linear", factor=4.0))
case("yarn", LlamaConfig, head_dim=16, **rope("yarn", factor=4.0, original_max_position_embeddings=16))
case("mistral", MistralConfig, sliding_window=4, head_dim=12)
case("qwen2", Qwen2Config, tie_word_embeddings=True)
case("qwen2_sliding", Qwen2Config, use_sliding_window=True, sliding_window=3, max_window_layers=1)
case("qwen3", Qwen3Config, head_dim=20, num_attention_heads=4)

# What is kept of numbers that say what may follow, and how likely it is then.
torch.manual_seed(0)
scores, read = torch.randn(1, 40) * 3, torch.tensor([[3, 3, 17, 5]])
numbers["sampling.scores"], numbers["sampling.read"] = scores[0].numpy(), read[0].float().numpy()
FILTERS = {
    "temperature": [processors.TemperatureLogitsWarper(0.6)],
    "top_k": [processors.TopKLogitsWarper(7)],
    "top_p": [processors.TopPLogitsWarper(0.8)],
    "min_p": [processors.MinPLogitsWarper(0.05)],
    "repetition": [processors.RepetitionPenaltyLogitsProcessor(1.4)],
    "all": [
        processors.RepetitionPenaltyLogitsProcessor(1.1),
        processors.TemperatureLogitsWarper(0.9),
        processors.TopKLogitsWarper(20),
        processors.TopPLogitsWarper(0.95),
        processors.MinPLogitsWarper(0.02),
    ],
}
for name, steps in FILTERS.items():
    kept = scores.clone()
    for step in steps:
        kept = step(read, kept)
    numbers[f"sampling.{name}"] = kept.softmax(-1)[0].numpy()

OUT.joinpath("language.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in cases.items()) + "\n}\n")
save_file({key: np.ascontiguousarray(value) for key, value in numbers.items()}, OUT / "language.safetensors")
