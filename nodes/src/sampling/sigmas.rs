//! Noise levels: cut, turned round, extended.

use super::count;
use models::Model;
use models::sampling::{ModelSampling, Sigmas};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        ManualSigmas,
        SplitSigmas,
        SplitSigmasDenoise,
        FlipSigmas,
        SetFirstSigma,
        ExtendIntermediateSigmas,
        SamplingPercentToSigma
    ]
}

/// Takes noise levels as they are written.
#[derive(Node)]
#[node(category = "_for_testing/custom_sampling", experimental, outputs(SIGMAS = "The noise levels."))]
struct ManualSigmas {
    /// The noise levels, from the first to the last, with commas or spaces between them. A last one of 0 removes all noise.
    #[input(default = "1, 0.5")]
    sigmas: String,
}

impl Run for ManualSigmas {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let between = |it: char| it.is_whitespace() || [',', ';', '[', ']'].contains(&it);
        let level = |word: &str| match word.parse::<f32>() {
            Ok(level) if level.is_finite() && level >= 0.0 => Ok(level),
            _ => Err(NodeError::input("sigmas", format!("`{}` is not a noise level", word.chars().take(40).collect::<String>()))
                .hint("write numbers from 0 on, such as 14.6, 3.1, 0")),
        };
        let levels = self.sigmas.split(between).filter(|it| !it.is_empty()).map(level).collect::<Result<Vec<f32>, _>>()?;
        match levels.len() {
            ..=MOST_LEVELS => Ok(Sigmas(levels)),
            many => Err(NodeError::input("sigmas", format!("{many} noise levels are more than {MOST_LEVELS}"))),
        }
    }
}

/// Cuts noise levels in two at a step. Both parts have the level at which they are cut.
#[derive(Node)]
#[node(
    category = "sampling/custom_sampling/sigmas",
    outputs(high_sigmas = "The levels up to the step.", low_sigmas = "The levels from the step on.")
)]
struct SplitSigmas {
    /// The noise levels.
    sigmas: Sigmas,
    /// The step at which they are cut.
    #[input(default = 0, min = 0, max = 10_000)]
    step: u64,
}

impl Run for SplitSigmas {
    type Output = (Sigmas, Sigmas);

    fn run(self, _: &Context) -> Result<(Sigmas, Sigmas), NodeError> {
        let (levels, step) = (self.sigmas.0, count(self.step));
        let high = levels.iter().take(step.saturating_add(1)).copied().collect();
        Ok((Sigmas(high), Sigmas(levels.into_iter().skip(step).collect())))
    }
}

/// Cuts noise levels in two, so that the second part has this part of the steps.
#[derive(Node)]
#[node(
    category = "sampling/custom_sampling/sigmas",
    outputs(high_sigmas = "The levels before.", low_sigmas = "The levels of that part of the steps.")
)]
struct SplitSigmasDenoise {
    /// The noise levels.
    sigmas: Sigmas,
    /// The part of the steps.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for SplitSigmasDenoise {
    type Output = (Sigmas, Sigmas);

    fn run(self, _: &Context) -> Result<(Sigmas, Sigmas), NodeError> {
        let mut levels = self.sigmas.0;
        let steps = levels.len().saturating_sub(1);
        let low = (steps as f64 * self.denoise).round_ties_even() as usize;
        // ComfyUI gives no high levels where no step is left for the low ones, although all steps are high then.
        let high = if low == 0 { Vec::new() } else { levels[..levels.len() - low].to_vec() };
        levels.drain(..levels.len().saturating_sub(low + 1));
        Ok((Sigmas(high), Sigmas(levels)))
    }
}

/// Turns noise levels round, so that a sampler adds noise rather than removing it.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/sigmas", outputs(SIGMAS = "The noise levels, the last one first."))]
struct FlipSigmas {
    /// The noise levels.
    sigmas: Sigmas,
}

/// Samplers divide by the level that they start from.
const ALMOST_NOTHING: f32 = 0.0001;

impl Run for FlipSigmas {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let mut levels = self.sigmas.0;
        levels.reverse();
        if let Some(first) = levels.first_mut().filter(|it| **it == 0.0) {
            *first = ALMOST_NOTHING;
        }
        Ok(Sigmas(levels))
    }
}

/// Replaces the first noise level.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/sigmas", outputs(SIGMAS = "The noise levels."))]
struct SetFirstSigma {
    /// The noise levels.
    sigmas: Sigmas,
    /// The first one from now on.
    #[input(default = 136.0, min = 0.0, max = 20_000.0, step = 0.001)]
    sigma: f64,
}

