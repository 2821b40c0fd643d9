//! Between pictures and latents.

use crate::pixels::Block;
use crate::pixels::resize::{Method, resize};
use models::vae::Tiling;
use models::{Image, Latent, Mask, Vae};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![VAEDecode, VAEDecodeTiled, VAEEncode, VAEEncodeTiled, VAEEncodeForInpaint]
}

/// The longest side of a tile.
const MOST_PIXELS: u64 = 4096;
/// The longest side of a picture.
const LONGEST_SIDE: usize = 16_384;
/// What a batch of pictures may take at most, bytes.
const MOST_BYTES: usize = 4 << 30;

/// Turns latents into pictures.
#[derive(Node)]
#[node(display = "VAE Decode", category = "latent", outputs(IMAGE = "The pictures."))]
struct VAEDecode {
    /// The latents.
    samples: Latent,
    /// The autoencoder.
    vae: Vae,
}

impl Run for VAEDecode {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        bounded(&self.samples, &self.vae)?;
        Ok(self.vae.decode(&self.samples.samples, cx.engine(), cx)?)
    }
}

/// Turns latents into pictures tile by tile: large pictures need less memory, and more time.
#[derive(Node)]
#[node(display = "VAE Decode (Tiled)", category = "_for_testing", outputs(IMAGE = "The pictures."))]
struct VAEDecodeTiled {
    /// The latents.
    samples: Latent,
    /// The autoencoder.
    vae: Vae,
    /// Side of a tile, in pixels.
    #[input(default = 512, min = 64, max = MOST_PIXELS, step = 32)]
    tile_size: u64,
    /// How far neighbours overlap, in pixels; at most a quarter of a tile.
    #[input(default = 64, min = 0, max = MOST_PIXELS, step = 32)]
    overlap: u64,
    /// How many frames of a video are decoded at once. Pictures have none.
    #[input(default = 64, min = 8, max = MOST_PIXELS, step = 4)]
    #[expect(dead_code, reason = "there are no autoencoders of videos")]
    temporal_size: u64,
    /// How many frames of a video overlap. Pictures have none.
    #[input(default = 8, min = 4, max = MOST_PIXELS, step = 4)]
    #[expect(dead_code, reason = "there are no autoencoders of videos")]
    temporal_overlap: u64,
}

impl Run for VAEDecodeTiled {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        bounded(&self.samples, &self.vae)?;
        let tiling = tiling(self.tile_size, self.overlap);
        Ok(self.vae.decode_tiled(&self.samples.samples, tiling, cx.engine(), cx)?)
    }
}

/// Turns pictures into latents.
///
/// Edges that do not fill a cell of the latent are cut off; transparency is ignored.
#[derive(Node)]
#[node(display = "VAE Encode", category = "latent", outputs(LATENT = "The latents."))]
struct VAEEncode {
    /// The pictures.
    pixels: Image,
    /// The autoencoder.
    vae: Vae,
}

impl Run for VAEEncode {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        Ok(Latent::new(self.vae.encode(&self.pixels, cx.engine(), cx)?))
    }
}

/// Turns pictures into latents tile by tile: large pictures need less memory, and more time.
#[derive(Node)]
#[node(display = "VAE Encode (Tiled)", category = "_for_testing", outputs(LATENT = "The latents."))]
struct VAEEncodeTiled {
    /// The pictures.
    pixels: Image,
    /// The autoencoder.
    vae: Vae,
    /// Side of a tile, in pixels.
    #[input(default = 512, min = 64, max = MOST_PIXELS, step = 64)]
    tile_size: u64,
    /// How far neighbours overlap, in pixels; at most a quarter of a tile.
    #[input(default = 64, min = 0, max = MOST_PIXELS, step = 32)]
    overlap: u64,
    /// How many frames of a video are encoded at once. Pictures have none.
    #[input(default = 64, min = 8, max = MOST_PIXELS, step = 4)]
    #[expect(dead_code, reason = "there are no autoencoders of videos")]
    temporal_size: u64,
    /// How many frames of a video overlap. Pictures have none.
    #[input(default = 8, min = 4, max = MOST_PIXELS, step = 4)]
    #[expect(dead_code, reason = "there are no autoencoders of videos")]
    temporal_overlap: u64,
}

impl Run for VAEEncodeTiled {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let tiling = tiling(self.tile_size, self.overlap);
        Ok(Latent::new(self.vae.encode_tiled(&self.pixels, tiling, cx.engine(), cx)?))
    }
}

