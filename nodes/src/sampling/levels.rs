//! Which noise levels a network knows and what its output means, where its file does not tell or something else is wanted.

use super::schedulers::ltxv_shift;
use models::diffusion::{Clock, Output, Prediction};
use models::latent::PLAYGROUND;
use models::sampling::schedules::shift_for;
use models::{Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        ModelSamplingDiscrete,
        ModelSamplingContinuousEDM,
        ModelSamplingContinuousV,
        ModelSamplingStableCascade,
        ModelSamplingSD3,
        ModelSamplingAuraFlow,
        ModelSamplingFlux,
        ModelSamplingLTXV,
    ]
}

/// Refuses shifts for which there are no levels.
fn shift(input: &str, shift: f64) -> Result<f64, NodeError> {
    if shift > 0.0 { Ok(shift) } else { Err(NodeError::input(input, "a shift above 0 is needed").hint("1 shifts nothing")) }
}

/// Says what the output of a network of a thousand noise levels is.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network, read in this way."))]
struct ModelSamplingDiscrete {
    /// The network.
    model: Model,
    /// What the network's output is: the noise (`eps`), a velocity (`v_prediction`), the clean latent (`x0`, and `img_to_img` of an
    /// input that is not scaled), or the noise of a latent consistency model (`lcm`).
    sampling: Reading,
    /// Whether the noisiest level is noise alone.
    #[input(default = false)]
    zsnr: bool,
}

/// What a network's output is.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Reading {
    Eps,
    VPrediction,
    Lcm,
    X0,
    ImgToImg,
}

impl Run for ModelSamplingDiscrete {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let discrete = |output| Prediction::Discrete { output, zero_snr: self.zsnr };
        let prediction = match self.sampling {
            Reading::Eps if !self.zsnr => Prediction::Epsilon,
            Reading::VPrediction if !self.zsnr => Prediction::Velocity,
            Reading::X0 if !self.zsnr => Prediction::Sample,
            Reading::Eps => discrete(Output::Epsilon),
            Reading::VPrediction => discrete(Output::Velocity),
            Reading::X0 => discrete(Output::Sample),
            Reading::Lcm => discrete(Output::Consistency),
            Reading::ImgToImg => discrete(Output::Image),
        };
        Ok(Model { prediction, ..self.model })
    }
}

/// What a network's output is.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum ContinuousReading {
    VPrediction,
    Edm,
    #[choice("edm_playground_v2.5")]
    Playground,
    Eps,
    CosmosRflow,
}

/// Lets a network see noise of any level, told by its logarithm.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network, read in this way."))]
struct ModelSamplingContinuousEDM {
    /// The network.
    model: Model,
    /// What the network's output is; `edm_playground_v2.5` has latents of its own as well.
    sampling: ContinuousReading,
    /// The greatest noise level.
    #[input(default = 120.0, min = 0.0, max = 1000.0, step = 0.001)]
    sigma_max: f64,
    /// The least noise level.
    #[input(default = 0.002, min = 0.0, max = 1000.0, step = 0.001)]
    sigma_min: f64,
}

/// Refuses levels between which none can be.
fn between(min: f64, max: f64) -> Result<(f64, f64), NodeError> {
    if min <= 0.0 {
        return Err(NodeError::input("sigma_min", "the least noise level is above 0"));
    }
    if max <= min {
        return Err(NodeError::input("sigma_max", format!("the greatest noise level is above the least, {min}")));
    }
    Ok((min, max))
}

impl Run for ModelSamplingContinuousEDM {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let (output, clock) = match self.sampling {
            ContinuousReading::VPrediction => (Output::Velocity, Clock::Logarithm),
            ContinuousReading::Edm | ContinuousReading::Playground => (Output::Edm, Clock::Logarithm),
            ContinuousReading::Eps => (Output::Epsilon, Clock::Logarithm),
            ContinuousReading::CosmosRflow => (Output::Flow, Clock::Ratio),
        };
        let (min, max) = between(self.sigma_min, self.sigma_max)?;
        let latent = if self.sampling == ContinuousReading::Playground { PLAYGROUND } else { self.model.latent };
        Ok(Model { prediction: Prediction::Continuous { output, clock, min, max }, latent, ..self.model })
    }
}

/// What a network's output is.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum VelocityReading {
    VPrediction,
}

/// Lets a network see noise of any level, told by an angle.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network, read in this way."))]
struct ModelSamplingContinuousV {
    /// The network.
    model: Model,
    /// What the network's output is.
    sampling: VelocityReading,
    /// The greatest noise level.
    #[input(default = 500.0, min = 0.0, max = 1000.0, step = 0.001)]
    sigma_max: f64,
    /// The least noise level.
    #[input(default = 0.03, min = 0.0, max = 1000.0, step = 0.001)]
    sigma_min: f64,
}

impl Run for ModelSamplingContinuousV {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let VelocityReading::VPrediction = self.sampling;
        let (min, max) = between(self.sigma_min, self.sigma_max)?;
        let prediction = Prediction::Continuous { output: Output::Velocity, clock: Clock::Angle, min, max };
        Ok(Model { prediction, ..self.model })
    }
}

/// Moves the noise levels of Stable Cascade towards noise.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network with these levels."))]
struct ModelSamplingStableCascade {
    /// The network.
    model: Model,
    /// How far they are moved: 1 not at all.
    #[input(default = 2.0, min = 0.0, max = 100.0, step = 0.01)]
    shift: f64,
}

impl Run for ModelSamplingStableCascade {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(Model { prediction: Prediction::Cascade { shift: shift("shift", self.shift)? }, ..self.model })
    }
}

