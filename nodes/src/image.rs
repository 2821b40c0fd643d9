//! Picture nodes: loading, saving, resizing, cutting, filters.

mod arrange;
mod color;
mod quantize;
mod resize;

use crate::files::{self, Series};
use crate::pixels::Block;
use crate::pixels::filter::{convolve, gaussian};
use crate::pixels::resize::{CROPS, IMAGE_METHODS, Method, crop_to_aspect, resize};
use models::{Image, Mask};
use runtime::{
    Context, Fingerprint, Folders, Literals, Node, NodeError, Place, Registry, Run, SavedFile, Shown, Value, registry,
};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        LoadImage,
        LoadImageMask,
        LoadImageOutput,
        SaveImage,
        PreviewImage,
        ImageCompare,
        ImageScale,
        ImageScaleBy,
        ImageScaleToTotalPixels,
        ImageInvert,
        ImageBatch,
        EmptyImage,
        ImagePadForOutpaint,
        ImageCrop,
        RepeatImageBatch,
        ImageFromBatch,
        ImageRotate,
        ImageFlip,
        GetImageSize,
        ImageBlend,
        ImageBlur,
        ImageSharpen
    ]
    .merge(arrange::nodes())
    .merge(color::nodes())
    .merge(quantize::nodes())
    .merge(resize::nodes())
}

/// The longest side of a picture.
const LONGEST_SIDE: u64 = 16_384;
/// What a batch of pictures may take at most, numbers.
const MOST_NUMBERS: usize = 1 << 30;

/// Refuses a batch that would take absurd memory, or that holds nothing.
pub(crate) fn bounded(batch: usize, height: usize, width: usize, channels: usize) -> Result<(), NodeError> {
    let numbers = [height, width, channels].into_iter().try_fold(batch, usize::checked_mul);
    match numbers {
        Some(0) => Err(NodeError::new("the result would hold no pixels").hint("check the size and the batch")),
        Some(numbers) if numbers <= MOST_NUMBERS => Ok(()),
        _ => Err(NodeError::new(format!("{batch} pictures of {width} x {height} pixels take more than 4 GiB"))
            .hint("make the pictures or the batch smaller")),
    }
}

/// The pixels of a picture batch that is not empty.
pub(crate) fn pixels(image: &Image, input: &str) -> Result<Block, NodeError> {
    let block = Block::of_image(image);
    if block.data.is_empty() { Err(NodeError::input(input, "the batch of pictures is empty")) } else { Ok(block) }
}

/// A picture resized by the name of a method.
fn scaled(block: &Block, height: usize, width: usize, method: &str, crop: bool) -> Result<Image, NodeError> {
    let method =
        Method::named(method).ok_or_else(|| NodeError::input("upscale_method", format!("there is no method `{method}`")))?;
    bounded(block.outer, height, width, block.inner)?;
    let cut = if crop { &crop_to_aspect(block, height, width) } else { block };
    bounded(cut.outer, cut.height, cut.width, cut.inner)?;
    Ok(resize(cut, height, width, method, 1).into_image())
}

/// A side that keeps the aspect when the other goes from `old` to `new`, at least 1. Multiplied first: the other way round, halves
/// fall to the other side.
fn in_proportion(side: usize, new: usize, old: usize) -> usize {
    (((side * new) as f64 / old as f64).round_ties_even() as usize).max(1)
}

/// A side times a factor, as Python rounds it.
fn rounded(side: usize, factor: f64) -> usize {
    (side as f64 * factor).round_ties_even() as usize
}

/// Depends on what is in the file, not on its name.
fn content(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
    let Some(name) = literals.get("image").and_then(|it| it.as_str()) else { return Ok(Fingerprint::Inputs) };
    let bytes = std::fs::read(folders.existing(Place::Input, name)?).map_err(|it| NodeError::input("image", it.to_string()))?;
    Ok(Fingerprint::Content(blake3::hash(&bytes).as_bytes().to_vec()))
}

/// Objects to names of files that are not there.
fn present(literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
    let Some(name) = literals.get("image").and_then(|it| it.as_str()) else { return Vec::new() };
    folders.existing(Place::Input, name).err().map(|it| ("image".to_owned(), it.to_string())).into_iter().collect()
}

