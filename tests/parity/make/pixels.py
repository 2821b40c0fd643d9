"""Numbers of torch's and Pillow's resizing, and of torch's and scipy's filters.

python tests/parity/make/pixels.py tests/parity/goldens/pixels.safetensors   (torch, numpy, pillow, scipy, safetensors)

`in/<case>` is a picture [b, h, w, c]; `resize/<method>/<case>/<height>x<width>` what it becomes.
"""

import sys

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

torch.manual_seed(7)
out = {}
cases = {"even": (2, 8, 12, 3), "odd": (1, 7, 5, 3), "alpha": (1, 6, 9, 4)}
sizes = [(8, 12), (16, 24), (5, 7), (3, 20), (13, 4), (1, 1)]
for case, shape in cases.items():
    x = torch.rand(shape)
    out[f"in/{case}"] = x
    for height, width in sizes:
        planes = x.movedim(-1, 1)
        for method in ["nearest-exact", "bilinear", "area", "bicubic"]:
            y = F.interpolate(planes, size=(height, width), mode=method)
            out[f"resize/{method}/{case}/{height}x{width}"] = y.movedim(1, -1).contiguous()
        pictures = [Image.fromarray((it.numpy() * 255.0).clip(0, 255).astype(np.uint8)) for it in x]
        # An RGBA picture is resized with its colour multiplied by alpha; the engine's channels are independent, so only RGB is compared.
        if shape[-1] == 3:
            # Across first, then down: the order that Pillow had until version 12; version 13 takes the cheaper one.
            lanczos = Image.Resampling.LANCZOS
            y = [it.resize((width, it.height), lanczos).resize((width, height), lanczos) for it in pictures]
            y = [np.array(it).astype(np.float32) / 255.0 for it in y]
            out[f"resize/lanczos/{case}/{height}x{width}"] = torch.from_numpy(np.stack(y))

# Blur: a Gaussian over [-1, 1]^2, mirrored edges.
for size, sigma in [(3, 1.0), (7, 0.4), (5, 3.0)]:
    place = torch.linspace(-1, 1, size)
    kernel = torch.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * sigma * sigma))
    kernel = kernel / kernel.sum()
    planes = F.pad(out["in/even"].movedim(-1, 1), [size // 2] * 4, mode="reflect")
    y = F.conv2d(planes, kernel.repeat(3, 1, 1, 1).reshape(3, 1, size, size), groups=3)
    out[f"blur/{size}/{sigma}"] = y.movedim(1, -1).contiguous()

mask = torch.rand(2, 9, 6)
out["in/mask"] = mask
for name, corners in [("cross", 0), ("square", 1)]:
    footprint = np.array([[corners, 1, corners], [1, 1, 1], [corners, 1, corners]])
    for grow, function in [("dilate", scipy.ndimage.grey_dilation), ("erode", scipy.ndimage.grey_erosion)]:
        y = np.stack([function(it.numpy(), footprint=footprint) for it in mask])
        out[f"{grow}/{name}"] = torch.from_numpy(y)
save_file({name: it.contiguous() for name, it in out.items()}, sys.argv[1])
