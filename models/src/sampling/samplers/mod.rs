//! Samplers: ways from noise to a clean latent, one function each.
//!
//! A sampler asks a [`Denoise`] what it believes the clean latent is and does arithmetic on `[batch, everything else]`, never layout,
//! so pictures, video and sound are one case. Coefficients are f32, as in the reference implementations: where a formula cancels,
//! the result depends on it.
//!
//! To add one: write its function in the file of its family and its row in [`SAMPLERS`].

mod euler;

use super::denoise::Denoise;
use super::noise::Noise;
use super::schedules::ModelSampling;
use crate::Stop;
use burn::tensor::Tensor;

/// A way from the first noise level of `steps` to the last.
pub type Run = fn(&mut dyn Denoise, Tensor<2>, Steps<'_>, &mut Noise, &Options) -> Result<Tensor<2>, Stop>;

/// A row of [`SAMPLERS`].
pub struct Sampler {
    /// ComfyUI's name.
    pub name: &'static str,
    /// What it does.
    pub run: Run,
    /// Whether it leaves out the last level before zero: its last step would divide by how close that one is to zero.
    pub skips_penultimate: bool,
    /// Whether what a mask protects is noised by noise of its own.
    pub own_inpaint_noise: bool,
}

const fn plain(name: &'static str, run: Run) -> Sampler {
    Sampler { name, run, skips_penultimate: false, own_inpaint_noise: false }
}

/// Every sampler, in the order of ComfyUI's list.
pub const SAMPLERS: &[Sampler] = &[
    plain("euler", euler::euler),
    plain("euler_ancestral", euler::euler_ancestral),
    plain("heun", euler::heun),
    plain("dpmpp_2m", euler::dpmpp_2m),
    plain("lcm", euler::lcm),
    Sampler { own_inpaint_noise: true, ..plain("ddim", euler::euler) },
];

/// Where a run goes.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The noise levels, falling; zero at the end of a whole run.
    pub sigmas: &'a [f32],
    /// The model's levels.
    pub sampling: &'a ModelSampling,
}

impl Steps<'_> {
    /// Each step's level and the next one.
    fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        self.sigmas.windows(2).map(|it| (it[0], it[1]))
    }
}

/// What a sampler can be told; the defaults are each sampler's usual values.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much of the noise is drawn afresh: 0 none, 1 as much as an ancestral step draws.
    pub eta: f32,
    /// Multiplies the noise that is drawn.
    pub s_noise: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self { eta: 1.0, s_noise: 1.0 }
    }
}

/// The derivative dx/dσ of the probability flow: Karras et al. 2022, equation 3.
fn slope(x: &Tensor<2>, denoised: &Tensor<2>, sigma: f32) -> Tensor<2> {
    (x.clone() - denoised.clone()).div_scalar(sigma)
}

/// A weighted sum.
fn sum<const N: usize>(terms: [(f32, &Tensor<2>); N]) -> Tensor<2> {
    let mut terms = terms.into_iter().map(|(weight, tensor)| tensor.clone().mul_scalar(weight));
    let first = terms.next().expect("a sum has terms");
    terms.fold(first, |sum, it| sum + it)
}

/// Splits a step into a way down and fresh noise up, `down² + up² = to²` (k-diffusion's `get_ancestral_step`).
fn ancestral(from: f32, to: f32, eta: f32) -> (f32, f32) {
    if eta == 0.0 {
        return (to, 0.0);
    }
    let up = to.min(eta * (to * to * (from * from - to * to) / (from * from)).sqrt());
    ((to * to - up * up).sqrt(), up)
}

/// The same for a flow: a way down to `down`, and the factors of `x` and of the noise that lead from there to `to`.
fn flow_ancestral(from: f32, to: f32, eta: f32) -> (f32, f32, f32) {
    let down = to * (1.0 + (to / from - 1.0) * eta);
    let (kept, kept_down) = (1.0 - to, 1.0 - down);
    let up = (to * to - down * down * kept * kept / (kept_down * kept_down)).sqrt();
    (down, kept / kept_down, up)
}
