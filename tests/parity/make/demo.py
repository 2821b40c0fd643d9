"""Pictures that diffusers draws with the demo model, its LoRA and its ControlNet.

python tests/parity/make/demo.py workflows/models tests/parity/goldens/demo   (torch, diffusers, transformers, peft)

Writes demo.json (prompt, seed, steps and guidance of each picture, the strengths of LoRA and ControlNet) and demo.safetensors (`<index>`: the
picture, uint8 [h, w, 3], truncated as image nodes do; `<index>.hint`: what the ControlNet sees, likewise). 28 steps between 999 and 0 give whole timesteps, so that the engine's table and diffusers' interpolation are the same;
the start is sqrt(1 + sigma^2) times the noise, as the samplers of ComfyUI have it.
"""

import json
import sys

import torch
from diffusers import ControlNetModel, EulerDiscreteScheduler, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from safetensors.torch import save_file

PROMPTS = [
    "a red apple on a blue background",
    "a lemon on a pink background",
    "a rocket on a black background",
    "a snowman, green background",
    "an icon of a crown on a purple background",
    "an octopus on a white background",
    "a cat face on a yellow background",
    "a sun",
    "a unicorn on an orange background",
    "cherries on a gray background",
    "a red heart on a white background",
    "penguin on red",
    "a picture of a pineapple on a blue background",
    "a smiling face with sunglasses on a green background",
    "a soccer ball on a purple background",
    "a house on a pink background",
    "a jack o lantern on a black background",
    "sunflower, gray background",
    "a tropical fish on an orange background",
    "an umbrella on a red background",
]
# Prompt, strength of the LoRA.
SILVER = [("a red apple on a blue background", 1.0), ("a lemon on a pink background", 0.6), ("a rocket on a black background", 1.0)]
# Prompt, strength of the ControlNet.
EDGES = [("a rooster on a blue background", 1.0), ("a guitar on a pink background", 1.0), ("a key on a green background", 0.8)]
STEPS, GUIDANCE = 28, 4.0

folder, out = sys.argv[1:]
torch.manual_seed(0)
torch.use_deterministic_algorithms(True)
cases, pictures = [], {}


def draw(pipeline, prompt, case, **more):
    index = len(cases)
    seed = 1000 + index
    pipeline.scheduler.set_timesteps(STEPS)
    sigma = pipeline.scheduler.sigmas[0]
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
    latents = noise * (1 + sigma**2) ** 0.5 / pipeline.scheduler.init_noise_sigma
    settings = dict(height=64, width=64, num_inference_steps=STEPS, guidance_scale=GUIDANCE)
    picture = pipeline(prompt, negative_prompt="", latents=latents, output_type="pt", **settings, **more).images[0]
    pictures[str(index)] = picture = (picture.clamp(0, 1) * 255).to(torch.uint8).movedim(0, -1).contiguous()
    cases.append({"prompt": prompt, "seed": seed, "steps": STEPS, "cfg": GUIDANCE, **case})
    return picture


def edges(picture):
    """The outline of a picture [h, w, 3] that looks the other way: where the lightness changes."""
    light = picture.flip(1).float().mean(2)
    right, down = light.diff(dim=1, append=light[:, -1:]).abs(), light.diff(dim=0, append=light[-1:]).abs()
    return ((right + down > 40).to(torch.uint8) * 255).unsqueeze(2).repeat(1, 1, 3).contiguous()


pipeline = StableDiffusionPipeline.from_pretrained(f"{folder}/diffusers/burnish-demo", safety_checker=None, torch_dtype=torch.float32)
pipeline.set_progress_bar_config(disable=True)
pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, timestep_spacing="linspace", steps_offset=0)
for prompt in PROMPTS:
    draw(pipeline, prompt, {})

net = ControlNetModel.from_pretrained(f"{folder}/controlnet/burnish-demo-edges", torch_dtype=torch.float32)
steered = StableDiffusionControlNetPipeline(**pipeline.components, controlnet=net, requires_safety_checker=False)
steered.set_progress_bar_config(disable=True)
for prompt, strength in EDGES:
    plain = draw(pipeline, prompt.split(" on ")[0] + " on a white background", {})
    hint = edges(plain)
    pictures[f"{len(cases)}.hint"] = hint
    seen = hint.movedim(2, 0).unsqueeze(0).float() / 255
    draw(steered, prompt, {"controlnet": strength}, image=seen, controlnet_conditioning_scale=strength)

pipeline.load_lora_weights(f"{folder}/loras/burnish-demo-silver.safetensors", adapter_name="silver")
for prompt, strength in SILVER:
    pipeline.set_adapters("silver", strength)
    draw(pipeline, prompt, {"lora": strength})

save_file(pictures, out + ".safetensors")
with open(out + ".json", "w") as file:
    json.dump(cases, file, indent=1)
