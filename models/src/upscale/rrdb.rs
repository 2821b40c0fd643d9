//! RRDBNet, the network of ESRGAN and Real-ESRGAN: dense blocks inside of residual blocks, then doublings (Wang et al. 2018).
//!
//! Reference: XPixelGroup/BasicSR `basicsr/archs/rrdbnet_arch.py`, whose tensor names are the canonical ones. Files of ESRGAN's first
//! year number the modules through; BSRGAN's have names of their own. Real-ESRGAN's networks for scales 2 and 1 gather squares of
//! pixels into channels first.

use super::{Architecture, Network, Sizes, leaky_relu, no_colours, pixel_unshuffle};
use crate::blocks::Conv2d;
use crate::weights::{Layout, Rule, rename, rename_sized};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor};

/// ESRGAN and its relatives at any width, depth and scale.
pub const ESRGAN: Architecture = Architecture {
    name: "esrgan",
    layouts: &[&NUMBERED, &TRUNK],
    detect: |it| it.has("conv_first.weight") && it.has("body.0.rdb1.conv1.weight"),
    sizes: |weights| {
        let shape = Shape::read(weights)?;
        // A gathering network is given sides of a multiple of 4, whatever it gathers.
        Ok(Sizes { scale: shape.scale, multiple: if shape.gathered > 1 { 4 } else { 1 }, least: 2 })
    },
    build: |weights, device| Ok(Box::new(RrdbNet::new(weights, device)?)),
};

/// The first files, where modules are numbered through.
const NUMBERED: Layout = Layout {
    name: "the first ESRGAN",
    marker: "model.1.sub.{}.RDB1",
    rules: &[rename("model.0", "conv_first")],
    sized: Some(|weights| {
        let mut rules: Vec<Rule> = Vec::new();
        let blocks = weights.count("model.1.sub").saturating_sub(1);
        for dense in 1..=3 {
            for conv in 1..=5 {
                let from = format!("model.1.sub.{{}}.RDB{dense}.conv{conv}.0");
                rules.push(rename_sized(from, format!("body.{{}}.rdb{dense}.conv{conv}")));
            }
        }
        rules.push(rename_sized(format!("model.1.sub.{blocks}"), "conv_body"));
        // Each doubling is three modules, of which the middle one has tensors; the last convolutions come 2 and 4 behind them.
        let numbers = weights.names().filter_map(|it| it.strip_prefix("model.")?.split('.').next()?.parse::<usize>().ok());
        let doublings = numbers.max().unwrap_or(0).saturating_sub(4) / 3;
        for doubling in 1..=doublings.min(MOST_DOUBLINGS) {
            rules.push(rename_sized(format!("model.{}", 3 * doubling), format!("conv_up{doubling}")));
        }
        rules.push(rename_sized(format!("model.{}", 3 * doublings + 2), "conv_hr"));
        rules.push(rename_sized(format!("model.{}", 3 * doublings + 4), "conv_last"));
        rules
    }),
};

/// More doublings than this no picture takes.
const MOST_DOUBLINGS: usize = 5;

/// The names of BSRGAN and Real-SR.
const TRUNK: Layout = Layout {
    name: "BSRGAN",
    marker: "RRDB_trunk.{}.RDB1",
    rules: &[
        rename("RRDB_trunk.{}.RDB1", "body.{}.rdb1"),
        rename("RRDB_trunk.{}.RDB2", "body.{}.rdb2"),
        rename("RRDB_trunk.{}.RDB3", "body.{}.rdb3"),
        rename("trunk_conv", "conv_body"),
        rename("upconv1", "conv_up1"),
        rename("upconv2", "conv_up2"),
        rename("upconv3", "conv_up3"),
        rename("HRconv", "conv_hr"),
    ],
    sized: None,
};

/// What the tensors tell.
struct Shape {
    width: usize,
    /// Channels that a convolution inside of a dense block adds.
    growth: usize,
    doublings: usize,
    /// Side of the squares that are gathered into channels first.
    gathered: usize,
    /// How many times longer sides become in all.
    scale: usize,
}

