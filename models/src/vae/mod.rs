//! Autoencoders: between pictures and latents. One file a family.
//!
//! To add one: write its file, add its [`Architecture`] to [`VAES`], and a golden.

mod kl;
mod pixel;
pub(crate) mod tiny;

pub use crate::tiled::Tiling;

use crate::settings::Settings;
use crate::weights::Layout;
use crate::{Engine, Image, LoadError, Recipe, Samples, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use std::fmt;
use std::sync::Arc;

/// Every family, in the order in which a file is tried.
pub const VAES: &[&Architecture] = &[&kl::KL, &tiny::TINY, &pixel::PIXELS];

/// What latents on wires are multiplied by for a small autoencoder, after `SHIFT` was taken away, where its file says so.
pub(crate) const SCALE: &str = "vae_scale";
pub(crate) const SHIFT: &str = "vae_shift";

/// A family of autoencoders.
pub struct Architecture {
    /// Its short name.
    pub name: &'static str,
    /// Foreign names of its tensors.
    pub layouts: &'static [&'static Layout],
    /// Whether these tensors (canonical names) are of this family.
    pub detect: fn(&Weights) -> bool,
    /// What its latents look like.
    pub sizes: fn(&Weights) -> Result<Sizes, LoadError>,
    /// What `scaling_factor` is in a `config.json` that does not say.
    pub default_scale: f64,
    /// Makes the network; every tensor comes from `weights`.
    pub build: Build,
}

/// Makes a network.
pub type Build = fn(&Weights, &Device) -> Result<Box<dyn Autoencoder>, LoadError>;

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the latents of an autoencoder look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Channels of a latent.
    pub channels: usize,
    /// Pixels for one cell of the latent, each way.
    pub downscale: usize,
}

