"""Goldens of the edges of pictures, from kornia 0.9.

    python tests/parity/make/canny.py

Writes goldens/canny.safetensors: pictures of 8 bits, some of the demo model and some of waves and squares, and their edges.
"""

from pathlib import Path

import numpy as np
import torch
from kornia.filters import canny
from safetensors.numpy import load_file, save_file

OUT = Path(__file__).parent.parent / "goldens"
drawn = load_file(OUT / "demo.safetensors")["0"].reshape(64, 64, 3)[8:48, 12:60]
y, x = np.mgrid[0:40, 0:48]
waves = np.stack([127 + 120 * np.sin(x / 5 + y / 9), 127 + 90 * np.cos(x * y / 90), 60 + 4 * y], -1)
waves[10:22, 14:30] = 240
waves[25:, 30] = 0
pictures = np.stack([drawn, waves.round().clip(0, 255).astype(np.uint8)])
floats = torch.from_numpy(pictures).float().permute(0, 3, 1, 2) / 255
out = {"pictures": pictures}
for name, low, high in [("usual", 0.4, 0.8), ("faint", 0.1, 0.3), ("strict", 0.8, 0.9)]:
    edges = canny(floats, low, high)[1]
    out[name] = (edges[:, 0].numpy() * 255).astype(np.uint8)
    print(name, int((edges == 1).sum()))
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, OUT / "canny.safetensors")