/// Loads a picture from the input folder. Moving pictures become a batch.
#[derive(Node)]
#[node(
    display = "Load Image",
    category = "image",
    outputs(IMAGE = "The pictures.", MASK = "White where the picture is transparent.")
)]
struct LoadImage {
    /// The file, below the input folder.
    #[input(files = "input", upload = image, checked_by_node)]
    image: String,
}

impl Run for LoadImage {
    type Output = (Image, Mask);

    fn run(self, cx: &Context) -> Result<(Image, Mask), NodeError> {
        let (colour, mask) = files::decode(&cx.folders().existing(Place::Input, &self.image)?)?;
        let batch = colour.outer;
        Ok((colour.into_image(), mask.unwrap_or_else(|| Block::filled(batch, 64, 64, 1, 0.0)).into_mask()))
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        content(literals, folders)
    }

    fn validate(literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
        present(literals, folders)
    }
}

/// Loads a picture from the output folder: what was made becomes what is worked on.
#[derive(Node)]
#[node(
    display = "Load Image (from Outputs)",
    category = "image",
    experimental,
    outputs(IMAGE = "The pictures.", MASK = "White where the picture is transparent.")
)]
struct LoadImageOutput {
    /// The file, below the output folder.
    #[input(files = "output", upload = image, checked_by_node)]
    image: String,
}

impl Run for LoadImageOutput {
    type Output = (Image, Mask);

    fn run(self, cx: &Context) -> Result<(Image, Mask), NodeError> {
        LoadImage { image: self.image }.run(cx)
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        content(literals, folders)
    }

    fn validate(literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
        present(literals, folders)
    }
}

/// Loads one channel of a picture as a mask.
#[derive(Node)]
#[node(display = "Load Image (as Mask)", category = "mask", outputs(MASK = "The mask."))]
struct LoadImageMask {
    /// The file, below the input folder.
    #[input(files = "input", upload = image, checked_by_node)]
    image: String,
    /// Which channel. Alpha is inverted: what is transparent is white.
    #[input(options = ["alpha", "red", "green", "blue"])]
    channel: String,
}

impl Run for LoadImageMask {
    type Output = Mask;

    fn run(self, cx: &Context) -> Result<Mask, NodeError> {
        let (colour, mask) = files::decode(&cx.folders().existing(Place::Input, &self.image)?)?;
        let channel = match self.channel.as_str() {
            "red" => 0,
            "green" => 1,
            "blue" => 2,
            _ => {
                let (height, width) = (colour.height, colour.width);
                return Ok(mask.map_or_else(|| Block::filled(1, height, width, 1, 0.0), |it| it.repeated_to(1)).into_mask());
            }
        };
        let first = colour.repeated_to(1);
        let data = first.data.iter().skip(channel).step_by(first.inner).copied().collect();
        Ok(Block { inner: 1, data, ..first }.into_mask())
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        content(literals, folders)
    }

    fn validate(literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
        present(literals, folders)
    }
}

/// Writes a batch as PNG files, each with the prompt and the workflow that made it.
pub(crate) fn save(cx: &Context, image: &Image, place: Place, prefix: &str) -> Result<(), NodeError> {
    save_as(cx, image, place, prefix, "images")
}

/// The same, for front ends to find under another name than `images`.
fn save_as(cx: &Context, image: &Image, place: Place, prefix: &str, key: &'static str) -> Result<(), NodeError> {
    let block = pixels(image, "images")?;
    let mut texts = Vec::new();
    if let Some(prompt) = cx.prompt() {
        texts.push(("prompt".to_owned(), prompt.to_string()));
    }
    texts.extend(cx.extra_pnginfo().iter().map(|(key, value)| (key.clone(), value.to_string())));
    let mut series = Series::start(cx.folders(), place, prefix, (block.width, block.height), &jiff::Zoned::now())?;
    for item in 0..block.outer {
        cx.check()?;
        let bytes = files::encode_png(&block, item, &texts)?;
        let filename = series.save(item, "png", &bytes)?;
        cx.show(Shown::File { key, file: SavedFile { filename, subfolder: series.subfolder.clone(), place } });
    }
    Ok(())
}

