//! Networks that enlarge pictures.
//!
//! To add one: write its file, add its [`Architecture`] to [`ARCHITECTURES`], and a golden.

mod compact;
mod rrdb;
mod span;

pub use compact::COMPACT;
pub use rrdb::ESRGAN;
pub use span::SPAN;

use crate::picture::Image;
use crate::tiled::Plan;
use crate::weights::Layout;
use crate::{Engine, LoadError, Recipe, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor};
use std::fmt;

/// Every family, in the order in which a file is tried.
pub const ARCHITECTURES: &[&Architecture] = &[&ESRGAN, &SPAN, &COMPACT];

/// Side of a tile, pixels of the small picture.
const TILE: usize = 512;
/// How far tiles overlap, pixels of the small picture.
const OVERLAP: usize = 32;
/// No picture has a longer side, pixels.
const LONGEST_SIDE: usize = 16384;
/// No batch of pictures is larger, bytes.
const LARGEST_BATCH: usize = 4 << 30;

/// A family of upscalers.
pub struct Architecture {
    /// Its short name.
    pub name: &'static str,
    /// Foreign names of its tensors.
    pub layouts: &'static [&'static Layout],
    /// Whether these tensors (canonical names) are of this family.
    pub detect: fn(&Weights) -> bool,
    /// What its pictures are like.
    pub sizes: fn(&Weights) -> Result<Sizes, LoadError>,
    /// Makes the network; every tensor comes from `weights`.
    pub build: Build,
}

/// Makes an upscaler.
pub type Build = fn(&Weights, &Device) -> Result<Box<dyn Network>, LoadError>;

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What an upscaler takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// How many times longer sides become.
    pub scale: usize,
    /// Sides are filled up to a multiple of this, by mirroring.
    pub multiple: usize,
    /// Sides are filled up to this.
    pub least: usize,
}

/// An upscaler in memory.
pub trait Network: Send + Sync {
    /// Pictures `[b, 3, h, w]` in 0..1, larger by the scale.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] when the watch says so (asked between blocks).
    fn forward(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop>;
}

/// An UPSCALE_MODEL on a wire: which weights, read as which architecture. Cloning costs nothing and loads nothing.
#[derive(Clone, Debug)]
pub struct Upscaler {
    weights: Weights,
    architecture: &'static Architecture,
    sizes: Sizes,
}

impl Recipe for Upscaler {
    fn networks(&self) -> Vec<(String, &Weights)> {
        vec![(self.key(), &self.weights)]
    }
}

impl Upscaler {
    /// Recognises an upscaler.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] when no family has these tensors, [`LoadError::Config`] when it is not one for colour pictures.
    pub fn new(weights: &Weights) -> Result<Self, LoadError> {
        for &architecture in ARCHITECTURES {
            let weights = weights.canonical(architecture.layouts)?;
            if (architecture.detect)(&weights) {
                let sizes = (architecture.sizes)(&weights)?;
                return Ok(Self { weights, architecture, sizes });
            }
        }
        Err(weights.unknown())
    }

    /// What it is.
    pub fn architecture(&self) -> &'static Architecture {
        self.architecture
    }

    /// How many times longer sides become.
    pub fn scale(&self) -> usize {
        self.sizes.scale
    }

    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }

    /// Enlarges pictures, large ones in overlapping tiles that fade into each other.
    ///
    /// # Errors
    /// [`Stop::Unfit`] for pictures that are not red, green and blue, or would become too large; what loading says;
    /// [`Stop::Cancelled`].
    pub fn upscale(&self, pictures: &Image, engine: &Engine, watch: &dyn Watch) -> Result<Image, Stop> {
        let [batch, height, width, channels] = pictures.0.dims();
        let scale = self.sizes.scale;
        if channels != 3 || batch == 0 || height == 0 || width == 0 {
            let dims = pictures.0.dims();
            return Err(Stop::Unfit(format!(
                "upscalers take pictures of 3 channels, these are {dims:?}: split an alpha channel off first"
            )));
        }
        let sides = [height, width].map(|it| it.saturating_mul(scale));
        let bytes = sides.iter().fold(batch * 3 * size_of::<f32>(), |all, it| all.saturating_mul(*it));
        if sides.iter().any(|it| *it > LONGEST_SIDE) || bytes > LARGEST_BATCH {
            let [height, width] = sides;
            return Err(Stop::Unfit(format!(
                "{batch} pictures of {width} by {height} pixels would be too much: scale them down, or upscale fewer at once"
            )));
        }
        let network = engine.network(&self.key(), &self.weights, |weights, device| (self.architecture.build)(weights, device))?;
        let plan = Plan::single([height, width], TILE, OVERLAP);
        let larger = (0..batch).map(|index| {
            let picture = pictures.0.clone().narrow(0, index, 1).permute([0, 3, 1, 2]);
            let larger = plan.run(scale, watch, (index, batch), |y, x| {
                let tile = picture.clone().narrow(2, y.start, y.len()).narrow(3, x.start, x.len());
                let filled = self.filled(tile.to_device(engine.device()));
                let larger = network.forward(filled, watch)?.clamp(0.0, 1.0);
                Ok(larger.narrow(2, 0, y.len() * scale).narrow(3, 0, x.len() * scale))
            })?;
            Ok(larger.permute([0, 2, 3, 1]).clamp(0.0, 1.0))
        });
        Ok(Image(Tensor::cat(larger.collect::<Result<_, Stop>>()?, 0)))
    }

    /// A tile that is filled up on the right and below to what the network needs.
    fn filled(&self, tile: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = tile.dims();
        let full = |side: usize| side.max(self.sizes.least).next_multiple_of(self.sizes.multiple);
        mirrored(mirrored(tile, 2, full(height)), 3, full(width))
    }
}

