//! What a sampler can be told.

use crate::Stop;
use crate::sampling::patches::Scaling;

/// What a sampler can be told. Each reads what concerns it; every row of [`SAMPLERS`](super::SAMPLERS) has its usual values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How much of the noise is drawn afresh: 0 none, 1 as much as an ancestral step draws; τ of SA-Solver.
    pub eta: f32,
    /// Multiplies the noise that is drawn.
    pub s_noise: f32,
    /// Noise added before each step: Euler's and Heun's methods, Heun++, DPM-Solver-2.
    pub churn: Churn,
    /// The highest order: how many slopes or beliefs of earlier steps are used. The stages of ER-SDE, the order of the adaptive solver.
    pub order: usize,
    /// Where in a step the model is asked again, in parts of it: two-stage samplers use the first, SEEDS-3 both.
    pub stages: [f32; 2],
    /// How DPM-Solver++(2M) SDE uses the last belief.
    pub correction: Correction,
    /// γ of gradient estimation.
    pub gamma: f32,
    /// How the adaptive solver chooses its steps.
    pub controller: Controller,
    /// φ of ER-SDE.
    pub scale: NoiseScale,
    /// Of SA-Solver.
    pub adams: Adams,
    /// Whether, and how, the latent grows on the way: for [`Method::LCM_GROWING`](super::Method::LCM_GROWING) alone.
    pub growth: Option<Growth>,
}

/// How a latent grows on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// By how much in all.
    pub ratio: f64,
    /// After how many steps it has grown; half of them where `None`.
    pub steps: Option<usize>,
    /// How it is scaled.
    pub scaling: Scaling,
}

impl Options {
    /// Values that suit most samplers.
    pub const USUAL: Self = Self {
        eta: 1.0,
        s_noise: 1.0,
        churn: Churn { amount: 0.0, low: 0.0, high: f32::INFINITY },
        order: 4,
        stages: [0.5, 0.5],
        correction: Correction::Midpoint,
        gamma: 2.0,
        controller: Controller {
            relative: 0.05,
            absolute: 0.0078,
            first: 0.05,
            proportional: 0.0,
            integral: 1.0,
            derivative: 0.0,
            safety: 0.81,
        },
        scale: NoiseScale::Recommended,
        adams: Adams { predictor: 3, corrector: 4, again: false, simple: false, noisy: Interval::Parts(0.2, 0.8) },
        growth: None,
    };

    pub(super) const fn eta(self, eta: f32) -> Self {
        Self { eta, ..self }
    }

    pub(super) const fn order(self, order: usize) -> Self {
        Self { order, ..self }
    }

    pub(super) const fn stages(self, stages: [f32; 2]) -> Self {
        Self { stages, ..self }
    }

    pub(super) const fn correction(self, correction: Correction) -> Self {
        Self { correction, ..self }
    }

    pub(super) const fn again(self) -> Self {
        Self { adams: Adams { again: true, ..self.adams }, ..self }
    }

    /// Says what no sampler can do.
    ///
    /// # Errors
    /// [`Stop::Unfit`] names the option.
    pub(in crate::sampling) fn check(&self) -> Result<(), Stop> {
        let Controller { relative, absolute, first, proportional, integral, derivative, safety } = self.controller;
        let numbers = [
            ("eta", self.eta),
            ("s_noise", self.s_noise),
            ("s_churn", self.churn.amount),
            ("gamma", self.gamma),
            ("rtol", relative),
            ("atol", absolute),
            ("h_init", first as f32),
            ("pcoeff", proportional as f32),
            ("icoeff", integral as f32),
            ("dcoeff", derivative as f32),
            ("accept_safety", safety as f32),
        ];
        if let Some((name, value)) = numbers.into_iter().find(|(_, value)| !value.is_finite() || *value < 0.0) {
            return Err(Stop::Unfit(format!("a sampler cannot run with {name} {value}: a number from 0 on is needed")));
        }
        if let Some(part) = self.stages.into_iter().find(|it| !(it.is_finite() && *it > 0.0)) {
            return Err(Stop::Unfit(format!("a sampler cannot run with r {part}: a number above 0 is needed")));
        }
        if self.order == 0 || self.adams.predictor == 0 {
            return Err(Stop::Unfit("a sampler of order 0 does nothing: 1 is the least".to_owned()));
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::USUAL
    }
}

/// Noise added before each step, which the step then removes with the rest: Karras et al. 2022, algorithm 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    /// How much, shared among all steps (`s_churn`).
    pub amount: f32,
    /// The least level before which some is added (`s_tmin`).
    pub low: f32,
    /// The greatest (`s_tmax`).
    pub high: f32,
}

/// How a two-step method uses the last belief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// The midpoint form.
    Midpoint,
    /// Heun's form.
    Heun,
}

/// How the adaptive solver chooses its steps: tolerances of the difference of its two orders, and a PID controller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controller {
    /// Relative to the latent (`rtol`).
    pub relative: f32,
    /// The least tolerance (`atol`).
    pub absolute: f32,
    /// The first step in t = -ln σ (`h_init`).
    pub first: f64,
    /// `pcoeff`.
    pub proportional: f64,
    /// `icoeff`.
    pub integral: f64,
    /// `dcoeff`.
    pub derivative: f64,
    /// A step is taken when the controller would not shorten it by more than this factor (`accept_safety`).
    pub safety: f64,
}

/// φ of ER-SDE: which of the reverse stochastic equations is solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseScale {
    /// The one that the authors found best: x·(e^(x^0.3) + 10).
    Recommended,
    /// x^(η+1): the reverse-time equation, without noise for η 0.
    ReverseTime {
        /// How much noise.
        eta: f32,
    },
}

/// Options of SA-Solver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adams {
    /// The predictor's highest order.
    pub predictor: usize,
    /// The corrector's; 0 goes without.
    pub corrector: usize,
    /// Whether the model is asked again about what the corrector says.
    pub again: bool,
    /// Whether order 2 uses the paper's simpler coefficients (appendix D).
    pub simple: bool,
    /// Where noise is drawn.
    pub noisy: Interval,
}

/// A part of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// From one part of the way (0..1) to another, for whichever model is sampled.
    Parts(f64, f64),
    /// From a greater noise level to a lesser one.
    Sigmas(f64, f64),
}
