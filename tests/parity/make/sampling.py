"""Whole runs of ComfyUI's sampling with a network that is a formula.

    python tests/parity/make/sampling.py PATH_TO_A_COMFYUI_CHECKOUT

writes `tests/parity/goldens/sampling_runs.json` (what each run is asked for) and `.safetensors` (the latents it draws). Made with
ComfyUI 0.3.64 and PyTorch on the CPU. The checkout is imported, nothing of it is copied here. The numbers of the single samplers,
schedules and of noise in `sampling.safetensors` come from the same version.
"""

import json
import pathlib
import sys
import types

GOLDENS = pathlib.Path(__file__).parent.parent / "goldens"
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[:1]

import comfy.cli_args

comfy.cli_args.args.cpu = True

import numpy
import torch
from safetensors.numpy import save_file

import comfy.latent_formats
import comfy.model_base
import comfy.model_patcher
import comfy.sample
import comfy.samplers


def wave(shape, seed):
    """Numbers without a pattern, the same in the Rust test."""
    count = int(numpy.prod(shape))
    return torch.from_numpy(numpy.sin(seed + 0.7 * numpy.arange(count)).astype(numpy.float32).reshape(shape))


def mask(spec):
    """A mask `[b, h, w]`: waves in 0..1, or a box of ones."""
    if "box" in spec:
        top, bottom, left, right = spec["box"]
        out = torch.zeros(spec["shape"])
        out[:, top:bottom, left:right] = 1.0
        return out
    return wave(spec["shape"], spec["seed"]) * 0.5 + 0.5


class Network(torch.nn.Module):
    """Attends to the mean of its prompt and sees what is beside the latent."""

    def __init__(self):
        super().__init__()
        self.dtype = torch.float32

    def forward(self, x, timesteps, context=None, **_):
        own, beside = x[:, :4], x[:, 4:]
        out = torch.sin(own) * 0.8 + context.mean(1)[:, :, None, None] * 0.5 + timesteps[:, None, None, None] / 1000 * 0.1
        for channel in range(beside.shape[1]):
            out = out + beside[:, channel : channel + 1] * (0.05 * (channel + 1))
        return out


def model(prediction, extra):
    config = types.SimpleNamespace(
        unet_config={"disable_unet_model_creation": True},
        latent_format=comfy.latent_formats.SD15(),
        sampling_settings={"shift": 3.0} if prediction == "flow3" else {},
        manual_cast_dtype=None,
        custom_operations=None,
        scaled_fp8=None,
        optimizations={},
        memory_usage_factor=1.0,
    )
    kind = {"eps": "EPS", "v": "V_PREDICTION", "flow3": "FLOW"}[prediction]
    family = comfy.model_base.SD15_instructpix2pix if extra == 4 else comfy.model_base.BaseModel
    inner = family(config, getattr(comfy.model_base.ModelType, kind))
    inner.diffusion_model = Network()
    if extra == 5:
        inner.set_inpaint()
    return comfy.model_patcher.ModelPatcher(inner, torch.device("cpu"), torch.device("cpu"))


def condition(spec):
    values = {}
    if "cells" in spec:
        y, x, height, width = spec["cells"]
        values["area"] = (height, width, y, x)
    if "parts" in spec:
        y, x, height, width = spec["parts"]
        values["area"] = ("percentage", height, width, y, x)
    for ours, theirs in [("strength", "strength"), ("mask_strength", "mask_strength"), ("mask_bounds", "set_area_to_bounds")]:
        if ours in spec:
            values[theirs] = spec[ours]
    for ours, theirs in [("start", "start_percent"), ("end", "end_percent")]:
        if ours in spec:
            values[theirs] = spec[ours]
    if "mask" in spec:
        values["mask"] = mask(spec["mask"])
    if "concat_latent" in spec:
        values["concat_latent_image"] = wave(**spec["concat_latent"])
    if "concat_mask" in spec:
        values["concat_mask"] = mask(spec["concat_mask"]).unsqueeze(1)
    return [wave([1, spec.get("tokens", 7), 4], spec["seed"]), values]