impl Shape {
    fn read(weights: &Weights) -> Result<Self, LoadError> {
        let [width, inputs] = weights.sizes("conv_first.weight")?;
        let [outputs, _] = weights.sizes("conv_last.weight")?;
        let [growth, _] = weights.sizes("body.0.rdb1.conv1.weight")?;
        let doublings = (1..=MOST_DOUBLINGS).take_while(|it| weights.has(&format!("conv_up{it}.weight"))).count();
        let gathered = [1, 2, 4].into_iter().find(|it| inputs == 3 * it * it);
        let scale = gathered.map(|it| (1 << doublings) / it).filter(|it| *it > 0 && outputs == 3);
        match (gathered, scale) {
            (Some(gathered), Some(scale)) => Ok(Self { width, growth, doublings, gathered, scale }),
            _ => Err(no_colours(weights, inputs, outputs)),
        }
    }
}

struct RrdbNet {
    conv_first: Conv2d,
    body: Vec<[Dense; 3]>,
    conv_body: Conv2d,
    conv_up: Vec<Conv2d>,
    conv_hr: Conv2d,
    conv_last: Conv2d,
    gathered: usize,
}

impl RrdbNet {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let Shape { width, growth, doublings, gathered, .. } = Shape::read(weights)?;
        let conv = |name: &str, inputs, outputs| Conv2d::new(&weights.at(name), inputs, outputs, 3, device);
        let body = (0..weights.count("body")).map(|index| {
            let block = weights.at("body").at(index);
            let dense = |name| Dense::new(&block.at(name), width, growth, device);
            Ok([dense("rdb1")?, dense("rdb2")?, dense("rdb3")?])
        });
        let net = Self {
            conv_first: conv("conv_first", 3 * gathered * gathered, width)?,
            body: body.collect::<Result<_, LoadError>>()?,
            conv_body: conv("conv_body", width, width)?,
            conv_up: (1..=doublings).map(|it| conv(&format!("conv_up{it}"), width, width)).collect::<Result<_, _>>()?,
            conv_hr: conv("conv_hr", width, width)?,
            conv_last: conv("conv_last", width, 3)?,
            gathered,
        };
        weights.finish(|_| false)?;
        Ok(net)
    }
}

impl Network for RrdbNet {
    fn forward(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let pictures = if self.gathered > 1 { pixel_unshuffle(pictures, self.gathered) } else { pictures };
        let first = self.conv_first.forward(pictures);
        let mut x = first.clone();
        for block in &self.body {
            let mut y = x.clone();
            for dense in block {
                watch.check()?;
                y = dense.forward(y);
            }
            x = y.mul_scalar(RESIDUAL) + x;
        }
        let mut x = first + self.conv_body.forward(x);
        for conv in &self.conv_up {
            watch.check()?;
            x = leaky_relu(conv.forward(kernels::upsample_nearest_2x(x)), SLOPE);
        }
        Ok(self.conv_last.forward(leaky_relu(self.conv_hr.forward(x), SLOPE)))
    }
}

/// Of the activations.
const SLOPE: f32 = 0.2;
/// What of a block is added to what went into it.
const RESIDUAL: f32 = 0.2;

/// Five convolutions, each of which sees what all before it made.
struct Dense([Conv2d; 5]);

impl Dense {
    fn new(weights: &Weights, width: usize, growth: usize, device: &Device) -> Result<Self, LoadError> {
        let conv = |index: usize, outputs| {
            Conv2d::new(&weights.at(format!("conv{}", index + 1)), width + index * growth, outputs, 3, device)
        };
        Ok(Self([conv(0, growth)?, conv(1, growth)?, conv(2, growth)?, conv(3, growth)?, conv(4, width)?]))
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [inner @ .., last] = &self.0;
        let mut all = x.clone();
        for conv in inner {
            let made = leaky_relu(conv.forward(all.clone()), SLOPE);
            all = Tensor::cat(vec![all, made], 1);
        }
        last.forward(all).mul_scalar(RESIDUAL) + x
    }
}
