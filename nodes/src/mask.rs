//! Mask nodes and what composes pictures by masks.

mod morphology;
mod porter_duff;

use crate::image::{pixels, save};
use crate::pixels::Block;
use crate::pixels::filter::{dilate, erode};
use crate::pixels::resize::{Method, resize};
use models::{Image, Mask};
use runtime::{Context, Node, NodeError, Place, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        MaskToImage,
        ImageToMask,
        ImageColorToMask,
        SolidMask,
        InvertMask,
        CropMask,
        MaskComposite,
        FeatherMask,
        GrowMask,
        ThresholdMask,
        MaskPreview,
        ImageCompositeMasked,
        SplitImageWithAlpha,
        JoinImageWithAlpha
    ]
    .merge(morphology::nodes())
    .merge(porter_duff::nodes())
}

/// The longest side of a picture.
const LONGEST_SIDE: u64 = 16_384;

/// The cells of a mask batch that is not empty.
fn cells(mask: &Mask, input: &str) -> Result<Block, NodeError> {
    let block = Block::of_mask(mask);
    if block.data.is_empty() { Err(NodeError::input(input, "the batch of masks is empty")) } else { Ok(block) }
}

/// A mask as a grey picture.
fn grey(mask: &Block) -> Image {
    let data = mask.data.iter().flat_map(|it| [*it; 3]).collect();
    Block { inner: 3, data, ..*mask }.into_image()
}

/// Makes a grey picture of a mask.
#[derive(Node)]
#[node(display = "Convert Mask to Image", category = "mask")]
struct MaskToImage {
    /// The mask.
    mask: Mask,
}

impl Run for MaskToImage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(grey(&cells(&self.mask, "mask")?))
    }
}

/// Takes one channel of a picture as a mask.
#[derive(Node)]
#[node(display = "Convert Image to Mask", category = "mask")]
struct ImageToMask {
    /// The picture.
    image: Image,
    /// Which channel.
    #[input(options = ["red", "green", "blue", "alpha"])]
    channel: String,
}

impl Run for ImageToMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let block = pixels(&self.image, "image")?;
        let channel = ["red", "green", "blue", "alpha"].iter().position(|it| *it == self.channel);
        let channel = channel
            .filter(|it| *it < block.inner)
            .ok_or_else(|| NodeError::input("channel", format!("the picture has no {} channel", self.channel)))?;
        let data = block.data.iter().skip(channel).step_by(block.inner).copied().collect();
        Ok(Block { inner: 1, data, ..block }.into_mask())
    }
}

/// Marks the pixels of one exact colour.
#[derive(Node)]
#[node(category = "mask")]
struct ImageColorToMask {
    /// The picture.
    image: Image,
    /// The colour, as the number that its six hexadecimal digits write.
    #[input(default = 0, min = 0, max = 0xFF_FFFF, step = 1)]
    color: u64,
}

impl Run for ImageColorToMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let block = pixels(&self.image, "image")?;
        let number = |it: &f32| (it.clamp(0.0, 1.0) * 255.0).round_ties_even() as u64;
        let colour = |it: &[f32]| it.iter().take(3).fold(0, |sum, part| (sum << 8) | number(part));
        let data = block.data.chunks_exact(block.inner).map(|it| if colour(it) == self.color { 1.0 } else { 0.0 }).collect();
        Ok(Block { inner: 1, data, ..block }.into_mask())
    }
}

/// Makes a mask of one value.
#[derive(Node)]
#[node(category = "mask")]
struct SolidMask {
    /// The value: 0 is black, 1 is white.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    value: f64,
    /// Pixels across.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    width: u64,
    /// Pixels down.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    height: u64,
}

impl Run for SolidMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        Ok(Block::filled(1, self.height as usize, self.width as usize, 1, self.value as f32).into_mask())
    }
}

/// Turns white into black and black into white.
#[derive(Node)]
#[node(category = "mask")]
struct InvertMask {
    /// The mask.
    mask: Mask,
}

impl Run for InvertMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        Ok(Mask(self.mask.0.neg().add_scalar(1.0)))
    }
}

/// Cuts a rectangle out of a mask.
#[derive(Node)]
#[node(category = "mask")]
struct CropMask {
    /// The mask.
    mask: Mask,
    /// The left edge.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    x: u64,
    /// The top edge.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    y: u64,
    /// Width of the rectangle.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    width: u64,
    /// Height of the rectangle.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    height: u64,
}