/// Saves pictures in the output folder.
#[derive(Node)]
#[node(display = "Save Image", category = "image", output_node)]
struct SaveImage {
    /// The pictures.
    images: Image,
    /// How the files are called, with a number behind. `portraits/cat` makes a folder; `%width%`, `%date:yyyy-MM-dd%` and the like are filled in.
    #[input(default = "ComfyUI")]
    filename_prefix: String,
}

impl Run for SaveImage {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, &self.images, Place::Output, &self.filename_prefix)
    }
}

/// Shows pictures without keeping them.
#[derive(Node)]
#[node(display = "Preview Image", category = "image", output_node)]
struct PreviewImage {
    /// The pictures.
    images: Image,
}

impl Run for PreviewImage {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, &self.images, Place::Temp, "ComfyUI_temp")
    }
}

/// Shows two pictures, one over the other, with a slider between them.
#[derive(Node)]
#[node(display = "Image Compare", category = "image", output_node, experimental)]
struct ImageCompare {
    /// What is seen left of the slider.
    image_a: Option<Image>,
    /// What is seen right of the slider.
    image_b: Option<Image>,
    /// Where the editor keeps what it shows.
    #[input(name = "compare_view", socket = "IMAGECOMPARE", literal, default = serde_json::json!({}), optional)]
    _view: Value,
}

impl Run for ImageCompare {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        for (image, prefix, key) in
            [(&self.image_a, "comfy.compare.a", "a_images"), (&self.image_b, "comfy.compare.b", "b_images")]
        {
            if let Some(image) = image {
                save_as(cx, image, Place::Temp, prefix, key)?;
            }
        }
        Ok(())
    }
}

/// Enlarges or shrinks pictures to a size.
#[derive(Node)]
#[node(display = "Upscale Image", category = "image/upscaling")]
struct ImageScale {
    /// The pictures.
    image: Image,
    /// How new pixels are made from old ones.
    #[input(options = IMAGE_METHODS)]
    upscale_method: String,
    /// The new width; 0 keeps the aspect.
    #[input(default = 512, min = 0, max = LONGEST_SIDE, step = 1)]
    width: u64,
    /// The new height; 0 keeps the aspect.
    #[input(default = 512, min = 0, max = LONGEST_SIDE, step = 1)]
    height: u64,
    /// Whether the sides are cut first so that nothing is stretched.
    #[input(options = CROPS)]
    crop: String,
}

impl Run for ImageScale {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let (width, height) = match (self.width as usize, self.height as usize) {
            (0, 0) => return Ok(self.image),
            (0, height) => (in_proportion(block.width, height, block.height), height),
            (width, 0) => (width, in_proportion(block.height, width, block.width)),
            both => both,
        };
        scaled(&block, height, width, &self.upscale_method, self.crop == "center")
    }
}

/// Enlarges or shrinks pictures by a factor.
#[derive(Node)]
#[node(display = "Upscale Image By", category = "image/upscaling")]
struct ImageScaleBy {
    /// The pictures.
    image: Image,
    /// How new pixels are made from old ones.
    #[input(options = IMAGE_METHODS)]
    upscale_method: String,
    /// The factor for both sides.
    #[input(default = 1.0, min = 0.01, max = 8.0, step = 0.01)]
    scale_by: f64,
}

impl Run for ImageScaleBy {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let (height, width) = (rounded(block.height, self.scale_by), rounded(block.width, self.scale_by));
        scaled(&block, height, width, &self.upscale_method, false)
    }
}

/// Enlarges or shrinks pictures to a number of pixels, keeping their aspect.
#[derive(Node)]
#[node(category = "image/upscaling")]
struct ImageScaleToTotalPixels {
    /// The pictures.
    image: Image,
    /// How new pixels are made from old ones.
    #[input(options = IMAGE_METHODS)]
    upscale_method: String,
    /// Millions of pixels, of 1024 x 1024 each.
    #[input(default = 1.0, min = 0.01, max = 16.0, step = 0.01)]
    megapixels: f64,
}

