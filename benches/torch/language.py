"""Reads and writes tokens as llama.cpp does, for benches/src/bin/language.rs.

Needs llama-cpp-python.
"""

import llama_cpp
import numpy as np
from language_peer import serve

THREADS = 2
llama = None


def open_file(path):
    global llama
    llama = llama_cpp.Llama(path, n_ctx=2048, n_batch=2048, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)


def begin():
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)


def decode(tokens):
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(llama.ctx, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0
    return int(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),)).argmax())


serve(open_file, begin, decode)
