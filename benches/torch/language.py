"""Reads and writes tokens as llama.cpp does, for benches/src/bin/language.rs: each line is answered with milliseconds.

Needs llama-cpp-python.
"""

import resource
import sys
import time

import llama_cpp
import numpy as np

THREADS = 2
llama = None


def open_file(path):
    global llama
    llama = llama_cpp.Llama(path, n_ctx=2048, n_batch=2048, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)


def decode(tokens):
    """Reads tokens behind those before, and says which is the likeliest to follow."""
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(llama.ctx, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0
    return int(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),)).argmax())


last = None
for line in sys.stdin:
    words = line.split()
    if words[0] == "memory":
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
        continue
    start = time.perf_counter()
    if words[0] == "open":
        open_file(line.split(maxsplit=1)[1].strip())
    elif words[0] == "read":
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)
        last = decode([int(it) for it in words[1:]])
    elif words[0] == "write":
        for _ in range(int(words[1])):
            last = decode([last])
    else:
        raise SystemExit(f"what is {words[0]}?")
    print((time.perf_counter() - start) * 1e3, flush=True)
