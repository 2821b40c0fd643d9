//! Samplers: ways from noise to a clean latent, one function each.
//!
//! A sampler asks a [`Denoise`] what it believes the clean latent is and does arithmetic on `[batch, everything else]`, never layout,
//! so pictures, video and sound are one case. Coefficients are f32, as in the reference implementations: where a formula cancels,
//! the result depends on it.
//!
//! To add one: write its function in the file of its family and its row in [`SAMPLERS`].

mod adams;
mod dpm;
mod dpmpp;
mod euler;
mod exponential;
mod multistep;
mod uni_pc;

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

const fn skipping(name: &'static str, run: Run) -> Sampler {
    Sampler { skips_penultimate: true, ..plain(name, run) }
}

/// Every sampler, in the order of ComfyUI's list. Those with `_gpu` differ there in where their noise is drawn; here it is drawn on
/// the CPU, so that a seed means one picture on every device.
pub const SAMPLERS: &[Sampler] = &[
    plain("euler", euler::euler),
    plain("euler_cfg_pp", euler::euler_cfg_pp),
    plain("euler_ancestral", euler::euler_ancestral),
    plain("euler_ancestral_cfg_pp", euler::euler_ancestral_cfg_pp),
    plain("heun", euler::heun),
    plain("heunpp2", euler::heunpp2),
    skipping("dpm_2", dpm::dpm_2),
    skipping("dpm_2_ancestral", dpm::dpm_2_ancestral),
    plain("lms", multistep::lms),
    plain("dpm_fast", dpm::dpm_fast),
    plain("dpm_adaptive", dpm::dpm_adaptive),
    plain("dpmpp_2s_ancestral", dpmpp::dpmpp_2s_ancestral),
    plain("dpmpp_2s_ancestral_cfg_pp", dpmpp::dpmpp_2s_ancestral_cfg_pp),
    plain("dpmpp_sde", dpmpp::dpmpp_sde),
    plain("dpmpp_sde_gpu", dpmpp::dpmpp_sde),
    plain("dpmpp_2m", dpmpp::dpmpp_2m),
    plain("dpmpp_2m_cfg_pp", dpmpp::dpmpp_2m_cfg_pp),
    plain("dpmpp_2m_sde", dpmpp::dpmpp_2m_sde),
    plain("dpmpp_2m_sde_gpu", dpmpp::dpmpp_2m_sde),
    plain("dpmpp_2m_sde_heun", dpmpp::dpmpp_2m_sde_heun),
    plain("dpmpp_2m_sde_heun_gpu", dpmpp::dpmpp_2m_sde_heun),
    plain("dpmpp_3m_sde", dpmpp::dpmpp_3m_sde),
    plain("dpmpp_3m_sde_gpu", dpmpp::dpmpp_3m_sde),
    plain("ddpm", euler::ddpm),
    plain("lcm", euler::lcm),
    plain("ipndm", multistep::ipndm),
    plain("ipndm_v", multistep::ipndm_v),
    plain("deis", multistep::deis),
    plain("res_multistep", multistep::res_multistep),
    plain("res_multistep_cfg_pp", multistep::res_multistep_cfg_pp),
    plain("res_multistep_ancestral", multistep::res_multistep_ancestral),
    plain("res_multistep_ancestral_cfg_pp", multistep::res_multistep_ancestral_cfg_pp),
    plain("gradient_estimation", euler::gradient_estimation),
    plain("gradient_estimation_cfg_pp", euler::gradient_estimation_cfg_pp),
    plain("er_sde", exponential::er_sde),
    plain("seeds_2", exponential::seeds_2),
    plain("seeds_3", exponential::seeds_3),
    plain("sa_solver", adams::sa_solver),
    plain("sa_solver_pece", adams::sa_solver_pece),
    Sampler { own_inpaint_noise: true, ..plain("ddim", euler::euler) },
    skipping("uni_pc", uni_pc::uni_pc),
    skipping("uni_pc_bh2", uni_pc::uni_pc_bh2),
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

/// Solves a small linear system, given by rows, by elimination with the greatest pivot.
fn solve(mut rows: Vec<Vec<f64>>, mut values: Vec<f64>) -> Vec<f64> {
    let size = values.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        values.swap(column, pivot);
        for row in column + 1..size {
            let factor = rows[row][column] / rows[column][column];
            let (above, below) = rows.split_at_mut(row);
            below[0][column..].iter_mut().zip(&above[column][column..]).for_each(|(it, pivot)| *it -= factor * pivot);
            values[row] -= factor * values[column];
        }
    }
    for row in (0..size).rev() {
        let rest: f64 = (row + 1..size).map(|column| rows[row][column] * values[column]).sum();
        values[row] = (values[row] - rest) / rows[row][row];
    }
    values
}
