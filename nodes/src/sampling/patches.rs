//! Changes to how a model is sampled.

use models::sampling::Patch;
use models::sampling::patches::{
    After, Before, Cache, FreeU as FreeFactors, Instead, LatentOperation, Layers, Scaling, Skipped, Within,
};
use models::{Conditioning, Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        RescaleCFG,
        RenormCFG,
        VideoLinearCFGGuidance,
        VideoTriangleCFGGuidance,
        PerpNeg,
        Apg,
        Tcfg,
        FreSca,
        LatentApplyOperationCFG,
        LatentApplyOperation,
        LatentOperationTonemapReinhard,
        LatentOperationSharpen,
        CFGZeroStar,
        CFGNorm,
        Mahiro,
        EpsilonScaling,
        PerturbedAttentionGuidance,
        SelfAttentionGuidance,
        SkipLayerGuidanceSD3,
        SkipLayerGuidanceDiT,
        SkipLayerGuidanceDiTSimple,
        DifferentialDiffusion,
        EasyCache,
        LazyCache,
        FreeU,
        FreeU_V2,
        HyperTile,
        TomePatchModel,
        PatchModelAddDownscale,
    ]
}

/// Keeps pictures from becoming too bright and flat under strong guidance: brings their spread back to that of the prompt alone.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The model with this change."))]
struct RescaleCFG {
    /// The model.
    model: Model,
    /// How far: 0 changes nothing.
    #[input(default = 0.7, min = 0.0, max = 1.0, step = 0.01)]
    multiplier: f64,
}

impl Run for RescaleCFG {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Instead(Instead::Rescale { multiplier: self.multiplier })))
    }
}

/// Guides only where little noise is left, and keeps the guided prediction from growing. Made for Lumina-Image 2.0.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The model with this change."))]
struct RenormCFG {
    /// The model.
    model: Model,
    /// Guidance applies below this noise level.
    #[input(default = 100.0, min = 0.0, max = 100.0, step = 0.01)]
    cfg_trunc: f64,
    /// How much larger than the prediction for the prompt alone the guided one may be; 0 sets no limit.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    renorm_cfg: f64,
}

impl Run for RenormCFG {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Instead(Instead::Renorm { below: self.cfg_trunc, factor: self.renorm_cfg })))
    }
}

/// Guides the frames of a video more and more.
#[derive(Node)]
#[node(category = "sampling/video_models", outputs(MODEL = "The model with this change."))]
struct VideoLinearCFGGuidance {
    /// The model.
    model: Model,
    /// The guidance of the first frame; the last one has that of the sampler.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.5, round = 0.01)]
    min_cfg: f64,
}

impl Run for VideoLinearCFGGuidance {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Instead(Instead::Linear { least: self.min_cfg })))
    }
}

/// Guides the frames of a video more towards its middle and less towards both ends.
#[derive(Node)]
#[node(category = "sampling/video_models", outputs(MODEL = "The model with this change."))]
struct VideoTriangleCFGGuidance {
    /// The model.
    model: Model,
    /// The guidance of the first frame and the last; in the middle it is that of the sampler.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.5, round = 0.01)]
    min_cfg: f64,
}

impl Run for VideoTriangleCFGGuidance {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Instead(Instead::Triangle { least: self.min_cfg })))
    }
}

/// Leads away from that part of the negative prompt only which does not contradict the positive one. `PerpNegGuider` does the same
/// with one call of the network less.
#[derive(Node)]
#[node(
    display = "Perp-Neg (DEPRECATED by PerpNegGuider)",
    category = "_for_testing",
    deprecated,
    experimental,
    outputs(MODEL = "The model with this change.")
)]
struct PerpNeg {
    /// The model.
    model: Model,
    /// An empty prompt, from which the other two are seen.
    empty_conditioning: Conditioning,
    /// How much the negative prompt counts.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    neg_scale: f64,
}

