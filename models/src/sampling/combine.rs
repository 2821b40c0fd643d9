//! What patches do to beliefs: the arithmetic, without the network.

use super::frame::Frame;
use super::patches::{After, Before, Instead, LatentOperation};
use crate::{Samples, Stop};
use burn::tensor::ops::PadMode;
use burn::tensor::{DType, Tensor, TensorData};

/// The noisy latent and what is believed of it, `[batch, everything else]` each.
pub(super) struct Beliefs<'a> {
    pub frame: &'a Frame,
    pub x: &'a Tensor<2>,
    pub sigma: f32,
    pub positive: Tensor<2>,
    /// Zero where nobody was asked.
    pub negative: Tensor<2>,
    /// Whether somebody was.
    pub has_negative: bool,
    pub cfg: f64,
}

/// What [`Before::Projected`] keeps from step to step.
#[derive(Default)]
pub(super) struct Momentum {
    sum: Option<Tensor<2>>,
    last_sigma: Option<f32>,
}

/// From one belief past another.
pub(super) fn led(from: &Tensor<2>, to: &Tensor<2>, scale: f64) -> Tensor<2> {
    from.clone() + (to.clone() - from.clone()).mul_scalar(scale as f32)
}

/// The sum of each row, `[rows, 1]`.
fn total(rows: Tensor<2>) -> Tensor<2> {
    rows.sum_dim(1)
}

/// The Euclidean length of each row, `[rows, 1]`.
fn length(rows: Tensor<2>) -> Tensor<2> {
    total(rows.square()).sqrt()
}

/// The standard deviation of each row, `[rows, 1]`.
fn deviation(rows: Tensor<2>) -> Tensor<2> {
    rows.var(1).sqrt()
}

