//! Dynamic thresholding: strong guidance within the range of values that weaker guidance has.
//!
//! The idea is that of Saharia et al. 2022 (Imagen, arXiv 2205.11487, section 2.3), for latents; reference:
//! mcmonkeyprojects/sd-dynamic-thresholding `dynthres_core.py`.

use super::combine::led;
use super::frame::Frame;
use super::patches::{Course, Thresholding};
use burn::tensor::Tensor;

/// The last of the thousand timesteps by which the way is measured, and how many steps of it there are.
const LAST_TIMESTEP: f64 = 999.0;
const STEPS: f64 = 998.0;

impl Thresholding {
    /// The guided belief, of the beliefs `[batch, everything else]`.
    pub(super) fn apply(&self, frame: &Frame, positive: &Tensor<2>, negative: &Tensor<2>, cfg: f64, timestep: f32) -> Tensor<2> {
        if cfg == self.scale {
            return led(negative, positive, cfg);
        }
        let part = (LAST_TIMESTEP - f64::from(timestep)) / STEPS;
        let course = |course: Course, scale: f64, least: f64| course.of(part, self.power) * (scale - least) + least;
        let weaker = led(negative, positive, course(self.course, self.scale, self.least));
        let guided = led(negative, positive, course(self.cfg_course, cfg, self.cfg_least));
        let centred = |it: &Tensor<2>| {
            let cells = frame.cells(it.clone());
            let mean = cells.clone().mean_dim(2);
            (cells - mean.clone(), mean)
        };
        let ((weak, _), (strong, mean)) = (centred(&weaker), centred(&guided));
        let wanted = self.size(weak, 1.0);
        let present = self.size(strong.clone(), self.percentile);
        let result = if self.from_zero {
            frame.cells(guided.clone()) * (wanted / present)
        } else if self.by_deviation {
            strong / present * wanted + mean
        } else {
            let most = wanted.clone().max_pair(present);
            let limit = most.clone().expand(strong.dims());
            strong.min_pair(limit.clone()).max_pair(limit.neg()) / most * wanted + mean
        };
        let result = result.reshape(guided.dims());
        if self.share == 1.0 {
            return result;
        }
        result.mul_scalar(self.share as f32) + guided.mul_scalar(1.0 - self.share as f32)
    }

    /// How far values spread, of each channel `[b, c, 1]` or of all `[1, 1, 1]`.
    fn size(&self, centred: Tensor<3>, percentile: f64) -> Tensor<3> {
        let centred = match self.by_channel {
            true => centred,
            false => {
                let count = centred.shape().num_elements();
                centred.reshape([1, 1, count])
            }
        };
        if self.by_deviation {
            return centred.var(2).sqrt();
        }
        let sizes = centred.abs();
        if percentile >= 1.0 {
            return sizes.max_dim(2);
        }
        // Between the two values around the rank, by a straight line.
        let rank = percentile.max(0.0) * (sizes.dims()[2] - 1) as f64;
        let sorted = sizes.sort(2);
        let [below, above] = [rank.floor(), rank.ceil()].map(|it| sorted.clone().narrow(2, it as usize, 1));
        below.clone() + (above - below).mul_scalar(rank.fract() as f32)
    }
}

impl Course {
    /// The factor at a part of the way, 0 to 1.
    fn of(self, part: f64, power: f64) -> f64 {
        #[expect(clippy::approx_constant, reason = "a quarter of a turn, as the original has it")]
        const QUARTER: f64 = 1.5707;
        #[expect(clippy::approx_constant, reason = "a turn, as the original has it")]
        const TURN: f64 = 6.28318;
        let saw = (part * power).rem_euclid(1.0);
        match self {
            Self::Constant => 1.0,
            Self::LinearDown => 1.0 - part,
            Self::CosineDown => (part * QUARTER).cos(),
            Self::HalfCosineDown => part.cos(),
            Self::LinearUp => part,
            Self::CosineUp => 1.0 - (part * QUARTER).cos(),
            Self::HalfCosineUp => 1.0 - part.cos(),
            Self::PowerUp => part.powf(power),
            Self::PowerDown => 1.0 - part.powf(power),
            Self::LinearRepeating => (saw - 0.5).abs() * 2.0,
            Self::CosineRepeating => (part * TURN * power).cos() * 0.5 + 0.5,
            Self::Sawtooth => saw,
        }
    }
}
