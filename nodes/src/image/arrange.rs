//! Pictures beside each other, on a canvas, or within a largest size.

use super::{LONGEST_SIDE, bounded, pixels, scaled};
use crate::pixels::Block;
use models::Image;
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![ImageStitch, ResizeAndPadImage, ImageScaleToMaxDimension]
}

/// Enlarges or shrinks pictures so that their longer side has a size, keeping their aspect.
#[derive(Node)]
#[node(category = "image/upscaling")]
struct ImageScaleToMaxDimension {
    /// The pictures.
    image: Image,
    /// How new pixels are made from old ones.
    #[input(options = ["area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic"])]
    upscale_method: String,
    /// The new longer side.
    #[input(default = 512, min = 0, max = LONGEST_SIDE, step = 1)]
    largest_size: u64,
}

impl Run for ImageScaleToMaxDimension {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let largest = self.largest_size as usize;
        // Divided first, as the reference does: the product can fall on the other side of a half.
        let shorter = |short: usize, long: usize| (short as f64 / long as f64 * largest as f64).round_ties_even() as usize;
        let (height, width) = if block.height > block.width {
            (largest, shorter(block.width, block.height))
        } else {
            (shorter(block.height, block.width), largest)
        };
        scaled(&block, height, width, &self.upscale_method, false)
    }
}

/// Shrinks or enlarges pictures until they fit a canvas, and fills what is left at the sides.
#[derive(Node)]
#[node(category = "image/transform")]
struct ResizeAndPadImage {
    /// The pictures.
    image: Image,
    /// Pixels across the canvas.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    target_width: u64,
    /// Pixels down the canvas.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    target_height: u64,
    /// What the canvas is filled with.
    #[input(options = ["white", "black"])]
    padding_color: String,
    /// How new pixels are made from old ones.
    #[input(options = ["area", "bicubic", "nearest-exact", "bilinear", "lanczos"])]
    interpolation: String,
}

impl Run for ResizeAndPadImage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let (height, width) = (self.target_height as usize, self.target_width as usize);
        bounded(block.outer, height, width, block.inner)?;
        let scale = (width as f64 / block.width as f64).min(height as f64 / block.height as f64);
        let inside = |side: usize| (side as f64 * scale) as usize;
        let resized = scaled(&block, inside(block.height), inside(block.width), &self.interpolation, false)?;
        let resized = Block::of_image(&resized);
        let filling = if self.padding_color == "black" { 0.0 } else { 1.0 };
        Ok(resized.centered_on(height, width, filling).into_image())
    }
}

/// Puts one picture beside, above or below another.
#[derive(Node)]
#[node(display = "Image Stitch", category = "image/transform")]
struct ImageStitch {
    /// The first pictures.
    image1: Image,
    /// Where the second ones go, seen from the first.
    #[input(options = ["right", "down", "left", "up"], default = "right")]
    direction: String,
    /// Whether the second pictures are resized so that the sides that meet are equal; else the shorter side is filled up.
    #[input(default = true)]
    match_image_size: bool,
    /// The gap between them, in pixels; odd gaps are one wider.
    #[input(default = 0, min = 0, max = 1024, step = 2)]
    spacing_width: u64,
    /// What the gap is filled with.
    #[input(options = ["white", "black", "red", "green", "blue"], default = "white")]
    spacing_color: String,
    /// The second pictures; without them the first come out as they are.
    image2: Option<Image>,
}

impl Run for ImageStitch {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let Some(image2) = &self.image2 else { return Ok(self.image1) };
        let (mut first, mut second) = (pixels(&self.image1, "image1")?, pixels(image2, "image2")?);
        let across = matches!(self.direction.as_str(), "left" | "right");
        let (color, grey) = match self.spacing_color.as_str() {
            "white" => ([1.0; 3], 1.0),
            "black" => ([0.0; 3], 0.0),
            "red" => ([1.0, 0.0, 0.0], 0.0),
            "green" => ([0.0, 1.0, 0.0], 0.0),
            "blue" => ([0.0, 0.0, 1.0], 0.0),
            other => return Err(NodeError::input("spacing_color", format!("there is no colour `{other}`"))),
        };
        if self.match_image_size {
            let aspect = second.width as f64 / second.height as f64;
            let (height, width) = if across {
                (first.height, (first.height as f64 * aspect) as usize)
            } else {
                ((first.width as f64 / aspect) as usize, first.width)
            };
            second = Block::of_image(&scaled(&second, height, width, "lanczos", false)?);
        }
        let (batch, channels) = (first.outer.max(second.outer), first.inner.max(second.inner));
        let gap = (self.spacing_width + self.spacing_width % 2) as usize;
        let (height, width) = if across {
            (first.height.max(second.height), first.width + gap + second.width)
        } else {
            (first.height + gap + second.height, first.width.max(second.width))
        };
        bounded(batch, height, width, channels)?;
        (first, second) = (last_repeated(&first, batch), last_repeated(&second, batch));
        if !self.match_image_size {
            // Filled up in its own channels: an alpha channel that it has becomes as transparent as the filling is dark.
            first = first.centered_on(if across { height } else { first.height }, if across { first.width } else { width }, grey);
            second =
                second.centered_on(if across { height } else { second.height }, if across { second.width } else { width }, grey);
        }
        let (first, second) = (first.with_channels(channels), second.with_channels(channels));
        let (before, behind) = if matches!(self.direction.as_str(), "left" | "up") { (second, first) } else { (first, second) };
        let mut whole = Block::filled(batch, height, width, channels, 1.0);
        for pixel in whole.data.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(color).for_each(|(to, from)| *to = from);
        }
        whole.place(&before, 0, 0);
        let (y, x) = if across { (0, before.width + gap) } else { (before.height + gap, 0) };
        whole.place(&behind, y, x);
        Ok(whole.into_image())
    }
}

