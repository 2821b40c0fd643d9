"""Reads and writes tokens as transformers does in f32, for benches/src/bin/language.rs: each line is answered with milliseconds.

Needs torch and transformers; for GGUF files gguf too, which makes numbers in f32 of the blocks.
"""

import os
import resource
import sys
import time

# The scripts beside this one have the names of packages that transformers looks for.
sys.path.pop(0)

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, DynamicCache  # noqa: E402

torch.set_num_threads(2)
torch.set_grad_enabled(False)
model = cache = last = None


def open_path(path):
    global model
    if os.path.isdir(path):
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    else:
        folder, name = os.path.split(os.path.abspath(path))
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    model.eval()


def decode(tokens):
    """Reads tokens behind those before, and says which is the likeliest to follow."""
    out = model(input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return int(out.logits[0, -1].argmax())


for line in sys.stdin:
    words = line.split()
    if words[0] == "memory":
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
        continue
    start = time.perf_counter()
    with torch.inference_mode():
        if words[0] == "open":
            open_path(line.split(maxsplit=1)[1].strip())
        elif words[0] == "read":
            cache = DynamicCache(config=model.config)
            last = decode([int(it) for it in words[1:]])
        elif words[0] == "write":
            for _ in range(int(words[1])):
                last = decode([last])
        else:
            raise SystemExit(f"what is {words[0]}?")
    print((time.perf_counter() - start) * 1e3, flush=True)
