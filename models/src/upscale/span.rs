//! SPAN: six residual blocks that weigh themselves, without any parameters for it (Wan et al. 2023, arXiv 2311.12770).
//!
//! Reference: hongyuanyu/SPAN `basicsr/archs/span_arch.py`. Each convolution was trained as three in a row beside a fourth; the four
//! are one when the network is used, which is worked out here from the trained ones.

use super::{Architecture, Network, Sizes, no_colours, pixel_shuffle};
use crate::blocks::Conv2d;
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, FloatDType, Tensor};
use kernels::Conv2dOptions;

/// SPAN at any width and scale.
pub const SPAN: Architecture = Architecture {
    name: "span",
    layouts: &[],
    detect: |it| it.has("block_1.c1_r.sk.weight") && it.has("conv_cat.weight") && it.has("upsampler.0.weight"),
    sizes: |weights| Ok(Sizes { scale: scale(weights)?, multiple: 1, least: 1 }),
    build: |weights, device| Ok(Box::new(Span::new(weights, device)?)),
};

/// The mean colour of the pictures that it was trained on.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];
/// How large its values are.
const RANGE: f32 = 255.0;
const BLOCKS: usize = 6;

fn scale(weights: &Weights) -> Result<usize, LoadError> {
    let [_, inputs] = weights.sizes("conv_1.sk.weight")?;
    let [outputs, _] = weights.sizes("upsampler.0.weight")?;
    let scale = (1..=16).find(|it| it * it * 3 == outputs);
    scale.filter(|_| inputs == 3).ok_or_else(|| no_colours(weights, inputs, outputs))
}

struct Span {
    conv_1: Fused,
    blocks: Vec<[Fused; 3]>,
    conv_2: Fused,
    conv_cat: Conv2d,
    upsampler: Conv2d,
    scale: usize,
    /// Whether colours are centred first.
    centred: bool,
}

impl Span {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let scale = scale(weights)?;
        let [width, _] = weights.sizes("conv_1.sk.weight")?;
        let fused = |weights: &Weights, inputs| Fused::new(weights, inputs, width, device);
        let blocks = (1..=BLOCKS).map(|index| {
            let block = weights.at(format!("block_{index}"));
            Ok([fused(&block.at("c1_r"), width)?, fused(&block.at("c2_r"), width)?, fused(&block.at("c3_r"), width)?])
        });
        let net = Self {
            conv_1: fused(&weights.at("conv_1"), 3)?,
            blocks: blocks.collect::<Result<_, LoadError>>()?,
            conv_2: fused(&weights.at("conv_2"), width)?,
            conv_cat: Conv2d::new(&weights.at("conv_cat"), 4 * width, width, 1, device)?,
            upsampler: Conv2d::new(&weights.at("upsampler.0"), width, 3 * scale * scale, 3, device)?,
            scale,
            centred: !weights.has("no_norm"),
        };
        // What the four convolutions were when the file was written.
        weights.finish(|it| it == "no_norm" || it.contains("eval_conv."))?;
        Ok(net)
    }
}

impl Network for Span {
    fn forward(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let x = if self.centred {
            let mean = Tensor::<1>::from_floats(MEAN, &pictures.device()).reshape([1, 3, 1, 1]);
            (pictures - mean).mul_scalar(RANGE)
        } else {
            pictures
        };
        let first = self.conv_1.forward(x);
        let mut x = first.clone();
        let mut kept = Vec::new();
        for (index, [c1, c2, c3]) in self.blocks.iter().enumerate() {
            watch.check()?;
            // The reference activates in place: what it keeps of the last block is the activated state.
            let one = kernels::silu(c1.forward(x.clone()));
            let three = c3.forward(kernels::silu(c2.forward(one.clone())));
            let weight = burn::tensor::activation::sigmoid(three.clone()).sub_scalar(0.5);
            x = (three + x) * weight;
            match index {
                0 => kept.push(x.clone()),
                5 => kept.push(one),
                _ => {}
            }
        }
        let mut all = vec![first, self.conv_2.forward(x)];
        all.extend(kept);
        Ok(pixel_shuffle(self.upsampler.forward(self.conv_cat.forward(Tensor::cat(all, 1))), self.scale))
    }
}

/// Three convolutions in a row, of 1, 3 and 1 cells, and one of 1 cell beside them, as one.
struct Fused {
    weight: Tensor<4>,
    bias: Tensor<1>,
}

impl Fused {
    fn new(weights: &Weights, inputs: usize, outputs: usize, device: &Device) -> Result<Self, LoadError> {
        let conv = weights.at("conv");
        let [first, _] = conv.sizes("0.weight")?;
        let [second, _] = conv.sizes("1.weight")?;
        let matrix = |weights: &Weights, name: &str, rows: usize, columns: usize| -> Result<Tensor<2>, LoadError> {
            let weight: Tensor<4> = weights.tensor(name, [rows, columns, 1, 1], device)?;
            Ok(weight.cast(FloatDType::F32).reshape([rows, columns]))
        };
        let bias = |weights: &Weights, name: &str, rows: usize| -> Result<Tensor<2>, LoadError> {
            Ok(weights.tensor::<1>(name, [rows], device)?.cast(FloatDType::F32).reshape([rows, 1]))
        };
        let (w1, b1) = (matrix(&conv, "0.weight", first, inputs)?, bias(&conv, "0.bias", first)?);
        let w2: Tensor<4> = conv.tensor("1.weight", [second, first, 3, 3], device)?;
        let w2 = w2.cast(FloatDType::F32);
        let b2 = bias(&conv, "1.bias", second)?;
        let (w3, b3) = (matrix(&conv, "2.weight", outputs, second)?, bias(&conv, "2.bias", outputs)?);
        let beside = (matrix(weights, "sk.weight", outputs, inputs)?, bias(weights, "sk.bias", outputs)?);
        // One matrix for each of the nine cells.
        let cells = w2.clone().permute([0, 2, 3, 1]).reshape([second * 9, first]);
        let inner = kernels::matmul(cells, w1).reshape([second, 9 * inputs]);
        let whole = kernels::matmul(w3.clone(), inner).reshape([outputs, 9, inputs]);
        let middle = whole.clone().narrow(1, 4, 1) + beside.0.reshape([outputs, 1, inputs]);
        let whole = whole.slice_assign([0..outputs, 4..5, 0..inputs], middle);
        let sums = kernels::matmul(w2.sum_dim(2).sum_dim(3).reshape([second, first]), b1) + b2;
        let bias = kernels::matmul(w3, sums) + b3 + beside.1;
        Ok(Self { weight: whole.reshape([outputs, 3, 3, inputs]).permute([0, 3, 1, 2]), bias: bias.reshape([outputs]) })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = Conv2dOptions { stride: [1, 1], padding: [1; 4], dilation: [1, 1], groups: 1 };
        kernels::conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}