impl Beliefs<'_> {
    /// The last three dimensions as rows, as functions of a picture's three dimensions see any latent.
    fn volumes(&self, values: Tensor<2>) -> Tensor<2> {
        let shape = &self.frame.shape;
        let row: usize = shape[shape.len() - 3..].iter().product();
        let rows = shape.iter().product::<usize>() / row;
        values.reshape([rows, row])
    }

    fn flat(&self, values: Tensor<2>) -> Tensor<2> {
        let [_, each] = self.x.dims();
        values.reshape([self.frame.batch, each])
    }

    /// Changes the positive or the negative belief.
    pub(super) fn before(&mut self, patch: &Before, momentum: &mut Momentum) -> Result<(), Stop> {
        let guidance = self.positive.clone() - self.negative.clone();
        match *patch {
            Before::Projected { eta, norm, momentum: kept } => {
                if momentum.last_sigma.is_some_and(|it| self.sigma > it) {
                    momentum.sum = None;
                }
                momentum.last_sigma = Some(self.sigma);
                let mut led = guidance.clone();
                if kept != 0.0 {
                    led = momentum.sum.take().map_or_else(|| led.clone(), |it| it.mul_scalar(kept as f32) + led.clone());
                    momentum.sum = Some(led.clone());
                }
                let mut led = self.volumes(led);
                if norm > 0.0 {
                    let factor = length(led.clone()).recip().mul_scalar(norm as f32).clamp_max(1.0);
                    led = led * factor;
                }
                let along = self.volumes(self.positive.clone());
                let along = along.clone() / length(along).clamp_min(1e-12);
                let parallel = along.clone() * total(led.clone() * along);
                let led = led - parallel.clone() + parallel.mul_scalar(eta as f32);
                self.positive = self.negative.clone() + self.flat(led) + guidance.div_scalar(self.cfg as f32);
            }
            Before::Tangential if self.has_negative => {
                let towards = |belief: &Tensor<2>| self.x.clone() - belief.clone();
                let (u, c) = (towards(&self.negative), towards(&self.positive));
                let (mut keep, mut add) = (Vec::new(), Vec::new());
                let products = [(&u, &u), (&u, &c), (&c, &c)].map(|(a, b)| host(total(a.clone() * b.clone())));
                for ((uu, uc), cc) in products[0].iter().zip(&products[1]).zip(&products[2]) {
                    let [a, b] = along_greatest(f64::from(*uu), f64::from(*uc), f64::from(*cc));
                    keep.push(a as f32);
                    add.push(b as f32);
                }
                let rows = |it: Vec<f32>| column(it, &self.frame.device);
                self.negative = self.x.clone() - (u * rows(keep) + c * rows(add));
            }
            Before::Frequencies { low, high, cutoff } if self.has_negative => {
                let led = self.frame.pictures(guidance);
                let filtered = led.clone().mul_scalar(high as f32) + low_pass(led, cutoff).mul_scalar((low - high) as f32);
                self.positive = self.frame.flat(filtered) + self.negative.clone();
            }
            Before::Operation(operation) => {
                self.positive = operation.apply(self.frame, guidance)? + self.negative.clone();
            }
            // Where nobody leads, nothing is changed; layers are left out where the network is asked.
            Before::Tangential | Before::Frequencies { .. } | Before::SkipLayers(_) => {}
        }
        Ok(())
    }

    /// What takes the place of guidance, but for [`Instead::Perpendicular`], which asks the network, and [`Instead::Threshold`], which
    /// asks for the time.
    pub(super) fn instead(&self, patch: &Instead) -> Tensor<2> {
        let Self { sigma, positive, negative, cfg, frame, x, .. } = self;
        let x: &Tensor<2> = x;
        match patch {
            Instead::Rescale { multiplier } => {
                let root = (sigma * sigma + 1.0).sqrt();
                let centre = x.clone().div_scalar(root * root);
                let velocity = |belief: &Tensor<2>| (centre.clone() - belief.clone()).mul_scalar(root / sigma);
                let (towards, away) = (velocity(positive), velocity(negative));
                let guided = led(&away, &towards, *cfg);
                let factor = deviation(towards) / deviation(guided.clone());
                let rescaled = guided.clone() * factor;
                let mixed = rescaled.mul_scalar(*multiplier as f32) + guided.mul_scalar(1.0 - *multiplier as f32);
                centre - mixed.mul_scalar(sigma / root)
            }
            Instead::Linear { least } => {
                let last = (frame.batch - 1).max(1) as f64;
                self.by_frame(|frame| least + (cfg - least) * frame as f64 / last)
            }
            Instead::Triangle { least } => {
                let last = (frame.batch - 1).max(1) as f64;
                let wave = |at: f64| 2.0 * (at - (at + 0.5).floor()).abs();
                self.by_frame(|frame| wave(frame as f64 / last) * (cfg - least) + least)
            }
            Instead::Renorm { below, factor } => {
                if f64::from(*sigma) >= *below {
                    return positive.clone();
                }
                let guided = led(negative, positive, *cfg);
                if *factor <= 0.0 {
                    return guided;
                }
                let most = length(positive.clone()).mul_scalar(*factor as f32);
                let shrink = (most / length(guided.clone())).clamp_max(1.0);
                guided * shrink
            }
            Instead::Perpendicular { .. } | Instead::Threshold(_) => positive.clone(),
        }
    }

    fn by_frame(&self, scale: impl Fn(usize) -> f64) -> Tensor<2> {
        let scales = (0..self.frame.batch).map(|it| scale(it) as f32).collect();
        let guidance = self.positive.clone() - self.negative.clone();
        self.negative.clone() + guidance * column(scales, &self.frame.device)
    }

    /// Changes the guided belief, but for what asks the network.
    pub(super) fn after(&self, patch: &After, guided: Tensor<2>) -> Tensor<2> {
        let Self { positive, negative, cfg, frame, x, .. } = self;
        let x: &Tensor<2> = x;
        match patch {
            After::ZeroStar => {
                let (towards, away) = (x.clone() - positive.clone(), x.clone() - negative.clone());
                let alpha = total(towards * away.clone()) / total(away.square()).add_scalar(1e-8);
                // out + negative (α - 1) + cfg negative (1 - α)
                guided + negative.clone() * (alpha.neg().add_scalar(1.0)).mul_scalar(*cfg as f32 - 1.0)
            }
            After::Norm { strength } => {
                let (ours, theirs) = (frame.cells(guided), frame.cells(positive.clone()));
                let norm = |it: &Tensor<3>| it.clone().square().sum_dim(1).sqrt();
                let factor = (norm(&theirs) / norm(&ours).add_scalar(1e-8)).clamp(0.0, 1.0);
                let [batch, each] = x.dims();
                (ours * factor).mul_scalar(*strength as f32).reshape([batch, each])
            }
            After::Mahiro => {
                let leap = positive.clone().mul_scalar(*cfg as f32);
                let root = |it: Tensor<2>| frame.cells(it.clone().abs().sqrt() * it.sign());
                let away = root(negative.clone().mul_scalar(*cfg as f32));
                let merged = root((leap.clone() + guided.clone()).div_scalar(2.0));
                let norm = |it: &Tensor<3>| it.clone().square().sum_dim(1).sqrt().clamp_min(1e-8);
                let cosine = (away.clone() * merged.clone()).sum_dim(1) / (norm(&away) * norm(&merged));
                let share = 2.0 * (cosine.mean().into_scalar::<f32>() + 1.0);
                guided.mul_scalar(share / 4.0) + leap.mul_scalar((4.0 - share) / 4.0)
            }
            After::EpsilonScaling { factor } => {
                let factor = if *factor == 0.0 { 1e-9 } else { *factor };
                x.clone() - (x.clone() - guided).div_scalar(factor as f32)
            }
            After::PerturbedAttention { .. } | After::SelfAttention { .. } | After::SkipLayers { .. } => guided,
        }
    }
}