impl Run for CropMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let [x, y, width, height] = [self.x, self.y, self.width, self.height].map(|it| it as usize);
        let cut = cells(&self.mask, "mask")?.crop(y, x, height, width);
        if cut.data.is_empty() {
            return Err(NodeError::new("the rectangle lies outside the mask").hint("make x and y smaller"));
        }
        Ok(cut.into_mask())
    }
}

/// Combines two masks where they overlap.
#[derive(Node)]
#[node(category = "mask")]
struct MaskComposite {
    /// The mask that is changed.
    destination: Mask,
    /// The mask that is laid over it.
    source: Mask,
    /// Where its left edge lies.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    x: u64,
    /// Where its top edge lies.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    y: u64,
    /// How the two are combined. `and`, `or` and `xor` see only black and white.
    #[input(options = ["multiply", "add", "subtract", "and", "or", "xor"])]
    operation: String,
}

impl Run for MaskComposite {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let mut out = cells(&self.destination, "destination")?;
        let source = cells(&self.source, "source")?.repeated_to(out.outer);
        let white = |it: f32| it.round_ties_even() != 0.0;
        let logic = |it: bool| if it { 1.0 } else { 0.0 };
        let combine = |a: f32, b: f32| match self.operation.as_str() {
            "multiply" => Ok(a * b),
            "add" => Ok(a + b),
            "subtract" => Ok(a - b),
            "and" => Ok(logic(white(a) && white(b))),
            "or" => Ok(logic(white(a) || white(b))),
            "xor" => Ok(logic(white(a) != white(b))),
            other => Err(NodeError::input("operation", format!("there is no operation `{other}`"))),
        };
        let (left, top) = (self.x as usize, self.y as usize);
        for item in 0..out.outer {
            for y in 0..source.height.min(out.height.saturating_sub(top)) {
                for x in 0..source.width.min(out.width.saturating_sub(left)) {
                    let at = out.at(item, y + top, x + left);
                    out.data[at] = combine(out.data[at], source.data[source.at(item, y, x)])?;
                }
            }
        }
        out.data.iter_mut().for_each(|it| *it = it.clamp(0.0, 1.0));
        Ok(out.into_mask())
    }
}

/// Fades a mask out towards its edges.
#[derive(Node)]
#[node(category = "mask")]
struct FeatherMask {
    /// The mask.
    mask: Mask,
    /// How far from the left edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    left: u64,
    /// How far from the top edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    top: u64,
    /// How far from the right edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    right: u64,
    /// How far from the bottom edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    bottom: u64,
}

impl Run for FeatherMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let mut out = cells(&self.mask, "mask")?;
        // From the far edges ComfyUI counts from the opposite one: the first line that fades is line 0, the next the last.
        let far = |step: usize, side: usize| if step == 0 { 0 } else { side - step };
        let rate = |step: usize, width: usize| (step + 1) as f32 / width as f32;
        let (height, width) = (out.height, out.width);
        let [left, right] = [self.left, self.right].map(|it| (it as usize).min(width));
        let [top, bottom] = [self.top, self.bottom].map(|it| (it as usize).min(height));
        let (mut columns, mut rows) = (vec![1.0; width], vec![1.0; height]);
        (0..left).for_each(|it| columns[it] *= rate(it, left));
        (0..right).for_each(|it| columns[far(it, width)] *= rate(it, right));
        (0..top).for_each(|it| rows[it] *= rate(it, top));
        (0..bottom).for_each(|it| rows[far(it, height)] *= rate(it, bottom));
        for (index, value) in out.data.iter_mut().enumerate() {
            *value *= columns[index % width] * rows[index / width % height];
        }
        Ok(out.into_mask())
    }
}

/// Grows or shrinks the white parts of a mask.
#[derive(Node)]
#[node(category = "mask")]
struct GrowMask {
    /// The mask.
    mask: Mask,
    /// How far, in pixels; negative numbers shrink.
    #[input(default = 0, min = -16_384, max = LONGEST_SIDE, step = 1)]
    expand: i64,
    /// Whether corners become round instead of square.
    #[input(default = true)]
    tapered_corners: bool,
}

impl Run for GrowMask {
    type Output = Mask;

