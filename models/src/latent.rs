//! Latents: what samplers work on and autoencoders turn into pictures.

use burn::tensor::{Tensor, TensorData};

/// A batch of latents of any rank: pictures `[b, c, h, w]`, video `[b, c, t, h, w]`, sound `[b, c, n]`.
///
/// Samplers do arithmetic, never layout, so the values are held as `[b, everything else]`.
#[derive(Clone, Debug)]
pub struct Samples {
    values: Tensor<2>,
    shape: Vec<usize>,
}

impl Samples {
    /// Takes a tensor of any rank.
    pub fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { values: flat(tensor), shape }
    }

    /// Puts values `[b, everything else]` into a shape whose first dimension is `b`.
    pub fn with_shape(values: Tensor<2>, shape: &[usize]) -> Self {
        debug_assert_eq!(values.dims()[0] * values.dims()[1], shape.iter().product::<usize>());
        Self { values, shape: shape.to_vec() }
    }

    /// The values, `[b, everything else]`.
    pub fn values(&self) -> &Tensor<2> {
        &self.values
    }

    /// The whole shape, batch first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many latents.
    pub fn batch(&self) -> usize {
        self.shape[0]
    }

    /// The tensor in its own rank.
    ///
    /// # Panics
    /// If `D` is not the rank; check [`Samples::shape`] first where it comes from outside.
    pub fn tensor<const D: usize>(&self) -> Tensor<D> {
        let shape: [usize; D] = self.shape.as_slice().try_into().expect("rank was checked");
        self.values.clone().reshape(shape)
    }
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let [batch, total] = [tensor.dims()[0], tensor.shape().num_elements()];
    tensor.reshape([batch, total.checked_div(batch).unwrap_or(0)])
}

/// A LATENT on a wire.
#[derive(Clone, Debug)]
pub struct Latent {
    /// The latents, in the picture side's scale (not yet multiplied by the model's latent scale).
    pub samples: Samples,
    /// Where to change them: `[b or 1, 1, h, w]` at any resolution, 1 = change.
    pub noise_mask: Option<Tensor<4>>,
    /// Which noise each one gets: its index in the batch that the seed stands for.
    pub batch_index: Option<Vec<usize>>,
}

impl Latent {
    /// Latents with nothing said about masks or noise.
    pub fn new(samples: Samples) -> Self {
        Self { samples, noise_mask: None, batch_index: None }
    }
}

/// How a family's latents relate to what its networks see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentFormat {
    /// Channels of one latent.
    pub channels: usize,
    /// Pixels of the picture for one latent cell, each way.
    pub downscale: usize,
    /// The network sees `(latent - shift) * scale`.
    pub scale: f64,
    /// See `scale`.
    pub shift: f64,
    /// Mean and standard deviation of each channel, which are taken out before; empty where none are.
    pub channel_spread: &'static [[f32; 2]],
    /// A linear guess of the picture: one row `[red, green, blue]` a channel, of values in -1..1; empty where none is known.
    pub preview: &'static [[f32; 3]],
    /// Added to the guess.
    pub preview_bias: [f32; 3],
    /// How the files of the small autoencoder for these latents begin, which sees them as the networks do.
    pub small: &'static str,
}

/// Every format, in the order in which small autoencoders are offered.
pub const FORMATS: &[&LatentFormat] = &[&SD15, &SDXL, &SD3, &FLUX];

/// The latents of Stable Diffusion 1 and 2.
///
/// Reference: scale in CompVis/stable-diffusion `configs/stable-diffusion/v1-inference.yaml`; the preview is the linear fit that
/// image tools share.
pub const SD15: LatentFormat = LatentFormat {
    channels: 4,
    downscale: 8,
    scale: 0.18215,
    shift: 0.0,
    channel_spread: &[],
    preview: &[[0.3512, 0.2297, 0.3227], [0.3250, 0.4974, 0.2350], [-0.2829, 0.1762, 0.2721], [-0.2120, -0.2616, -0.7177]],
    preview_bias: [0.0; 3],
    small: "taesd",
};