/// Brings the spread of a whole batch towards that of another.
pub(super) fn with_spread_of(guided: Tensor<2>, positive: &Tensor<2>, share: f64) -> Tensor<2> {
    let spread = |it: Tensor<2>| {
        let count = it.dims()[0] * it.dims()[1];
        deviation(it.reshape([1, count])).into_scalar::<f32>()
    };
    let factor = spread(positive.clone()) / spread(guided.clone());
    guided.mul_scalar(share as f32 * factor + (1.0 - share as f32))
}

/// A vector as `[n, 1]`.
fn column(values: Vec<f32>, device: &burn::tensor::Device) -> Tensor<2> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count, 1]), device)
}

fn host(values: Tensor<2>) -> Vec<f32> {
    values.cast(DType::F32).to_data().iter::<f32>().collect()
}

/// The part of `u` along the first right singular vector of the rows `u` and `c`, as factors of `u` and `c`; `uu`, `uc` and `cc` are
/// their products.
fn along_greatest(uu: f64, uc: f64, cc: f64) -> [f64; 2] {
    let (middle, half) = ((uu + cc) / 2.0, (uu - cc) / 2.0);
    let greatest = middle + half.hypot(uc);
    if greatest <= 0.0 {
        return [1.0, 0.0];
    }
    // The eigenvector of the larger eigenvalue, from whichever row does not cancel.
    let (a, b) = if half >= 0.0 { (half + half.hypot(uc), uc) } else { (uc, half.hypot(uc) - half) };
    let norm = a.hypot(b);
    if norm == 0.0 {
        return [1.0, 0.0];
    }
    let (a, b) = (a / norm, b / norm);
    let part = (a * uu + b * uc) / greatest;
    [part * a, part * b]
}

/// The frequencies nearest to zero of each picture: as many each way as `cutoff`, of which the highest has no positive partner.
///
/// Of few frequencies the discrete Fourier transform is a product with a thin matrix.
pub(crate) fn low_pass(pictures: Tensor<4>, cutoff: usize) -> Tensor<4> {
    let [b, c, h, w] = pictures.dims();
    let device = pictures.device();
    // The projection onto frequencies -cutoff .. cutoff of a line: real and imaginary part.
    let projection = |size: usize| {
        let most = cutoff.min(size / 2);
        // A line of one cell has one frequency.
        let frequencies = if size == 1 { 0..=0 } else { -(most as i64)..=most as i64 - 1 };
        let turn = std::f64::consts::TAU / size as f64;
        let entry = |row: usize, column: usize, part: fn(f64) -> f64| {
            let apart = row as f64 - column as f64;
            frequencies.clone().map(|it| part(it as f64 * turn * apart)).sum::<f64>() / size as f64
        };
        let matrix = |part: fn(f64) -> f64| {
            let values: Vec<f32> = (0..size * size).map(|i| entry(i / size, i % size, part) as f32).collect();
            Tensor::<2>::from_data(TensorData::new(values, [size, size]), &device)
        };
        [matrix(f64::cos), matrix(f64::sin)]
    };
    let [across_real, across_imaginary] = projection(w).map(|it| it.transpose());
    let rows = pictures.reshape([b * c * h, w]);
    let down = |it: Tensor<2>| it.reshape([b * c, h, w]);
    let (real, imaginary) = (down(rows.clone().matmul(across_real)), down(rows.matmul(across_imaginary)));
    let [down_real, down_imaginary] = projection(h).map(|it| it.unsqueeze::<3>().repeat_dim(0, b * c));
    (down_real.matmul(real) - down_imaginary.matmul(imaginary)).reshape([b, c, h, w])
}

