//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864).

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Pairs;

/// How far each pair of channels of a head is turned at each place: cosines and sines, `[N, D / 2]`.
#[derive(Clone, Debug)]
pub struct Rope {
    cosine: Tensor<2>,
    sine: Tensor<2>,
}

impl Rope {
    /// For places on several axes: axis `a` turns `widths[a]` channels, pair `i` of it by `place · theta^(-2i / widths[a])`.
    ///
    /// Angles are f64 until their cosine is taken.
    ///
    /// # Panics
    /// If a width is odd or a place has another number of axes.
    pub fn new(places: &[Vec<f64>], widths: &[usize], theta: f64, device: &Device) -> Self {
        assert!(widths.iter().all(|it| it.is_multiple_of(2)), "rope: an axis turns pairs of channels");
        let half = widths.iter().sum::<usize>() / 2;
        let (mut cosine, mut sine) = (Vec::with_capacity(places.len() * half), Vec::with_capacity(places.len() * half));
        for place in places {
            assert_eq!(place.len(), widths.len(), "rope: one number for each axis");
            for (at, &width) in place.iter().zip(widths) {
                for pair in 0..width / 2 {
                    let angle = at * theta.powf(-2.0 * pair as f64 / width as f64);
                    cosine.push(angle.cos() as f32);
                    sine.push(angle.sin() as f32);
                }
            }
        }
        let tensor = |values| Tensor::from_data(TensorData::new(values, [places.len(), half]), device);
        Self { cosine: tensor(cosine), sine: tensor(sine) }
    }

    /// For places in a row: pair `i` is turned by `place · frequencies[i]`, and what is turned is multiplied by `magnitude`.
    pub fn with_frequencies(places: std::ops::Range<usize>, frequencies: &[f64], magnitude: f64, device: &Device) -> Self {
        let shape = [places.len(), frequencies.len()];
        let angles: Vec<f64> = places.flat_map(|at| frequencies.iter().map(move |it| at as f64 * it)).collect();
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|it| (of(*it) * magnitude) as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self { cosine: table(f64::cos), sine: table(f64::sin) }
    }

    /// Turns pairs of channels of each head.
    ///
    /// # Shapes
    /// x `[B, N, H, D]` → the same.
    pub fn turn(&self, x: Tensor<4>, pairs: Pairs) -> Tensor<4> {
        kernels::rope(x, self.cosine.clone(), self.sine.clone(), pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(place: f64, x: [f32; 4]) -> Vec<f32> {
        let rope = Rope::new(&[vec![0.0, place]], &[2, 2], 100.0, &Device::flex());
        let x = Tensor::<1>::from_floats(x, &Device::flex()).reshape([1, 1, 1, 4]);
        rope.turn(x, Pairs::Neighbours).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn each_axis_turns_its_own_pairs() {
        assert_eq!(turned(0.0, [1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]);
        let found = turned(std::f64::consts::FRAC_PI_2, [1.0, 2.0, 3.0, 4.0]);
        for (found, wanted) in found.iter().zip([1.0, 2.0, -4.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn the_second_pair_of_an_axis_turns_more_slowly() {
        let rope = Rope::new(&[vec![1.0]], &[4], 100.0, &Device::flex());
        let found = rope.cosine.into_data().try_to_vec::<f32>().unwrap();
        for (found, wanted) in found.iter().zip([1f64.cos(), 0.1f64.cos()]) {
            assert!((f64::from(*found) - wanted).abs() < 1e-7);
        }
    }
}
