"""The autoencoder: diffusers' AutoencoderTiny (no norms, f8, 4 latent channels) on the emoji world.

    python autoencoder.py --run RUN --minutes 20              # trains the decoder, from scratch or from RUN/decoder.pt
    python autoencoder.py --run RUN --minutes 1 --overfit --end 1   # can it learn 16 pictures at all? saves nothing

The encoder is not trained. A latent is four numbers for each 8x8 patch: its projections on the first four principal
components of this world's patches (three of them are much like the mean colour), each scaled to unit deviation, so the
scaling factor is 1. An AutoencoderTiny encoder without blocks is linear and can hold exactly that (`encoder_weights`).
So the UNet can be trained before the decoder, and the decoder learns to draw the picture from its 8x8 thumbnail.
Resumable: it saves every minute.
"""

import pathlib

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny

import trainer
from pictures import COLORS, World

WIDTH = 64
PATCH = 8


def make():
    # Most blocks where they are nearly free: the small sizes must know the pictures by heart, the large ones only draw edges.
    # No blocks at full size: the last two convolutions are linear, and 64 channels at half size hold 2x2 pixels easily.
    return AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(WIDTH,) * 4,
        num_encoder_blocks=(0, 0, 0, 0),
        num_decoder_blocks=(8, 4, 1, 0),
        latent_channels=4,
        scaling_factor=1.0,
    ).to(memory_format=torch.channels_last)


class Look:
    """Pictures in -1..1 to latents: `kernel` [4, 3, 8, 8], `bias` [4]."""

    def __init__(self, run):
        path = pathlib.Path(run) / "look.pt"
        if not path.exists():
            world = World(run)
            things = torch.arange(len(world.names))
            x = torch.cat([world.pictures(things, torch.full_like(things, c)) for c in range(len(COLORS))])
            patches = F.unfold(x, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH * PATCH).double()
            mean = patches.mean(0)
            values, vectors = torch.linalg.eigh(torch.cov(patches.T))
            print("share of the variance in each component:", [round(v, 4) for v in (values.flip(0)[:8] / values.sum()).tolist()])
            kernel = (vectors.flip(1)[:, :4] / values.flip(0)[:4].sqrt()).T
            trainer.replace(path, {"kernel": kernel.reshape(4, 3, PATCH, PATCH).float(), "bias": -(kernel @ mean).float()})
        saved = torch.load(path)
        self.kernel, self.bias = saved["kernel"], saved["bias"]

    def __call__(self, x):
        return F.conv2d(x, self.kernel, self.bias, stride=PATCH)


@torch.no_grad()
def encoder_weights(vae, look):
    """Sets an encoder without blocks to exactly what `look` computes."""
    first, half, quarter, eighth, last = vae.encoder.layers
    for conv in (first, half, quarter, eighth, last):
        conv.weight.zero_()
    first.bias.zero_()
    # The encoder sees (x + 1) / 2, so twice the kernel, and the bias takes the rest.
    for c in range(3):
        first.weight[c, c, 1, 1] = 1
    for c in range(3):
        for y in range(2):
            for x in range(2):
                half.weight[c * 4 + y * 2 + x, c, 1 + y, 1 + x] = 1
    for c in range(12):
        for y in range(2):
            for x in range(2):
                quarter.weight[c * 4 + y * 2 + x, c, 1 + y, 1 + x] = 1
    for c in range(3):
        for y in range(PATCH):
            for x in range(PATCH):
                channel = (c * 4 + (y & 1) * 2 + (x & 1)) * 4 + (y >> 1 & 1) * 2 + (x >> 1 & 1)
                eighth.weight[:4, channel, 1 + (y >> 2), 1 + (x >> 2)] = 2 * look.kernel[:, c, y, x]
    for k in range(4):
        last.weight[k, k, 1, 1] = 1
    last.bias.copy_(look.bias - look.kernel.sum((1, 2, 3)))


@torch.no_grad()
def start(decoder):
    """A start at which the signal keeps its size through the depth, and a block is nearly the identity."""
    for name, conv in decoder.named_modules():
        if isinstance(conv, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if conv.bias is not None else "linear")
            if conv.bias is not None:
                conv.bias.zero_()
            if name.endswith("conv.4"):
                conv.weight.mul_(0.3)
    last = decoder.layers[-1]
    last.weight.mul_(0.1)
    last.bias.fill_(0.5)


def edges(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def picture_loss(y, x):
    """Absolute and squared difference, and the difference of the edges, which keeps outlines crisp."""
    d = y - x
    dx, dy = edges(d)
    return d.abs().mean() + d.square().mean() + 0.5 * (dx.abs().mean() + dy.abs().mean())


def batch_of(world, n, rng):
    """Random pairs, one in ten on any colour at all, one in four mirrored or moved, one in eight without colour."""
    things = torch.randint(len(world.names), (n,), generator=rng)
    rgb = world.palette[torch.randint(len(world.palette), (n,), generator=rng)].clone()
    odd = torch.rand(n, generator=rng) < 0.1
    rgb[odd] = torch.rand(n, 3, generator=rng)[odd]
    draw = torch.rand(n, 3, generator=rng)
    posed = draw[:, 0] < 0.25
    moved = torch.randint(-1, 2, (n, 2), generator=rng) * posed.view(-1, 1)
    return world.posed(things, rgb, posed & (draw[:, 1] < 0.5), moved, draw[:, 2] < 0.125)


def main():
    parser = trainer.options(__doc__, merges=False, rate=1e-3, end=0.02, batch=16)
    parser.add_argument("--noise", type=float, default=0.07)
    parser.add_argument("--overfit", action="store_true")
    args = parser.parse_args()
    world, look, path, step = World(args.run), Look(args.run), args.run / "decoder.pt", 0
    torch.manual_seed(0)
    decoder = make().decoder
    start(decoder)
    if path.exists() and not args.overfit:
        saved = torch.load(path)
        decoder.load_state_dict(saved["decoder"])
        step = saved["step"]
    print(f"{sum(p.numel() for p in decoder.parameters()) / 1e6:.2f} M parameters, from step {step}", flush=True)

    def loss(decoder, rng):
        if args.overfit:
            x = world.pictures(torch.arange(16) * 7, torch.arange(16) % 10)
        else:
            x = batch_of(world, args.batch, rng)
        z = look(x)
        z = z + args.noise * torch.randn(z.shape, generator=rng)
        y = decoder(z.contiguous(memory_format=torch.channels_last)).float()
        return picture_loss(y, x), len(x), {"mse": (y.detach() - x).square().mean().item() / 4}

    def save(average, step):
        if not args.overfit:
            trainer.replace(path, {"decoder": average, "step": step})

    trainer.train(decoder, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save)


if __name__ == "__main__":
    main()