/// An autoencoder in memory.
///
/// Shapes: pictures `[B, 3, H, W]` in -1..1, latents `[B, C, h, w]` as the network has them.
pub trait Autoencoder: Send + Sync {
    /// The most likely latents of pictures whose sides the downscale divides.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] when the watch says so (asked between blocks).
    fn encode(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop>;

    /// The pictures of latents; values may leave -1..1 a little.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] when the watch says so (asked between blocks).
    fn decode(&self, latents: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop>;
}

/// A VAE on a wire: which weights, read as which architecture. Cloning costs nothing and loads nothing.
///
/// Latents on wires are in the scale of the big autoencoder: a sampler's model multiplies them by its latent scale. Where a small
/// autoencoder was trained on what the model sees instead, [`Vae::scaled`] puts that multiplication in front of it.
#[derive(Clone, Debug)]
pub struct Vae {
    weights: Weights,
    architecture: &'static Architecture,
    sizes: Sizes,
    scale: f64,
    shift: f64,
}

impl Recipe for Vae {
    fn networks(&self) -> Vec<(String, &Weights)> {
        vec![(self.key(), &self.weights)]
    }
}

impl Vae {
    /// Recognises an autoencoder.
    ///
    /// # Errors
    /// When no family has these tensors.
    pub fn new(weights: Weights) -> Result<Self, LoadError> {
        for &architecture in VAES {
            let canonical = weights.canonical(architecture.layouts)?;
            if (architecture.detect)(&canonical) {
                let sizes = (architecture.sizes)(&canonical)?;
                let said = |name: &str, usual: f64| if canonical.has(name) { canonical.number(name) } else { Ok(usual) };
                let (scale, shift) = (said(SCALE, 1.0)?, said(SHIFT, 0.0)?);
                return Self { weights: canonical, architecture, sizes, scale: 1.0, shift: 0.0 }.scaled(scale, shift);
            }
        }
        let first = weights.names().take(3).map(str::to_owned).collect();
        Err(LoadError::Unknown { source_name: weights.source().to_owned(), first })
    }

    /// A small autoencoder (TAESD) whose halves are files of their own.
    ///
    /// # Errors
    /// As [`Vae::new`].
    pub fn small(encoder: &Weights, decoder: &Weights) -> Result<Self, LoadError> {
        Self::new(Weights::joined([("taesd_encoder.", encoder), ("taesd_decoder.", decoder)])?)
    }

    /// No autoencoder: the latents are the pictures themselves.
    ///
    /// # Errors
    /// None, as far as it is known: there is no file.
    pub fn pixels() -> Result<Self, LoadError> {
        Self::new(Weights::from_tensors(pixel::MARK, [(pixel::MARK.to_owned(), TensorData::from([1.0_f32]))])?)
    }

    /// What the `config.json` beside it says of the scale: a sampler's model in the same folder sees the latents of a wire times
    /// this, whatever the model's own family does.
    ///
    /// # Errors
    /// When it is no number to divide by, or latents are to be shifted too.
    pub fn latent_scale(&self) -> Result<Option<f64>, LoadError> {
        let Some(settings) = Settings::beside(&self.weights)? else { return Ok(None) };
        settings.only("shift_factor", &[serde_json::json!(0)])?;
        let scale = settings.number("scaling_factor", self.architecture.default_scale)?;
        if !scale.is_normal() {
            let reason = format!("`scaling_factor` in config.json is {scale}: latents cannot be scaled by it");
            return Err(LoadError::Config { source_name: self.weights.source().to_owned(), reason });
        }
        Ok(Some(scale))
    }

    /// The same autoencoder for wires whose latents it sees as `(latent - shift) * scale`.
    ///
    /// # Errors
    /// When the scale is no number to divide by.
    pub fn scaled(self, scale: f64, shift: f64) -> Result<Self, LoadError> {
        if !scale.is_normal() || !shift.is_finite() {
            let reason = format!("latents cannot be scaled by {scale} and shifted by {shift}");
            return Err(LoadError::Config { source_name: self.weights.source().to_owned(), reason });
        }
        Ok(Self { scale, shift, ..self })
    }

    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }

    /// Its tensors under their canonical names.
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// What latents on wires are multiplied by, after the second number was taken away.
    pub(crate) fn scale(&self) -> (f64, f64) {
        (self.scale, self.shift)
    }

    /// What it is.
    pub fn architecture(&self) -> &'static Architecture {
        self.architecture
    }

    /// What its latents look like.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The pictures of latents.
    ///
    /// # Errors
    /// [`Stop::Unfit`] when these are no latents of this autoencoder; what loading says; [`Stop::Cancelled`].
    pub fn decode(&self, latents: &Samples, engine: &Engine, watch: &dyn Watch) -> Result<Image, Stop> {
        let latents = self.seen(latents, engine)?;
        let network = self.network(engine)?;
        let mut pictures = Vec::new();
        let batch = latents.dims()[0];
        for index in 0..batch {
            // One by one: the last feature maps are by far the largest thing there is, and a batch of them is not faster.
            pictures.push(to_picture(network.decode(latents.clone().narrow(0, index, 1), watch)?));
            watch.progress(index + 1, batch, None);
        }
        Ok(Image(Tensor::cat(pictures, 0)))
    }

    /// As [`Vae::decode`], in overlapping tiles.
    ///
    /// # Errors
    /// As [`Vae::decode`], and [`Stop::Unfit`] when the tiles are too small.
    pub fn decode_tiled(&self, latents: &Samples, tiling: Tiling, engine: &Engine, watch: &dyn Watch) -> Result<Image, Stop> {
        let latents = self.seen(latents, engine)?;
        let network = self.network(engine)?;
        let [batch, _, height, width] = latents.dims();
        let plan = tiling.plan([height, width], self.sizes.downscale)?;
        let pictures = (0..batch).map(|index| {
            let latent = latents.clone().narrow(0, index, 1);
            let merged = plan.run(self.sizes.downscale, watch, (index, batch), |y, x| {
                network.decode(latent.clone().narrow(2, y.start, y.len()).narrow(3, x.start, x.len()), watch)
            })?;
            Ok(to_picture(merged))
        });
        Ok(Image(Tensor::cat(pictures.collect::<Result<_, Stop>>()?, 0)))
    }