/// Lengthens a side by mirroring it at its end; what that does not reach repeats the last line.
fn mirrored(x: Tensor<4>, side: usize, to: usize) -> Tensor<4> {
    let length = x.dims()[side];
    if to <= length {
        return x;
    }
    let mirror = (to - length).min(length - 1);
    let mut parts = vec![x.clone()];
    parts.extend((0..mirror).map(|it| x.clone().narrow(side, length - 2 - it, 1)));
    let last = if mirror > 0 { 0 } else { length - 1 };
    parts.extend((length + mirror..to).map(|_| x.clone().narrow(side, last, 1)));
    Tensor::cat(parts, side)
}

/// The error that an upscaler is not one for colour pictures.
fn no_colours(weights: &Weights, inputs: usize, outputs: usize) -> LoadError {
    let reason = format!("it turns {inputs} channels into {outputs}: only upscalers of colour pictures are supported");
    LoadError::Config { source_name: weights.source().to_owned(), reason }
}

/// Deals the channels of each cell over a square of cells: `[b, c·n², h, w]` → `[b, c, h·n, w·n]` (Shi et al. 2016).
fn pixel_shuffle(x: Tensor<4>, n: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let c = c / (n * n);
    x.reshape([b, c, n, n, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([b, c, h * n, w * n])
}

/// Gathers squares of cells into channels: `[b, c, h·n, w·n]` → `[b, c·n², h, w]`.
pub(crate) fn pixel_unshuffle(x: Tensor<4>, n: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let (h, w) = (h / n, w / n);
    x.reshape([b, c, h, n, w, n]).permute([0, 1, 3, 5, 2, 4]).reshape([b, c * n * n, h, w])
}

/// Repeats each cell: `[b, c, h, w]` → `[b, c, h·n, w·n]`.
fn repeated(x: Tensor<4>, n: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c, h, 1, w, 1]).expand([b, c, h, n, w, n]).reshape([b, c, h * n, w * n])
}

