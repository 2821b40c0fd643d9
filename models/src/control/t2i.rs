//! T2I-Adapter: small networks that turn a picture into features of four resolutions (Mou et al. 2023, arXiv 2302.08453).
//!
//! Reference: TencentARC/T2I-Adapter `ldm/modules/encoders/adapter.py`, whose tensor names are the canonical ones.

use super::{Architecture, Network, Residuals, Seen};
use crate::blocks::Conv2d;
use crate::weights::{Layout, rename, rename_sized};
use crate::{LoadError, Stop, Weights};
use burn::tensor::{Device, Tensor};
use kernels::Conv2dOptions;

/// The full adapters of Stable Diffusion 1 and XL.
pub const ADAPTER: Architecture = Architecture {
    name: "t2i-adapter",
    layouts: &[&DIFFUSERS],
    detect: |it| it.has("conv_in.weight") && it.has("body.0.block1.weight"),
    build: |weights, device| Ok(Box::new(Adapter::full(weights, device)?)),
};

/// The light adapters of Stable Diffusion 1.
pub const LIGHT_ADAPTER: Architecture = Architecture {
    name: "light-t2i-adapter",
    layouts: &[&DIFFUSERS_LIGHT],
    detect: |it| it.has("body.0.in_conv.weight") && it.has("body.0.body.0.block1.weight"),
    build: |weights, device| Ok(Box::new(Adapter::light(weights, device)?)),
};

/// The names of diffusers `T2IAdapter`.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "adapter.body.0.resnets.0.block1",
    rules: &[rename("adapter.conv_in", "conv_in")],
    sized: Some(|weights| {
        let mut rules = Vec::new();
        for level in 0..weights.count("adapter.body") {
            let from = format!("adapter.body.{level}");
            let blocks = weights.count(&format!("{from}.resnets"));
            for block in 0..blocks {
                rules.push(rename_sized(format!("{from}.resnets.{block}"), format!("body.{}", level * blocks + block)));
            }
            rules.push(rename_sized(format!("{from}.in_conv"), format!("body.{}.in_conv", level * blocks)));
        }
        rules
    }),
};

/// The same for the light ones, which share names with the full ones and have a last convolution.
const DIFFUSERS_LIGHT: Layout = Layout {
    name: "diffusers",
    marker: "adapter.body.0.out_conv",
    rules: &[
        rename("adapter.body.{}.resnets.{}", "body.{}.body.{}"),
        rename("adapter.body.{}.in_conv", "body.{}.in_conv"),
        rename("adapter.body.{}.out_conv", "body.{}.out_conv"),
    ],
    sized: None,
};

/// What the network does at the beginning of a level.
enum Halving {
    Stay,
    Pool,
    Conv(Box<Conv2d>),
}

struct Level {
    halving: Halving,
    in_conv: Option<Conv2d>,
    blocks: Vec<Block>,
    out_conv: Option<Conv2d>,
}

struct Block {
    block1: Conv2d,
    block2: Conv2d,
}

struct Adapter {
    conv_in: Option<Conv2d>,
    levels: Vec<Level>,
    channels: usize,
    /// Pixels, each way, that are gathered into channels first.
    gathered: usize,
    /// Which block on the way down each level's features are added to; none for what is added to the middle.
    places: [Option<usize>; 4],
}

/// The blocks of Stable Diffusion 1 that end a resolution.
const SD1: [Option<usize>; 4] = [Some(2), Some(5), Some(8), Some(11)];
/// Those of Stable Diffusion XL.
const XL: [Option<usize>; 4] = [Some(3), Some(5), Some(8), None];

