"""Trains the text encoder alone: its last 64 tokens must tell the 64 places of the captioned picture's latent.

    python text.py --run RUN --merges clip_merges.txt --minutes 12     # from scratch or from RUN/text.pt

No UNet is in the loop, so many more captions are read than pictures could be denoised. The UNet then only has to learn
which token speaks of which place: so the same tokens also tell their place (cosines of row and column). The heads that
read the tokens are thrown away. Resumable: it saves every minute.
"""

import math

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import autoencoder
import tokenizer
import trainer
from pictures import COLORS, World, captions

WIDTH = 192
LAYERS = 3
HEADS = 6
PLACES = 64


def make(vocabulary):
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            max_position_embeddings=tokenizer.LENGTH,
            hidden_act="quick_gelu",
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
            projection_dim=WIDTH,
        )
    )
    # The fused attention of torch is slow backwards on a CPU.
    text.set_attn_implementation("eager")
    return text


def heads():
    """What reads the tokens in training: the latent (4 numbers) and the place (14)."""
    return torch.nn.Linear(WIDTH, 4 + 14)


def place_code():
    """[64, 14]: seven cosines of the row, seven of the column."""
    k = torch.arange(1, 8)
    wave = torch.cos(math.pi * k * (torch.arange(8).view(-1, 1) + 0.5) / 8) * 2**0.5
    rows, columns = wave.view(8, 1, 7).expand(8, 8, 7), wave.view(1, 8, 7).expand(8, 8, 7)
    return torch.cat([rows, columns], 2).reshape(PLACES, 14)


@torch.no_grad()
def latents(run, world):
    """The latent of every picture, [things, colors, 4, 8, 8]."""
    look = autoencoder.Look(run)
    things = torch.arange(len(world.names))
    return torch.stack([look(world.pictures(things, torch.full_like(things, c))) for c in range(len(COLORS))], 1)


class Captions:
    """Every caption as token ids, and which captions a pair has.

    `ids` [captions, 77], the last one is the empty caption; `table` [pairs shown, ways] are rows of `ids`: every pair has
    the same weight, its captions share it.
    """

    def __init__(self, world, merges, folder):
        self.vocabulary = tokenizer.write(merges, folder)
        ways = [[captions(n, c) for c in COLORS] for n in world.names]
        flat = sorted({w for row in ways for cell in row for w in cell}) + [""]
        where = {w: i for i, w in enumerate(flat)}
        self.ids = CLIPTokenizer.from_pretrained(folder)(
            flat, padding="max_length", max_length=tokenizer.LENGTH, truncation=True, return_tensors="pt"
        ).input_ids
        ends = (self.ids == self.vocabulary - 1).sum(1)
        assert self.ids.max() < self.vocabulary and ends[-1] == tokenizer.LENGTH - 1
        print(f"{len(flat)} captions, the longest of {tokenizer.LENGTH + 1 - ends.min()} tokens", flush=True)
        most = max(len(cell) for row in ways for cell in row)
        self.table = torch.tensor([[where[w] for w in (ways[t][c] * most)[:most]] for t, c in world.seen])
        self.plain = torch.tensor([[where[w[0]] for w in row] for row in ways])


def main():
    parser = trainer.options(__doc__, rate=2e-3, end=0.02, batch=64)
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    parser.add_argument("--trial", action="store_true", help="save nothing")
    args = parser.parse_args()
    world, path = World(args.run), args.run / "text.pt"
    z0 = latents(args.run, world)
    print(f"latents: mean {z0.mean():.3f} deviation {z0.std():.3f} largest {z0.abs().max():.2f}", flush=True)
    known = Captions(world, args.merges, args.run / "tokenizer")
    pairs, code = torch.tensor(world.seen), place_code()
    unseen = torch.tensor(sorted(world.unseen))
    torch.manual_seed(0)
    models, step = torch.nn.ModuleDict({"text": make(known.vocabulary), "head": heads()}), 0
    if path.exists() and not args.fresh:
        saved = torch.load(path)
        models.load_state_dict(saved["models"])
        step = saved["step"]
    print(f"{sum(p.numel() for p in models['text'].parameters()) / 1e6:.2f} M parameters, from step {step}", flush=True)

    def told(models, ids, z):
        said = models["head"](models["text"](input_ids=ids).last_hidden_state[:, -PLACES:]).float()
        return (said[..., :4] - z.flatten(2).transpose(1, 2)).square().mean(), (said[..., 4:] - code).square().mean()

    def loss(models, rng):
        n = args.batch
        pick = torch.randint(len(pairs), (n,), generator=rng)
        caption = known.table[pick, torch.randint(known.table.shape[1], (n,), generator=rng)]
        latent, place = told(models, known.ids[caption], z0[pairs[pick, 0], pairs[pick, 1]])
        return latent + 0.1 * place, n, {"told": latent.item(), "place": place.item()}

    def save(average, step):
        check = torch.nn.ModuleDict({"text": make(known.vocabulary), "head": heads()})
        check.load_state_dict(average)
        with torch.no_grad():
            for name, some in (("shown", pairs[torch.linspace(0, len(pairs) - 1, 128).long()]), ("held out", unseen[:128])):
                figures = told(check, known.ids[known.plain[some[:, 0], some[:, 1]]], z0[some[:, 0], some[:, 1]])
                print(f"    average, {name}: told {figures[0]:.4f} place {figures[1]:.4f}", flush=True)
        if not args.trial:
            trainer.replace(path, {"models": average, "step": step})

    trainer.train(models, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save, decay=0.0)


if __name__ == "__main__":
    main()