/// Turns pictures with a hole into latents whose hole is filled by sampling, for models that are not made for inpainting.
///
/// What the mask covers is painted over in grey first, so that nothing of it is left.
#[derive(Node)]
#[node(
    display = "VAE Encode (for Inpainting)",
    category = "latent/inpaint",
    outputs(LATENT = "The latents, which change inside of the mask alone.")
)]
struct VAEEncodeForInpaint {
    /// The pictures.
    pixels: Image,
    /// The autoencoder.
    vae: Vae,
    /// What is filled: white. It is stretched to the picture.
    mask: Mask,
    /// How wide the rim around the mask is that may change too, in pixels: it hides the seam.
    #[input(default = 6, min = 0, max = 64, step = 1)]
    grow_mask_by: u64,
}

impl Run for VAEEncodeForInpaint {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let hole = Hole::new(&self.pixels, &self.mask, self.vae.sizes().downscale)?;
        let samples = self.vae.encode(&hole.greyed(), cx.engine(), cx)?;
        let grown = grow(&hole.mask, self.grow_mask_by.min(64) as usize);
        Ok(Latent { noise_mask: Some(grown.into_planes(1)), ..Latent::new(samples) })
    }
}

fn tiling(tile: u64, overlap: u64) -> Tiling {
    Tiling { tile: tile.min(MOST_PIXELS) as usize, overlap: overlap.min(MOST_PIXELS) as usize }
}

/// Whether the pictures of latents are of a size that anybody can use.
fn bounded(latent: &Latent, vae: &Vae) -> Result<(), NodeError> {
    let &[batch, _, height, width] = latent.samples.shape() else { return Ok(()) };
    let [height, width] = [height, width].map(|it| it.saturating_mul(vae.sizes().downscale));
    if height.max(width) > LONGEST_SIDE {
        let message = format!("its picture would have {width}x{height} pixels, a side has at most {LONGEST_SIDE}");
        return Err(NodeError::input("samples", message).hint("make the latent smaller"));
    }
    let bytes = [batch, height, width, 3 * size_of::<f32>()].into_iter().fold(1, usize::saturating_mul);
    if bytes > MOST_BYTES {
        let message = format!("{batch} pictures of {width}x{height} pixels take more than 4 GiB");
        return Err(NodeError::input("samples", message).hint("decode fewer or smaller ones at a time"));
    }
    Ok(())
}

/// A picture whose sides the autoencoder's downscale divides, and a mask of its size.
pub(crate) struct Hole {
    pixels: Block,
    pub(crate) mask: Block,
}

impl Hole {
    /// Stretches the mask to the picture, and cuts both to the middle that the autoencoder takes.
    pub(crate) fn new(pixels: &Image, mask: &Mask, cell: usize) -> Result<Self, NodeError> {
        let (pixels, mask) = (Block::of_image(pixels), Block::of_mask(mask));
        if pixels.outer == 0 || pixels.height < cell || pixels.width < cell {
            let message = format!("{} pictures of {}x{} pixels", pixels.outer, pixels.width, pixels.height);
            return Err(NodeError::input("pixels", message).hint(format!("at least one of {cell}x{cell} is needed")));
        }
        if mask.outer == 0 || mask.height == 0 || mask.width == 0 {
            return Err(NodeError::input("mask", "it is empty"));
        }
        if mask.outer != 1 && mask.outer != pixels.outer {
            let message = format!("{} masks for {} pictures", mask.outer, pixels.outer);
            return Err(NodeError::input("mask", message).hint("give one mask, or one for each picture"));
        }
        let mask = resize(&mask, pixels.height, pixels.width, Method::Bilinear, 1);
        Ok(Self { mask: cut(&mask, cell), pixels: cut(&pixels, cell) })
    }

    /// The picture, grey where the mask is nearer to white than to black.
    pub(crate) fn greyed(&self) -> Image {
        let mut pixels = self.pixels.clone();
        let colours = pixels.inner.min(3);
        let cells = pixels.height * pixels.width;
        for (index, pixel) in pixels.data.chunks_exact_mut(self.pixels.inner).enumerate() {
            let (picture, place) = (index / cells, index % cells);
            let kept = 1.0 - self.mask.item(picture % self.mask.outer)[place].round_ties_even();
            for value in &mut pixel[..colours] {
                *value = (*value - 0.5) * kept + 0.5;
            }
        }
        pixels.into_image()
    }
}

/// The middle of pictures, with sides that `cell` divides.
pub(crate) fn middle(pixels: &Image, cell: usize) -> Image {
    cut(&Block::of_image(pixels), cell).into_image()
}

fn cut(block: &Block, cell: usize) -> Block {
    let [top, left] = [block.height, block.width].map(|it| it % cell / 2);
    block.crop(top, left, block.height - block.height % cell, block.width - block.width % cell)
}