/// `x` where it is positive, a part of it elsewhere. The slope is below 1.
fn leaky_relu(x: Tensor<4>, slope: f32) -> Tensor<4> {
    x.clone().max_pair(x.mul_scalar(slope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{assert_close, off, values};
    use safetensors::tensor::{Dtype, TensorView};
    use serde_json::Value;
    use std::path::{Path, PathBuf};
    use tempfile::TempDir;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn cases() -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(root().join("tests/parity/goldens/upscale.json")).unwrap()).unwrap()
    }

    fn wanted<const D: usize>(name: &str) -> Tensor<D> {
        let file = Weights::open(&root().join("tests/parity/goldens/upscale.safetensors")).unwrap();
        let shape: [usize; D] = file.shape(name).unwrap().try_into().unwrap();
        file.tensor(name, shape, &Device::flex()).unwrap().cast(burn::tensor::FloatDType::F32)
    }

    type Stored = (String, Vec<usize>, Vec<u8>);

    /// The file of a case; `change` may do harm to its tensors.
    fn written(case: &Value, change: impl FnOnce(&mut Vec<Stored>)) -> (TempDir, Weights) {
        let seed = case["seed"].as_u64().unwrap();
        let rows = case["tensors"].as_array().unwrap().iter().zip(seed..).map(|(row, place)| {
            let shape: Vec<usize> = serde_json::from_value(row[1].clone()).unwrap();
            let made = values(place, shape.iter().product(), row[2].as_f64().unwrap() as f32, row[3].as_f64().unwrap() as f32);
            (row[0].as_str().unwrap().to_owned(), shape, made.flat_map(f32::to_le_bytes).collect())
        });
        let mut tensors: Vec<_> = rows.collect();
        change(&mut tensors);
        let views = tensors.iter().map(|it| (&it.0, TensorView::new(Dtype::F32, it.1.clone(), &it.2).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upscaler.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let weights = Weights::open(&path).unwrap();
        (folder, weights)
    }

    /// Channels first, as the goldens have them.
    fn run(weights: &Weights, picture: Tensor<4>) -> Tensor<4> {
        let upscaler = Upscaler::new(weights).unwrap();
        let picture = Image(picture.permute([0, 2, 3, 1]));
        upscaler.upscale(&picture, &Engine::cpu(), &Unwatched).unwrap().0.permute([0, 3, 1, 2])
    }

    #[test]
    fn every_family_and_naming_computes_what_its_authors_code_does() {
        for case in cases() {
            let name = case["case"].as_str().unwrap();
            let (_folder, weights) = written(&case, |_| ());
            let off = off(&run(&weights, wanted("picture")), &wanted(&format!("{name}.y")));
            assert!(off <= 1e-4, "{name} differs by {off}");
        }
    }

    #[test]
    fn tiles_lie_and_fade_as_those_of_comfyui() {
        let case = cases().into_iter().find(|it| it["case"] == "compact_3").unwrap();
        let (_folder, weights) = written(&case, |_| ());
        let upscaler = Upscaler::new(&weights).unwrap();
        let network = (upscaler.architecture.build)(&weights, &Device::flex()).unwrap();
        let (large, tiled) = (wanted::<4>("compact_3.large"), wanted::<4>("compact_3.tiled"));
        let plan = Plan::single([large.dims()[2], large.dims()[3]], 12, 3);
        for index in 0..2 {
            let picture = large.clone().narrow(0, index, 1);
            let found = plan.run(3, &Unwatched, (index, 2), |y, x| {
                let tile = picture.clone().narrow(2, y.start, y.len()).narrow(3, x.start, x.len());
                Ok(network.forward(tile, &Unwatched)?.clamp(0.0, 1.0))
            });
            assert_close(&found.unwrap(), &tiled.clone().narrow(0, index, 1), 1e-5);
        }
    }

    #[test]
    fn the_real_one_enlarges_a_picture_as_pytorch_does() {
        let weights = Weights::open(&root().join("workflows/models/upscale_models/realesr-animevideov3-x4.safetensors")).unwrap();
        let upscaler = Upscaler::new(&weights).unwrap();
        assert_eq!((upscaler.architecture().name, upscaler.scale()), ("compact", 4));
        let picture = Image(wanted::<3>("real.picture").unsqueeze());
        let found = upscaler.upscale(&picture, &Engine::cpu(), &Unwatched).unwrap();
        let off = (found.0 - wanted::<3>("real.y").unsqueeze::<4>()).abs().max().into_scalar::<f32>();
        // The golden is stored in half precision.
        assert!(off < 5e-4, "{off}");
    }

    #[test]
    fn pictures_that_do_not_fit_are_refused() {
        let case = cases().into_iter().find(|it| it["case"] == "compact_3").unwrap();
        let (_folder, weights) = written(&case, |_| ());
        let upscaler = Upscaler::new(&weights).unwrap();
        for shape in [[1, 4, 4, 4], [0, 4, 4, 3], [1, 0, 4, 3], [1, 1, 6000, 3]] {
            let picture = Image(Tensor::zeros(shape, &Device::flex()));
            let refused = upscaler.upscale(&picture, &Engine::cpu(), &Unwatched);
            assert!(matches!(refused, Err(Stop::Unfit(_))), "{shape:?}");
        }
        let smallest = run(&weights, Tensor::zeros([1, 3, 1, 1], &Device::flex()));
        assert_eq!(smallest.dims(), [1, 3, 3, 3]);
    }

    #[test]
    fn a_file_that_is_no_whole_upscaler_is_named() {
        let all = cases();
        let error = |name: &str, change: fn(&mut Vec<Stored>)| {
            let case = all.iter().find(|it| it["case"] == name).unwrap();
            let (_folder, weights) = written(case, change);
            let picture = Image(Tensor::zeros([1, 4, 4, 3], &Device::flex()));
            let found = Upscaler::new(&weights).map_err(Stop::from);
            found.and_then(|it| it.upscale(&picture, &Engine::cpu(), &Unwatched)).unwrap_err().to_string()
        };
        let lost = error("real_4", |all| all.retain(|it| it.0 != "body.1.rdb2.conv3.weight"));
        assert!(lost.contains("`body.1.rdb2.conv3.weight`"), "{lost}");
        let more = error("span_2", |all| all.push(("stray".to_owned(), vec![1], vec![0; 4])));
        assert!(more.contains("`stray`"), "{more}");
        let grey = error("compact_3", |all| {
            all[0].1 = vec![6, 1, 3, 3];
            all[0].2.truncate(6 * 9 * 4);
        });
        assert!(grey.contains("1 channels into 27"), "{grey}");
        let none = error("numbered_4", |all| all.retain(|it| it.0.starts_with("model.1.sub.0.RDB3")));
        assert!(none.contains("no known model"), "{none}");
    }

    #[test]
    fn a_side_is_filled_by_its_mirror_and_then_its_last_line() {
        let line = |values: &[f32]| Tensor::<1>::from_floats(values, &Device::flex()).reshape([1, 1, 1, values.len()]);
        let filled = |values: &[f32], to| mirrored(line(values), 3, to).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(filled(&[1.0, 2.0, 3.0], 4), [1.0, 2.0, 3.0, 2.0]);
        assert_eq!(filled(&[1.0, 2.0], 5), [1.0, 2.0, 1.0, 1.0, 1.0]);
        assert_eq!(filled(&[7.0], 3), [7.0; 3]);
    }
}