    /// The latents of pictures: of their middle, where the downscale does not divide a side, and without an alpha channel.
    ///
    /// # Errors
    /// [`Stop::Unfit`] when a picture is smaller than a cell of the latent; what loading says; [`Stop::Cancelled`].
    pub fn encode(&self, pictures: &Image, engine: &Engine, watch: &dyn Watch) -> Result<Samples, Stop> {
        let pictures = self.cropped(pictures, engine)?;
        let network = self.network(engine)?;
        let mut latents = Vec::new();
        let batch = pictures.dims()[0];
        for index in 0..batch {
            latents.push(network.encode(pictures.clone().narrow(0, index, 1), watch)?);
            watch.progress(index + 1, batch, None);
        }
        Ok(self.unseen(Tensor::cat(latents, 0)))
    }

    /// As [`Vae::encode`], in overlapping tiles.
    ///
    /// # Errors
    /// As [`Vae::encode`], and [`Stop::Unfit`] when the tiles are too small.
    pub fn encode_tiled(&self, pictures: &Image, tiling: Tiling, engine: &Engine, watch: &dyn Watch) -> Result<Samples, Stop> {
        let pictures = self.cropped(pictures, engine)?;
        let network = self.network(engine)?;
        let cell = self.sizes.downscale;
        let [batch, _, height, width] = pictures.dims();
        let plan = tiling.plan([height / cell, width / cell], cell)?;
        let latents = (0..batch).map(|index| {
            let picture = pictures.clone().narrow(0, index, 1);
            plan.run(1, watch, (index, batch), |y, x| {
                let tile = picture.clone().narrow(2, y.start * cell, y.len() * cell);
                network.encode(tile.narrow(3, x.start * cell, x.len() * cell), watch)
            })
        });
        Ok(self.unseen(Tensor::cat(latents.collect::<Result<_, Stop>>()?, 0).to_device(engine.device())))
    }

    fn network(&self, engine: &Engine) -> Result<Arc<Box<dyn Autoencoder>>, LoadError> {
        engine.network(&self.key(), &self.weights, |weights, device| (self.architecture.build)(weights, device))
    }

    /// Latents as the network sees them.
    fn seen(&self, latents: &Samples, engine: &Engine) -> Result<Tensor<4>, Stop> {
        let (shape, channels) = (latents.shape(), self.sizes.channels);
        if shape.len() != 4 || shape[1] != channels || shape.contains(&0) {
            return Err(Stop::Unfit(format!(
                "the VAE decodes latents [batch, {channels}, height, width], these are {shape:?}: they come from a model of another kind"
            )));
        }
        let latents: Tensor<4> = latents.tensor::<4>().to_device(engine.device());
        Ok(if (self.scale, self.shift) == (1.0, 0.0) { latents } else { (latents - self.shift) * self.scale })
    }

    /// What the network made, as latents on wires are.
    fn unseen(&self, latents: Tensor<4>) -> Samples {
        Samples::new(if (self.scale, self.shift) == (1.0, 0.0) { latents } else { latents / self.scale + self.shift })
    }

    /// The middle of pictures, as the network takes them: `[B, 3, H, W]` in -1..1, sides that the downscale divides.
    fn cropped(&self, pictures: &Image, engine: &Engine) -> Result<Tensor<4>, Stop> {
        let [batch, height, width, channels] = pictures.0.dims();
        let cell = self.sizes.downscale;
        if batch == 0 || height < cell || width < cell {
            return Err(Stop::Unfit(format!("a picture of {width}x{height} pixels is too small: the VAE needs {cell} each way")));
        }
        if channels < 3 {
            return Err(Stop::Unfit(format!("the VAE encodes pictures with 3 channels, these have {channels}")));
        }
        let middle = pictures.0.clone().narrow(3, 0, 3);
        let middle = middle.narrow(1, height % cell / 2, height - height % cell);
        let middle = middle.narrow(2, width % cell / 2, width - width % cell);
        Ok(middle.permute([0, 3, 1, 2]).to_device(engine.device()) * 2.0 - 1.0)
    }
}

