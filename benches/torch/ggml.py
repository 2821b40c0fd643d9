"""Multiplies weights in blocks as llama.cpp does, for benches/src/bin/kernels.rs: each line is answered with milliseconds.

Started by `cargo run --release -p benches --bin kernels -- --llama PATH`; needs llama-cpp-python, whose libraries it calls.
Weights lie in the layout that llama.cpp chooses when it loads a model, and the threads wait for work as they do there.
"""

import ctypes as c
import importlib.util
import sys
import time
from pathlib import Path

P, I, L = c.c_void_p, c.c_int, c.c_int64
FORMATS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8}
FORMATS |= {"Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "BF16": 30}
THREADS = 2


class Init(c.Structure):
    _fields_ = [("size", c.c_size_t), ("buffer", P), ("no_alloc", c.c_bool)]


class Pool(c.Structure):
    _fields_ = [("mask", c.c_bool * 512), ("threads", I), ("prio", I), ("poll", c.c_uint32), ("strict", c.c_bool), ("paused", c.c_bool)]


def libraries():
    folder = Path(importlib.util.find_spec("llama_cpp").origin).parent / "lib"
    return [c.CDLL(str(folder / f"lib{name}.so"), mode=c.RTLD_GLOBAL) for name in ("ggml-base", "ggml-cpu")]


base, cpu = libraries()


def bind(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


init = bind(base, "ggml_init", P, Init)
tensor = bind(base, "ggml_new_tensor_2d", P, P, I, L, L)
mul_mat = bind(base, "ggml_mul_mat", P, P, P, P)
new_graph = bind(base, "ggml_new_graph", P, P)
expand = bind(base, "ggml_build_forward_expand", None, P, P)
alloc_in = bind(base, "ggml_backend_alloc_ctx_tensors_from_buft", P, P, P)
alloc = bind(base, "ggml_backend_alloc_ctx_tensors", P, P, P)
free_buffer = bind(base, "ggml_backend_buffer_free", None, P)
put = bind(base, "ggml_backend_tensor_set", None, P, P, c.c_size_t, c.c_size_t)
nbytes = bind(base, "ggml_nbytes", c.c_size_t, P)
quantize = bind(base, "ggml_quantize_chunk", c.c_size_t, I, P, P, L, L, L, P)
compute = bind(base, "ggml_backend_graph_compute", I, P, P)
supports = bind(base, "ggml_backend_dev_supports_op", c.c_bool, P, P)
device = bind(base, "ggml_backend_reg_dev_get", P, P, c.c_size_t)(bind(cpu, "ggml_backend_cpu_reg", P)(), 0)
address = bind(base, "ggml_backend_reg_get_proc_address", P, P, c.c_char_p)
backend = bind(cpu, "ggml_backend_cpu_init", P)()
bind(cpu, "ggml_backend_cpu_set_n_threads", None, P, I)(backend, THREADS)
pool = bind(base, "ggml_threadpool_params_default", Pool, I)(THREADS)
bind(cpu, "ggml_backend_cpu_set_threadpool", None, P, P)(backend, bind(cpu, "ggml_threadpool_new", P, c.POINTER(Pool))(c.byref(pool)))
extra = c.CFUNCTYPE(c.POINTER(P), P)(address(bind(cpu, "ggml_backend_cpu_reg", P)(), b"ggml_backend_dev_get_extra_bufts"))


def context():
    return init(Init(1 << 20, None, True))


def prepare(name, m, k, n):
    import random

    kind = FORMATS[name.removeprefix("linear_")]
    data = [random.random() * 2 - 1 for _ in range(k)]
    one = (c.c_float * k)(*data)
    whole = (c.c_float * (k * n))()
    for row in range(n):
        c.memmove(c.byref(whole, 4 * k * row), one, 4 * k)
    weights, rest = context(), context()
    w, x = tensor(weights, kind, k, n), tensor(rest, 0, k, m)
    y = mul_mat(rest, w, x)
    # The first layout that can multiply it, or the plain one.
    layouts = extra(device)
    at, kept = 0, False
    while layouts and layouts[at] and not kept:
        buffer = alloc_in(weights, layouts[at])
        kept = bool(buffer) and supports(device, y)
        if buffer and not kept:
            free_buffer(buffer)
            weights, rest = context(), context()
            w, x = tensor(weights, kind, k, n), tensor(rest, 0, k, m)
            y = mul_mat(rest, w, x)
        at += 1
    if not kept:
        alloc(weights, backend)
    alloc(rest, backend)
    blocks = (c.c_char * nbytes(w))()
    if kind == 0:
        c.memmove(blocks, whole, nbytes(w))
    else:
        quantize(kind, whole, blocks, 0, n, k, None)
    put(w, blocks, 0, nbytes(w))
    rows = (c.c_float * (k * m))(*(data * m))
    put(x, rows, 0, 4 * k * m)
    graph = new_graph(rest)
    expand(graph, y)
    print(f"{name}: {'a layout of its own' if kept else 'the plain layout'}", file=sys.stderr)
    return lambda: compute(backend, graph)


run = None
for line in sys.stdin:
    words = line.split()
    if words[0] == "prepare":
        run = prepare(words[1], *map(int, words[2:]))
    start = time.perf_counter()
    run()
    print((time.perf_counter() - start) * 1e3, flush=True)
