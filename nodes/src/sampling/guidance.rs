//! Changes to how prompts lead a model.

use models::sampling::Patch;
use models::sampling::patches::{After, Before, Course, Instead, Layers, Skipped, Thresholding};
use models::{Conditioning, Model};
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
        CFGZeroStar,
        CFGNorm,
        Mahiro,
        EpsilonScaling,
        PerturbedAttentionGuidance,
        SelfAttentionGuidance,
        SkipLayerGuidanceSD3,
        SkipLayerGuidanceDiT,
        SkipLayerGuidanceDiTSimple,
        DynamicThresholdingSimple,
        DynamicThresholdingFull,
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

/// Lets strong guidance keep the colours of weaker guidance. Slots of mcmonkeyprojects/sd-dynamic-thresholding.
#[derive(Node)]
#[node(category = "advanced/mcmonkey", outputs(MODEL = "The model with this change."))]
struct DynamicThresholdingSimple {
    /// The model.
    model: Model,
    /// The weaker guidance whose range of values is kept.
    #[input(default = 7.0, min = 0.0, max = 100.0, step = 0.5)]
    mimic_scale: f64,
    /// The part of the values that counts for their range: 1 counts all, 0.99 lets one of a hundred be cut.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    threshold_percentile: f64,
}

impl Run for DynamicThresholdingSimple {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Thresholding {
            scale: self.mimic_scale,
            course: Course::Constant,
            least: 0.0,
            cfg_course: Course::Constant,
            cfg_least: 0.0,
            power: 0.0,
            percentile: self.threshold_percentile,
            by_channel: false,
            from_zero: false,
            by_deviation: false,
            share: 1.0,
        };
        Ok(self.model.patched(Patch::Instead(Instead::Threshold(patch))))
    }
}

/// How a scale changes on the way.
#[derive(Choice, Clone, Copy, Debug)]
enum Mode {
    #[choice("Constant")]
    Constant,
    #[choice("Linear Down")]
    LinearDown,
    #[choice("Cosine Down")]
    CosineDown,
    #[choice("Half Cosine Down")]
    HalfCosineDown,
    #[choice("Linear Up")]
    LinearUp,
    #[choice("Cosine Up")]
    CosineUp,
    #[choice("Half Cosine Up")]
    HalfCosineUp,
    #[choice("Power Up")]
    PowerUp,
    #[choice("Power Down")]
    PowerDown,
    #[choice("Linear Repeating")]
    LinearRepeating,
    #[choice("Cosine Repeating")]
    CosineRepeating,
    #[choice("Sawtooth")]
    Sawtooth,
}

impl From<Mode> for Course {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Constant => Self::Constant,
            Mode::LinearDown => Self::LinearDown,
            Mode::CosineDown => Self::CosineDown,
            Mode::HalfCosineDown => Self::HalfCosineDown,
            Mode::LinearUp => Self::LinearUp,
            Mode::CosineUp => Self::CosineUp,
            Mode::HalfCosineUp => Self::HalfCosineUp,
            Mode::PowerUp => Self::PowerUp,
            Mode::PowerDown => Self::PowerDown,
            Mode::LinearRepeating => Self::LinearRepeating,
            Mode::CosineRepeating => Self::CosineRepeating,
            Mode::Sawtooth => Self::Sawtooth,
        }
    }
}

/// Yes or no.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Separate {
    Enable,
    Disable,
}

/// What values are scaled from.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Startpoint {
    #[choice("MEAN")]
    Mean,
    #[choice("ZERO")]
    Zero,
}

/// How a range of values is measured.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Variability {
    /// By the greatest distance from the mean.
    #[choice("AD")]
    Greatest,
    /// By the standard deviation.
    #[choice("STD")]
    Deviation,
}

/// The same with every setting.
#[derive(Node)]
#[node(category = "advanced/mcmonkey", outputs(MODEL = "The model with this change."))]
struct DynamicThresholdingFull {
    /// The model.
    model: Model,
    /// The weaker guidance whose range of values is kept.
    #[input(default = 7.0, min = 0.0, max = 100.0, step = 0.5)]
    mimic_scale: f64,
    /// The part of the values that counts for their range: 1 counts all, 0.99 lets one of a hundred be cut.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    threshold_percentile: f64,
    /// How the weaker guidance changes from noise to picture.
    mimic_mode: Mode,
    /// What it changes to.
    #[input(default = 0.0, min = 0.0, max = 100.0, step = 0.5)]
    mimic_scale_min: f64,
    /// How the guidance itself changes.
    cfg_mode: Mode,
    /// What it changes to.
    #[input(default = 0.0, min = 0.0, max = 100.0, step = 0.5)]
    cfg_scale_min: f64,
    /// What the modes with powers are raised to, and how often repeating ones repeat.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    sched_val: f64,
    /// Whether each channel of the latent has its own range.
    separate_feature_channels: Separate,
    /// Whether values are scaled from their mean or from zero.
    scaling_startpoint: Startpoint,
    /// Whether a range is the greatest distance from the mean (AD) or the standard deviation (STD).
    variability_measure: Variability,
    /// How much of the result is taken; the rest is guided as usual.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    interpolate_phi: f64,
}

impl Run for DynamicThresholdingFull {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let patch = Thresholding {
            scale: self.mimic_scale,
            course: self.mimic_mode.into(),
            least: self.mimic_scale_min,
            cfg_course: self.cfg_mode.into(),
            cfg_least: self.cfg_scale_min,
            power: self.sched_val,
            percentile: self.threshold_percentile,
            by_channel: self.separate_feature_channels == Separate::Enable,
            from_zero: self.scaling_startpoint == Startpoint::Zero,
            by_deviation: self.variability_measure == Variability::Deviation,
            share: self.interpolate_phi,
        };
        Ok(self.model.patched(Patch::Instead(Instead::Threshold(patch))))
    }
}
