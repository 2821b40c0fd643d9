"""Trains a ControlNet on the finished UNet: edges tell where the captioned thing is (and, so far badly, which way it looks).

    python controlnet.py --run RUN --merges clip_merges.txt --minutes 25 --to ../workflows/models/controlnet/burnish-demo-edges

The UNet alone draws each thing in one pose. Here things are mirrored and moved by up to 8 pixels each way, and their
Canny edges are the hint. Resumable: it saves every minute, to RUN/controlnet.pt and, in diffusers' form and f16, to `--to`.
"""

import json

import torch
import torch.nn.functional as F
from diffusers import ControlNetModel

import autoencoder
import diffusion
import text
import trainer
from pictures import World


def edges(x, low):
    """Canny's thin edges of pictures in -1..1 [n, 3, h, w]: 1 where the slope of the smoothed lightness has a ridge above
    `low` [n], else 0; [n, 3, h, w]. (Canny 1986 without its second threshold.)"""
    gray = ((x + 1) / 2 * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    wave = torch.exp(-torch.arange(-2, 3).float() ** 2 / 2)
    wave = wave / wave.sum()
    soft = F.conv2d(F.pad(gray, (2, 2, 2, 2), "reflect"), (wave.view(5, 1) * wave).view(1, 1, 5, 5))
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    dx, dy = F.conv2d(F.pad(soft, (1, 1, 1, 1), "replicate"), torch.stack([sobel, sobel.T]).unsqueeze(1)).unbind(1)
    size = (dx.square() + dy.square() + 1e-6).sqrt()
    # The neighbours up and down the slope, in steps of 45 degrees.
    around = F.unfold(F.pad(size.unsqueeze(1), (1, 1, 1, 1)), 3).unflatten(2, size.shape[1:])
    way = (torch.atan2(dy, dx) * (4 / torch.pi)).round().long() % 8
    ring = torch.tensor([5, 8, 7, 6, 3, 0, 1, 2])
    ahead = around.gather(1, ring[way].unsqueeze(1)).squeeze(1)
    behind = around.gather(1, ring[(way + 4) % 8].unsqueeze(1)).squeeze(1)
    thin = (size > ahead) & (size >= behind) & (size > low.view(-1, 1, 1))
    return thin.float().unsqueeze(1).expand(-1, 3, -1, -1)


def make(unet):
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32, 48, 64))
    for module in net.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(diffusion.Attend())
    return net.to(memory_format=torch.channels_last)


def main():
    args = trainer.options(__doc__, to="the folder that it writes", rate=1.5e-3, end=0.03, batch=64).parse_args()
    world, look, path = World(args.run), autoencoder.Look(args.run), args.run / "controlnet.pt"
    known = text.Captions(world, args.merges, args.run / "tokenizer")
    unet, contexts = diffusion.trained(args.run, known)
    torch.manual_seed(0)
    unet.requires_grad_(False)
    net, step = make(unet), 0
    if path.exists():
        saved = torch.load(path)
        net.load_state_dict(saved["controlnet"])
        step = saved["step"]
    net.requires_grad_(True)
    print(f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters, from step {step}", flush=True)
    pairs, table, abar = torch.tensor(world.seen), known.table, diffusion.signal()

    def loss(net, rng):
        n = args.batch
        pick = torch.randint(len(pairs), (n,), generator=rng)
        caption = table[pick, torch.randint(table.shape[1], (n,), generator=rng)]
        caption[torch.rand(n, generator=rng) < diffusion.DROP] = len(known.ids) - 1
        things, colors = pairs[pick].T
        mirrored = torch.rand(n, generator=rng) < 0.5
        moved = torch.randint(-1, 2, (n, 2), generator=rng)
        x = world.posed(things, world.palette[colors], mirrored, moved)
        # The hint is drawn on white or black: a red thing is as light as a blue background.
        paper = torch.randint(0, 2, (n, 1), generator=rng).float().expand(n, 3)
        hint = edges(world.posed(things, paper, mirrored, moved), 0.02 + 0.06 * torch.rand(n, generator=rng))
        hint = hint.contiguous(memory_format=torch.channels_last)

        def both(x, t, encoder_hidden_states):
            down, mid = net(x, t, encoder_hidden_states, hint, return_dict=False)
            return unet(x, t, encoder_hidden_states, down_block_additional_residuals=down, mid_block_additional_residual=mid)

        error, a, t = diffusion.missed_noise(both, look(x), contexts(caption), abar, rng)
        velocity = error.detach() / a
        figures = {f"v{low}": velocity[(t >= low) & (t < low + 250)].mean().item() for low in (0, 250, 500, 750)}
        return (error * diffusion.weights(abar, 20.0)[t]).mean(), n, figures

    def save(average, step):
        trainer.replace(path, {"controlnet": average, "step": step})
        done = make(unet)
        done.load_state_dict(average)
        done.to(torch.float16, memory_format=torch.contiguous_format).save_pretrained(args.to, safe_serialization=True)
        config = args.to / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()), indent=2, sort_keys=True) + "\n")

    trainer.train(net, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save)


if __name__ == "__main__":
    main()