impl Run for PerpNeg {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Instead::Perpendicular { empty: self.empty_conditioning, negative_scale: self.neg_scale };
        Ok(self.model.patched(Patch::Instead(patch)))
    }
}

/// Keeps strong guidance from burning colours: limits its size, and the part of it that only makes the prediction stronger.
#[derive(Node)]
#[node(
    class = "APG",
    display = "Adaptive Projected Guidance",
    category = "sampling/custom_sampling",
    outputs(MODEL = "The model with this change.")
)]
struct Apg {
    /// The model.
    model: Model,
    /// How much stays of the guidance along the prediction; 1 keeps all.
    #[input(default = 1.0, min = -10.0, max = 10.0, step = 0.01)]
    eta: f64,
    /// The largest guidance; 0 sets no limit.
    #[input(default = 5.0, min = 0.0, max = 50.0, step = 0.1)]
    norm_threshold: f64,
    /// How much of the guidance so far is added to that of each step; negative values damp it.
    #[input(default = 0.0, min = -5.0, max = 1.0, step = 0.01)]
    momentum: f64,
}

impl Run for Apg {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Before::Projected { eta: self.eta, norm: self.norm_threshold, momentum: self.momentum };
        Ok(self.model.patched(Patch::Before(patch)))
    }
}

/// Takes from the negative prediction what is across its common direction with the positive one.
#[derive(Node)]
#[node(
    class = "TCFG",
    display = "Tangential Damping CFG",
    category = "advanced/guidance",
    outputs(patched_model = "The model with this change.")
)]
struct Tcfg {
    /// The model.
    model: Model,
}

impl Run for Tcfg {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Before(Before::Tangential)))
    }
}

/// Scales coarse and fine structures of the guidance differently.
#[derive(Node)]
#[node(category = "_for_testing", experimental, outputs(MODEL = "The model with this change."))]
struct FreSca {
    /// The model.
    model: Model,
    /// Factor of coarse structures.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    scale_low: f64,
    /// Factor of fine structures.
    #[input(default = 1.25, min = 0.0, max = 10.0, step = 0.01)]
    scale_high: f64,
    /// How many frequencies count as coarse.
    #[input(default = 20, min = 1, max = 10_000, step = 1)]
    freq_cutoff: u64,
}

impl Run for FreSca {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Before::Frequencies { low: self.scale_low, high: self.scale_high, cutoff: super::count(self.freq_cutoff) };
        Ok(self.model.patched(Patch::Before(patch)))
    }
}

/// Does something to the guidance of each step as if it were a latent.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(MODEL = "The model with this change."))]
struct LatentApplyOperationCFG {
    /// The model.
    model: Model,
    /// What is done.
    operation: LatentOperation,
}

impl Run for LatentApplyOperationCFG {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Before(Before::Operation(self.operation))))
    }
}

/// Does something to a latent.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT = "The latent after it."))]
struct LatentApplyOperation {
    /// The latent.
    samples: Latent,
    /// What is done.
    operation: LatentOperation,
}

impl Run for LatentApplyOperation {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        Ok(Latent { samples: self.operation.of(&self.samples.samples)?, ..self.samples })
    }
}

/// Compresses very large values of a latent or of guidance, as photographs are printed.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT_OPERATION = "The operation."))]
struct LatentOperationTonemapReinhard {
    /// Lower values compress more.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    multiplier: f64,
}

impl Run for LatentOperationTonemapReinhard {
    type Output = LatentOperation;

    fn run(self, _: &Context) -> Result<LatentOperation, NodeError> {
        Ok(LatentOperation::TonemapReinhard { multiplier: self.multiplier })
    }
}

/// Sharpens a latent or guidance.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT_OPERATION = "The operation."))]
struct LatentOperationSharpen {
    /// From how many cells each way.
    #[input(default = 9, min = 1, max = 31, step = 1)]
    sharpen_radius: u64,
    /// How widely the surroundings are looked at, in parts of the radius.
    #[input(default = 1.0, min = 0.1, max = 10.0, step = 0.1)]
    sigma: f64,
    /// How much.
    #[input(default = 0.1, min = 0.0, max = 5.0, step = 0.01)]
    alpha: f64,
}

