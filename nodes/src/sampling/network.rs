//! Changes to what a network computes, and when it is asked.

use models::Model;
use models::sampling::Patch;
use models::sampling::patches::{Cache, FirstBlockCache, FreeU as FreeFactors, Scaling, Within};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        DifferentialDiffusion,
        EasyCache,
        LazyCache,
        ApplyFBCacheOnModel,
        FreeU,
        FreeU_V2,
        HyperTile,
        TomePatchModel,
        PatchModelAddDownscale,
    ]
}

/// Turns a soft noise mask into one that lets go of places step by step: the brighter the mask, the earlier a place is changed.
#[derive(Node)]
#[node(
    display = "Differential Diffusion",
    category = "_for_testing",
    experimental,
    outputs(MODEL = "The model with this change.")
)]
struct DifferentialDiffusion {
    /// The model.
    model: Model,
    /// How much of the soft mask it replaces.
    #[input(optional, default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    strength: f64,
}

impl Run for DifferentialDiffusion {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::DifferentialDiffusion { strength: self.strength }))
    }
}

/// Leaves out calls of the network whose answer is expected to differ little from the last one.
#[derive(Node)]
#[node(category = "advanced/debug/model", experimental, outputs(MODEL = "The model with this change."))]
struct EasyCache {
    /// The model.
    model: Model,
    /// How much the answer may have changed: more saves more time and costs quality.
    #[input(default = 0.2, min = 0.0, max = 3.0, step = 0.01)]
    reuse_threshold: f64,
    /// From this part of the way ...
    #[input(default = 0.15, min = 0.0, max = 1.0, step = 0.01)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 0.95, min = 0.0, max = 1.0, step = 0.01)]
    end_percent: f64,
    /// Kept for workflows: nothing more is said.
    #[input(default = false)]
    #[expect(dead_code, reason = "a slot of the class that changes nothing here")]
    verbose: bool,
}

impl Run for EasyCache {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let Self { model, reuse_threshold: threshold, start_percent: start, end_percent: end, .. } = self;
        Ok(model.patched(Patch::Cache(Cache { threshold, start, end, lazy: false })))
    }
}

/// Leaves out whole steps of guidance whose result is expected to differ little from the last one.
#[derive(Node)]
#[node(category = "advanced/debug/model", experimental, outputs(MODEL = "The model with this change."))]
struct LazyCache {
    /// The model.
    model: Model,
    /// How much the result may have changed: more saves more time and costs quality.
    #[input(default = 0.2, min = 0.0, max = 3.0, step = 0.01)]
    reuse_threshold: f64,
    /// From this part of the way ...
    #[input(default = 0.15, min = 0.0, max = 1.0, step = 0.01)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 0.95, min = 0.0, max = 1.0, step = 0.01)]
    end_percent: f64,
    /// Kept for workflows: nothing more is said.
    #[input(default = false)]
    #[expect(dead_code, reason = "a slot of the class that changes nothing here")]
    verbose: bool,
}

impl Run for LazyCache {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let Self { model, reuse_threshold: threshold, start_percent: start, end_percent: end, .. } = self;
        Ok(model.patched(Patch::Cache(Cache { threshold, start, end, lazy: true })))
    }
}

/// Leaves out all of the network but its first block, in steps in which that one changes little. Slots of chengzeyi/Comfy-WaveSpeed.
#[derive(Node)]
#[node(display = "Apply First Block Cache", category = "wavespeed", outputs(MODEL = "The model with this change."))]
struct ApplyFBCacheOnModel {
    /// The model.
    model: Model,
    /// Kept for workflows: `diffusion_model` is the only part of a model that has blocks.
    #[input(default = "diffusion_model")]
    object_to_patch: String,
    /// How much what the first block adds may have changed, in parts of it: more saves more time and costs quality. 0 changes nothing.
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.001)]
    residual_diff_threshold: f64,
    /// From this part of the way ...
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.01)]
    start: f64,
    /// ... to this one.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    end: f64,
    /// At most so many steps in a row; -1 sets no limit, 0 changes nothing.
    #[input(default = -1, min = -1)]
    max_consecutive_cache_hits: i64,
}

impl Run for ApplyFBCacheOnModel {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        if self.object_to_patch != "diffusion_model" {
            let error =
                NodeError::input("object_to_patch", format!("a model has no part `{}` with blocks", self.object_to_patch));
            return Err(error.hint("choose `diffusion_model`"));
        }
        let (threshold, most) = (self.residual_diff_threshold, self.max_consecutive_cache_hits);
        if threshold <= 0.0 || most == 0 {
            return Ok(self.model);
        }
        let most = usize::try_from(most).ok();
        Ok(self.model.patched(Patch::FirstBlock(FirstBlockCache { threshold, start: self.start, end: self.end, most })))
    }
}