impl Run for ImageScaleToTotalPixels {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let total = (self.megapixels * 1024.0 * 1024.0).trunc();
        let factor = (total / (block.width * block.height) as f64).sqrt();
        scaled(&block, rounded(block.height, factor), rounded(block.width, factor), &self.upscale_method, false)
    }
}

/// Makes the negative of pictures.
#[derive(Node)]
#[node(display = "Invert Image", category = "image")]
struct ImageInvert {
    /// The pictures.
    image: Image,
}

impl Run for ImageInvert {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(Image(self.image.0.neg().add_scalar(1.0)))
    }
}

/// Both with the larger number of channels.
fn same_channels(first: Block, second: Block) -> (Block, Block) {
    let channels = first.inner.max(second.inner);
    (first.with_channels(channels), second.with_channels(channels))
}

/// Puts two batches of pictures into one. The second is resized to the first where they differ.
#[derive(Node)]
#[node(display = "Batch Images", category = "image")]
struct ImageBatch {
    /// The first pictures.
    image1: Image,
    /// The second pictures.
    image2: Image,
}

impl Run for ImageBatch {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (first, second) = same_channels(pixels(&self.image1, "image1")?, pixels(&self.image2, "image2")?);
        let (height, width) = (first.height, first.width);
        bounded(first.outer + second.outer, height, width, first.inner)?;
        let second = if (second.height, second.width) == (height, width) {
            second
        } else {
            resize(&crop_to_aspect(&second, height, width), height, width, Method::Bilinear, 1)
        };
        Ok(Block { outer: first.outer + second.outer, data: [first.data, second.data].concat(), ..second }.into_image())
    }
}

/// Makes pictures of one colour.
#[derive(Node)]
#[node(category = "image")]
struct EmptyImage {
    /// Pixels across.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    width: u64,
    /// Pixels down.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    height: u64,
    /// How many pictures.
    #[input(default = 1, min = 1, max = 4096)]
    batch_size: u64,
    /// The colour, as the number that its six hexadecimal digits write.
    #[input(default = 0, min = 0, max = 0xFF_FFFF, step = 1)]
    color: u64,
}

impl Run for EmptyImage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (batch, height, width) = (self.batch_size as usize, self.height as usize, self.width as usize);
        bounded(batch, height, width, 3)?;
        let part = |shift: u32| ((self.color >> shift) & 0xFF) as f32 / 255.0;
        let colour = [part(16), part(8), part(0)];
        let data = colour.iter().copied().cycle().take(batch * height * width * 3).collect();
        Ok(Block { outer: batch, height, width, inner: 3, data }.into_image())
    }
}

/// Adds a margin to pictures that a sampler can fill, and the mask that marks it.
#[derive(Node)]
#[node(
    display = "Pad Image for Outpainting",
    category = "image",
    outputs(IMAGE = "The larger pictures.", MASK = "White where there is nothing yet.")
)]
struct ImagePadForOutpaint {
    /// The pictures.
    image: Image,
    /// Pixels added on the left.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    left: u64,
    /// Pixels added at the top.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    top: u64,
    /// Pixels added on the right.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    right: u64,
    /// Pixels added at the bottom.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    bottom: u64,
    /// How far the mask fades into the picture, in pixels.
    #[input(default = 40, min = 0, max = LONGEST_SIDE, step = 1)]
    feathering: u64,
}

impl Run for ImagePadForOutpaint {
    type Output = (Image, Mask);