/// The latents of Stable Diffusion XL.
///
/// Reference: scale in Stability-AI/generative-models `configs/inference/sd_xl_base.yaml`; the preview is the linear fit that image
/// tools share.
pub const SDXL: LatentFormat = LatentFormat {
    scale: 0.13025,
    preview: &[[0.3651, 0.4232, 0.4341], [-0.2533, -0.0042, 0.1068], [0.1076, 0.1111, -0.0362], [-0.3165, -0.2492, -0.2188]],
    preview_bias: [0.1084, -0.0175, -0.0011],
    small: "taesdxl",
    ..SD15
};

/// The latents of FLUX.1.
///
/// Reference: scale and shift in black-forest-labs/flux `src/flux/util.py`.
pub const FLUX: LatentFormat = LatentFormat {
    channels: 16,
    downscale: 8,
    scale: 0.3611,
    shift: 0.1159,
    channel_spread: &[],
    preview: &[],
    preview_bias: [0.0; 3],
    small: "taef1",
};

/// The latents of Stable Diffusion 3 and 3.5.
///
/// Reference: scale and shift in Stability-AI/sd3.5 `sd3_impls.py` `SD3LatentFormat`.
pub const SD3: LatentFormat = LatentFormat { scale: 1.5305, shift: 0.0609, small: "taesd3", ..FLUX };

/// The latents of Playground 2.5, those of SD XL with another scale.
///
/// Reference: `latents_mean`, `latents_std` and `scaling_factor` in playgroundai/playground-v2.5-1024px-aesthetic `vae/config.json`.
pub const PLAYGROUND: LatentFormat = LatentFormat {
    scale: 0.5,
    channel_spread: &[[-1.6574, 8.4927], [1.886, 5.9022], [-1.383, 6.5498], [2.5155, 5.2299]],
    preview: &[[0.3920, 0.4054, 0.4549], [-0.2634, -0.0196, 0.0653], [0.0568, 0.1687, -0.0755], [-0.3112, -0.2359, -0.2076]],
    preview_bias: [0.0; 3],
    ..SDXL
};

impl LatentFormat {
    /// From the picture side's scale to the network's. Latents are `[b, channels, ...]` or `[b, everything else]`.
    pub fn to_model<const D: usize>(&self, latent: Tensor<D>) -> Tensor<D> {
        let shifted = if self.shift == 0.0 { latent } else { latent.sub_scalar(self.shift as f32) };
        let (shape, [mean, deviation]) = (shifted.dims(), self.spread(&shifted));
        let own = match (mean, deviation) {
            (Some(mean), Some(deviation)) => ((self.by_channel(shifted) - mean) / deviation).reshape(shape),
            _ => shifted,
        };
        own.mul_scalar(self.scale as f32)
    }

    /// From the network's scale to the picture side's.
    pub fn from_model<const D: usize>(&self, latent: Tensor<D>) -> Tensor<D> {
        let scaled = latent.div_scalar(self.scale as f32);
        let (shape, [mean, deviation]) = (scaled.dims(), self.spread(&scaled));
        let own = match (mean, deviation) {
            (Some(mean), Some(deviation)) => (self.by_channel(scaled) * deviation + mean).reshape(shape),
            _ => scaled,
        };
        if self.shift == 0.0 { own } else { own.add_scalar(self.shift as f32) }
    }

    fn by_channel<const D: usize>(&self, latent: Tensor<D>) -> Tensor<3> {
        let batch = latent.dims()[0] as i64;
        latent.reshape([batch, self.channel_spread.len() as i64, -1])
    }

    /// Mean and standard deviation, `[1, c, 1]` each.
    fn spread<const D: usize>(&self, like: &Tensor<D>) -> [Option<Tensor<3>>; 2] {
        let column = |index: usize| -> Option<Tensor<3>> {
            let values: Vec<f32> = self.channel_spread.iter().map(|it| it[index]).collect();
            let count = values.len();
            (count > 0).then(|| Tensor::from_data(TensorData::new(values, [1, count, 1]), &like.device()))
        };
        [column(0), column(1)]
    }
}