    fn run(self, cx: &Context) -> Result<Mask, NodeError> {
        let mut out = cells(&self.mask, "mask")?;
        // After as many steps as the longer side has pixels, nothing changes any more.
        let steps = self.expand.unsigned_abs().min(out.height.max(out.width) as u64);
        for _ in 0..steps {
            cx.check()?;
            out = if self.expand < 0 { erode(&out, !self.tapered_corners) } else { dilate(&out, !self.tapered_corners) };
        }
        Ok(out.into_mask())
    }
}

/// Makes a mask black and white.
#[derive(Node)]
#[node(category = "mask")]
struct ThresholdMask {
    /// The mask.
    mask: Mask,
    /// What is above becomes white.
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    value: f64,
}

impl Run for ThresholdMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        let mut out = cells(&self.mask, "mask")?;
        let value = self.value as f32;
        out.data.iter_mut().for_each(|it| *it = if *it > value { 1.0 } else { 0.0 });
        Ok(out.into_mask())
    }
}

/// Shows a mask without keeping it.
#[derive(Node)]
#[node(category = "mask", output_node)]
struct MaskPreview {
    /// The mask.
    mask: Mask,
}

impl Run for MaskPreview {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, &grey(&cells(&self.mask, "mask")?), Place::Temp, "ComfyUI_temp")
    }
}

/// Lays a picture over another, where a mask is white.
#[derive(Node)]
#[node(category = "image")]
struct ImageCompositeMasked {
    /// The picture below.
    destination: Image,
    /// The picture above.
    source: Image,
    /// Where its left edge lies.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    x: u64,
    /// Where its top edge lies.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    y: u64,
    /// Whether it is first resized to the picture below.
    #[input(default = false)]
    resize_source: bool,
    /// Where it shows, at any resolution; everywhere where there is no mask.
    mask: Option<Mask>,
}

impl Run for ImageCompositeMasked {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (below, above) = (pixels(&self.destination, "destination")?, pixels(&self.source, "source")?);
        // The result has the channels of the picture below: it is that picture, changed.
        let channels = below.inner;
        let (mut out, mut source) = (below, above.with_channels(channels));
        if self.resize_source {
            source = resize(&source, out.height, out.width, Method::Bilinear, 1);
        }
        let source = source.repeated_to(out.outer);
        let mask = match &self.mask {
            Some(mask) => resize(&cells(mask, "mask")?, source.height, source.width, Method::Bilinear, 1).repeated_to(out.outer),
            None => Block::filled(out.outer, source.height, source.width, 1, 1.0),
        };
        let (left, top) = (self.x as usize, self.y as usize);
        for item in 0..out.outer {
            for y in 0..source.height.min(out.height.saturating_sub(top)) {
                for x in 0..source.width.min(out.width.saturating_sub(left)) {
                    let part = mask.data[mask.at(item, y, x)];
                    let (from, to) = (source.at(item, y, x), out.at(item, y + top, x + left));
                    for c in 0..channels {
                        out.data[to + c] = part * source.data[from + c] + (1.0 - part) * out.data[to + c];
                    }
                }
            }
        }
        Ok(out.into_image())
    }
}

/// Parts a picture from its transparency.
#[derive(Node)]
#[node(
    display = "Split Image with Alpha",
    category = "mask/compositing",
    outputs(IMAGE = "The colours.", MASK = "White where the picture is transparent.")
)]
struct SplitImageWithAlpha {
    /// The picture.
    image: Image,
}

impl Run for SplitImageWithAlpha {
    type Output = (Image, Mask);

    fn run(self, _: &Context) -> Result<(Image, Mask), NodeError> {
        let block = pixels(&self.image, "image")?;
        let alpha = block.data.chunks_exact(block.inner).map(|it| 1.0 - it.get(3).copied().unwrap_or(1.0)).collect();
        Ok((block.with_channels(3).into_image(), Block { inner: 1, data: alpha, ..block }.into_mask()))
    }
}

/// Gives a picture transparency.
#[derive(Node)]
#[node(display = "Join Image with Alpha", category = "mask/compositing")]
struct JoinImageWithAlpha {
    /// The picture.
    image: Image,
    /// White where it shall be transparent.
    alpha: Mask,
}

