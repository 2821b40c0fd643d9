"""Pictures in few colours, as Pillow makes them.

    python tests/parity/make/quantize.py      # pillow, numpy, safetensors

writes tests/parity/goldens/quantize.safetensors: three pictures (`noise`, `ramp`, `flat`, uint8 [h, w, 3]) and
`picture/colors/dither` for each: Pillow's median cut, then the picture mapped to that palette. The Bayer pattern is added as in
ComfyUI's ImageQuantize.
"""

import math
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

rng = np.random.default_rng(3)
y, x = np.mgrid[0:24, 0:31]
pictures = {
    # More distinct colours than any palette.
    "noise": rng.integers(0, 256, (40, 37, 3)).astype(np.uint8),
    "ramp": np.stack([x * 8, y * 10, (x + y) * 4], -1).astype(np.uint8),
    # Fewer colours than asked for.
    "flat": np.array([[200, 30, 30], [30, 200, 30], [31, 200, 30]], np.uint8)[(x // 7 + y // 5) % 3],
}


def pattern(order):
    """Bayer's matrix, from -1/2 to 1/2."""
    matrix = np.zeros((1, 1), np.float32)
    while len(matrix) < order:
        q = 4 * len(matrix) ** 2
        m = q * matrix
        matrix = np.block([[m - 1.5, m + 0.5], [m + 1.5, m - 0.5]]).astype(np.float32) / np.float32(q)
    return matrix


out = dict(pictures)
for name, picture in pictures.items():
    image = Image.fromarray(picture)
    for colors in (2, 16):
        palette = image.quantize(colors=colors)
        for dither in ("none", "floyd-steinberg", "bayer-2", "bayer-8", "bayer-16"):
            if dither == "floyd-steinberg":
                made = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            else:
                moved = picture
                if dither != "none":
                    order = int(dither.split("-")[1])
                    spread = 2 * 256 / (len(palette.getpalette()) // 3)
                    tile = np.float32(spread) * pattern(order) + np.float32(0.5)
                    h, w = picture.shape[:2]
                    tile = np.tile(tile, (math.ceil(h / order), math.ceil(w / order)))[:h, :w, None]
                    moved = (picture.astype(np.float32) + tile).clip(0, 255).astype(np.uint8)
                made = Image.fromarray(moved).quantize(palette=palette, dither=Image.Dither.NONE)
            out[f"{name}/{colors}/{dither}"] = np.asarray(made.convert("RGB"))
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, pathlib.Path(__file__).parents[1] / "goldens/quantize.safetensors")
