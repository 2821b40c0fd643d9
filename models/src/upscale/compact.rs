//! SRVGGNetCompact, the small networks of Real-ESRGAN: convolutions at the small size, the last of which paints every pixel's square.
//!
//! Reference: xinntao/Real-ESRGAN `realesrgan/archs/srvgg_arch.py`. The activations are PReLU, as in every released file.

use super::{Architecture, Network, Sizes, no_colours, pixel_shuffle, repeated};
use crate::blocks::Conv2d;
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, FloatDType, Tensor};

/// Real-ESRGAN's compact networks at any width, depth and scale.
pub const COMPACT: Architecture = Architecture {
    name: "compact",
    layouts: &[],
    detect: |it| it.has("body.0.weight") && it.shape("body.1.weight").is_some_and(|it| it.len() == 1),
    sizes: |weights| Ok(Sizes { scale: scale(weights)?, multiple: 1, least: 1 }),
    build: |weights, device| Ok(Box::new(Compact::new(weights, device)?)),
};

fn scale(weights: &Weights) -> Result<usize, LoadError> {
    let [_, inputs] = weights.sizes("body.0.weight")?;
    let [outputs, _] = weights.sizes(&format!("body.{}.weight", weights.count("body") - 1))?;
    let scale = (1..=16).find(|it| it * it * 3 == outputs);
    scale.filter(|_| inputs == 3).ok_or_else(|| no_colours(weights, inputs, outputs))
}

struct Compact {
    /// Convolutions and the slopes behind them.
    body: Vec<(Conv2d, Tensor<4>)>,
    last: Conv2d,
    scale: usize,
}

impl Compact {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let scale = scale(weights)?;
        let [width, _] = weights.sizes("body.0.weight")?;
        let layers = weights.at("body");
        let last = weights.count("body") - 1;
        let body = (0..last).step_by(2).map(|index| {
            let inputs = if index == 0 { 3 } else { width };
            let slopes: Tensor<1> = layers.at(index + 1).tensor("weight", [width], device)?;
            let slopes = slopes.cast(FloatDType::F32).reshape([1, width, 1, 1]);
            Ok((Conv2d::new(&layers.at(index), inputs, width, 3, device)?, slopes))
        });
        let body = body.collect::<Result<_, LoadError>>()?;
        let last = Conv2d::new(&layers.at(last), width, 3 * scale * scale, 3, device)?;
        weights.finish(|_| false)?;
        Ok(Self { body, last, scale })
    }
}

impl Network for Compact {
    fn forward(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let mut x = pictures.clone();
        for (conv, slopes) in &self.body {
            watch.check()?;
            x = conv.forward(x);
            x = x.clone().clamp_min(0.0) + x.clamp_max(0.0) * slopes.clone();
        }
        Ok(pixel_shuffle(self.last.forward(x), self.scale) + repeated(pictures, self.scale))
    }
}
