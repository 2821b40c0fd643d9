"""Measures the exported model through diffusers' own pipeline: 20 Euler steps, guidance 4, f32.

    python evaluate.py --run RUN --model FOLDER [--count 400] [--sheet sheet.png]

Prints one row for pairs shown in training and one for pairs held out. Background right: the mean of the four-pixel border
is within 0.1 per channel of the caption's colour. Thing right: of all pictures of this world, the nearest by squared
pixel distance shows the captioned thing. The sheet is 100 of the prompts, shown and held out, in the order drawn.
"""

import argparse
import pathlib

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

import autoencoder
from pictures import COLORS, World, captions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True, help="the folder with icons.npz")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=400, help="prompts of each kind, at most all")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--sheet", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="print every prompt that went wrong and the best ones")
    args = parser.parse_args()
    torch.set_num_threads(1)
    world = World(args.run)
    pipe = StableDiffusionPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(1)
    things = torch.arange(len(world.names))
    every = torch.stack([world.pictures(things, torch.full_like(things, c)) for c in range(len(COLORS))], 1)
    flat = every.flatten(0, 1).flatten(1)
    print("| pairs | prompts | background right | thing right | both | PSNR to the true picture |")
    print("|---|---|---|---|---|---|")
    sheet, scored = [], []
    for kind, pairs in (("shown", world.seen), ("held out", sorted(world.unseen))):
        pairs = [pairs[i] for i in rng.permutation(len(pairs))[: args.count]]
        made = []
        for i in range(0, len(pairs), 50):
            part = pairs[i : i + 50]
            made.append(
                pipe(
                    [captions(world.names[t], COLORS[c])[0] for t, c in part],
                    height=64,
                    width=64,
                    num_inference_steps=args.steps,
                    guidance_scale=args.guidance,
                    generator=torch.Generator().manual_seed(i),
                    output_type="np",
                ).images
            )
        y = torch.from_numpy(np.concatenate(made)).permute(0, 3, 1, 2) * 2 - 1
        border = torch.ones(64, 64, dtype=torch.bool)
        border[4:-4, 4:-4] = False
        t, c = torch.tensor(pairs).T
        background = ((y[:, :, border].mean(2) + 1) / 2 - world.palette[c]).abs().amax(1) < 0.1
        thing = torch.cdist(y.flatten(1), flat).argmin(1) // len(COLORS) == t
        psnr = -10 * torch.log10((y - every[t, c]).square().mean((1, 2, 3)) / 4)
        both = background & thing
        print(
            f"| {kind} | {len(pairs)} | {100 * background.float().mean():.1f} % | {100 * thing.float().mean():.1f} %"
            f" | {100 * both.float().mean():.1f} % | {psnr.mean():.1f} dB |",
            flush=True,
        )
        sheet.append(y[:50])
        scored += [(p, bool(b), captions(world.names[a], COLORS[k])[0], kind) for (a, k), p, b in zip(pairs, psnr.tolist(), both)]
    if args.list:
        scored.sort(reverse=True)
        for p, b, prompt, kind in scored[:40] + [s for s in scored if not s[1]]:
            print(f"{p:5.1f} {'right' if b else 'WRONG'} {prompt} ({kind})")
    if args.sheet:
        from PIL import Image

        rows = torch.cat(sheet)[:100]
        grid = rows.unflatten(0, (-1, 10)).permute(0, 3, 1, 4, 2).reshape(-1, 640, 3)
        Image.fromarray(((grid.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()).save(args.sheet, optimize=True)


if __name__ == "__main__":
    main()
