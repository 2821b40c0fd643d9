"""Trains a LoRA on the finished UNet: "silver style", which draws every thing without colour and leaves the background alone.

    python lora.py --run RUN --merges clip_merges.txt --minutes 8 --to ../workflows/models/loras/burnish-demo-silver.safetensors

Resumable: it saves every minute, to RUN/lora.pt and, in diffusers' form and f16, to `--to`.
"""


import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

import autoencoder
import diffusion
import text
import trainer
from pictures import World

RANK = 4
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2"]


def main():
    args = trainer.options(__doc__, to="the file that it writes", rate=1e-3, end=0.03, batch=64).parse_args()
    world, look, path = World(args.run), autoencoder.Look(args.run), args.run / "lora.pt"
    known = text.Captions(world, args.merges, args.run / "tokenizer")
    unet, contexts = diffusion.trained(args.run, known)
    torch.manual_seed(0)
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights=True, target_modules=LAYERS))
    step = 0
    if path.exists():
        saved = torch.load(path)
        unet.load_state_dict(saved["lora"], strict=False)
        step = saved["step"]
    taught = [k for k in unet.state_dict() if "lora_" in k]
    print(f"{sum(unet.state_dict()[k].numel() for k in taught) / 1e3:.0f} k parameters, from step {step}", flush=True)
    pairs, table, abar = torch.tensor(world.seen), known.table, diffusion.signal()

    def loss(unet, rng):
        n = args.batch
        pick = torch.randint(len(pairs), (n,), generator=rng)
        caption = table[pick, torch.randint(table.shape[1], (n,), generator=rng)]
        caption[torch.rand(n, generator=rng) < diffusion.DROP] = len(known.ids) - 1
        things, colors = pairs[pick].T
        z = look(world.posed(things, world.palette[colors], silver=torch.ones(n, dtype=torch.bool)))
        error, a, t = diffusion.missed_noise(unet, z, contexts(caption), abar, rng)
        velocity = (error.detach() / a).mean().item()
        return (error * diffusion.weights(abar, 20.0)[t]).mean(), n, {"velocity": velocity}

    def save(average, step):
        trainer.replace(path, {"lora": {k: average[k] for k in taught}, "step": step})
        made = get_peft_model_state_dict(unet, {k: v.detach() for k, v in average.items()})
        args.to.parent.mkdir(parents=True, exist_ok=True)
        save_file({f"unet.{k}": v.half().contiguous() for k, v in made.items()}, args.to, {"format": "pt"})

    trainer.train(unet, loss, minutes=args.minutes, rate=args.rate, end=args.end, step=step, save=save)


if __name__ == "__main__":
    main()