impl Run for SetFirstSigma {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let mut levels = self.sigmas.0;
        let first =
            levels.first_mut().ok_or_else(|| NodeError::input("sigmas", "there is no first noise level: there are none"))?;
        *first = self.sigma as f32;
        Ok(Sigmas(levels))
    }
}

/// How levels in between are spaced.
#[derive(Choice, Clone, Copy, Debug)]
enum Spacing {
    Linear,
    Cosine,
    Sine,
}

/// Puts more noise levels between those that there are.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/sigmas", outputs(SIGMAS = "The noise levels."))]
struct ExtendIntermediateSigmas {
    /// The noise levels.
    sigmas: Sigmas,
    /// How many steps are made of one.
    #[input(default = 2, min = 1, max = 100)]
    steps: u64,
    /// Steps that begin above this level stay as they are. -1 extends from the first one on.
    #[input(default = -1.0, min = -1.0, max = 20_000.0, step = 0.01)]
    start_at_sigma: f64,
    /// Steps that begin below this level stay as they are.
    #[input(default = 12.0, min = 0.0, max = 20_000.0, step = 0.01)]
    end_at_sigma: f64,
    /// How the new levels are spaced: evenly, closer to the next level or closer to the last one.
    spacing: Spacing,
}

/// The most levels that come out of it.
const MOST_LEVELS: usize = 1_000_000;

impl Run for ExtendIntermediateSigmas {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let (levels, steps) = (self.sigmas.0, count(self.steps));
        if levels.len().saturating_mul(steps) > MOST_LEVELS {
            return Err(NodeError::input("steps", format!("more than {MOST_LEVELS} noise levels would come out of it")));
        }
        let from = if self.start_at_sigma < 0.0 { f32::INFINITY } else { self.start_at_sigma as f32 };
        let to = self.end_at_sigma as f32;
        let quarter = std::f32::consts::FRAC_PI_2;
        let part = |step: usize| {
            let even = step as f32 / steps as f32;
            match self.spacing {
                Spacing::Linear => even,
                Spacing::Cosine => (even * quarter).sin(),
                Spacing::Sine => 1.0 - (even * quarter).cos(),
            }
        };
        let mut extended = Vec::with_capacity(levels.len() * steps);
        for pair in levels.windows(2) {
            let (level, next) = (pair[0], pair[1]);
            extended.push(level);
            if (to..=from).contains(&level) {
                extended.extend((1..steps).map(|step| part(step) * (next - level) + level));
            }
        }
        extended.extend(levels.last());
        Ok(Sigmas(extended))
    }
}

/// Says which noise level a model has after a part of the way.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/sigmas", outputs(sigma_value = "The noise level."))]
struct SamplingPercentToSigma {
    /// The network whose noise levels they are.
    model: Model,
    /// The part of the way: 0 is all noise, 1 none.
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.0001)]
    sampling_percent: f64,
    /// Whether 0 and 1 give the model's greatest and least level, rather than levels beyond all of them.
    #[input(default = false)]
    return_actual_sigma: bool,
}

impl Run for SamplingPercentToSigma {
    type Output = f64;

    fn run(self, _: &Context) -> Result<f64, NodeError> {
        let sampling = ModelSampling::new(self.model.prediction);
        let sigma = match self.sampling_percent {
            part if self.return_actual_sigma && part == 0.0 => f64::from(sampling.sigma_max()),
            part if self.return_actual_sigma && part == 1.0 => f64::from(sampling.sigma_min()),
            part => sampling.exactly_at_part(part),
        };
        Ok(sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    #[test]
    fn written_levels_are_taken_as_they_are() {
        let written = |text: &str| ManualSigmas { sigmas: text.to_owned() }.run(&Context::alone(Job::default()));
        assert_eq!(written("14.6, 3.5e-1,.25\n0").unwrap(), Sigmas(vec![14.6, 0.35, 0.25, 0.0]));
        assert_eq!(written("[1; 0.5]").unwrap(), Sigmas(vec![1.0, 0.5]));
        assert_eq!(written(" ").unwrap(), Sigmas::default());
        for odd in ["1, two", "1, -0.5", "NaN", "inf", "1e60"] {
            assert_eq!(written(odd).unwrap_err().blamed(), Some("sigmas"), "{odd}");
        }
    }
}
