"""Runs the whole models that benches/src/bin/steps.rs asks for, line by line, and answers each line with milliseconds.

Started by `cargo run --release -p benches --bin steps -- --python PATH`; needs torch, diffusers and transformers. Weights are random f32,
which is what PyTorch computes fastest in on a CPU; convolutions are channels_last, attention is scaled_dot_product_attention.
A line `memory` answers with the peak resident memory in MiB.
"""

import resource
import sys
import time

# transformers looks for a package called kernels, and would find the script beside this one.
sys.path = [it for it in sys.path if not it.endswith("benches/torch")]

import torch  # noqa: E402

torch.set_num_threads(2)
torch.manual_seed(0)

SDXL = dict(
    sample_size=128,
    block_out_channels=(320, 640, 1280),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    transformer_layers_per_block=(1, 2, 10),
    attention_head_dim=(5, 10, 20),
    cross_attention_dim=2048,
    use_linear_projection=True,
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)


def prepare(name, size, batch):
    rand = lambda *shape: torch.rand(*shape) * 2 - 1
    size = size // 8
    if name in ("unet", "sdxl"):
        from diffusers import UNet2DConditionModel

        settings = SDXL if name == "sdxl" else dict(cross_attention_dim=768)
        net = UNet2DConditionModel(**settings).eval().to(memory_format=torch.channels_last)
        x = rand(batch, 4, size, size).to(memory_format=torch.channels_last)
        context, time = rand(batch, 77, settings["cross_attention_dim"]), torch.full((batch,), 500.0)
        added = {"text_embeds": rand(batch, 1280), "time_ids": rand(batch, 6)} if name == "sdxl" else None
        return lambda: net(x, time, encoder_hidden_states=context, added_cond_kwargs=added)
    if name == "vae":
        from diffusers import AutoencoderKL

        blocks = dict(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
        net = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **blocks)
        net = net.eval().to(memory_format=torch.channels_last)
        x = rand(batch, 4, size, size).to(memory_format=torch.channels_last)
        return lambda: net.decode(x)
    if name == "clip":
        from transformers import CLIPTextConfig, CLIPTextModel

        sizes = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        net = CLIPTextModel(CLIPTextConfig(**sizes)).eval()
        ids = torch.randint(0, 49000, (batch, 77))
        return lambda: net(input_ids=ids)
    raise SystemExit(f"no model is called {name}")


run = None
with torch.inference_mode():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        if words[0] == "prepare":
            run = None
            run = prepare(words[1], *map(int, words[2:]))
        start = time.perf_counter()
        run()
        print((time.perf_counter() - start) * 1e3, flush=True)