def run(case):
    patcher = model(case.get("prediction", "eps"), case.get("extra", 0))
    shape = case.get("shape", [1, 4, 8, 12])
    image = wave(shape, 5.0) if case.get("latent", False) else torch.zeros(shape)
    image = comfy.sample.fix_empty_latent_channels(patcher, image)
    seed = case.get("noise_seed", 7)
    noise = torch.zeros_like(image)
    if case.get("add_noise", True):
        noise = comfy.sample.prepare_noise(image, seed, case.get("batch_index"))
    noise_mask = mask(case["noise_mask"]).unsqueeze(1) if "noise_mask" in case else None
    return comfy.sample.sample(
        patcher,
        noise,
        case.get("steps", 4),
        case.get("cfg", 3.0),
        case.get("sampler", "euler"),
        case.get("scheduler", "normal"),
        [condition(it) for it in case.get("positive", [{"seed": 1.0}])],
        [condition(it) for it in case.get("negative", [{"seed": 2.0}])],
        image,
        denoise=case.get("denoise", 1.0),
        start_step=case.get("start_step"),
        last_step=case.get("end_step"),
        force_full_denoise=case.get("force_full_denoise", False),
        noise_mask=noise_mask,
        disable_pbar=True,
        seed=seed,
    )


A, B, C = {"seed": 1.0}, {"seed": 3.0}, {"seed": 4.0, "tokens": 14}
SOFT, BOX = {"shape": [1, 16, 24], "seed": 0.3}, {"shape": [1, 64, 96], "box": [16, 40, 8, 80]}
CASES = {
    "plain": {},
    "cfg_one": {"cfg": 1.0},
    "cfg_zero": {"cfg": 0.0},
    "large_seed": {"noise_seed": 18446744073709551615},
    "no_negative": {"negative": []},
    "batch": {"shape": [3, 4, 8, 12]},
    "odd_size": {"shape": [1, 4, 5, 3]},
    "tiny": {"shape": [1, 4, 1, 3]},
    "empty_of_other_channels": {"shape": [2, 16, 8, 8]},
    "picture": {"latent": True},
    "part_denoise": {"latent": True, "denoise": 0.55},
    "small_denoise": {"latent": True, "denoise": 0.1, "steps": 3},
    "no_denoise": {"latent": True, "denoise": 0.0},
    "batch_index": {"shape": [2, 4, 8, 12], "batch_index": [3, 1]},
    "batch_index_same": {"shape": [3, 4, 2, 1], "batch_index": [1, 1, 0]},
    "leftover_noise": {"steps": 6, "start_step": 0, "end_step": 3},
    "forced_end": {"steps": 6, "start_step": 0, "end_step": 3, "force_full_denoise": True},
    "second_half": {"latent": True, "steps": 6, "start_step": 3, "end_step": 10000, "add_noise": False, "force_full_denoise": True},
    "late_start_with_noise": {"latent": True, "steps": 6, "start_step": 2, "end_step": 10000},
    "start_after_the_end": {"latent": True, "steps": 4, "start_step": 9, "end_step": 10000},
    "velocity": {"prediction": "v", "latent": True, "denoise": 0.7},
    "flow": {"prediction": "flow3"},
    "flow_picture": {"prediction": "flow3", "latent": True, "denoise": 0.6, "scheduler": "simple"},
    "flow_leftover": {"prediction": "flow3", "steps": 6, "start_step": 0, "end_step": 3, "scheduler": "simple"},
    "combined": {"positive": [A, B], "negative": [{"seed": 2.0}, {"seed": 6.0, "strength": 0.5}]},
    "strengths": {"positive": [{**A, "strength": 0.3}, {**B, "strength": 1.7}]},
    "strength_zero": {"positive": [{**A, "strength": 0.0}]},
    "one_of_strength_zero": {"positive": [{**A, "strength": 0.0}, B]},
    "contexts_of_other_lengths": {"positive": [A, C], "negative": [{"seed": 2.0, "tokens": 21}]},
    "contexts_too_different": {"positive": [A], "negative": [{"seed": 2.0, "tokens": 5}]},
    "area": {"positive": [A, {**B, "cells": [0, 2, 6, 8]}]},
    "area_alone": {"positive": [{**B, "cells": [1, 2, 5, 8]}]},
    "area_beyond_the_edge": {"shape": [1, 4, 40, 36], "positive": [A, {**B, "cells": [8, 20, 64, 64]}]},
    "areas_inside_each_other": {
        "shape": [1, 4, 40, 36],
        "positive": [A, {**B, "cells": [4, 4, 30, 30]}, {**C, "cells": [10, 10, 16, 12]}],
        "negative": [{"seed": 2.0}, {"seed": 8.0, "cells": [6, 6, 25, 25]}],
    },
    "area_in_parts": {"shape": [2, 4, 33, 17], "positive": [A, {**B, "parts": [0.25, 0.5, 0.5, 0.5]}, {**C, "parts": [0, 0, 0.01, 1.0]}]},
    "area_with_strength": {"positive": [A, {**B, "cells": [0, 0, 8, 6], "strength": 0.4}]},
    "mask": {"positive": [A, {**B, "mask": SOFT}]},
    "mask_strength": {"positive": [{**A, "mask": BOX, "mask_strength": 0.5}, B]},
    "mask_alone": {"positive": [{**A, "mask": BOX}]},
    "mask_bounds": {"positive": [A, {**B, "mask": BOX, "mask_bounds": True}]},
    "mask_bounds_large": {"shape": [1, 4, 32, 48], "positive": [A, {**B, "mask": BOX, "mask_bounds": True}]},
    "mask_empty_bounds": {"positive": [A, {**B, "mask": {"shape": [1, 8, 12], "box": [0, 0, 0, 0]}, "mask_bounds": True}]},
    "mask_with_area": {"positive": [A, {**B, "mask": SOFT, "cells": [2, 1, 5, 8]}]},
    "masks_of_a_batch": {"shape": [2, 4, 8, 12], "positive": [A, {**B, "mask": {"shape": [2, 8, 12], "seed": 0.9}}]},
    "times": {"steps": 8, "positive": [{**A, "start": 0.0, "end": 0.4}, {**B, "start": 0.4, "end": 1.0}]},
    "no_prompt_at_the_end": {"steps": 8, "positive": [{**A, "end": 0.5}]},
    "flow_times": {"prediction": "flow3", "steps": 8, "positive": [{**A, "end": 0.3}, {**B, "start": 0.3}]},
    "inpaint": {"latent": True, "noise_mask": SOFT},
    "inpaint_box_batch": {"latent": True, "shape": [2, 4, 8, 12], "noise_mask": {"shape": [1, 8, 12], "box": [2, 6, 3, 9]}},
    "inpaint_masks_of_a_batch": {"latent": True, "shape": [3, 4, 8, 12], "noise_mask": {"shape": [2, 20, 20], "seed": 0.1}},
    "inpaint_part": {"latent": True, "noise_mask": SOFT, "denoise": 0.5},
    "inpaint_ddim": {"latent": True, "noise_mask": SOFT, "sampler": "ddim"},
    "inpaint_cfg_pp": {"latent": True, "noise_mask": SOFT, "sampler": "euler_cfg_pp", "cfg": 1.0},
    "inpaint_flow": {"latent": True, "noise_mask": SOFT, "prediction": "flow3"},
    "inpaint_second_half": {"latent": True, "noise_mask": SOFT, "steps": 6, "start_step": 3, "end_step": 10000, "add_noise": False},
    "inpaint_model": {"latent": True, "extra": 5, "noise_mask": {"shape": [1, 16, 24], "box": [3, 11, 5, 16]}},
    "inpaint_model_without_mask": {"extra": 5, "latent": True},
    "inpaint_model_conditioning": {
        "extra": 5,
        "latent": True,
        "positive": [{**A, "concat_latent": {"shape": [1, 4, 8, 12], "seed": 9.0}, "concat_mask": BOX}],
        "negative": [{"seed": 2.0, "concat_latent": {"shape": [1, 4, 8, 12], "seed": 9.0}, "concat_mask": BOX}],
    },
    "inpaint_model_other_size": {
        "extra": 5,
        "shape": [3, 4, 8, 12],
        "positive": [{**A, "concat_latent": {"shape": [2, 4, 10, 9], "seed": 9.0}, "concat_mask": {"shape": [2, 30, 70], "seed": 0.2}}],
    },
    "inpaint_model_area": {"extra": 5, "latent": True, "noise_mask": BOX, "positive": [A, {**B, "cells": [1, 2, 6, 7]}]},
    "edit_model": {"extra": 4, "positive": [{**A, "concat_latent": {"shape": [1, 4, 8, 12], "seed": 9.0}}]},
    "edit_model_other_size": {"extra": 4, "shape": [2, 4, 8, 12], "positive": [{**A, "concat_latent": {"shape": [1, 4, 12, 12], "seed": 9.0}}]},
    "ancestral": {"sampler": "euler_ancestral", "cfg": 2.0},
    "sde": {"sampler": "dpmpp_2m_sde", "scheduler": "karras", "latent": True, "denoise": 0.7},
    "dpmpp": {"sampler": "dpmpp_2m", "scheduler": "karras", "steps": 6},
    "unified": {"sampler": "uni_pc", "steps": 6, "noise_mask": SOFT, "latent": True},
    "unified_one_step": {"sampler": "uni_pc", "steps": 1},
    "consistency": {"sampler": "lcm", "scheduler": "sgm_uniform", "cfg": 1.0},
    "heun": {"sampler": "heun", "scheduler": "beta"},
}

if __name__ == "__main__":
    latents = {name: run(case).contiguous().numpy() for name, case in CASES.items()}
    save_file(latents, GOLDENS / "sampling_runs.safetensors")
    (GOLDENS / "sampling_runs.json").write_text(json.dumps(CASES, indent=1) + "\n")