impl Run for LatentOperationSharpen {
    type Output = LatentOperation;

    fn run(self, _: &Context) -> Result<LatentOperation, NodeError> {
        let radius = super::count(self.sharpen_radius);
        Ok(LatentOperation::Sharpen { radius, sigma: self.sigma, alpha: self.alpha })
    }
}

/// Scales the negative prediction so that it explains as much as it can of the positive one. Made for rectified flows.
#[derive(Node)]
#[node(category = "advanced/guidance", outputs(patched_model = "The model with this change."))]
struct CFGZeroStar {
    /// The model.
    model: Model,
}

impl Run for CFGZeroStar {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::ZeroStar)))
    }
}

/// Keeps the guided prediction in each place from being stronger than the one for the prompt alone.
#[derive(Node)]
#[node(category = "advanced/guidance", experimental, outputs(patched_model = "The model with this change."))]
struct CFGNorm {
    /// The model.
    model: Model,
    /// Multiplies the result.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    strength: f64,
}

impl Run for CFGNorm {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::Norm { strength: self.strength })))
    }
}

/// Follows the direction of the positive prompt itself more, and its difference from the negative one less.
#[derive(Node)]
#[node(
    display = "Mahiro is so cute that she deserves a better guidance function!! (。・ω・。)",
    category = "_for_testing",
    experimental,
    outputs(patched_model = "The model with this change.")
)]
struct Mahiro {
    /// The model.
    model: Model,
}

impl Run for Mahiro {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::Mahiro)))
    }
}

/// Makes the predicted noise a little weaker, against errors that add up from step to step.
#[derive(Node)]
#[node(class = "Epsilon Scaling", category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
struct EpsilonScaling {
    /// The model.
    model: Model,
    /// What the predicted noise is divided by.
    #[input(default = 1.005, min = 0.5, max = 1.5, step = 0.001)]
    scaling_factor: f64,
}

impl Run for EpsilonScaling {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::EpsilonScaling { factor: self.scaling_factor })))
    }
}

/// Leads away from what the network predicts where places do not attend to each other: structures become clearer. One more call of the
/// network a step.
#[derive(Node)]
#[node(category = "model_patches/unet", outputs(MODEL = "The model with this change."))]
struct PerturbedAttentionGuidance {
    /// The model.
    model: Model,
    /// How far it leads.
    #[input(default = 3.0, min = 0.0, max = 100.0, step = 0.01, round = 0.01)]
    scale: f64,
}

impl Run for PerturbedAttentionGuidance {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::PerturbedAttention { scale: self.scale })))
    }
}

/// Leads away from what the network predicts where the places that it looks at most are blurred. One more call of the network a step.
#[derive(Node)]
#[node(
    display = "Self-Attention Guidance",
    category = "_for_testing",
    experimental,
    outputs(MODEL = "The model with this change.")
)]
struct SelfAttentionGuidance {
    /// The model.
    model: Model,
    /// How far it leads.
    #[input(default = 0.5, min = -2.0, max = 5.0, step = 0.01)]
    scale: f64,
    /// How much is blurred, in cells of the latent.
    #[input(default = 2.0, min = 0.0, max = 10.0, step = 0.1)]
    blur_sigma: f64,
}

impl Run for SelfAttentionGuidance {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::After(After::SelfAttention { scale: self.scale, blur: self.blur_sigma })))
    }
}

/// The layers that a text names by their numbers.
fn layers(input: &str, text: &str) -> Result<u128, NodeError> {
    let numbers = text.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
    numbers.into_iter().try_fold(0, |bits, number| match number.parse::<u32>() {
        Ok(layer) if layer < u128::BITS => Ok(bits | 1 << layer),
        _ => Err(NodeError::input(input, format!("there is no layer {number}: they are counted from 0"))),
    })
}

