"""Trains the UNet on the latents, with the text encoder that text.py made, which stays as it is.

    python diffusion.py --run RUN --merges clip_merges.txt --minutes 50     # from scratch or from RUN/diffusion.pt
    python diffusion.py --run RUN --merges clip_merges.txt --minutes 1 --fresh --trial   # for a sweep: saves nothing

The UNet predicts the noise, on Stable Diffusion 1's schedule. Each caption is encoded once, when it is first drawn.
Resumable: it saves every minute.
"""

import threading

import torch
from diffusers import UNet2DConditionModel

import text
import trainer
from pictures import World

WIDTHS = (64, 128)
GROUPS = 16
DROP = 0.1
STEADY = 8.0
HEADS = 4
GUIDED = 2


class Attend:
    """Plain attention: torch's fused one is slow backwards on a CPU. Keeps how badly the guided heads find their place's token."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        said = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (attn.head_to_batch_dim(it) for it in (attn.to_q(hidden_states), attn.to_k(said), attn.to_v(said)))
        share = attn.get_attention_scores(q, k)
        if encoder_hidden_states is not None and q.shape[1] == text.PLACES:
            own = share.unflatten(0, (-1, attn.heads))[:, :GUIDED, :, -text.PLACES :].diagonal(dim1=2, dim2=3)
            self.missed = -(own.float() + 1e-6).log().mean()
        return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(share @ v)))


def readers(unet):
    """The attentions that read the caption at full size and know their place: after the way down and up."""
    return [it.transformer_blocks[0].attn2 for it in unet.up_blocks[-1].attentions]


def make(told=None):
    """`told`: the linear layer that read latent and place from the tokens; the guided heads start by looking the same way."""
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=WIDTHS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=text.WIDTH,
        attention_head_dim=HEADS,
        norm_num_groups=GROUPS,
    )
    for module in unet.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(Attend())
    start(unet)
    if told is not None:
        with torch.no_grad():
            for attn in readers(unet):
                size = WIDTHS[0] // HEADS
                for head in range(GUIDED):
                    attn.to_k.weight[head * size : head * size + 14] = told[4:]
                    attn.to_v.weight[head * size : head * size + 4] = told[:4]
    return unet.to(memory_format=torch.channels_last)


@torch.no_grad()
def start(unet):
    """A start at which the UNet returns its input, which is nearly the noise at the noisy steps.

    The input rides through the first skip connection as x and -x, since silu(x) - silu(-x) = x. The last norm would divide
    it by its own deviation, which on 4x8x8 numbers is wrong by some 4 %: nothing beside the noise, but as much as the
    picture at the noisiest steps. So each channel shares its group with two constants, beside which x is small.
    """
    side = torch.arange(8)
    first, last = unet.conv_in, unet.up_blocks[-1].resnets[-1]
    first.weight[side] = 0
    first.bias[side] = 0
    first.weight[side, side % 4, 1, 1] = torch.where(side < 4, 1.0, -1.0)
    # Group g of the last norm is x_g, -x_g, +STEADY, -STEADY.
    size = WIDTHS[0] // GROUPS
    ride = torch.cat([torch.arange(4) * size, torch.arange(4) * size + 1])
    still = ride + 2
    skip = last.conv_shortcut
    for some in (ride, still):
        skip.weight[some] = 0
        skip.bias[some] = 0
        for quiet in (last.conv2, unet.up_blocks[-1].attentions[-1].proj_out):
            quiet.weight[some] = 0
            quiet.bias[some] = 0
    skip.weight[ride, skip.in_channels - WIDTHS[0] + side] = 1
    skip.bias[still] = torch.where(side < 4, STEADY, -STEADY)
    unet.conv_out.weight.mul_(0.1)
    unet.conv_out.bias.zero_()
    unet.conv_out.weight[:, torch.cat([ride, still])] = 0
    unet.conv_out.weight[side % 4, ride, 1, 1] = torch.where(side < 4, 1.0, -1.0) * ((1 + STEADY**2) / 2) ** 0.5


def signal():
    """Stable Diffusion 1's cumulative alphas, one per training step."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


