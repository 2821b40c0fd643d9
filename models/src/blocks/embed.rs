//! How numbers become vectors.

use burn::tensor::{Device, Tensor, TensorData};

/// Sinusoidal embedding of timesteps (Vaswani et al. 2017, section 3.5), computed on the device.
///
/// Wave `i` of `width / 2` turns by `t · 10000^(-i / (width / 2 - shift))`.
#[derive(Clone, Debug)]
pub struct TimestepEmbedding {
    frequencies: Tensor<2>,
    sine_first: bool,
}

impl TimestepEmbedding {
    /// Waves for an embedding of an even width.
    pub fn new(width: usize, shift: f64, sine_first: bool, device: &Device) -> Self {
        let half = width / 2;
        let waves = (0..half).map(|it| (-(10000f64.ln()) * it as f64 / (half as f64 - shift)).exp() as f32).collect();
        Self { frequencies: Tensor::from_data(TensorData::new(waves, [1, half]), device), sine_first }
    }

    /// `[b]` → `[b, width]`.
    pub fn forward(&self, timestep: Tensor<1>) -> Tensor<2> {
        let batch = timestep.dims()[0];
        let angle = timestep.reshape([batch, 1]) * self.frequencies.clone();
        let (sine, cosine) = (angle.clone().sin(), angle.cos());
        Tensor::cat(if self.sine_first { vec![sine, cosine] } else { vec![cosine, sine] }, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestep_zero_is_cosines_of_one_and_sines_of_zero() {
        let device = Device::flex();
        let embed = |sine_first| {
            TimestepEmbedding::new(4, 0.0, sine_first, &device)
                .forward(Tensor::zeros([1], &device))
                .into_data()
                .try_to_vec::<f32>()
                .unwrap()
        };
        assert_eq!(embed(false), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(embed(true), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn the_first_wave_turns_by_the_timestep_itself() {
        let device = Device::flex();
        let embedded = TimestepEmbedding::new(4, 0.0, false, &device).forward(Tensor::full([1], 2.0, &device));
        let found = embedded.into_data().try_to_vec::<f32>().unwrap();
        for (found, wanted) in found.iter().zip([2f32.cos(), 0.02f32.cos(), 2f32.sin(), 0.02f32.sin()]) {
            assert!((found - wanted).abs() < 1e-6);
        }
    }
}