impl Run for JoinImageWithAlpha {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let alpha = cells(&self.alpha, "alpha")?;
        // As many as there are pairs of a picture and a mask.
        let batch = block.outer.min(alpha.outer);
        let alpha = resize(&alpha.repeated_to(batch), block.height, block.width, Method::Bilinear, 1);
        let block = block.with_channels(3).repeated_to(batch);
        let pixel = |(colour, alpha): (&[f32], &f32)| [colour[0], colour[1], colour[2], 1.0 - alpha];
        let data = block.data.chunks_exact(3).zip(&alpha.data).flat_map(pixel).collect();
        Ok(Block { inner: 4, data, ..block }.into_image())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn mask(height: usize, width: usize, data: &[f32]) -> Mask {
        Block { outer: 1, height, width, inner: 1, data: data.to_vec() }.into_mask()
    }

    fn values(mask: &Mask) -> Vec<f32> {
        Block::of_mask(mask).data
    }

    #[test]
    fn masks_combine_where_they_overlap() {
        let combine = |operation: &str| {
            let node = MaskComposite {
                destination: mask(1, 3, &[0.2, 0.6, 1.0]),
                source: mask(1, 2, &[1.0, 0.0]),
                x: 1,
                y: 0,
                operation: operation.into(),
            };
            values(&node.run(&cx()).expect("combined"))
        };
        assert_eq!(combine("multiply"), [0.2, 0.6, 0.0]);
        assert_eq!(combine("add"), [0.2, 1.0, 1.0]);
        assert_eq!(combine("subtract"), [0.2, 0.0, 1.0]);
        assert_eq!(combine("and"), [0.2, 1.0, 0.0]);
        assert_eq!(combine("xor"), [0.2, 0.0, 1.0]);
    }

    #[test]
    fn growing_goes_sideways_and_corners_only_where_asked() {
        let dot = || mask(3, 3, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let grown = |tapered| values(&GrowMask { mask: dot(), expand: 1, tapered_corners: tapered }.run(&cx()).expect("grown"));
        assert_eq!(grown(true), [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(grown(false), [1.0; 9]);
        assert_eq!(values(&GrowMask { mask: dot(), expand: -1, tapered_corners: true }.run(&cx()).expect("shrunk")), [0.0; 9]);
    }

    #[test]
    fn feathering_fades_the_near_edges() {
        let node = FeatherMask { mask: mask(1, 4, &[1.0; 4]), left: 2, top: 0, right: 0, bottom: 0 };
        assert_eq!(values(&node.run(&cx()).expect("feathered")), [0.5, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_picture_shows_through_a_mask() {
        let picture = |value| Block::filled(1, 1, 2, 3, value).into_image();
        let node = ImageCompositeMasked {
            destination: picture(0.0),
            source: picture(1.0),
            x: 0,
            y: 0,
            resize_source: false,
            mask: Some(mask(1, 2, &[1.0, 0.25])),
        };
        assert_eq!(Block::of_image(&node.run(&cx()).expect("composed")).data, [1.0, 1.0, 1.0, 0.25, 0.25, 0.25]);
    }

    #[test]
    fn a_composed_picture_keeps_the_channels_of_the_one_below() {
        let picture = |channels, value| Block::filled(1, 1, 1, channels, value).into_image();
        let compose = |below, above| {
            let node = ImageCompositeMasked {
                destination: picture(below, 0.0),
                source: picture(above, 0.5),
                x: 0,
                y: 0,
                resize_source: false,
                mask: None,
            };
            Block::of_image(&node.run(&cx()).expect("composed")).data
        };
        assert_eq!(compose(3, 4), [0.5; 3]);
        assert_eq!(compose(4, 3), [0.5, 0.5, 0.5, 1.0]);
    }

    #[test]
    fn only_pictures_that_have_a_mask_get_alpha() {
        let image = Block::filled(3, 1, 1, 3, 0.5).into_image();
        let alpha = Block::filled(2, 2, 2, 1, 0.25).into_mask();
        let joined = JoinImageWithAlpha { image, alpha }.run(&cx()).expect("joined");
        assert_eq!(joined.0.dims(), [2, 1, 1, 4]);
    }

    #[test]
    fn alpha_goes_out_and_in() {
        let picture = Block { outer: 1, height: 1, width: 1, inner: 4, data: vec![0.1, 0.2, 0.3, 0.75] }.into_image();
        let (image, alpha) = SplitImageWithAlpha { image: picture }.run(&cx()).expect("split");
        assert_eq!(values(&alpha), [0.25]);
        let joined = JoinImageWithAlpha { image, alpha }.run(&cx()).expect("joined");
        assert_eq!(Block::of_image(&joined).data, [0.1, 0.2, 0.3, 0.75]);
    }
}