    fn run(self, _: &Context) -> Result<(Image, Mask), NodeError> {
        let block = pixels(&self.image, "image")?;
        let [left, top, right, bottom, feather] =
            [self.left, self.top, self.right, self.bottom, self.feathering].map(|it| it as usize);
        let (height, width) = (block.height + top + bottom, block.width + left + right);
        bounded(block.outer, height, width, block.inner)?;
        let mut padded = Block::filled(block.outer, height, width, block.inner, 0.5);
        let row = block.width * block.inner;
        for item in 0..block.outer {
            for y in 0..block.height {
                let (from, to) = (block.at(item, y, 0), padded.at(item, y + top, left));
                padded.data[to..to + row].copy_from_slice(&block.data[from..from + row]);
            }
        }
        let mut mask = Block::filled(1, height, width, 1, 1.0);
        let fades = feather > 0 && feather * 2 < block.height && feather * 2 < block.width;
        for y in 0..block.height {
            for x in 0..block.width {
                // Sides without a margin do not fade: they are as far as can be.
                let distance = [(top, y), (bottom, block.height - y), (left, x), (right, block.width - x)];
                let nearest = distance.into_iter().filter(|it| it.0 != 0).map(|it| it.1).min().unwrap_or(feather);
                let part = if fades && nearest < feather { (feather - nearest) as f32 / feather as f32 } else { 0.0 };
                let at = mask.at(0, y + top, x + left);
                mask.data[at] = part * part;
            }
        }
        Ok((padded.into_image(), mask.into_mask()))
    }
}

/// Cuts a rectangle out of pictures.
#[derive(Node)]
#[node(display = "Image Crop", category = "image/transform")]
struct ImageCrop {
    /// The pictures.
    image: Image,
    /// Width of the rectangle.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    width: u64,
    /// Height of the rectangle.
    #[input(default = 512, min = 1, max = LONGEST_SIDE, step = 1)]
    height: u64,
    /// Its left edge.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    x: u64,
    /// Its top edge.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 1)]
    y: u64,
}

impl Run for ImageCrop {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let (top, left) = ((self.y as usize).min(block.height - 1), (self.x as usize).min(block.width - 1));
        Ok(block.crop(top, left, self.height as usize, self.width as usize).into_image())
    }
}

/// Repeats a batch of pictures.
#[derive(Node)]
#[node(category = "image/batch")]
struct RepeatImageBatch {
    /// The pictures.
    image: Image,
    /// How often.
    #[input(default = 1, min = 1, max = 4096)]
    amount: u64,
}

impl Run for RepeatImageBatch {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let batch = block.outer * self.amount as usize;
        bounded(batch, block.height, block.width, block.inner)?;
        Ok(block.repeated_to(batch).into_image())
    }
}

/// Takes some pictures out of a batch.
#[derive(Node)]
#[node(category = "image/batch")]
struct ImageFromBatch {
    /// The batch.
    image: Image,
    /// The first one to take, counted from 0.
    #[input(default = 0, min = 0, max = 4095)]
    batch_index: u64,
    /// How many.
    #[input(default = 1, min = 1, max = 4096)]
    length: u64,
}

impl Run for ImageFromBatch {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let batch = self.image.0.dims()[0];
        if batch == 0 {
            return Err(NodeError::input("image", "the batch of pictures is empty"));
        }
        let first = (self.batch_index as usize).min(batch - 1);
        Ok(Image(self.image.0.narrow(0, first, (self.length as usize).min(batch - first))))
    }
}

/// Turns pictures clockwise.
#[derive(Node)]
#[node(category = "image/transform")]
struct ImageRotate {
    /// The pictures.
    image: Image,
    /// How far.
    #[input(options = ["none", "90 degrees", "180 degrees", "270 degrees"])]
    rotation: String,
}

impl Run for ImageRotate {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let image = self.image.0;
        Ok(Image(match self.rotation.get(..2) {
            Some("90") => image.swap_dims(1, 2).flip([2]),
            Some("18") => image.flip([1, 2]),
            Some("27") => image.swap_dims(1, 2).flip([1]),
            _ => image,
        }))
    }
}

/// Mirrors pictures.
#[derive(Node)]
#[node(category = "image/transform")]
struct ImageFlip {
    /// The pictures.
    image: Image,
    /// Around which axis.
    #[input(options = ["x-axis: vertically", "y-axis: horizontally"])]
    flip_method: String,
}

impl Run for ImageFlip {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let axis = if self.flip_method.starts_with('x') { 1 } else { 2 };
        Ok(Image(self.image.0.flip([axis])))
    }
}