/// `[1, 3, H, W]` in -1..1 on any device → `[1, H, W, 3]` in 0..1 on the CPU.
fn to_picture(x: Tensor<4>) -> Tensor<4> {
    let x = ((x + 1.0) / 2.0).clamp(0.0, 1.0).permute([0, 2, 3, 1]);
    x.to_device(&Device::flex())
}

/// Values of a tensor as they lie in memory, f32.
pub(crate) fn values(x: Tensor<4>) -> Result<Vec<f32>, Stop> {
    let data: TensorData = x.try_into_data().map_err(|it| Stop::OutOfMemory(it.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{Golden, Names, assert_close};
    use tempfile::TempDir;

    fn open(case: &'static str, names: Names) -> (Golden, TempDir, Vae) {
        let golden = Golden::open("sd15", case);
        let (folder, weights) = golden.write(names);
        (golden, folder, Vae::new(weights).unwrap())
    }

    /// `[B, C, H, W]` in -1..1 as a picture, whose values a picture holds.
    fn picture(x: Tensor<4>) -> Tensor<4> {
        ((x + 1.0) / 2.0).clamp(0.0, 1.0).permute([0, 2, 3, 1])
    }

    #[test]
    fn latents_become_pictures_and_pictures_latents() {
        let engine = Engine::cpu();
        let (golden, _folder, vae) = open("kl", Names::Original);
        assert_eq!((vae.architecture().name, vae.sizes()), ("kl", Sizes { channels: 4, downscale: 2 }));
        let latents = Samples::new(golden.tensor::<4>("latents"));
        let found = vae.decode(&latents, &engine, &Unwatched).unwrap();
        assert_close(&found.0, &picture(golden.tensor("decoded")), 1e-4);
        let image = Image(picture(golden.tensor("pictures")));
        let found = vae.encode(&image, &engine, &Unwatched).unwrap();
        assert_close(&found.tensor::<4>(), &golden.tensor::<4>("encoded"), 1e-4);
    }

    #[test]
    fn the_middle_of_a_picture_is_encoded_without_its_alpha() {
        let engine = Engine::cpu();
        let (golden, _folder, vae) = open("tiny", Names::Diffusers);
        let image = picture(golden.tensor("pictures"));
        // Three rows and seven columns more, one and three of them before; and a fourth channel.
        let wider = image.pad([(0, 0), (1, 2), (3, 4), (0, 1)], 0.5);
        let found = vae.encode(&Image(wider), &engine, &Unwatched).unwrap();
        assert_close(&found.tensor::<4>(), &golden.tensor::<4>("encoded"), 1e-4);
    }

    #[test]
    fn a_scale_lies_between_the_wire_and_the_network() {
        let engine = Engine::cpu();
        let (golden, _folder, vae) = open("tiny", Names::Diffusers);
        let scaled = vae.clone().scaled(0.5, 0.25).unwrap();
        assert_eq!(scaled.key(), vae.key());
        let image = Image(picture(golden.tensor("pictures")));
        let wire = scaled.encode(&image, &engine, &Unwatched).unwrap();
        assert_close(&wire.tensor::<4>(), &(golden.tensor::<4>("encoded") / 0.5 + 0.25), 1e-4);
        let back = scaled.decode(&wire, &engine, &Unwatched).unwrap();
        let plain = vae.encode(&image, &engine, &Unwatched).unwrap();
        assert_close(&back.0, &vae.decode(&plain, &engine, &Unwatched).unwrap().0, 1e-4);
        assert!(matches!(vae.scaled(0.0, 0.0), Err(LoadError::Config { .. })));
    }

    #[test]
    fn tiles_of_a_convolutional_network_fit_together() {
        let engine = Engine::cpu();
        let (golden, _folder, vae) = open("tiny", Names::Diffusers);
        let [_, channels, ..] = golden.tensor::<4>("latents").dims();
        let values = (0..channels * 40 * 36).map(|it| (it as f32 * 0.7).sin()).collect();
        let latents = Samples::new(Tensor::<4>::from_data(TensorData::new(values, [1, channels, 40, 36]), engine.device()));
        let whole = vae.decode(&latents, &engine, &Unwatched).unwrap();
        let mean_error = |overlap| {
            let tiling = Tiling { tile: 192, overlap };
            let tiled = vae.decode_tiled(&latents, tiling, &engine, &Unwatched).unwrap();
            assert_eq!(tiled.0.dims(), whole.0.dims());
            (tiled.0 - whole.0.clone()).abs().mean().into_scalar::<f32>()
        };
        let (hard, soft) = (mean_error(0), mean_error(48));
        assert!(soft < 0.4 * hard, "overlapping tiles differ by {soft}, tiles side by side by {hard}");
        let larger = vae.decode_tiled(&latents, Tiling { tile: 1024, overlap: 64 }, &engine, &Unwatched).unwrap();
        assert_close(&larger.0, &whole.0, 1e-6);

        let encoded = vae.encode(&whole, &engine, &Unwatched).unwrap();
        let mean_error = |overlap| {
            let tiled = vae.encode_tiled(&whole, Tiling { tile: 192, overlap }, &engine, &Unwatched).unwrap();
            assert_eq!(tiled.shape(), encoded.shape());
            (tiled.tensor::<4>() - encoded.tensor::<4>()).abs().mean().into_scalar::<f32>()
        };
        let (hard, soft) = (mean_error(0), mean_error(48));
        assert!(soft < 0.6 * hard, "overlapping tiles differ by {soft}, tiles side by side by {hard}");
    }

    #[test]
    fn what_is_no_latent_or_picture_of_this_vae_is_refused() {
        let engine = Engine::cpu();
        let (_golden, _folder, vae) = open("kl", Names::Original);
        for shape in [vec![1, 16, 4, 4], vec![1, 4, 4], vec![1, 4, 0, 4]] {
            let values = Tensor::zeros([1, shape[1..].iter().product()], engine.device());
            let latents = Samples::with_shape(values, &shape);
            assert!(matches!(vae.decode(&latents, &engine, &Unwatched), Err(Stop::Unfit(_))), "{shape:?}");
        }
        for shape in [[1, 1, 8, 3], [1, 8, 8, 1], [0, 8, 8, 3]] {
            let image = Image(Tensor::zeros(shape, engine.device()));
            assert!(matches!(vae.encode(&image, &engine, &Unwatched), Err(Stop::Unfit(_))), "{shape:?}");
        }
    }

    #[test]
    fn a_folder_says_how_its_latents_are_scaled() {
        let scale = |case, names| open(case, names).2.latent_scale().unwrap();
        assert_eq!(scale("kl", Names::Original), None);
        assert_eq!(scale("kl", Names::Diffusers), Some(0.18215));
        assert_eq!(scale("kl_bare", Names::Diffusers), Some(0.3));
        assert_eq!(scale("tiny", Names::Diffusers), Some(1.0));
        let golden = Golden::open("sd15", "kl");
        for (name, value) in [("scaling_factor", 0.0), ("shift_factor", 0.1)] {
            let (_folder, weights) = golden.write_set(&[(name, value.into())]);
            assert!(matches!(Vae::new(weights).unwrap().latent_scale(), Err(LoadError::Config { .. })), "{name}");
        }
    }

    #[test]
    fn tensors_of_no_autoencoder_are_named() {
        let (_folder, weights) = Golden::open("sd15", "unet").write(Names::Original);
        assert!(matches!(Vae::new(weights), Err(LoadError::Unknown { .. })));
    }
}