/// Strengthens what a UNet makes of its deepest features and weakens what it takes over from the shallow ones, at no cost of time.
#[derive(Node)]
#[node(category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
struct FreeU {
    /// The model.
    model: Model,
    /// Factor of the deepest features.
    #[input(default = 1.1, min = 0.0, max = 10.0, step = 0.01)]
    b1: f64,
    /// Factor of the next ones.
    #[input(default = 1.2, min = 0.0, max = 10.0, step = 0.01)]
    b2: f64,
    /// Factor of coarse structures that are taken over to the deepest features.
    #[input(default = 0.9, min = 0.0, max = 10.0, step = 0.01)]
    s1: f64,
    /// Factor of those that are taken over to the next ones.
    #[input(default = 0.2, min = 0.0, max = 10.0, step = 0.01)]
    s2: f64,
}

impl Run for FreeU {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let factors = FreeFactors { backbone: [self.b1, self.b2], skip: [self.s1, self.s2], by_mean: false };
        Ok(self.model.patched(Patch::Within(Within::FreeU(factors))))
    }
}

/// FreeU whose first factors apply most where features are strong on the whole.
#[derive(Node)]
#[node(category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct FreeU_V2 {
    /// The model.
    model: Model,
    /// Factor of the deepest features.
    #[input(default = 1.3, min = 0.0, max = 10.0, step = 0.01)]
    b1: f64,
    /// Factor of the next ones.
    #[input(default = 1.4, min = 0.0, max = 10.0, step = 0.01)]
    b2: f64,
    /// Factor of coarse structures that are taken over to the deepest features.
    #[input(default = 0.9, min = 0.0, max = 10.0, step = 0.01)]
    s1: f64,
    /// Factor of those that are taken over to the next ones.
    #[input(default = 0.2, min = 0.0, max = 10.0, step = 0.01)]
    s2: f64,
}

impl Run for FreeU_V2 {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let factors = FreeFactors { backbone: [self.b1, self.b2], skip: [self.s1, self.s2], by_mean: true };
        Ok(self.model.patched(Patch::Within(Within::FreeU(factors))))
    }
}

/// Lets places attend to others of their own tile only, which takes much less time for large pictures.
#[derive(Node)]
#[node(category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
struct HyperTile {
    /// The model.
    model: Model,
    /// The least side of a tile, in pixels.
    #[input(default = 256, min = 1, max = 2048)]
    tile_size: u64,
    /// From how many tile sizes one is drawn each time, so that edges do not stay in one place.
    #[input(default = 2, min = 1, max = 128)]
    swap_size: u64,
    /// To how many lower resolutions it applies as well.
    #[input(default = 0, min = 0, max = 10)]
    max_depth: u64,
    /// Whether tiles are larger at lower resolutions.
    #[input(default = false)]
    scale_depth: bool,
}

impl Run for HyperTile {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let [tile, swap, depth] = [self.tile_size, self.swap_size, self.max_depth].map(super::count);
        Ok(self.model.patched(Patch::Within(Within::HyperTile { tile, swap, depth, scale_depth: self.scale_depth })))
    }
}

/// Lets similar places ask together what they attend to, which takes less time for large pictures.
#[derive(Node)]
#[node(category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
struct TomePatchModel {
    /// The model.
    model: Model,
    /// The part of all places that is merged into others.
    #[input(default = 0.3, min = 0.0, max = 1.0, step = 0.01)]
    ratio: f64,
}

impl Run for TomePatchModel {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Within(Within::MergeTokens { ratio: self.ratio })))
    }
}

/// How features are scaled down.
#[derive(Choice, Clone, Copy, Debug)]
enum Method {
    Bicubic,
    #[choice("nearest-exact")]
    Nearest,
    Bilinear,
    Area,
    Bislerp,
}

impl From<Method> for Scaling {
    fn from(method: Method) -> Self {
        match method {
            Method::Bicubic => Self::Bicubic,
            Method::Nearest => Self::Nearest,
            Method::Bilinear => Self::Bilinear,
            Method::Area => Self::Area,
            Method::Bislerp => Self::Bislerp,
        }
    }
}

/// Lets a UNet work at a lower resolution in the first steps, so that large pictures do not repeat their subject.
#[derive(Node)]
#[node(
    display = "PatchModelAddDownscale (Kohya Deep Shrink)",
    category = "model_patches/unet",
    outputs(MODEL = "The model with this change.")
)]
struct PatchModelAddDownscale {
    /// The model.
    model: Model,
    /// The input block behind which features are scaled down.
    #[input(default = 3, min = 1, max = 32, step = 1)]
    block_number: u64,
    /// By how much.
    #[input(default = 2.0, min = 0.1, max = 9.0, step = 0.001)]
    downscale_factor: f64,
    /// From this part of the way ...
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.001)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 0.35, min = 0.0, max = 1.0, step = 0.001)]
    end_percent: f64,
    /// Whether what that block hands over to the output blocks keeps its resolution.
    #[input(default = true)]
    downscale_after_skip: bool,
    /// How features are scaled down.
    downscale_method: Method,
    /// How they are scaled up again.
    upscale_method: Method,
}

impl Run for PatchModelAddDownscale {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Within::Downscale {
            block: super::count(self.block_number),
            factor: self.downscale_factor,
            start: self.start_percent,
            end: self.end_percent,
            after_skip: self.downscale_after_skip,
            down: self.downscale_method.into(),
            up: self.upscale_method.into(),
        };
        Ok(self.model.patched(Patch::Within(patch)))
    }
}