/// Measures pictures.
#[derive(Node)]
#[node(
    display = "Get Image Size",
    category = "image",
    outputs(width = "Pixels across.", height = "Pixels down.", batch_size = "How many pictures.")
)]
struct GetImageSize {
    /// The pictures.
    image: Image,
}

impl Run for GetImageSize {
    type Output = (i64, i64, i64);

    fn run(self, cx: &Context) -> Result<(i64, i64, i64), NodeError> {
        let [batch, height, width, _] = self.image.0.dims().map(|it| it as i64);
        cx.text(format!("width: {width}, height: {height}, batch size: {batch}"));
        Ok((width, height, batch))
    }
}

/// Mixes two pictures. The second is resized to the first where they differ.
#[derive(Node)]
#[node(category = "image/postprocessing")]
struct ImageBlend {
    /// The first pictures.
    image1: Image,
    /// The second pictures.
    image2: Image,
    /// The part of the mixture.
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    blend_factor: f64,
    /// How the two make the mixture.
    #[input(options = ["normal", "multiply", "screen", "overlay", "soft_light", "difference"])]
    blend_mode: String,
}

impl Run for ImageBlend {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let first = pixels(&self.image1, "image1")?;
        let mut second = pixels(&self.image2, "image2")?.with_channels(first.inner);
        if (second.height, second.width) != (first.height, first.width) {
            second = resize(&crop_to_aspect(&second, first.height, first.width), first.height, first.width, Method::Bicubic, 1);
        }
        let batch = match (first.outer, second.outer) {
            (first, second) if first == second || second == 1 => first,
            (1, second) => second,
            (first, second) => {
                let message = format!("{first} pictures cannot be mixed with {second}");
                return Err(NodeError::input("image2", message).hint("give as many of both, or one of either"));
            }
        };
        let (first, second) = (first.repeated_to(batch), second.repeated_to(batch));
        let mix: fn(f32, f32) -> f32 = match self.blend_mode.as_str() {
            "normal" => |_, b| b,
            "multiply" => |a, b| a * b,
            "screen" => |a, b| 1.0 - (1.0 - a) * (1.0 - b),
            "overlay" => |a, b| if a <= 0.5 { 2.0 * a * b } else { 1.0 - 2.0 * (1.0 - a) * (1.0 - b) },
            "soft_light" => soft_light,
            "difference" => |a, b| a - b,
            other => return Err(NodeError::input("blend_mode", format!("there is no mode `{other}`"))),
        };
        let part = self.blend_factor as f32;
        let blend = |(a, b): (&f32, &f32)| (a * (1.0 - part) + mix(*a, *b) * part).clamp(0.0, 1.0);
        let data = first.data.iter().zip(&second.data).map(blend).collect();
        Ok(Block { data, ..first }.into_image())
    }
}

/// The W3C's soft light (Compositing and Blending Level 1, 10.1.9).
fn soft_light(a: f32, b: f32) -> f32 {
    if b <= 0.5 {
        return a - (1.0 - 2.0 * b) * a * (1.0 - a);
    }
    let lit = if a <= 0.25 { ((16.0 * a - 12.0) * a + 4.0) * a } else { a.sqrt() };
    a + (2.0 * b - 1.0) * (lit - a)
}

/// Both sides of a picture have to be longer than the kernel's half, as its edges are mirrored.
fn kernel_fits(block: &Block, radius: usize, input: &str) -> Result<(), NodeError> {
    if block.height > radius && block.width > radius {
        return Ok(());
    }
    Err(NodeError::input(input, format!("{radius} is too much for a picture of {} x {} pixels", block.width, block.height)))
}

/// Blurs pictures with a Gaussian.
#[derive(Node)]
#[node(category = "image/postprocessing")]
struct ImageBlur {
    /// The pictures.
    image: Image,
    /// Half the width of the kernel, in pixels.
    #[input(default = 1, min = 1, max = 31, step = 1)]
    blur_radius: u64,
    /// Width of the Gaussian, in halves of the kernel.
    #[input(default = 1.0, min = 0.1, max = 10.0, step = 0.1)]
    sigma: f64,
}