impl LatentOperation {
    /// Does it to latents.
    ///
    /// # Errors
    /// [`Stop::Unfit`] where they are too small for it.
    pub fn of(self, samples: &Samples) -> Result<Samples, Stop> {
        let values = samples.values();
        let frame = Frame::new(samples.shape(), &values.device())?;
        Ok(Samples::with_shape(self.apply(&frame, values.clone())?, samples.shape()))
    }

    /// Does it to values of a frame.
    ///
    /// # Errors
    /// [`Stop::Unfit`] where the latents are too small for it.
    pub(super) fn apply(self, frame: &Frame, values: Tensor<2>) -> Result<Tensor<2>, Stop> {
        let [batch, each] = values.dims();
        let cells = frame.cells(values);
        let lengths = |least: f32| cells.clone().square().sum_dim(1).sqrt().add_scalar(least);
        match self {
            Self::TonemapReinhard { multiplier } => {
                let lengths = lengths(1e-10);
                let [_, _, count] = lengths.dims();
                let rows = lengths.clone().reshape([batch, count]);
                let top = (deviation(rows.clone()).mul_scalar(5.0) + rows.mean_dim(1)).mul_scalar(multiplier as f32);
                let top = top.reshape([batch, 1, 1]);
                let scaled = lengths.clone() / top.clone();
                let compressed = scaled.clone() / scaled.add_scalar(1.0) * top;
                Ok((cells.clone() / lengths * compressed).reshape([batch, each]))
            }
            Self::Sharpen { radius, sigma, alpha } => {
                let (height, width) = (frame.height, frame.width);
                if height <= radius || width <= radius {
                    return Err(Stop::Unfit(format!(
                        "a latent of {height} by {width} cells cannot be sharpened over {radius}: choose a lower sharpen_radius"
                    )));
                }
                let lengths = lengths(1e-6);
                let directions = frame.pictures((cells.clone() / lengths.clone()).reshape([batch, each]));
                let mut kernel = bell(2 * radius + 1, |at| 2.0 * at / (2 * radius) as f64 - 1.0, sigma);
                kernel.iter_mut().for_each(|it| *it *= alpha * -10.0);
                let sum: f64 = kernel.iter().sum();
                kernel[(2 * radius + 1) * radius + radius] += 1.0 - sum;
                let sharp = frame.cells(frame.flat(blurred(directions, &kernel, radius)));
                Ok((sharp * lengths).reshape([batch, each]))
            }
        }
    }
}

/// A square bell curve of sum 1, its cells at places given by index.
pub(super) fn bell(size: usize, place: impl Fn(f64) -> f64, sigma: f64) -> Vec<f64> {
    let at = |i: usize| place(i as f64);
    let values: Vec<f64> =
        (0..size * size).map(|i| (-(at(i / size).powi(2) + at(i % size).powi(2)) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(|it| it / sum).collect()
}

/// Each plane under a square kernel, mirrored at its edges.
pub(super) fn blurred(pictures: Tensor<4>, kernel: &[f64], radius: usize) -> Tensor<4> {
    let [b, c, h, w] = pictures.dims();
    let size = 2 * radius + 1;
    let kernel: Vec<f32> = kernel.iter().map(|it| *it as f32).collect();
    let kernel = Tensor::<4>::from_data(TensorData::new(kernel, [1, 1, size, size]), &pictures.device());
    let planes = pictures.reshape([b * c, 1, h, w]).pad((radius, radius, radius, radius), PadMode::Reflect);
    let options = burn::tensor::ops::ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    burn::tensor::module::conv2d(planes, kernel, None, options).reshape([b, c, h, w])
}
