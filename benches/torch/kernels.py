"""Runs the operations that benches/src/bin/kernels.rs asks for, line by line, and answers each line with milliseconds.

Started by `cargo run --release -p benches --bin kernels -- --python PATH`; needs torch.
"""

import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(2)
torch.manual_seed(0)


def heads(x, h):
    b, n, c = x.shape
    return x.view(b, n, h, c // h).transpose(1, 2)


def prepare(name, *sizes):
    rand = lambda *shape: torch.rand(*shape) * 2 - 1
    if name == "conv2d":
        b, i, h, w, o, k, stride = sizes
        x, weight, bias = rand(b, i, h, w), rand(o, i, k, k), rand(o)
        # Its fastest layout for convolutions.
        x, weight = x.to(memory_format=torch.channels_last), weight.to(memory_format=torch.channels_last)
        return lambda: F.conv2d(x, weight, bias, stride, k // 2)
    if name == "linear":
        m, i, o = sizes
        x, weight, bias = rand(m, i), rand(o, i), rand(o)
        return lambda: F.linear(x, weight, bias)
    if name == "linear_bf16":
        m, i, o = sizes
        x, weight = rand(m, i).bfloat16(), rand(o, i).bfloat16()
        return lambda: F.linear(x, weight)
    if name == "attention":
        b, h, nq, nk, d = sizes
        q, k, v = rand(b, nq, h * d), rand(b, nk, h * d), rand(b, nk, h * d)
        return lambda: (
            F.scaled_dot_product_attention(heads(q, h), heads(k, h), heads(v, h)).transpose(1, 2).reshape(b, nq, h * d)
        )
    if name == "rope_neighbours":
        # As a product of complex numbers, which is its fastest way.
        n, h, d = sizes
        x, turn = rand(1, n, h, d), torch.complex(rand(n, 1, d // 2), rand(n, 1, d // 2))
        return lambda: torch.view_as_real(torch.view_as_complex(x.view(1, n, h, d // 2, 2)) * turn).flatten(3)
    if name == "rope_halves":
        n, h, d = sizes
        x, cosine, sine = rand(1, n, h, d), rand(n, 1, d), rand(n, 1, d)

        def turned():
            first, second = x.chunk(2, -1)
            return x * cosine + torch.cat((-second, first), -1) * sine

        return turned
    if name == "group_norm_silu":
        b, c, n = sizes
        x, weight, bias = rand(b, c, n), rand(c), rand(c)
        return lambda: F.silu(F.group_norm(x, 32, weight, bias))
    if name == "layer_norm":
        n, c = sizes
        x, weight, bias = rand(n, c), rand(c), rand(c)
        return lambda: F.layer_norm(x, (c,), weight, bias)
    if name == "geglu":
        n, c = sizes
        x = rand(n, c)

        def geglu():
            value, gate = x.chunk(2, -1)
            return value * F.gelu(gate)

        return geglu
    if name == "swiglu":
        n, c = sizes
        gate, up = rand(n, c // 2), rand(n, c // 2)
        return lambda: F.silu(gate) * up
    if name == "upsample_nearest_2x":
        x = rand(*sizes)
        return lambda: F.interpolate(x, scale_factor=2.0, mode="nearest")
    raise SystemExit(f"no operation is called {name}")


run = None
with torch.inference_mode():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "prepare":
            run = prepare(words[1], *map(int, words[2:]))
        start = time.perf_counter()
        run()
        print((time.perf_counter() - start) * 1e3, flush=True)
