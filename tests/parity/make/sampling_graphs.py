"""Small graphs of sampling nodes, run by ComfyUI with a network that is a formula or a small UNet.

    python tests/parity/make/sampling_graphs.py PATH_TO_A_COMFYUI_CHECKOUT PATHS_OF_NODE_PACKS...

writes `tests/parity/goldens/sampling_graphs.json` (the graphs, in the prompt format) and `.safetensors` (what each gives). Made with
ComfyUI 0.3.64 and PyTorch on the CPU, and the node packs mcmonkeyprojects/sd-dynamic-thresholding and chengzeyi/Comfy-WaveSpeed.
They are imported, nothing of them is copied here. Classes that begin with `Test` are
those of this script; the same ones are in the Rust test.

In this version EasyCache adds what it kept for each prompt of a call to all of them; for these numbers it is put right.
"""

import importlib
import importlib.util
import json
import math
import pathlib
import sys
import types

GOLDENS = pathlib.Path(__file__).parent.parent / "goldens"
sys.path.insert(0, sys.argv[1])
PACKS = [pathlib.Path(it).resolve() for it in sys.argv[2:]]
sys.argv = sys.argv[:1]

import os

os.environ["TQDM_DISABLE"] = "1"

import comfy.cli_args

comfy.cli_args.args.cpu = True

import numpy
import torch
from safetensors.numpy import save_file

import comfy.latent_formats
import comfy.ldm.modules.diffusionmodules.openaimodel
import comfy.model_base
import comfy.model_patcher
import comfy.ops
import comfy.samplers
import nodes

MODULES = (
    "custom_sampler advanced_samplers align_your_steps gits optimalsteps lt perpneg model_advanced apg cfg tcfg mahiro fresca eps "
    "lumina2 video_model latent differential_diffusion easycache slg sd3 pag sag freelunch hypertile model_downscale tomesd"
).split()


def wave(shape, seed):
    """Numbers without a pattern, the same in the Rust test."""
    count = int(numpy.prod(shape))
    return torch.from_numpy(numpy.sin(seed + 0.7 * numpy.arange(count)).astype(numpy.float32).reshape(shape))


class Network(torch.nn.Module):
    """Attends to the mean of its prompt."""

    def __init__(self):
        super().__init__()
        self.dtype = torch.float32
        self.in_channels = 4
        self.calls = 0

    def forward(self, x, timesteps, context=None, transformer_options={}, **_):
        executor = comfy.patcher_extension.WrapperExecutor.new_class_executor(
            self.inner,
            self,
            comfy.patcher_extension.get_all_wrappers(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, transformer_options),
        )
        return executor.execute(x, timesteps, context, transformer_options)

    def inner(self, x, timesteps, context, transformer_options):
        self.calls += x.shape[0]
        skipped = len(transformer_options.get("patches_replace", {}).get("dit", {}))
        shape = (x.shape[0],) + (x.shape[1],) + (1,) * (x.ndim - 2)
        prompt = context.mean(1).reshape(shape)
        time = timesteps.reshape((-1,) + (1,) * (x.ndim - 1)) / 1000
        return (torch.sin(x) * 0.8 + prompt * 0.5 + time * 0.1) * (1 - 0.05 * skipped)


class TestModel:
    def run(self, prediction="EPS", shift=3.0):
        config = types.SimpleNamespace(
            unet_config={"disable_unet_model_creation": True, "model_channels": 4},
            latent_format=comfy.latent_formats.SD15(),
            sampling_settings={"shift": shift} if prediction in ("FLOW", "FLUX") else {},
            manual_cast_dtype=None,
            custom_operations=None,
            scaled_fp8=None,
            optimizations={},
            memory_usage_factor=1.0,
        )
        inner = comfy.model_base.BaseModel(config, getattr(comfy.model_base.ModelType, prediction))
        inner.diffusion_model = Network()
        return (comfy.model_patcher.ModelPatcher(inner, torch.device("cpu"), torch.device("cpu")),)


class UNetModel(comfy.ldm.modules.diffusionmodules.openaimodel.UNetModel):
    """Computes with 53 bits: with 24 the numbers depend on how many threads there are, in the fourth digit."""

    def forward(self, x, *args, **kwargs):
        self.calls += x.shape[0]
        double = lambda it: it.double() if torch.is_tensor(it) and it.is_floating_point() else it
        out = super().forward(double(x), *map(double, args), **{name: double(it) for name, it in kwargs.items()})
        return out.to(x.dtype)


def unet():
    """A small UNet of Stable Diffusion 1's kind, its weights waves."""
    model = UNetModel(
        image_size=32,
        in_channels=4,
        model_channels=32,
        out_channels=4,
        num_res_blocks=[1, 1, 1],
        channel_mult=[1, 2, 4],
        num_heads=8,
        use_spatial_transformer=True,
        transformer_depth=[1, 1, 0],
        transformer_depth_middle=1,
        transformer_depth_output=[1, 1, 1, 1, 0, 0],
        context_dim=4,
        legacy=False,
        dtype=torch.float32,
        operations=comfy.ops.disable_weight_init,
    )
    state = {}
    for place, (name, it) in enumerate(model.state_dict().items()):
        shape = list(it.shape)
        TENSORS.append([name, shape]) if len(TENSORS) == place else None
        if len(shape) > 1:
            state[name] = wave(shape, place) * (2 / math.prod(shape[1:])) ** 0.5
        else:
            norm = name.endswith("weight")
            state[name] = wave(shape, place) * 0.1 + (1.0 if norm else 0.0)
    model.load_state_dict(state)
    model.calls = 0
    return model.double().eval()


TENSORS = []


class TestUnet(TestModel):
    def run(self):
        (patcher,) = super().run()
        patcher.model.diffusion_model = unet()
        patcher.model.model_config.unet_config["model_channels"] = 32
        return (patcher,)


def apply_cache_diff(self, x, uuids):
    if self.first_cond_uuid in uuids:
        self.total_steps_skipped += 1
    size = x.shape[0] // len(uuids)
    return torch.cat([x[i * size : (i + 1) * size] + self.uuid_cache_diffs[it] for i, it in enumerate(uuids)])


