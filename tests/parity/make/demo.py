"""Pictures that diffusers draws with the demo model.

python tests/parity/make/demo.py workflows/models/diffusers/burnish-demo tests/parity/goldens/demo   (torch, diffusers, transformers)

Writes demo.json (prompt, seed, steps and guidance of each picture) and demo.safetensors (`<index>`: the picture, uint8 [h, w, 3], truncated
as image nodes do). 28 steps between 999 and 0 give whole timesteps, so that the engine's table and diffusers' interpolation are the same;
the start is sqrt(1 + sigma^2) times the noise, as the samplers of ComfyUI have it.
"""

import json
import sys

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
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
STEPS, GUIDANCE = 28, 4.0

folder, out = sys.argv[1:]
torch.manual_seed(0)
torch.use_deterministic_algorithms(True)
pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, torch_dtype=torch.float32)
pipeline.set_progress_bar_config(disable=True)
pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, timestep_spacing="linspace", steps_offset=0)
cases, pictures = [], {}
for index, prompt in enumerate(PROMPTS):
    seed = 1000 + index
    pipeline.scheduler.set_timesteps(STEPS)
    sigma = pipeline.scheduler.sigmas[0]
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
    latents = noise * (1 + sigma**2) ** 0.5 / pipeline.scheduler.init_noise_sigma
    picture = pipeline(
        prompt, negative_prompt="", height=64, width=64, num_inference_steps=STEPS, guidance_scale=GUIDANCE, latents=latents, output_type="pt"
    ).images[0]
    pictures[str(index)] = (picture.clamp(0, 1) * 255).to(torch.uint8).movedim(0, -1).contiguous()
    cases.append({"prompt": prompt, "seed": seed, "steps": STEPS, "cfg": GUIDANCE})
save_file(pictures, out + ".safetensors")
with open(out + ".json", "w") as file:
    json.dump(cases, file, indent=1)