/// Leads away from what Stable Diffusion 3 predicts without some of its layers: structures become clearer.
#[derive(Node)]
#[node(category = "advanced/guidance", experimental, outputs(MODEL = "The model with this change."))]
struct SkipLayerGuidanceSD3 {
    /// The model.
    model: Model,
    /// Which layers are left out, counted from 0.
    #[input(default = "7, 8, 9")]
    layers: String,
    /// How far it leads.
    #[input(default = 3.0, min = 0.0, max = 10.0, step = 0.1)]
    scale: f64,
    /// From this part of the way ...
    #[input(default = 0.01, min = 0.0, max = 1.0, step = 0.001)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 0.15, min = 0.0, max = 1.0, step = 0.001)]
    end_percent: f64,
}

impl Run for SkipLayerGuidanceSD3 {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let layers = Layers { double: layers("layers", &self.layers)?, single: 0 };
        Ok(skipping(self.model, layers, [self.start_percent, self.end_percent], self.scale, 0.0))
    }
}

fn skipping(model: Model, layers: Layers, [start, end]: [f64; 2], scale: f64, rescale: f64) -> Model {
    if layers == Layers::default() {
        return model;
    }
    model.patched(Patch::After(After::SkipLayers { skipped: Skipped { layers, start, end }, scale, rescale }))
}

/// Leads away from what a transformer predicts without some of its layers: structures become clearer.
#[derive(Node)]
#[node(category = "advanced/guidance", experimental, outputs(MODEL = "The model with this change."))]
struct SkipLayerGuidanceDiT {
    /// The model.
    model: Model,
    /// Which layers with two streams are left out, counted from 0.
    #[input(default = "7, 8, 9")]
    double_layers: String,
    /// Which layers with one stream.
    #[input(default = "7, 8, 9")]
    single_layers: String,
    /// How far it leads.
    #[input(default = 3.0, min = 0.0, max = 10.0, step = 0.1)]
    scale: f64,
    /// From this part of the way ...
    #[input(default = 0.01, min = 0.0, max = 1.0, step = 0.001)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 0.15, min = 0.0, max = 1.0, step = 0.001)]
    end_percent: f64,
    /// How far the spread is brought back to that of the prediction for the prompt alone.
    #[input(default = 0.0, min = 0.0, max = 10.0, step = 0.01)]
    rescaling_scale: f64,
}

impl Run for SkipLayerGuidanceDiT {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let (double, single) = (layers("double_layers", &self.double_layers)?, layers("single_layers", &self.single_layers)?);
        let range = [self.start_percent, self.end_percent];
        Ok(skipping(self.model, Layers { double, single }, range, self.scale, self.rescaling_scale))
    }
}

/// Leaves some layers of a transformer out of what it predicts for the negative prompt.
#[derive(Node)]
#[node(category = "advanced/guidance", experimental, outputs(MODEL = "The model with this change."))]
struct SkipLayerGuidanceDiTSimple {
    /// The model.
    model: Model,
    /// Which layers with two streams are left out, counted from 0.
    #[input(default = "7, 8, 9")]
    double_layers: String,
    /// Which layers with one stream.
    #[input(default = "7, 8, 9")]
    single_layers: String,
    /// From this part of the way ...
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.001)]
    start_percent: f64,
    /// ... to this one.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.001)]
    end_percent: f64,
}

impl Run for SkipLayerGuidanceDiTSimple {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let (double, single) = (layers("double_layers", &self.double_layers)?, layers("single_layers", &self.single_layers)?);
        let layers = Layers { double, single };
        if layers == Layers::default() {
            return Ok(self.model);
        }
        let skipped = Skipped { layers, start: self.start_percent, end: self.end_percent };
        Ok(self.model.patched(Patch::Before(Before::SkipLayers(skipped))))
    }
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
