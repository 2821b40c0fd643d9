"""What ComfyUI's samplers cost beside the model. Started by the bench `samplers`: names come in, milliseconds a step go out."""

import sys
import time
import types

sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[:1]

import comfy.cli_args

comfy.cli_args.args.cpu = True

import torch

import comfy.k_diffusion.sampling as k
import comfy.model_sampling
import comfy.samplers

STEPS = 20
SHAPE = [1, 4, 128, 128]


class Sampling(comfy.model_sampling.ModelSamplingDiscrete, comfy.model_sampling.EPS):
    pass


class Free:
    """Believes the same, whatever it is asked."""

    def __init__(self, belief):
        sampling = Sampling()
        patcher = types.SimpleNamespace(get_model_object=lambda name: sampling)
        inner = types.SimpleNamespace(model_sampling=sampling)
        self.inner_model = types.SimpleNamespace(model_patcher=patcher, inner_model=inner)
        self.belief = belief

    def __call__(self, x, sigma, model_options={}, **_):
        out = self.belief
        for fn in model_options.get("sampler_post_cfg_function", []):
            out = fn({"denoised": out, "uncond_denoised": self.belief})
        return out


def run(name):
    sigmas = k.get_sigmas_karras(STEPS, 0.03, 14.6, 7.0)
    x = torch.randn(SHAPE) * 14.6
    model = Free(torch.randn(SHAPE))
    sampler = comfy.samplers.sampler_object(name)
    begun = time.perf_counter()
    sampler.sampler_function(model, x, sigmas, extra_args={"seed": 3}, callback=None, disable=True, **sampler.extra_options)
    return (time.perf_counter() - begun) * 1e3 / STEPS


with torch.no_grad():
    for line in sys.stdin:
        print(run(line.strip()), flush=True)
