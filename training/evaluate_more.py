"""Measures the LoRA and the ControlNet through diffusers' own pipelines: 20 Euler steps, guidance 4, f32.

    python evaluate_more.py --run RUN --models ../workflows/models [--count 100] [--sheet sheet.png]

LoRA: of all pictures of this world, each with and without colour, the nearest is the captioned thing without colour. ControlNet:
of the 18 poses (mirrored or not, moved by a patch each way or not) of the captioned thing the nearest is the one whose edges
were the hint. The sheet: 20 with the LoRA, then two rows of hints, each with what was drawn below it.
"""

import argparse
import itertools
import pathlib

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline

import controlnet
from pictures import COLORS, World, captions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True, help="the folder with icons.npz")
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--sheet", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    world, n = World(args.run), args.count
    rng = torch.Generator().manual_seed(2)
    t, c = torch.randint(len(world.names), (n,), generator=rng), torch.randint(len(COLORS), (n,), generator=rng)
    prompts = [captions(world.names[a], COLORS[b])[0] for a, b in zip(t, c)]
    pipe = StableDiffusionPipeline.from_pretrained(args.models / "diffusers/burnish-demo")
    pipe.set_progress_bar_config(disable=True)

    def draw(pipe, **more):
        settings = dict(height=64, width=64, num_inference_steps=20, guidance_scale=4.0, output_type="np")
        made = []
        for i in range(0, n, 50):
            part = {k: v[i : i + 50] for k, v in more.items()}
            made.append(pipe(prompts[i : i + 50], generator=torch.Generator().manual_seed(i), **settings, **part).images)
        return torch.from_numpy(np.concatenate(made)).permute(0, 3, 1, 2) * 2 - 1

    mirrored = torch.rand(n, generator=rng) < 0.5
    moved = torch.randint(-1, 2, (n, 2), generator=rng)
    hint = controlnet.edges(world.posed(t, torch.ones(n, 3), mirrored, moved), torch.full((n,), 0.04))
    net = ControlNetModel.from_pretrained(args.models / "controlnet/burnish-demo-edges")
    steered = StableDiffusionControlNetPipeline(**pipe.components, controlnet=net, requires_safety_checker=False)
    steered.set_progress_bar_config(disable=True)
    posed = draw(steered, image=hint)
    poses = list(itertools.product((False, True), (-1, 0, 1), (-1, 0, 1)))
    near = []
    for flip, y, x in poses:
        like = world.posed(t, world.palette[c], torch.full((n,), flip), torch.tensor([[y, x]]).expand(n, 2))
        near.append((posed - like).square().mean((1, 2, 3)))
    best = torch.stack(near).argmin(0)
    asked = torch.tensor([poses.index((bool(m), int(y), int(x))) for m, (y, x) in zip(mirrored, moved)])
    print(f"ControlNet: the pose of the hint {100 * (best == asked).float().mean():.0f} %", end=", ")
    print(f"the way it looks {100 * ((best >= 9) == mirrored).float().mean():.0f} % of {n}")

    pipe.load_lora_weights(args.models / "loras/burnish-demo-silver.safetensors")
    silver = draw(pipe)
    things = torch.arange(len(world.names))
    near = []
    for gray in (False, True):
        for color in range(len(COLORS)):
            like = world.posed(things, world.palette[color].expand(len(things), 3), silver=torch.full((len(things),), gray))
            near.append(torch.cdist(silver.flatten(1), like.flatten(1)))
    best = torch.stack(near).permute(1, 0, 2).flatten(1).argmin(1)
    gray, thing = best // len(things) >= len(COLORS), best % len(things)
    print(f"LoRA: without colour {100 * gray.float().mean():.0f} %, the thing right {100 * (thing == t).float().mean():.0f} % of {n}")

    if args.sheet:
        from PIL import Image

        rows = [silver[:20]]
        for i in (0, 20):
            rows += [hint[i : i + 20] * 2 - 1, posed[i : i + 20]]
        grid = torch.cat(rows).unflatten(0, (-1, 20)).permute(0, 3, 1, 4, 2).reshape(-1, 1280, 3)
        Image.fromarray(((grid.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()).save(args.sheet, optimize=True)


if __name__ == "__main__":
    main()