/// Moves the steps of a rectified flow towards noise, as Stable Diffusion 3 does.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network with these levels."))]
struct ModelSamplingSD3 {
    /// The network.
    model: Model,
    /// How far they are moved: 1 not at all. Larger pictures need more.
    #[input(default = 3.0, min = 0.0, max = 100.0, step = 0.01)]
    shift: f64,
}

impl Run for ModelSamplingSD3 {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let prediction = Prediction::Flow { shift: shift("shift", self.shift)?, multiplier: 1000.0 };
        Ok(Model { prediction, ..self.model })
    }
}

/// Moves the steps of a rectified flow towards noise, as AuraFlow does.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network with these levels."))]
struct ModelSamplingAuraFlow {
    /// The network.
    model: Model,
    /// How far they are moved: 1 not at all. Larger pictures need more.
    #[input(default = 1.73, min = 0.0, max = 100.0, step = 0.01)]
    shift: f64,
}

impl Run for ModelSamplingAuraFlow {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let prediction = Prediction::Flow { shift: shift("shift", self.shift)?, multiplier: 1.0 };
        Ok(Model { prediction, ..self.model })
    }
}

/// Moves the steps of a rectified flow towards noise as far as a picture of this size needs, as FLUX.1 does.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network with these levels."))]
struct ModelSamplingFlux {
    /// The network.
    model: Model,
    /// How far they are moved for a picture of 1024 by 1024 pixels.
    #[input(default = 1.15, min = 0.0, max = 100.0, step = 0.01)]
    max_shift: f64,
    /// How far for one of 256 by 256 pixels.
    #[input(default = 0.5, min = 0.0, max = 100.0, step = 0.01)]
    base_shift: f64,
    /// Width of the picture in pixels.
    #[input(default = 1024, min = 16, max = 16_384, step = 8)]
    width: u64,
    /// Height of the picture in pixels.
    #[input(default = 1024, min = 16, max = 16_384, step = 8)]
    height: u64,
}

impl Run for ModelSamplingFlux {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        // Patches of two by two cells of eight by eight pixels.
        let tokens = (self.width * self.height) as f64 / 256.0;
        let shift = shift_for(tokens, [256.0, self.base_shift], [4096.0, self.max_shift]);
        exponential(self.model, shift)
    }
}

/// The greatest shift whose exponential is still a number in single precision.
const MOST_SHIFT: f64 = 80.0;

fn exponential(model: Model, shift: f64) -> Result<Model, NodeError> {
    if shift.abs() > MOST_SHIFT {
        let error = NodeError::input("max_shift", format!("a shift of e^{shift:.0} leaves no level but one"));
        return Err(error.hint("choose shifts around 1"));
    }
    Ok(Model { prediction: Prediction::FluxFlow { shift }, ..model })
}

/// Moves the steps of a rectified flow towards noise as far as a latent of this size needs, as LTX-Video does.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network with these levels."))]
struct ModelSamplingLTXV {
    /// The network.
    model: Model,
    /// How far they are moved for 4096 cells.
    #[input(default = 2.05, min = 0.0, max = 100.0, step = 0.01)]
    max_shift: f64,
    /// How far for 1024 cells.
    #[input(default = 0.95, min = 0.0, max = 100.0, step = 0.01)]
    base_shift: f64,
    /// The latent whose cells are counted; 4096 without one.
    latent: Option<Latent>,
}

impl Run for ModelSamplingLTXV {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let shift = ltxv_shift(self.max_shift, self.base_shift, self.latent.as_ref());
        exponential(self.model, shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;
    use std::path::Path;

    #[test]
    fn what_a_network_was_trained_for_can_be_said() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/diffusers/burnish-demo/unet");
        let model = models::checkpoint::open_model(&demo).unwrap();
        let cx = Context::alone(Job::default());
        let read = |sampling, zsnr| ModelSamplingDiscrete { model: model.clone(), sampling, zsnr }.run(&cx).unwrap();
        assert_eq!(read(Reading::VPrediction, false).prediction, Prediction::Velocity);
        assert_eq!(read(Reading::X0, false).prediction, Prediction::Sample);
        assert_eq!(read(Reading::Eps, false).key(), model.key(), "nothing of the network is copied or changed");
        let consistency = Prediction::Discrete { output: Output::Consistency, zero_snr: true };
        assert_eq!(read(Reading::Lcm, true).prediction, consistency);
        let edm = |sampling, sigma_min, sigma_max| {
            ModelSamplingContinuousEDM { model: model.clone(), sampling, sigma_max, sigma_min }.run(&cx)
        };
        let (output, clock) = (Output::Edm, Clock::Logarithm);
        let expected = Prediction::Continuous { output, clock, min: 0.002, max: 80.0 };
        assert_eq!(edm(ContinuousReading::Edm, 0.002, 80.0).unwrap().prediction, expected);
        assert_eq!(edm(ContinuousReading::Edm, 0.0, 80.0).unwrap_err().blamed(), Some("sigma_min"));
        assert_eq!(edm(ContinuousReading::Edm, 1.0, 1.0).unwrap_err().blamed(), Some("sigma_max"));
        assert_eq!(edm(ContinuousReading::Playground, 0.1, 1.0).unwrap().latent, PLAYGROUND);
        let flux = |width, height| {
            let node = ModelSamplingFlux { model: model.clone(), max_shift: 1.15, base_shift: 0.5, width, height };
            node.run(&cx).unwrap().prediction
        };
        assert_eq!(flux(256, 256), Prediction::FluxFlow { shift: 0.5 });
        let Prediction::FluxFlow { shift } = flux(1024, 1024) else { panic!("a flow") };
        assert!((shift - 1.15).abs() < 1e-12);
        assert!(ModelSamplingSD3 { model: model.clone(), shift: 0.0 }.run(&cx).is_err());
    }
}