importlib.import_module("comfy_extras.nodes_easycache").EasyCacheHolder.apply_cache_diff = apply_cache_diff


class TestPrompt:
    def run(self, seed, **values):
        return ([[wave([1, 7, 4], seed), values]],)


class TestLatent:
    def run(self, height, width, batch=1, frames=0, seed=None, mask=None):
        shape = [batch, 4] + ([frames] if frames else []) + [height, width]
        latent = {"samples": torch.zeros(shape) if seed is None else wave(shape, seed)}
        if mask is not None:
            latent["noise_mask"] = wave([1, 1, height, width], mask) * 0.5 + 0.5
        return (latent,)


class TestSampler:
    def run(self, sampler_name, options):
        return (comfy.samplers.ksampler(sampler_name, json.loads(options)),)


class TestSigmas:
    def run(self, levels):
        return (torch.FloatTensor(json.loads(levels)),)


CLASSES = {it.__name__: it for it in [TestModel, TestUnet, TestPrompt, TestLatent, TestSampler, TestSigmas]}
CLASSES.update(nodes.NODE_CLASS_MAPPINGS)
for name in MODULES:
    module = importlib.import_module(f"comfy_extras.nodes_{name}")
    if hasattr(module, "NODE_CLASS_MAPPINGS"):
        CLASSES.update(module.NODE_CLASS_MAPPINGS)
    for it in vars(module).values():
        if isinstance(it, type) and hasattr(it, "define_schema") and it.__module__ == module.__name__:
            CLASSES[it.GET_SCHEMA().node_id] = it