/// So many pictures, the last one as often as it takes.
fn last_repeated(block: &Block, outer: usize) -> Block {
    let data = (0..outer).flat_map(|it| block.item(it.min(block.outer - 1)).iter().copied()).collect();
    Block { outer, data, ..*block }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn plain(batch: usize, height: usize, width: usize, inner: usize, value: f32) -> Image {
        Block::filled(batch, height, width, inner, value).into_image()
    }

    #[test]
    fn the_longer_side_gets_the_size() {
        let scaled = |height, width, largest_size| {
            let node =
                ImageScaleToMaxDimension { image: plain(1, height, width, 3, 0.5), upscale_method: "area".into(), largest_size };
            node.run(&cx()).map(|it| it.0.dims())
        };
        assert_eq!(scaled(30, 20, 15).expect("scaled"), [1, 15, 10, 3]);
        assert_eq!(scaled(20, 30, 60).expect("scaled"), [1, 40, 60, 3]);
        assert_eq!(scaled(20, 20, 7).expect("scaled"), [1, 7, 7, 3]);
        assert!(scaled(20, 20, 0).is_err(), "a picture without pixels");
    }

    #[test]
    fn a_picture_stands_in_the_middle_of_its_canvas() {
        let node = ResizeAndPadImage {
            image: plain(1, 2, 4, 1, 0.5),
            target_width: 4,
            target_height: 5,
            padding_color: "black".into(),
            interpolation: "nearest-exact".into(),
        };
        let block = Block::of_image(&node.run(&cx()).expect("padded"));
        assert_eq!((block.height, block.width), (5, 4));
        assert_eq!(block.data, [[0.0; 4], [0.5; 4], [0.5; 4], [0.0; 4], [0.0; 4]].concat());
    }

    fn stitched(direction: &str, match_image_size: bool, spacing_width: u64, second: Image) -> Result<Block, NodeError> {
        let node = ImageStitch {
            image1: plain(1, 2, 2, 3, 0.25),
            direction: direction.into(),
            match_image_size,
            spacing_width,
            spacing_color: "red".into(),
            image2: Some(second),
        };
        node.run(&cx()).map(|it| Block::of_image(&it))
    }

    #[test]
    fn the_second_picture_goes_where_it_is_told() {
        let red = |block: &Block| (0..block.width).map(|x| block.data[block.at(0, 0, x)]).collect::<Vec<_>>();
        let right = stitched("right", true, 1, plain(1, 2, 1, 3, 0.0)).expect("stitched");
        assert_eq!(red(&right), [0.25, 0.25, 1.0, 1.0, 0.0], "an odd gap is one wider");
        let left = stitched("left", true, 0, plain(1, 2, 1, 3, 0.0)).expect("stitched");
        assert_eq!(red(&left), [0.0, 0.25, 0.25]);
        let down = stitched("down", true, 0, plain(3, 4, 4, 3, 0.75)).expect("stitched");
        assert_eq!((down.outer, down.height, down.width), (3, 4, 2), "resized, and the first repeated");
    }

    #[test]
    fn a_shorter_side_is_filled_up_and_alpha_is_added() {
        let block = stitched("right", false, 0, plain(1, 5, 1, 4, 0.75)).expect("stitched");
        assert_eq!((block.height, block.width, block.inner), (5, 3, 4));
        let column = |x: usize| (0..5).map(|y| block.data[block.at(0, y, x)]).collect::<Vec<_>>();
        assert_eq!(column(0), [0.0, 0.25, 0.25, 0.0, 0.0], "one above, two below");
        assert_eq!(column(2), [0.75; 5]);
        assert_eq!(block.data[block.at(0, 0, 0) + 3], 1.0);
        assert!(stitched("right", true, 0, plain(1, 5, 1, 4, 0.75)).is_err(), "the second would be 0 pixels wide");
    }
}