/// A mask of zeros and ones that reaches farther: white wherever a square of side `by` meets white.
fn grow(mask: &Block, by: usize) -> Block {
    let mut grown = mask.clone();
    grown.data.iter_mut().for_each(|it| *it = it.round_ties_even());
    if by == 0 {
        return grown;
    }
    // The square begins this far before its pixel. For an even side it lies half a pixel off the middle, as in the reference.
    let before = by / 2;
    let rows = sums(&grown.data, grown.width, 1, by, before);
    grown.data = sums(&rows, grown.height, grown.width, by, before);
    grown.data.iter_mut().for_each(|it| *it = it.clamp(0.0, 1.0));
    grown
}

/// Sums of `by` neighbours, beginning `before` each one, along the axis of `length` values that lie `stride` apart.
fn sums(data: &[f32], length: usize, stride: usize, by: usize, before: usize) -> Vec<f32> {
    let place = |index: usize| index / stride % length;
    let sum = |index: usize| {
        let (at, origin) = (place(index), index - place(index) * stride);
        let span = at.saturating_sub(before)..(at + by).saturating_sub(before).min(length);
        span.map(|it| data[origin + it * stride]).sum()
    };
    (0..data.len()).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor, TensorData};
    use models::Samples;

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn row(values: &[f32]) -> Block {
        Block { outer: 1, height: 1, width: values.len(), inner: 1, data: values.to_vec() }
    }

    #[test]
    fn a_mask_grows_on_both_sides_and_an_even_number_more_to_the_right() {
        let mask = [0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.5];
        for (by, grown) in [
            (0, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
            (1, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
            (2, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
            (3, [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
            (64, [1.0; 7]),
        ] {
            assert_eq!(grow(&row(&mask), by).data, grown, "{by}");
        }
        let mut square = Block::filled(2, 3, 3, 1, 0.0);
        square.data[4] = 1.0;
        let grown = grow(&square, 3);
        assert_eq!((grown.item(0), grown.item(1)), (&[1.0; 9][..], &[0.0; 9][..]));
    }

    #[test]
    fn a_hole_is_grey_and_cut_to_what_the_autoencoder_takes() {
        // Five pixels: with cells of two, the first four are taken.
        let pixels = Image(tensor(&[0.1, 0.2, 0.3, 0.4, 0.9].repeat(3), [1, 3, 5, 1]).repeat(&[1, 1, 1, 4]));
        let mask = Mask(tensor(&[0.0, 0.5, 0.6, 1.0, 0.0].repeat(3), [1, 3, 5]));
        let hole = Hole::new(&pixels, &mask, 2).unwrap();
        assert_eq!(hole.mask.data, [0.0, 0.5, 0.6, 1.0].repeat(2));
        let greyed = Block::of_image(&hole.greyed());
        assert_eq!((greyed.height, greyed.width), (2, 4));
        let rounded: Vec<_> = greyed.data[..16].iter().map(|it| (it * 10.0).round() / 10.0).collect();
        // The fourth channel is not painted over.
        let expected = [[0.1; 4], [0.2; 4], [0.5, 0.5, 0.5, 0.3], [0.5, 0.5, 0.5, 0.4]].concat();
        assert_eq!(rounded, expected);
    }

    #[test]
    fn pictures_and_masks_that_do_not_fit_are_refused() {
        let pixels = |batch: usize, side: usize| Image(Tensor::zeros([batch, side, side, 3], &Device::flex()));
        let mask = |batch: usize, side: usize| Mask(Tensor::zeros([batch, side, side], &Device::flex()));
        let refused = |pixels: Image, mask: Mask| Hole::new(&pixels, &mask, 8).map(drop).unwrap_err().to_string();
        assert!(refused(pixels(1, 7), mask(1, 7)).contains("1 pictures of 7x7 pixels (at least one of 8x8 is needed)"));
        assert!(refused(pixels(0, 8), mask(1, 8)).contains("`pixels`"));
        assert!(refused(pixels(2, 8), mask(3, 8)).contains("3 masks for 2 pictures"));
        assert!(refused(pixels(2, 8), mask(0, 8)).contains("`mask`: it is empty"));
        assert_eq!(Hole::new(&pixels(2, 8), &mask(1, 3), 8).unwrap().greyed().0.dims(), [2, 8, 8, 3]);
    }

    #[test]
    fn pictures_that_nobody_can_use_are_refused() {
        let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/diffusers/burnish-demo/vae");
        let vae = models::checkpoint::open_vae(&demo).unwrap();
        let latent = |shape: [usize; 4]| Latent::new(Samples::new(Tensor::<4>::zeros(shape, &Device::flex())));
        let refused = |shape| bounded(&latent(shape), &vae).unwrap_err().to_string();
        assert!(refused([1, 1, 1, 100_000]).contains("a side has at most 16384"));
        assert!(refused([2000, 1, 60, 60]).contains("take more than 4 GiB"));
        bounded(&latent([1, 4, 8, 8]), &vae).unwrap();
    }
}