for pack in PACKS:
    spec = importlib.util.spec_from_file_location(pack.name, pack / "__init__.py", submodule_search_locations=[str(pack)])
    module = sys.modules[pack.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    CLASSES.update(module.NODE_CLASS_MAPPINGS)


def evaluate(graph, node, done):
    if node not in done:
        step = graph[node]
        inputs = {
            name: evaluate(graph, it[0], done)[it[1]] if isinstance(it, list) else it for name, it in step["inputs"].items()
        }
        kind = CLASSES[step["class_type"]]
        if step["class_type"].startswith("Test"):
            done[node] = kind().run(**inputs)
        elif hasattr(kind, "define_schema"):
            result = kind.execute(**inputs)
            done[node] = result if isinstance(result, tuple) else result.result
        else:
            done[node] = getattr(kind(), kind.FUNCTION)(**inputs)
    return done[node]


def step(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def base(**more):
    graph = {
        "model": step("TestModel"),
        "positive": step("TestPrompt", seed=1.0),
        "negative": step("TestPrompt", seed=2.0),
        "latent": step("TestLatent", height=3, width=4),
        "sigmas": step("KarrasScheduler", steps=5, sigma_max=14.614642, sigma_min=0.0291675, rho=7.0),
    }
    graph.update(more)
    return graph


def custom(sampler, out=0, last="model", **more):
    """A run of SamplerCustom."""
    graph = base(
        sampler=sampler,
        out=step(
            "SamplerCustom",
            model=[last, 0],
            add_noise=True,
            noise_seed=7,
            cfg=3.0,
            positive=["positive", 0],
            negative=["negative", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["latent", 0],
        ),
    )
    graph.update(more)
    return {"graph": graph, "out": ["out", out]}


def patched(*patches, cfg=3.0, sampler="euler", **more):
    """A run of a model with patches."""
    graph = {}
    last = "model"
    for index, it in enumerate(patches):
        graph[f"patch{index}"] = {**it, "inputs": {"model": [last, 0], **it["inputs"]}}
        last = f"patch{index}"
    case = custom(step("KSamplerSelect", sampler_name=sampler), last=last, **{**graph, **more})
    case["graph"]["out"]["inputs"]["cfg"] = cfg
    return case


def guided(guider, sampler="euler", **more):
    """A run of SamplerCustomAdvanced."""
    graph = base(
        guider=guider,
        empty=step("TestPrompt", seed=3.0),
        noise=step("RandomNoise", noise_seed=7),
        sampler=step("KSamplerSelect", sampler_name=sampler),
        out=step(
            "SamplerCustomAdvanced",
            noise=["noise", 0],
            guider=["guider", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["latent", 0],
        ),
    )
    graph.update(more)
    return {"graph": graph, "out": ["out", 0]}


def levels(node, **more):
    """Noise levels of a node."""
    return {"graph": base(out=node, **more), "out": ["out", 0]}


def option(name, **options):
    return custom(step("TestSampler", sampler_name=name, options=json.dumps(options)))


FLOW = {"model": step("TestModel", prediction="FLOW"), "sigmas": step("BasicScheduler", model=["model", 0], scheduler="simple", steps=5, denoise=1.0)}
STEPS = step("TestSigmas", levels=json.dumps([14.6, 5.0, 2.0, 1.0, 0.4, 0.1, 0.0]))
EXTEND = dict(sigmas=["sigmas", 0], steps=3, start_at_sigma=-1.0, end_at_sigma=0.3)

CASES = {
    # Schedules.
    "basic": levels(step("BasicScheduler", model=["model", 0], scheduler="normal", steps=9, denoise=1.0)),
    "basic_part": levels(step("BasicScheduler", model=["model", 0], scheduler="karras", steps=9, denoise=0.62)),
    "basic_nothing": levels(step("BasicScheduler", model=["model", 0], scheduler="karras", steps=9, denoise=0.0)),
    "karras": levels(step("KarrasScheduler", steps=11, sigma_max=80.0, sigma_min=0.002, rho=5.0)),
    "exponential": levels(step("ExponentialScheduler", steps=11, sigma_max=80.0, sigma_min=0.002)),
    "polyexponential": levels(step("PolyexponentialScheduler", steps=11, sigma_max=14.6, sigma_min=0.03, rho=1.7)),
    "laplace": levels(step("LaplaceScheduler", steps=11, sigma_max=14.6, sigma_min=0.03, mu=0.2, beta=0.6)),
    "laplace_even": levels(step("LaplaceScheduler", steps=12, sigma_max=14.6, sigma_min=0.03, mu=0.0, beta=0.5)),
    "vp": levels(step("VPScheduler", steps=11, beta_d=19.9, beta_min=0.1, eps_s=0.001)),
    "beta": levels(step("BetaSamplingScheduler", model=["model", 0], steps=17, alpha=0.5, beta=0.9)),
    "beta_small": levels(step("BetaSamplingScheduler", model=["model", 0], steps=9, alpha=3.0, beta=0.4)),
    "turbo": levels(step("SDTurboScheduler", model=["model", 0], steps=3, denoise=1.0)),
    "turbo_part": levels(step("SDTurboScheduler", model=["model", 0], steps=10, denoise=0.47)),
    "ays_sd1": levels(step("AlignYourStepsScheduler", model_type="SD1", steps=10, denoise=1.0)),
    "ays_sdxl": levels(step("AlignYourStepsScheduler", model_type="SDXL", steps=17, denoise=1.0)),
    "ays_svd": levels(step("AlignYourStepsScheduler", model_type="SVD", steps=7, denoise=0.5)),
    "ays_none": levels(step("AlignYourStepsScheduler", model_type="SVD", steps=7, denoise=0.05)),
    "gits": levels(step("GITSScheduler", coeff=1.2, steps=10, denoise=1.0)),
    "gits_first": levels(step("GITSScheduler", coeff=0.8, steps=2, denoise=1.0)),
    "gits_last": levels(step("GITSScheduler", coeff=1.5, steps=20, denoise=0.66)),
    "gits_long": levels(step("GITSScheduler", coeff=1.05, steps=33, denoise=1.0)),
    "optimal_flux": levels(step("OptimalStepsScheduler", model_type="FLUX", steps=10, denoise=1.0)),
    "optimal_wan": levels(step("OptimalStepsScheduler", model_type="Wan", steps=13, denoise=0.8)),
    "optimal_chroma": levels(step("OptimalStepsScheduler", model_type="Chroma", steps=55, denoise=1.0)),
    "ltxv": levels(step("LTXVScheduler", steps=9, max_shift=2.05, base_shift=0.95, stretch=True, terminal=0.1)),
    "ltxv_latent": levels(
        step("LTXVScheduler", steps=9, max_shift=2.05, base_shift=0.95, stretch=False, terminal=0.1, latent=["latent", 0]),
        latent=step("TestLatent", height=30, width=40, frames=3),
    ),
    # Noise levels.
    "split_high": levels(step("SplitSigmas", sigmas=["sigmas", 0], step=2)),
    "split_low": {**levels(step("SplitSigmas", sigmas=["sigmas", 0], step=2)), "out": ["out", 1]},
    "split_beyond": {**levels(step("SplitSigmas", sigmas=["sigmas", 0], step=20)), "out": ["out", 1]},
    "split_denoise_high": levels(step("SplitSigmasDenoise", sigmas=["sigmas", 0], denoise=0.5)),
    "split_denoise_low": {**levels(step("SplitSigmasDenoise", sigmas=["sigmas", 0], denoise=0.5)), "out": ["out", 1]},
    "split_nothing_high": levels(step("SplitSigmasDenoise", sigmas=["sigmas", 0], denoise=0.0)),
    "split_nothing_low": {**levels(step("SplitSigmasDenoise", sigmas=["sigmas", 0], denoise=0.0)), "out": ["out", 1]},
    "flip": levels(step("FlipSigmas", sigmas=["sigmas", 0])),
    "first": levels(step("SetFirstSigma", sigmas=["sigmas", 0], sigma=136.0)),
    "extend": levels(step("ExtendIntermediateSigmas", **EXTEND, spacing="linear")),
    "extend_cosine": levels(step("ExtendIntermediateSigmas", **EXTEND, spacing="cosine")),
    "extend_sine": levels(step("ExtendIntermediateSigmas", **{**EXTEND, "start_at_sigma": 5.0, "end_at_sigma": 0.1}, spacing="sine")),
    "percent": levels(step("SamplingPercentToSigma", model=["model", 0], sampling_percent=0.37, return_actual_sigma=False)),
    "percent_zero": levels(step("SamplingPercentToSigma", model=["model", 0], sampling_percent=0.0, return_actual_sigma=True)),
    "percent_one": levels(step("SamplingPercentToSigma", model=["model", 0], sampling_percent=1.0, return_actual_sigma=True)),
    # Samplers with options.
    "euler_churn": option("euler", s_churn=3.0, s_tmin=0.1, s_tmax=10.0, s_noise=1.003),
    "euler_much_churn": option("euler", s_churn=40.0),
    "heun_churn": option("heun", s_churn=2.0),
    "heunpp2_churn": option("heunpp2", s_churn=2.0, s_tmin=0.1, s_tmax=3.0),
    "dpm_2_churn": option("dpm_2", s_churn=2.0, s_noise=0.9),
    "lms_1": custom(step("SamplerLMS", order=1)),
    "lms_2": custom(step("SamplerLMS", order=2)),
    "lms_9": custom(step("SamplerLMS", order=9), sigmas=STEPS),
    "euler_a": custom(step("SamplerEulerAncestral", eta=0.4, s_noise=1.1)),
    "euler_a_none": custom(step("SamplerEulerAncestral", eta=0.0, s_noise=1.0)),
    "euler_a_much": custom(step("SamplerEulerAncestral", eta=3.0, s_noise=0.8)),
    "euler_a_flow": custom(step("SamplerEulerAncestral", eta=0.4, s_noise=1.1), **FLOW),
    "euler_a_pp": custom(step("SamplerEulerAncestralCFGPP", eta=0.4, s_noise=1.1)),
    "euler_a_pp_flow": custom(step("SamplerEulerAncestralCFGPP", eta=0.4, s_noise=1.1), **FLOW),
    "euler_pp": custom(step("SamplerEulerCFGpp", version="regular")),
    "euler_pp_alternative": custom(step("SamplerEulerCFGpp", version="alternative")),
    "dpm_2_a": option("dpm_2_ancestral", eta=0.3, s_noise=1.2),
    "dpmpp_2s_a": custom(step("SamplerDPMPP_2S_Ancestral", eta=0.3, s_noise=1.2)),
    "dpmpp_2s_a_none": custom(step("SamplerDPMPP_2S_Ancestral", eta=0.0, s_noise=1.2)),
    "dpmpp_2s_a_flow": custom(step("SamplerDPMPP_2S_Ancestral", eta=0.3, s_noise=1.2), **FLOW),
    "dpmpp_2s_a_pp": option("dpmpp_2s_ancestral_cfg_pp", eta=0.3, s_noise=1.2),
    "dpmpp_sde": custom(step("SamplerDPMPP_SDE", eta=0.5, s_noise=0.9, r=0.7, noise_device="cpu")),
    "dpmpp_sde_none": custom(step("SamplerDPMPP_SDE", eta=0.0, s_noise=0.9, r=0.3, noise_device="gpu")),
    "dpmpp_sde_flow": custom(step("SamplerDPMPP_SDE", eta=0.5, s_noise=0.9, r=0.7, noise_device="cpu"), **FLOW),
    "dpmpp_2m_sde": custom(step("SamplerDPMPP_2M_SDE", solver_type="midpoint", eta=0.5, s_noise=0.9, noise_device="gpu")),
    "dpmpp_2m_sde_heun": custom(step("SamplerDPMPP_2M_SDE", solver_type="heun", eta=0.5, s_noise=0.9, noise_device="cpu")),
    "dpmpp_2m_sde_none": custom(step("SamplerDPMPP_2M_SDE", solver_type="heun", eta=0.0, s_noise=1.0, noise_device="cpu")),
    "dpmpp_3m_sde": custom(step("SamplerDPMPP_3M_SDE", eta=0.5, s_noise=0.9, noise_device="gpu")),
    "dpmpp_3m_sde_none": custom(step("SamplerDPMPP_3M_SDE", eta=0.0, s_noise=0.9, noise_device="gpu")),
    "ipndm_2": option("ipndm", max_order=2),
    "ipndm_3": option("ipndm", max_order=3),
    "ipndm_v_2": option("ipndm_v", max_order=2),
    "ipndm_v_3": option("ipndm_v", max_order=3),
    "deis_2": option("deis", max_order=2),
    "deis_4": option("deis", max_order=4),
    "res_a": option("res_multistep_ancestral", eta=0.4, s_noise=1.1),
    "res_a_pp": option("res_multistep_ancestral_cfg_pp", eta=0.4, s_noise=1.1),
    "gradient": option("gradient_estimation", ge_gamma=1.4),
    "gradient_pp": option("gradient_estimation_cfg_pp", ge_gamma=1.4),
    "er_sde_1": custom(step("SamplerER_SDE", solver_type="ER-SDE", max_stage=1, eta=1.0, s_noise=1.0)),
    "er_sde_2": custom(step("SamplerER_SDE", solver_type="ER-SDE", max_stage=2, eta=0.3, s_noise=0.8)),
    "er_sde_reverse": custom(step("SamplerER_SDE", solver_type="Reverse-time SDE", max_stage=3, eta=0.7, s_noise=0.8)),
    "er_sde_ode": custom(step("SamplerER_SDE", solver_type="ODE", max_stage=3, eta=0.7, s_noise=0.8)),
    "er_sde_flow": custom(step("SamplerER_SDE", solver_type="Reverse-time SDE", max_stage=3, eta=0.7, s_noise=0.8), **FLOW),
    "seeds_2": option("seeds_2", eta=0.6, s_noise=0.9, r=0.7),
    "seeds_2_none": option("seeds_2", eta=0.0, r=0.4),
    "seeds_3": option("seeds_3", eta=0.6, s_noise=0.9, r_1=0.25, r_2=0.8),
    "seeds_3_none": option("seeds_3", s_noise=0.0),
    "adaptive_2": custom(step(
        "SamplerDPMAdaptative", order=2, rtol=0.1, atol=0.01, h_init=0.1, pcoeff=0.0, icoeff=1.0, dcoeff=0.0, accept_safety=0.81, eta=0.0, s_noise=1.0
    )),
    "adaptive_pid": custom(step(
        "SamplerDPMAdaptative", order=3, rtol=0.05, atol=0.0078, h_init=0.3, pcoeff=0.4, icoeff=0.3, dcoeff=0.1, accept_safety=0.9, eta=0.0, s_noise=1.0
    )),
    "adaptive_noisy": custom(step(
        "SamplerDPMAdaptative", order=3, rtol=0.3, atol=0.05, h_init=0.2, pcoeff=0.0, icoeff=1.0, dcoeff=0.0, accept_safety=0.81, eta=0.5, s_noise=0.9
    )),
    "fast_up": custom(step("KSamplerSelect", sampler_name="dpm_fast"), sigmas=step("TestSigmas", levels="[0.1, 0.5, 1.0, 3.0, 6.0]")),
    "adaptive_up": custom(step("KSamplerSelect", sampler_name="dpm_adaptive"), sigmas=step("TestSigmas", levels="[0.1, 0.5, 1.0, 3.0]")),
    "lcm_growing": custom(step("SamplerLCMUpscale", scale_ratio=2.0, scale_steps=-1, upscale_method="bislerp")),
    "lcm_growing_soon": custom(step("SamplerLCMUpscale", scale_ratio=1.7, scale_steps=1, upscale_method="bilinear"), latent=step("TestLatent", height=3, width=4, seed=5.0)),
    "lcm_growing_late": custom(step("SamplerLCMUpscale", scale_ratio=0.6, scale_steps=40, upscale_method="area")),
    # Custom runs.
    "custom_denoised": custom(step("KSamplerSelect", sampler_name="euler"), out=1, sigmas=step("TestSigmas", levels="[14.6, 5.0, 1.0]")),
    "custom_denoised_heun": custom(step("KSamplerSelect", sampler_name="heun"), out=1, sigmas=step("TestSigmas", levels="[14.6, 5.0, 1.0]")),
    "custom_one_level": custom(step("KSamplerSelect", sampler_name="euler"), sigmas=step("TestSigmas", levels="[3.0]")),
    "custom_no_level": custom(step("KSamplerSelect", sampler_name="euler"), sigmas=step("TestSigmas", levels="[]"), latent=step("TestLatent", height=3, width=4, seed=5.0)),
    "custom_up": custom(
        step("KSamplerSelect", sampler_name="euler"),
        flipped=step("FlipSigmas", sigmas=["levels", 0]),
        levels=step("KarrasScheduler", steps=5, sigma_max=14.614642, sigma_min=0.0291675, rho=7.0),
        sigmas=step("SplitSigmas", sigmas=["flipped", 0], step=9),
        latent=step("TestLatent", height=3, width=4, seed=5.0),
    ),
    "custom_masked": custom(step("KSamplerSelect", sampler_name="ddim"), latent=step("TestLatent", height=3, width=4, seed=5.0, mask=0.3)),
    "custom_video": custom(step("KSamplerSelect", sampler_name="dpmpp_2m"), latent=step("TestLatent", height=3, width=4, frames=3, seed=5.0)),
    "noise_none": guided(step("BasicGuider", model=["model", 0], conditioning=["positive", 0]), noise=step("DisableNoise"), latent=step("TestLatent", height=3, width=4, seed=5.0)),
    "noise_none_ancestral": guided(step("BasicGuider", model=["model", 0], conditioning=["positive", 0]), sampler="euler_ancestral", noise=step("DisableNoise"), latent=step("TestLatent", height=3, width=4, seed=5.0)),
    "add_noise": {
        "graph": base(
            noise=step("RandomNoise", noise_seed=3),
            latent=step("TestLatent", height=3, width=4, seed=5.0),
            out=step("AddNoise", model=["model", 0], noise=["noise", 0], sigmas=["sigmas", 0], latent_image=["latent", 0]),
        ),
        "out": ["out", 0],
    },
    "add_noise_flow": {
        "graph": base(
            **FLOW,
            noise=step("RandomNoise", noise_seed=3),
            latent=step("TestLatent", height=3, width=4, seed=5.0),
            part=step("SplitSigmas", sigmas=["sigmas", 0], step=2),
            out=step("AddNoise", model=["model", 0], noise=["noise", 0], sigmas=["part", 1], latent_image=["latent", 0]),
        ),
        "out": ["out", 0],
    },
    # Guiders.
    "basic_guider": guided(step("BasicGuider", model=["model", 0], conditioning=["positive", 0])),
    "basic_guider_pp": guided(step("BasicGuider", model=["model", 0], conditioning=["positive", 0]), sampler="euler_cfg_pp"),
    "cfg_guider": guided(step("CFGGuider", model=["model", 0], positive=["positive", 0], negative=["negative", 0], cfg=2.5)),
}
for style in ("regular", "nested"):
    for first, second in [(3.0, 2.0), (3.0, 1.0), (1.0, 1.0)]:
        for sampler in ("euler", "euler_cfg_pp"):
            CASES[f"dual_{style}_{first:.0f}_{second:.0f}_{sampler}"] = guided(
                step(
                    "DualCFGGuider",
                    model=["model", 0],
                    cond1=["positive", 0],
                    cond2=["empty", 0],
                    negative=["negative", 0],
                    cfg_conds=first,
                    cfg_cond2_negative=second,
                    style=style,
                ),
                sampler=sampler,
            )
for cfg, scale in [(4.0, 1.0), (4.0, 0.0), (1.0, 0.0), (1.0, 2.0)]:
    for sampler in ("euler", "euler_cfg_pp"):
        CASES[f"perpendicular_{cfg:.0f}_{scale:.0f}_{sampler}"] = guided(
            step(
                "PerpNegGuider",
                model=["model", 0],
                positive=["positive", 0],
                negative=["negative", 0],
                empty_conditioning=["empty", 0],
                cfg=cfg,
                neg_scale=scale,
            ),
            sampler=sampler,
        )
for name in ["predictor_1_corrector_0", "predictor_2_corrector_2_simple", "predictor_6_corrector_6_pece", "predictor_2_corrector_2_pece_simple", "predictor_1_corrector_3"]:
    words = name.split("_")
    CASES[f"sa_{name}"] = custom(
        step(
            "SamplerSASolver",
            model=["model", 0],
            eta=0.8,
            sde_start_percent=0.3,
            sde_end_percent=0.9,
            s_noise=0.9,
            predictor_order=int(words[1]),
            corrector_order=int(words[3]),
            use_pece="pece" in words,
            simple_order_2="simple" in words,
        ),
        sigmas=STEPS,
    )

# Every sampler with every reading of a network's output.
READINGS = {
    "v": step("ModelSamplingDiscrete", model=["plain", 0], sampling="v_prediction", zsnr=False),
    "v_zsnr": step("ModelSamplingDiscrete", model=["plain", 0], sampling="v_prediction", zsnr=True),
    "x0": step("ModelSamplingDiscrete", model=["plain", 0], sampling="x0", zsnr=False),
    "lcm": step("ModelSamplingDiscrete", model=["plain", 0], sampling="lcm", zsnr=False),
    "image": step("ModelSamplingDiscrete", model=["plain", 0], sampling="img_to_img", zsnr=False),
    "edm": step("ModelSamplingContinuousEDM", model=["plain", 0], sampling="edm", sigma_max=80.0, sigma_min=0.002),
    "edm_v": step("ModelSamplingContinuousEDM", model=["plain", 0], sampling="v_prediction", sigma_max=120.0, sigma_min=0.002),
    "edm_eps": step("ModelSamplingContinuousEDM", model=["plain", 0], sampling="eps", sigma_max=120.0, sigma_min=0.002),
    "edm_playground": step("ModelSamplingContinuousEDM", model=["plain", 0], sampling="edm_playground_v2.5", sigma_max=80.0, sigma_min=0.002),
    "cosmos": step("ModelSamplingContinuousEDM", model=["plain", 0], sampling="cosmos_rflow", sigma_max=80.0, sigma_min=0.002),
    "angle": step("ModelSamplingContinuousV", model=["plain", 0], sampling="v_prediction", sigma_max=500.0, sigma_min=0.03),
    "cascade": step("ModelSamplingStableCascade", model=["plain", 0], shift=2.0),
    "sd3": step("ModelSamplingSD3", model=["plain", 0], shift=3.0),
    "aura": step("ModelSamplingAuraFlow", model=["plain", 0], shift=1.73),
    "flux": step("ModelSamplingFlux", model=["plain", 0], max_shift=1.15, base_shift=0.5, width=640, height=512),
    "ltxv": step("ModelSamplingLTXV", model=["plain", 0], max_shift=2.05, base_shift=0.95),
}


def read(reading, sampler):
    case = custom(
        step("KSamplerSelect", sampler_name=sampler),
        plain=step("TestModel"),
        model=READINGS[reading],
        sigmas=step("BasicScheduler", model=["model", 0], scheduler="simple", steps=5, denoise=1.0),
    )
    return case


for sampler in comfy.samplers.SAMPLER_NAMES:
    if not sampler.endswith("_gpu"):
        for reading in ("v", "x0", "edm", "cascade", "flux"):
            CASES[f"{reading}_{sampler}"] = read(reading, sampler)
for reading in READINGS:
    for sampler in ("euler", "dpmpp_2m", "lcm", "dpmpp_2m_sde", "er_sde", "res_multistep"):
        CASES[f"{reading}_{sampler}"] = read(reading, sampler)
    for scheduler in ("normal", "sgm_uniform", "ddim_uniform", "beta", "karras"):
        CASES[f"{reading}_levels_{scheduler}"] = levels(
            step("BasicScheduler", model=["model", 0], scheduler=scheduler, steps=7, denoise=1.0), plain=step("TestModel"), model=READINGS[reading]
        )
    CASES[f"{reading}_percent"] = levels(
        step("SamplingPercentToSigma", model=["model", 0], sampling_percent=0.37, return_actual_sigma=False), plain=step("TestModel"), model=READINGS[reading]
    )

# Patches.
SIDE = {"latent": step("TestLatent", height=12, width=16, seed=4.0)}
BATCH = {"latent": step("TestLatent", height=3, width=4, batch=3, seed=4.0)}
LONG = {"sigmas": step("KarrasScheduler", steps=14, sigma_max=14.614642, sigma_min=0.0291675, rho=7.0), **SIDE}
APG = dict(eta=0.4, norm_threshold=2.0, momentum=-0.5)
LAYERS = dict(scale=2.0, start_percent=0.1, end_percent=0.8)
CASES.update({
    "rescale": patched(step("RescaleCFG", multiplier=0.7), **BATCH),
    "rescale_after": patched(step("RescaleCFG", multiplier=0.2), step("VideoLinearCFGGuidance", min_cfg=1.0), step("RescaleCFG", multiplier=0.7)),
    "renorm": patched(step("RenormCFG", cfg_trunc=3.0, renorm_cfg=1.0)),
    "renorm_low": patched(step("RenormCFG", cfg_trunc=100.0, renorm_cfg=0.4)),
    "renorm_none": patched(step("RenormCFG", cfg_trunc=2.0, renorm_cfg=0.0)),
    "linear": patched(step("VideoLinearCFGGuidance", min_cfg=1.0), **BATCH),
    "triangle": patched(step("VideoTriangleCFGGuidance", min_cfg=1.0), **BATCH),
    "triangle_one": patched(step("VideoTriangleCFGGuidance", min_cfg=1.0)),
    "perp_neg": patched(step("PerpNeg", empty_conditioning=["empty", 0], neg_scale=0.8), empty=step("TestPrompt", seed=3.0)),
    "apg": patched(step("APG", **APG), **BATCH),
    "apg_plain": patched(step("APG", eta=1.0, norm_threshold=0.0, momentum=0.0)),
    "apg_video": patched(step("APG", **APG), latent=step("TestLatent", height=3, width=4, frames=3, seed=5.0)),
    "apg_alone": patched(step("APG", **APG), cfg=1.0),
    "tcfg": patched(step("TCFG"), **BATCH),
    "tcfg_alone": patched(step("TCFG"), cfg=1.0),
    "fresca": patched(step("FreSca", scale_low=0.8, scale_high=1.4, freq_cutoff=3), **SIDE),
    "fresca_odd": patched(step("FreSca", scale_low=0.8, scale_high=1.4, freq_cutoff=20), latent=step("TestLatent", height=7, width=5)),
    "fresca_alone": patched(step("FreSca", scale_low=0.8, scale_high=1.4, freq_cutoff=3), cfg=1.0),
    "tonemap": patched(step("LatentApplyOperationCFG", operation=["operation", 0]), operation=step("LatentOperationTonemapReinhard", multiplier=0.6), **BATCH),
    "sharpen": patched(step("LatentApplyOperationCFG", operation=["operation", 0]), operation=step("LatentOperationSharpen", sharpen_radius=3, sigma=0.7, alpha=0.2), **SIDE),
    "tonemap_latent": levels(step("LatentApplyOperation", samples=["latent", 0], operation=["operation", 0]), operation=step("LatentOperationTonemapReinhard", multiplier=0.6), **BATCH),
    "sharpen_latent": levels(step("LatentApplyOperation", samples=["latent", 0], operation=["operation", 0]), operation=step("LatentOperationSharpen", sharpen_radius=9, sigma=1.0, alpha=0.1), **SIDE),
    "zero_star": patched(step("CFGZeroStar"), **BATCH),
    "zero_star_flow": patched(step("CFGZeroStar"), **FLOW),
    "norm": patched(step("CFGNorm", strength=0.9)),
    "mahiro": patched(step("Mahiro"), **BATCH),
    "epsilon": patched(step("Epsilon Scaling", scaling_factor=1.02)),
    "skip_sd3": patched(step("SkipLayerGuidanceSD3", layers="7, 8, 9", **LAYERS)),
    "skip": patched(step("SkipLayerGuidanceDiT", double_layers="1, 2", single_layers="7", rescaling_scale=0.3, **LAYERS), **BATCH),
    "skip_nothing": patched(step("SkipLayerGuidanceDiT", double_layers="", single_layers="none", rescaling_scale=0.3, **LAYERS)),
    "skip_simple": patched(step("SkipLayerGuidanceDiTSimple", double_layers="1", single_layers="2", start_percent=0.2, end_percent=0.9)),
    "differential": patched(step("DifferentialDiffusion", strength=1.0), latent=step("TestLatent", height=3, width=4, seed=5.0, mask=0.3)),
    "differential_soft": patched(step("DifferentialDiffusion", strength=0.6), latent=step("TestLatent", height=3, width=4, seed=5.0, mask=0.3)),
    "easy": patched(step("EasyCache", reuse_threshold=0.4, start_percent=0.1, end_percent=0.95, verbose=False), **LONG),
    "easy_alone": patched(step("EasyCache", reuse_threshold=0.3, start_percent=0.15, end_percent=0.9, verbose=False), cfg=1.0, **LONG),
    "lazy": patched(step("LazyCache", reuse_threshold=0.3, start_percent=0.1, end_percent=0.95, verbose=False), **LONG),
    "lazy_pp": patched(step("LazyCache", reuse_threshold=0.3, start_percent=0.1, end_percent=0.95, verbose=False), sampler="euler_cfg_pp", **LONG),
    "many": patched(
        step("APG", **APG), step("TCFG"), step("RescaleCFG", multiplier=0.5), step("CFGZeroStar"), step("CFGNorm", strength=0.95), step("Epsilon Scaling", scaling_factor=1.01), sampler="euler_cfg_pp", **BATCH
    ),
    "guider_patches": guided(
        step("DualCFGGuider", model=["patch", 0], cond1=["positive", 0], cond2=["empty", 0], negative=["negative", 0], cfg_conds=3.0, cfg_cond2_negative=2.0, style="regular"),
        patch=step("Mahiro", model=["model", 0]),
    ),
    "guider_patches_nested": guided(
        step("DualCFGGuider", model=["patch", 0], cond1=["positive", 0], cond2=["empty", 0], negative=["negative", 0], cfg_conds=3.0, cfg_cond2_negative=2.0, style="nested"),
        patch=step("RescaleCFG", model=["model", 0], multiplier=0.6),
    ),
    "guider_patches_perpendicular": guided(
        step("PerpNegGuider", model=["patch", 0], positive=["positive", 0], negative=["negative", 0], empty_conditioning=["empty", 0], cfg=3.0, neg_scale=0.7),
        patch0=step("APG", model=["model", 0], **APG),
        patch=step("CFGNorm", model=["patch0", 0], strength=0.9),
    ),
})

# Patches of a network.
UNET = {
    "model": step("TestUnet"),
    "latent": step("TestLatent", height=16, width=16, seed=4.0),
    "sigmas": step("TestSigmas", levels="[6.0, 2.0, 0.5, 0.0]"),
}
SHRINK = dict(block_number=2, downscale_factor=2.0, start_percent=0.0, end_percent=0.9, downscale_after_skip=True, downscale_method="bicubic", upscale_method="bicubic")
CASES.update({
    "unet": patched(**UNET),
    "freeu": patched(step("FreeU", b1=1.3, b2=1.2, s1=0.6, s2=0.3), **UNET),
    "freeu_odd": patched(step("FreeU", b1=1.3, b2=1.2, s1=0.6, s2=0.3), **{**UNET, "latent": step("TestLatent", height=9, width=13, seed=4.0)}),
    "freeu_v2": patched(step("FreeU_V2", b1=1.3, b2=1.4, s1=0.9, s2=0.2), **UNET),
    "hypertile": patched(step("HyperTile", tile_size=32, swap_size=1, max_depth=0, scale_depth=False), **UNET),
    "hypertile_random": patched(step("HyperTile", tile_size=32, swap_size=3, max_depth=1, scale_depth=False), **UNET),
    "hypertile_wide": patched(step("HyperTile", tile_size=32, swap_size=2, max_depth=1, scale_depth=True), **{**UNET, "latent": step("TestLatent", height=8, width=24, seed=4.0)}),
    "shrink": patched(step("PatchModelAddDownscale", **SHRINK), **UNET),
    "shrink_before": patched(step("PatchModelAddDownscale", **{**SHRINK, "downscale_after_skip": False, "block_number": 1, "downscale_factor": 1.6, "end_percent": 0.5}), **UNET),
    "shrink_bilinear": patched(step("PatchModelAddDownscale", **{**SHRINK, "downscale_method": "bilinear", "upscale_method": "nearest-exact", "downscale_factor": 1.3}), **UNET),
    "shrink_area": patched(step("PatchModelAddDownscale", **{**SHRINK, "downscale_method": "area", "upscale_method": "bilinear", "downscale_factor": 1.5, "block_number": 3}), **UNET),
    "shrink_nearest": patched(step("PatchModelAddDownscale", **{**SHRINK, "downscale_method": "nearest-exact", "upscale_method": "area", "downscale_factor": 0.7}), **UNET),
    "shrink_free": patched(step("PatchModelAddDownscale", **SHRINK), step("FreeU", b1=1.3, b2=1.2, s1=0.6, s2=0.3), **UNET),
    "shrink_arcs": patched(step("PatchModelAddDownscale", **{**SHRINK, "downscale_method": "bislerp", "upscale_method": "bislerp", "downscale_factor": 1.4}), **UNET),
    "merge": patched(step("TomePatchModel", ratio=0.3), **UNET),
    "merge_much": patched(step("TomePatchModel", ratio=0.9), **{**UNET, "latent": step("TestLatent", height=9, width=13, seed=4.0)}),
    "pag": patched(step("PerturbedAttentionGuidance", scale=2.5), **UNET),
    "pag_alone": patched(step("PerturbedAttentionGuidance", scale=2.5), cfg=1.0, **UNET),
    "pag_none": patched(step("PerturbedAttentionGuidance", scale=0.0), **UNET),
    "sag": patched(step("SelfAttentionGuidance", scale=0.5, blur_sigma=2.0), **UNET),
    "sag_alone": patched(step("SelfAttentionGuidance", scale=0.5, blur_sigma=1.0), cfg=1.0, **{**UNET, "latent": step("TestLatent", height=8, width=24, seed=4.0)}),
    "sag_pag": patched(step("SelfAttentionGuidance", scale=0.5, blur_sigma=2.0), step("PerturbedAttentionGuidance", scale=2.5), **UNET),
    "sag_small": patched(step("SelfAttentionGuidance", scale=0.5, blur_sigma=2.0), **{**UNET, "latent": step("TestLatent", height=4, width=8, seed=4.0)}),
})

# Of packs.
FULL = dict(
    mimic_scale=2.0, threshold_percentile=0.9, mimic_mode="Constant", mimic_scale_min=0.5, cfg_mode="Constant", cfg_scale_min=1.0, sched_val=2.5,
    separate_feature_channels="enable", scaling_startpoint="MEAN", variability_measure="AD", interpolate_phi=1.0,
)


def threshold(**changes):
    return patched(step("DynamicThresholdingFull", **{**FULL, **changes}), cfg=6.0, **BATCH)


CASES.update({
    "threshold_simple": patched(step("DynamicThresholdingSimple", mimic_scale=2.0, threshold_percentile=1.0), cfg=6.0, **BATCH),
    "threshold_simple_part": patched(step("DynamicThresholdingSimple", mimic_scale=2.0, threshold_percentile=0.83), cfg=6.0, **BATCH),
    "threshold_equal": patched(step("DynamicThresholdingSimple", mimic_scale=3.0, threshold_percentile=0.83)),
    "threshold_weaker": patched(step("DynamicThresholdingSimple", mimic_scale=7.0, threshold_percentile=0.9)),
    "threshold_alone": patched(step("DynamicThresholdingSimple", mimic_scale=7.0, threshold_percentile=0.9), cfg=1.0),
    "threshold_video": patched(step("DynamicThresholdingFull", **FULL), cfg=6.0, latent=step("TestLatent", height=3, width=4, frames=3, seed=5.0)),
    "threshold_zero": threshold(scaling_startpoint="ZERO", threshold_percentile=0.95),
    "threshold_zero_together": threshold(scaling_startpoint="ZERO", separate_feature_channels="disable"),
    "threshold_deviation": threshold(variability_measure="STD"),
    "threshold_deviation_together": threshold(variability_measure="STD", separate_feature_channels="disable", interpolate_phi=0.7),
    "threshold_deviation_zero": threshold(variability_measure="STD", scaling_startpoint="ZERO"),
    "threshold_share": threshold(interpolate_phi=0.4),
})
for mode in CLASSES["DynamicThresholdingFull"].INPUT_TYPES()["required"]["mimic_mode"][0]:
    name = mode.lower().replace(" ", "_")
    CASES[f"threshold_mimic_{name}"] = threshold(mimic_mode=mode)
    CASES[f"threshold_cfg_{name}"] = threshold(cfg_mode=mode)

FIRST = dict(object_to_patch="diffusion_model", residual_diff_threshold=0.3, start=0.0, end=1.0, max_consecutive_cache_hits=-1)
SLOW = {**UNET, "sigmas": step("KarrasScheduler", steps=9, sigma_max=6.0, sigma_min=0.0291675, rho=7.0)}
CASES.update({
    "first_block": patched(step("ApplyFBCacheOnModel", **FIRST), **SLOW),
    "first_block_strict": patched(step("ApplyFBCacheOnModel", **{**FIRST, "residual_diff_threshold": 0.05}), **SLOW),
    "first_block_limited": patched(step("ApplyFBCacheOnModel", **{**FIRST, "residual_diff_threshold": 0.8, "max_consecutive_cache_hits": 1}), **SLOW),
    "first_block_part": patched(step("ApplyFBCacheOnModel", **{**FIRST, "residual_diff_threshold": 0.8, "start": 0.7, "end": 0.95}), **SLOW),
    "first_block_none": patched(step("ApplyFBCacheOnModel", **{**FIRST, "residual_diff_threshold": 0.0}), **SLOW),
    "first_block_alone": patched(step("ApplyFBCacheOnModel", **FIRST), cfg=1.0, **SLOW),
    "first_block_free": patched(step("FreeU", b1=1.3, b2=1.2, s1=0.6, s2=0.3), step("ApplyFBCacheOnModel", **FIRST), **SLOW),
})


def main():
    numbers = {}
    for name, case in CASES.items():
        done = {}
        node, index = case["out"]
        out = evaluate(case["graph"], node, done)[index]
        if isinstance(out, dict):
            out = out["samples"]
        if not torch.is_tensor(out):
            out = torch.tensor([out], dtype=torch.float32)
        numbers[name] = out.float().contiguous().numpy()
        if not torch.isfinite(out).all():
            print("not finite:", name)
        inner = [it[0].model.diffusion_model for it in done.values() if isinstance(it[0], comfy.model_patcher.ModelPatcher)]
        case["calls"] = inner[0].calls if inner else 0
        # What the output does not depend on is not there.
        case["graph"] = {key: it for key, it in case["graph"].items() if key in done}
    save_file(numbers, GOLDENS / "sampling_graphs.safetensors")
    write = lambda it: json.dumps(it, separators=(",", ":"))
    lines = [f"{write(name)}:{write(case)}" for name, case in CASES.items()]
    text = f'{{"tensors":{write(TENSORS)},\n"cases":{{\n' + ",\n".join(lines) + "\n}}\n"
    (GOLDENS / "sampling_graphs.json").write_text(text)


main()