impl Run for ImageBlur {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (block, radius) = (pixels(&self.image, "image")?, self.blur_radius as usize);
        kernel_fits(&block, radius, "blur_radius")?;
        let size = 2 * radius + 1;
        Ok(convolve(&block, &gaussian(size, self.sigma), size).into_image())
    }
}

/// Sharpens pictures: takes their blur away from them.
#[derive(Node)]
#[node(category = "image/postprocessing")]
struct ImageSharpen {
    /// The pictures.
    image: Image,
    /// Half the width of the kernel, in pixels.
    #[input(default = 1, min = 1, max = 31, step = 1)]
    sharpen_radius: u64,
    /// Width of the Gaussian, in halves of the kernel.
    #[input(default = 1.0, min = 0.1, max = 10.0, step = 0.01)]
    sigma: f64,
    /// How strongly.
    #[input(default = 1.0, min = 0.0, max = 5.0, step = 0.01)]
    alpha: f64,
}

impl Run for ImageSharpen {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (block, radius) = (pixels(&self.image, "image")?, self.sharpen_radius as usize);
        kernel_fits(&block, radius, "sharpen_radius")?;
        let size = 2 * radius + 1;
        let mut kernel: Vec<f32> = gaussian(size, self.sigma).iter().map(|it| it * -(self.alpha * 10.0) as f32).collect();
        let total: f32 = kernel.iter().sum();
        kernel[size * radius + radius] += 1.0 - total;
        let mut sharp = convolve(&block, &kernel, size);
        sharp.data.iter_mut().for_each(|it| *it = it.clamp(0.0, 1.0));
        Ok(sharp.into_image())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn plain(width: u64, height: u64, color: u64) -> Image {
        EmptyImage { width, height, batch_size: 1, color }.run(&cx()).expect("made")
    }

    #[test]
    fn a_colour_is_red_green_blue() {
        assert_eq!(Block::of_image(&plain(1, 1, 0xFF_00_33)).data, [1.0, 0.0, 0.2]);
        assert!(EmptyImage { width: LONGEST_SIDE, height: LONGEST_SIDE, batch_size: 4096, color: 0 }.run(&cx()).is_err());
    }

    #[test]
    fn a_batch_takes_the_first_one_s_size() {
        let both = ImageBatch { image1: plain(4, 2, 0), image2: plain(9, 9, 0xFF_FF_FF) }.run(&cx()).expect("joined");
        assert_eq!(both.0.dims(), [2, 2, 4, 3]);
    }

    #[test]
    fn a_picture_of_one_colour_stays_what_it_is_under_every_filter() {
        let grey = || plain(8, 8, 0x80_80_80);
        let blurred = ImageBlur { image: grey(), blur_radius: 3, sigma: 0.5 }.run(&cx()).expect("blurred");
        let sharp = ImageSharpen { image: grey(), sharpen_radius: 2, sigma: 1.0, alpha: 1.0 }.run(&cx()).expect("sharpened");
        for found in [blurred, sharp] {
            assert!(Block::of_image(&found).data.iter().all(|it| (it - 128.0 / 255.0).abs() < 1e-5));
        }
        assert!(ImageBlur { image: plain(3, 3, 0), blur_radius: 3, sigma: 0.5 }.run(&cx()).is_err());
    }

    #[test]
    fn a_margin_is_grey_and_its_mask_white() {
        let node = ImagePadForOutpaint { image: plain(4, 4, 0), left: 8, top: 0, right: 0, bottom: 0, feathering: 0 };
        let (image, mask) = node.run(&cx()).expect("padded");
        assert_eq!((image.0.dims(), mask.0.dims()), ([1, 4, 12, 3], [1, 4, 12]));
        let (image, mask) = (Block::of_image(&image), Block::of_mask(&mask));
        assert_eq!((image.data[0], image.data[8 * 3], mask.data[7], mask.data[8]), (0.5, 0.0, 1.0, 0.0));
    }

