"""Made-up weights: the same numbers here and in the tests, so that no file needs to hold them.

Imported by the other scripts.
"""

import math

import numpy as np


def values(place, shape, offset, scale):
    """Value i of tensor `place`: 24 bits of splitmix64(place * 2^32 + i), as -0.5..0.5 times scale plus offset, in f32."""
    with np.errstate(over="ignore"):
        z = (np.uint64(place) << np.uint64(32)) + np.arange(math.prod(shape), dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float32) / np.float32(2**24) - np.float32(0.5)
    return (unit * np.float32(scale) + np.float32(offset)).reshape(shape)


def joined(table, names):
    """`table`, from original names to those of the parts that a tensor is made of, written out with `.weight` and `.bias`.

    Rows whose parts are not among `names` are left out; each of the names must be a part once.
    """
    out = {}
    for name, parts in table.items():
        for end in ("", ".weight", ".bias"):
            if parts[0] + end in names:
                out[name + end] = [it + end for it in parts]
    assert sorted(sum(out.values(), [])) == sorted(names)
    return out


def fill(shapes, seed, spread, parts=None, swapped=()):
    """Weights for a network of these `shapes`, by name, and the table from which the tests make the same.

    `spread(name, shape)` says offset and scale. With `parts` (see `joined`) the values are made under the original names and cut into the
    network's own; the halves of those whose names begin with one of `swapped` change places.
    """
    import torch

    table, state = [], {}
    for name, own in (parts or {it: [it] for it in shapes}).items():
        rows = [shapes[it][0] for it in own]
        shape = [sum(rows), *shapes[own[0]][1:]]
        offset, scale = spread(name, shape)
        scale = float(np.float32(scale))
        whole = torch.from_numpy(values(seed + len(table), shape, offset, scale))
        table.append([name, name, shape, shape, offset, scale])
        if parts and name.startswith(tuple(swapped)):
            whole = torch.cat(whole.chunk(2)[::-1])
        state.update(zip(own, whole.split(rows)))
    return state, table
