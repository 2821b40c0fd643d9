"""Reads and writes tokens as transformers does in f32, for benches/src/bin/language.rs.

Needs torch and transformers; for GGUF files gguf too, which makes numbers in f32 of the blocks.
"""

import os
import sys

from language_peer import serve

# The scripts beside this one have the names of packages that transformers looks for.
sys.path.pop(0)

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, DynamicCache  # noqa: E402

torch.set_num_threads(2)
model = cache = None


def open_path(path):
    global model
    folder, file = (path, None) if os.path.isdir(path) else os.path.split(os.path.abspath(path))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()


def begin():
    global cache
    cache = DynamicCache(config=model.config)


@torch.inference_mode()
def decode(tokens):
    out = model(input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return int(out.logits[0, -1].argmax())


serve(open_path, begin, decode)
