"""Samplers that ComfyUI has since 0.3.64, with a model that is a formula.

    python tests/parity/make/sampling_newer.py PATH_TO_A_COMFYUI_CHECKOUT

adds them to `tests/parity/goldens/sampling.json` and `sampling.safetensors`, in whose form they are. The checkout has to know the
samplers; it is imported, nothing of it is copied here. (The numbers that are there now came from 0.3.64 with the later form of SEEDS-2 and
the two samplers put in by hand, from a public program that took them over: no later release was at hand.) Before anything is written, a sampler that the files have already is run in
the same way and compared, so that new numbers cannot come from another formula. Noise comes from a generator with the seed itself,
as in ComfyUI 0.3.64; later ones add one to it.
"""

import importlib.machinery
import json
import pathlib
import sys
import types
import unittest.mock

GOLDENS = pathlib.Path(__file__).parent.parent / "goldens"
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[:1]

# Networks that are not asked here want these.
for module in ["torchvision", "torchvision.transforms", "torchaudio", "av"]:
    sys.modules[module] = unittest.mock.MagicMock(__spec__=importlib.machinery.ModuleSpec(module, None))

import comfy.cli_args

comfy.cli_args.args.cpu = True

import torch
from safetensors.torch import load_file, save_file

import comfy.k_diffusion.sampling
import comfy.model_base
import comfy.model_sampling
import comfy.samplers

KNOWN = "seeds_2"
NEWER = ["exp_heun_2_x0", "exp_heun_2_x0_sde"]
CASES = [(model, schedule, steps) for model, schedule in [("eps", "normal"), ("flow3", "simple")] for steps in (5, 8)]


def sampling(model):
    kind = {"eps": "EPS", "flow3": "FLOW"}[model]
    config = types.SimpleNamespace(sampling_settings={"shift": 3.0} if model == "flow3" else {})
    return comfy.model_base.model_sampling(config, getattr(comfy.model_base.ModelType, kind))


class Model:
    """The belief of the formula; counts how often it is asked."""

    def __init__(self, name, levels):
        self.flow, self.calls = name == "flow3", 0
        patcher = types.SimpleNamespace(get_model_object=lambda _: levels)
        self.inner_model = types.SimpleNamespace(model_patcher=patcher)

    def __call__(self, x, sigma, **_):
        self.calls += 1
        g = sigma.reshape([-1] + [1] * (x.ndim - 1))
        scale, share, bend = (1 / (1 + g * g), 1.0, g / (1 + g))
        if self.flow:
            scale, share, bend = ((1 - g) / ((1 - g) ** 2 + g * g), 0.8, g)
        return x * scale * share + 0.15 * bend * torch.sin(0.7 * x + 0.3)


def run(name, model, schedule, steps, shape, seed):
    levels = sampling(model)
    sigmas = comfy.samplers.calculate_sigmas(levels, schedule, steps)
    first = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    # As a run starts that is at the greatest level.
    whole = bool(sigmas[0] >= levels.sigma_max * (1 - 1e-5))
    x = levels.noise_scaling(sigmas[0], first, torch.zeros(shape), whole)
    generator = torch.Generator().manual_seed(seed)
    options = {} if name == "exp_heun_2_x0" else {"noise_sampler": lambda *_: torch.randn(shape, generator=generator)}
    network = Model(model, levels)
    sample = getattr(comfy.k_diffusion.sampling, f"sample_{name}")
    x = sample(network, x, sigmas, extra_args={"seed": seed}, disable=True, **options)
    return levels.inverse_noise_scaling(sigmas[-1], x), network.calls


if __name__ == "__main__":
    listing = json.loads((GOLDENS / "sampling.json").read_text())
    numbers = load_file(GOLDENS / "sampling.safetensors")
    seed = listing["seed"]
    for model, schedule, steps in CASES:
        known = numbers[f"sampler/{model}/{KNOWN}/{steps}"]
        again, _ = run(KNOWN, model, schedule, steps, known.shape, seed)
        torch.testing.assert_close(again, known, rtol=1e-5, atol=1e-6)
    listing["cases"] = [it for it in listing["cases"] if it["sampler"] not in NEWER]
    for name in NEWER:
        for model, schedule, steps in CASES:
            shape = numbers[f"sampler/{model}/{KNOWN}/{steps}"].shape
            latent, calls = run(name, model, schedule, steps, shape, seed)
            numbers[f"sampler/{model}/{name}/{steps}"] = latent.contiguous()
            case = {"sampler": name, "model": model, "scheduler": schedule, "steps": steps, "calls": calls}
            listing["cases"].append(case)
    save_file(numbers, GOLDENS / "sampling.safetensors")
    (GOLDENS / "sampling.json").write_text(json.dumps(listing, indent=0))
