"""Trains the text encoder and the UNet together on the frozen autoencoder's latents.

    python diffusion.py --run RUN --merges clip_merges.txt --minutes 50     # from scratch or from RUN/diffusion.pt
    python diffusion.py --run RUN --merges clip_merges.txt --minutes 1 --fresh --trial   # for a sweep: saves nothing

The UNet predicts the noise, on Stable Diffusion 1's schedule. All latents and token ids are computed once, before the
first step. Resumable: it saves every minute.
"""

import argparse
import pathlib

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import autoencoder
import tokenizer
import trainer
from pictures import COLORS, World, captions

WIDTHS = (64, 128)
TEXT = 128
DROP = 0.1
REPEAT = 4


def make(vocabulary):
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=WIDTHS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=TEXT,
        attention_head_dim=4,
        norm_num_groups=16,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=TEXT,
            intermediate_size=4 * TEXT,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.LENGTH,
            hidden_act="quick_gelu",
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
            projection_dim=TEXT,
        )
    )
    start(unet)
    return unet.to(memory_format=torch.channels_last), text


@torch.no_grad()
def start(unet):
    """A start at which the UNet returns its input, which is nearly the noise at the noisy steps.

    The input rides through the first skip connection as x and -x, since silu(x) - silu(-x) = x.
    """
    side = torch.arange(8)
    first, last = unet.conv_in, unet.up_blocks[-1].resnets[-1]
    first.weight[side] = 0
    first.bias[side] = 0
    first.weight[side, side % 4, 1, 1] = torch.where(side < 4, 1.0, -1.0)
    skip = last.conv_shortcut
    skip.weight[side] = 0
    skip.bias[side] = 0
    skip.weight[side, skip.in_channels - WIDTHS[0] + side] = 1
    for quiet in (last.conv2, unet.up_blocks[-1].attentions[-1].proj_out):
        quiet.weight[side] = 0
        quiet.bias[side] = 0
    unet.conv_out.weight.mul_(0.1)
    unet.conv_out.bias.zero_()
    unet.conv_out.weight[:, side] = 0
    unet.conv_out.weight[side % 4, side, 1, 1] = torch.where(side < 4, 1.0, -1.0)


def signal():
    """Stable Diffusion 1's cumulative alphas, one per training step."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def token_ids(folder, texts):
    return CLIPTokenizer.from_pretrained(folder)(
        texts, padding="max_length", max_length=tokenizer.LENGTH, truncation=True, return_tensors="pt"
    ).input_ids


@torch.no_grad()
def latents(run, world):
    """The latent of every picture, [things, colors, 4, 8, 8]."""
    look = autoencoder.Look(run)
    things = torch.arange(len(world.names))
    return torch.stack([look(world.pictures(things, torch.full_like(things, c))) for c in range(len(COLORS))], 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--merges", type=pathlib.Path, required=True, help="CLIP's merges file")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--end", type=float, default=0.02, help="the rate falls by a cosine to this share of it")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--cap", type=float, default=20.0, help="the largest weight of a noisy step in the loss")
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    parser.add_argument("--trial", action="store_true", help="save nothing")
    args = parser.parse_args()
    torch.manual_seed(0)
    world, path = World(args.run), args.run / "diffusion.pt"
    vocabulary = tokenizer.write(args.merges, args.run / "tokenizer")
    z0 = latents(args.run, world)
    print(f"latents: mean {z0.mean():.3f} deviation {z0.std():.3f} largest {z0.abs().max():.2f}", flush=True)
    ways = [[captions(n, c) for c in COLORS] for n in world.names]
    flat = sorted({w for row in ways for cell in row for w in cell}) + [""]
    where = {w: i for i, w in enumerate(flat)}
    ids = token_ids(args.run / "tokenizer", flat)
    assert ids.max() < vocabulary and (ids[-1] == ids[-1, -1]).sum() == tokenizer.LENGTH - 1
    # One row per (pair, caption): every pair has the same weight, its captions share it.
    pairs = torch.tensor(world.seen)
    most = max(len(cell) for row in ways for cell in row)
    table = torch.tensor([[where[w] for w in (ways[t][c] * most)[:most]] for t, c in world.seen])

    torch.manual_seed(0)
    unet, text = make(vocabulary)
    # Beside the noise: the last 64 tokens must tell the 64 places of the picture's latent. It costs nothing, and shows
    # the text encoder at once what a name looks like. The head is thrown away.
    head = torch.nn.Linear(TEXT, 4)
    models, step = torch.nn.ModuleDict({"unet": unet, "text": text, "head": head}), 0
    if path.exists() and not args.fresh:
        saved = torch.load(path)
        models.load_state_dict(saved["models"])
        step = saved["step"]
    sizes = {n: sum(p.numel() for p in m.parameters()) / 1e6 for n, m in models.items()}
    print(f"{sizes['unet']:.2f} M + {sizes['text']:.2f} M parameters, from step {step}", flush=True)
    abar = signal()
    weight = (1 / abar).clamp(max=args.cap)
    weight = weight / weight.mean()

    def loss(models, rng):
        # Each caption is read once and used at several steps.
        n, few = args.batch, args.batch // REPEAT
        pick = torch.randint(len(pairs), (few,), generator=rng)
        caption = table[pick, torch.randint(most, (few,), generator=rng)]
        dropped = torch.rand(few, generator=rng) < DROP
        caption[dropped] = len(flat) - 1
        z = z0[pairs[pick, 0], pairs[pick, 1]]
        context = models["text"](input_ids=ids[caption]).last_hidden_state
        told = models["head"](context[:, -64:]).float().transpose(1, 2).reshape(few, 4, 8, 8)
        told = (told - z).square().mean((1, 2, 3))[~dropped].mean()
        z, context = z.repeat(REPEAT, 1, 1, 1), context.repeat(REPEAT, 1, 1)
        # Steps spread evenly over the range, one in each part of it: less noise in the loss.
        t = ((torch.arange(n) + torch.rand(n, generator=rng)) * (1000 / n)).long().clamp(max=999)
        noise, a = torch.randn(z.shape, generator=rng), abar[t].view(-1, 1, 1, 1)
        x = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        guess = models["unet"](x, t, encoder_hidden_states=context).sample
        error = (guess.float() - noise).square().mean((1, 2, 3))
        velocity = error.detach() / a.flatten()
        figures = {"noise": error.mean().item(), "told": told.item(), "velocity<500": velocity[t < 500].mean().item(), "velocity>500": velocity[t >= 500].mean().item()}
        return (error * weight[t]).mean() + told, n, figures

    def save(average, step):
        if not args.trial:
            trainer.replace(path, {"models": average, "step": step})

    trainer.train(models, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save, decay=0.01)


if __name__ == "__main__":
    main()
