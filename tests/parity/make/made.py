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