    #[test]
    fn an_output_folder_that_cannot_be_made_is_one_clear_error() {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join("output");
        std::fs::write(&file, "in the way").expect("written");
        let folders = Folders { output: file.clone(), ..Folders::default() };
        let job = Job { folders: std::sync::Arc::new(folders), ..Job::default() };
        let node = SaveImage { images: plain(1, 1, 0), filename_prefix: "cat".into() };
        let error = node.run(&Context::alone(job)).expect_err("a file is in the way").to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn one_side_of_zero_keeps_the_aspect_as_python_rounds_it() {
        let scale = |width, height| {
            let node =
                ImageScale { image: plain(120, 192, 0), upscale_method: "area".into(), width, height, crop: "disabled".into() };
            node.run(&cx()).expect("scaled").0.dims()
        };
        assert_eq!(scale(0, 100), [1, 100, 62, 3]);
        assert_eq!(scale(60, 0), [1, 96, 60, 3]);
        assert_eq!(scale(0, 0), [1, 192, 120, 3]);
    }

    #[test]
    fn mixtures_take_the_first_one_s_channels_and_the_larger_batch() {
        let many = |batch, inner, value| Block::filled(batch, 1, 1, inner, value).into_image();
        let blend = |image1, image2| ImageBlend { image1, image2, blend_factor: 0.5, blend_mode: "normal".into() }.run(&cx());
        let mixed = Block::of_image(&blend(many(1, 3, 0.0), many(2, 4, 1.0)).expect("mixed"));
        assert_eq!((mixed.outer, mixed.inner, mixed.data), (2, 3, vec![0.5; 6]));
        assert!(blend(many(3, 3, 0.0), many(2, 3, 1.0)).is_err());
    }

    #[test]
    fn a_saved_picture_is_loaded_again_with_its_transparency() {
        let root = tempfile::tempdir().expect("a folder");
        let folders = Folders { input: root.path().into(), output: root.path().into(), ..Folders::default() };
        let cx = Context::alone(Job { folders: std::sync::Arc::new(folders), ..Job::default() });
        let picture = Block { outer: 1, height: 1, width: 2, inner: 4, data: vec![1.0, 0.0, 0.2, 1.0, 0.0, 1.0, 0.0, 0.0] };
        SaveImage { images: picture.into_image(), filename_prefix: "a/cat".into() }.run(&cx).expect("saved");
        let name = "a/cat_00001_.png";
        let (image, mask) = LoadImage { image: name.into() }.run(&cx).expect("loaded");
        assert_eq!(Block::of_image(&image).data, [1.0, 0.0, 0.2, 0.0, 1.0, 0.0]);
        assert_eq!(Block::of_mask(&mask).data, [0.0, 1.0]);
        let green = LoadImageMask { image: name.into(), channel: "green".into() }.run(&cx).expect("loaded");
        assert_eq!(Block::of_mask(&green).data, [0.0, 1.0]);
        assert_eq!(cx.folders().files("output"), [] as [&str; 0], "it lies in a folder of its own");
        let (again, _) = LoadImageOutput { image: format!("{name} [output]") }.run(&cx).expect("loaded");
        assert_eq!(Block::of_image(&again), Block::of_image(&image));
        let literals = |name: &str| Literals::from_iter([("image".to_owned(), name.into())]);
        assert!(LoadImage::validate(&literals(name), cx.folders()).is_empty());
        assert_eq!(LoadImage::validate(&literals("b.png"), cx.folders()).len(), 1);
        let before = LoadImage::fingerprint(&literals(name), cx.folders()).expect("read");
        std::fs::write(root.path().join(name), "changed").expect("written");
        assert!(before != LoadImage::fingerprint(&literals(name), cx.folders()).expect("read"));
    }

    #[test]
    fn turning_and_mirroring_move_pixels() {
        let row = || Block { outer: 1, height: 1, width: 2, inner: 1, data: vec![0.0, 1.0] }.into_image();
        let turned = ImageRotate { image: row(), rotation: "90 degrees".into() }.run(&cx()).expect("turned");
        assert_eq!((turned.0.dims(), Block::of_image(&turned).data), ([1, 2, 1, 1], vec![0.0, 1.0]));
        let flipped = ImageFlip { image: row(), flip_method: "y-axis: horizontally".into() }.run(&cx()).expect("mirrored");
        assert_eq!(Block::of_image(&flipped).data, [1.0, 0.0]);
    }
}