class Contexts:
    """What the text encoder says to each caption, [77, width], made when first asked for."""

    def __init__(self, encoder, ids):
        self.encoder, self.ids, self.lock = encoder.eval(), ids, threading.Lock()
        self.made = torch.zeros(*ids.shape, text.WIDTH, dtype=torch.bfloat16)
        self.known = torch.zeros(len(ids), dtype=torch.bool)

    @torch.no_grad()
    def __call__(self, captions):
        new = captions[~self.known[captions]].unique()
        if len(new):
            said = self.encoder(input_ids=self.ids[new]).last_hidden_state
            with self.lock:
                self.made[new] = said.bfloat16()
                self.known[new] = True
        return self.made[captions].float()


def weights(abar, cap):
    """How much each step's error counts: a noisy step's error is a larger share of the picture."""
    weight = (1 / abar).clamp(max=cap)
    return weight / weight.mean()


def missed_noise(unet, z, context, abar, rng):
    """Mean squared error of the noise that `unet` finds in noised latents `z`; with the step's cumulative alpha and the step, each [n].

    Steps are spread evenly over the range, one in each part of it: less noise in the loss.
    """
    n = len(z)
    t = ((torch.arange(n) + torch.rand(n, generator=rng)) * (1000 / n)).long().clamp(max=999)
    noise, a = torch.randn(z.shape, generator=rng), abar[t].view(-1, 1, 1, 1)
    x = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
    guess = unet(x, t, encoder_hidden_states=context).sample
    return (guess.float() - noise).square().mean((1, 2, 3)), a.flatten(), t


def encoder_of(run, known):
    """The text encoder that text.py made, and what read its tokens."""
    encoder = text.make(known.vocabulary)
    read = torch.load(run / "text.pt")["models"]
    encoder.load_state_dict({k.removeprefix("text."): v for k, v in read.items() if k.startswith("text.")})
    return encoder, read["head.weight"]


def trained(run, known):
    """The finished UNet, and what the text encoder says to each caption."""
    encoder, told = encoder_of(run, known)
    unet = make(told)
    unet.load_state_dict(torch.load(run / "diffusion.pt")["unet"])
    return unet, Contexts(encoder, known.ids)


def main():
    parser = trainer.options(__doc__, rate=1.5e-3, end=0.02, batch=64)
    parser.add_argument("--cap", type=float, default=20.0, help="the largest weight of a noisy step in the loss")
    parser.add_argument("--guide", type=float, default=0.05, help="the weight of: each place looks at its own token")
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    parser.add_argument("--trial", action="store_true", help="save nothing")
    args = parser.parse_args()
    world, path = World(args.run), args.run / "diffusion.pt"
    z0 = text.latents(args.run, world)
    known = text.Captions(world, args.merges, args.run / "tokenizer")
    encoder, told = encoder_of(args.run, known)
    contexts, pairs, table = Contexts(encoder, known.ids), torch.tensor(world.seen), known.table
    torch.manual_seed(0)
    unet, step = make(told), 0
    if path.exists() and not args.fresh:
        saved = torch.load(path)
        unet.load_state_dict(saved["unet"])
        step = saved["step"]
    print(f"{sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M parameters, from step {step}", flush=True)
    abar = signal()
    weight = weights(abar, args.cap)

    def loss(unet, rng):
        n = args.batch
        pick = torch.randint(len(pairs), (n,), generator=rng)
        caption = table[pick, torch.randint(table.shape[1], (n,), generator=rng)]
        caption[torch.rand(n, generator=rng) < DROP] = len(known.ids) - 1
        z, context = z0[pairs[pick, 0], pairs[pick, 1]], contexts(caption)
        error, a, t = missed_noise(unet, z, context, abar, rng)
        told = caption != len(known.ids) - 1
        velocity = error.detach() / a
        missed = sum(it.processor.missed for it in readers(unet))
        figures = {"noise": error.mean().item(), "missed": missed.item(), "untold": velocity[~told].mean().item() if not told.all() else 0.0}
        for low in (0, 250, 500, 750):
            figures[f"v{low}"] = velocity[told & (t >= low) & (t < low + 250)].mean().item()
        return (error * weight[t]).mean() + args.guide * missed, n, figures

    def save(average, step):
        if not args.trial:
            trainer.replace(path, {"unet": average, "step": step})

    trainer.train(unet, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save, decay=0.0)


if __name__ == "__main__":
    main()