impl Adapter {
    fn full(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let [width, inputs] = weights.sizes("conv_in.weight")?;
        // ComfyUI tells the larger ones by this.
        let xl = inputs == 256 || inputs == 768;
        let body = weights.at("body");
        let count = weights.count("body");
        let per_level = count / 4;
        if per_level == 0 || !count.is_multiple_of(4) {
            let reason = format!("its {count} blocks cannot be dealt into four levels");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        let widths = [width, 2 * width, 4 * width, 4 * width];
        let mut before = width;
        let mut levels = Vec::new();
        for (index, width) in widths.into_iter().enumerate() {
            let first = body.at(index * per_level);
            let kernel = kernel(&first, "block2.weight")?;
            let halves = if xl { index == 2 } else { index > 0 };
            let levels_first = match (halves, first.has("down_opt.op.weight")) {
                (false, _) => Halving::Stay,
                (true, false) => Halving::Pool,
                (true, true) => {
                    let options = Conv2dOptions { stride: [2, 2], padding: [1; 4], dilation: [1, 1], groups: 1 };
                    Halving::Conv(Box::new(Conv2d::with(&first.at("down_opt.op"), before, before, 3, options, device)?))
                }
            };
            let in_conv =
                if before == width { None } else { Some(Conv2d::new(&first.at("in_conv"), before, width, kernel, device)?) };
            let blocks = (0..per_level).map(|block| {
                let block = body.at(index * per_level + block);
                let block1 = Conv2d::new(&block.at("block1"), width, width, 3, device)?;
                Ok(Block { block1, block2: Conv2d::new(&block.at("block2"), width, width, kernel, device)? })
            });
            let blocks = blocks.collect::<Result<_, LoadError>>()?;
            levels.push(Level { halving: levels_first, in_conv, blocks, out_conv: None });
            before = width;
        }
        let conv_in = Some(Conv2d::new(&weights.at("conv_in"), inputs, width, 3, device)?);
        weights.finish(|_| false)?;
        let gathered = if xl { 16 } else { 8 };
        Self { conv_in, levels, channels: 0, gathered, places: if xl { XL } else { SD1 } }.with_inputs(inputs, weights)
    }

    fn light(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let [_, inputs] = weights.sizes("body.0.in_conv.weight")?;
        let mut before = inputs;
        let mut levels = Vec::new();
        for index in 0..weights.count("body").min(4) {
            let level = weights.at("body").at(index);
            let ([inner, _], [width, _]) = (level.sizes("in_conv.weight")?, level.sizes("out_conv.weight")?);
            let blocks = (0..level.count("body")).map(|block| {
                let block = level.at("body").at(block);
                let block1 = Conv2d::new(&block.at("block1"), inner, inner, 3, device)?;
                Ok(Block { block1, block2: Conv2d::new(&block.at("block2"), inner, inner, 3, device)? })
            });
            levels.push(Level {
                halving: if index > 0 { Halving::Pool } else { Halving::Stay },
                in_conv: Some(Conv2d::new(&level.at("in_conv"), before, inner, 1, device)?),
                blocks: blocks.collect::<Result<_, LoadError>>()?,
                out_conv: Some(Conv2d::new(&level.at("out_conv"), inner, width, 1, device)?),
            });
            before = width;
        }
        weights.finish(|_| false)?;
        Self { conv_in: None, levels, channels: 0, gathered: 8, places: SD1 }.with_inputs(inputs, weights)
    }

    fn with_inputs(self, inputs: usize, weights: &Weights) -> Result<Self, LoadError> {
        let channels = inputs / (self.gathered * self.gathered);
        if channels == 0 || !inputs.is_multiple_of(self.gathered * self.gathered) {
            let reason = format!("it takes {inputs} channels, which are no squares of {} pixels", self.gathered);
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        Ok(Self { channels, ..self })
    }
}

/// Side of a convolution's kernel, 1 or 3.
fn kernel(weights: &Weights, name: &str) -> Result<usize, LoadError> {
    match weights.shape(name) {
        Some([_, _, side @ (1 | 3), _]) => Ok(*side),
        Some(other) => Err(LoadError::Shape {
            source_name: weights.source().to_owned(),
            name: weights.full(name),
            found: other.to_vec(),
            needed: vec![other.first().copied().unwrap_or(0), other.get(1).copied().unwrap_or(0), 3, 3],
        }),
        None => Err(weights.missing(name)),
    }
}

impl Network for Adapter {
    fn run(&self, seen: &Seen<'_>, hint: Tensor<4>) -> Result<Residuals, Stop> {
        let mut x = crate::upscale::pixel_unshuffle(hint, self.gathered);
        if let Some(conv) = &self.conv_in {
            x = conv.forward(x);
        }
        let mut residuals = Residuals::default();
        for (level, place) in self.levels.iter().zip(self.places) {
            seen.watch.check()?;
            x = match &level.halving {
                Halving::Stay => x,
                Halving::Pool => pooled(x),
                Halving::Conv(conv) => conv.forward(x),
            };
            if let Some(conv) = &level.in_conv {
                x = conv.forward(x);
            }
            for Block { block1, block2 } in &level.blocks {
                x = x.clone() + block2.forward(block1.forward(x).clamp_min(0.0));
            }
            if let Some(conv) = &level.out_conv {
                x = conv.forward(x);
            }
            match place {
                Some(place) => {
                    residuals.falling.resize(place + 1, None);
                    residuals.falling[place] = Some(x.clone());
                }
                None => residuals.middle = Some(x.clone()),
            }
        }
        Ok(residuals)
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn multiple(&self) -> usize {
        self.gathered
    }

    fn only_looks(&self) -> bool {
        true
    }
}

/// The mean of squares of two by two; an odd side is framed by zeros that count, as the reference does it.
fn pooled(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let framed = if h % 2 == 1 || w % 2 == 1 { x.pad((w % 2, w % 2, h % 2, h % 2), 0.0) } else { x };
    let (h, w) = (h.div_ceil(2), w.div_ceil(2));
    let squares = framed.narrow(2, 0, 2 * h).narrow(3, 0, 2 * w).reshape([b, c, h, 2, w, 2]);
    squares.mean_dim(5).mean_dim(3).reshape([b, c, h, w])
}
