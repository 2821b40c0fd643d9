//! Where values come from: pictures, masks and numbers.

use burn::tensor::{Device, Tensor, TensorData};
use models::{Image, Mask};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

pub(crate) fn nodes() -> Registry {
    registry![StubImage, StubConstantImage, StubMask, StubInt, StubFloat]
}

/// A picture of one colour.
pub(crate) fn grey([batch, height, width]: [u64; 3], value: f64) -> Result<Image, NodeError> {
    Ok(Image(full(pixels([batch, height, width, 3])?, value)))
}

/// The picture that many test nodes give: white, 512 pixels wide and high, times this.
pub(crate) fn page(value: f64) -> Image {
    Image(full([1, 512, 512, 3], value))
}

fn full<const D: usize>(shape: [usize; D], value: f64) -> Tensor<D> {
    Tensor::full(shape, value as f32, &Device::flex())
}

/// A size that fits this machine.
fn pixels<const D: usize>(sides: [u64; D]) -> Result<[usize; D], NodeError> {
    let count = sides.iter().try_fold(1_u64, |all, side| all.checked_mul(*side));
    if count.is_none_or(|it| it > 1 << 28) {
        return Err(NodeError::new("a stub of this size does not fit"));
    }
    Ok(sides.map(|it| it as usize))
}

#[derive(Choice, Clone, Copy)]
enum Content {
    #[choice("WHITE")]
    White,
    #[choice("BLACK")]
    Black,
    #[choice("NOISE")]
    Noise,
}

/// A picture.
#[derive(Node)]
#[node(category = "Testing/Stub Nodes", display = "Stub Image")]
struct StubImage {
    content: Content,
    #[input(default = 512, min = 1)]
    height: u64,
    #[input(default = 512, min = 1)]
    width: u64,
    #[input(default = 1, min = 1)]
    batch_size: u64,
}

impl Run for StubImage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let sides = [self.batch_size, self.height, self.width];
        match self.content {
            Content::White => grey(sides, 1.0),
            Content::Black => grey(sides, 0.0),
            Content::Noise => {
                let shape = pixels([self.batch_size, self.height, self.width, 3])?;
                let mut dice = 1_u32;
                let mut throw = || {
                    dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (dice >> 8) as f32 / (1 << 24) as f32
                };
                let data = (0..shape.iter().product()).map(|_| throw()).collect::<Vec<f32>>();
                Ok(Image(Tensor::from_data(TensorData::new(data, shape), &Device::flex())))
            }
        }
    }
}

/// A picture of one grey.
#[derive(Node)]
#[node(category = "Testing/Stub Nodes", display = "Stub Constant Image")]
struct StubConstantImage {
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    value: f64,
    #[input(default = 512, min = 1)]
    height: u64,
    #[input(default = 512, min = 1)]
    width: u64,
    #[input(default = 1, min = 1)]
    batch_size: u64,
}

impl Run for StubConstantImage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        grey([self.batch_size, self.height, self.width], self.value)
    }
}

/// A mask of one value.
#[derive(Node)]
#[node(category = "Testing/Stub Nodes", display = "Stub Mask")]
struct StubMask {
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    value: f64,
    #[input(default = 512, min = 1)]
    height: u64,
    #[input(default = 512, min = 1)]
    width: u64,
    #[input(default = 1, min = 1)]
    batch_size: u64,
}

impl Run for StubMask {
    type Output = Mask;

    fn run(self, _: &Context) -> Result<Mask, NodeError> {
        Ok(Mask(full(pixels([self.batch_size, self.height, self.width])?, self.value)))
    }
}

/// A whole number.
#[derive(Node)]
#[node(category = "Testing/Stub Nodes", display = "Stub Int")]
struct StubInt {
    #[input(default = 0, min = -0xffff_ffff_i64, max = 0xffff_ffff_u64, step = 1)]
    value: i64,
}

impl Run for StubInt {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.value)
    }
}

/// A real number.
#[derive(Node)]
#[node(category = "Testing/Stub Nodes", display = "Stub Float")]
struct StubFloat {
    #[input(default = 0.0, min = -1.0e38, max = 1.0e38, step = 0.01)]
    value: f64,
}

impl Run for StubFloat {
    type Output = f64;

    fn run(self, _: &Context) -> Result<f64, NodeError> {
        Ok(self.value)
    }
}
