//! Pixel arithmetic on the CPU: what the picture, mask and latent nodes have in common.
//!
//! A [`Plane`] set is a dense f32 block `[outer, height, width, inner]`: a picture batch has `inner` = channels, a latent or mask batch
//! has `outer` = batch times channels and `inner` = 1.

pub(crate) mod filter;
pub(crate) mod resize;

use burn::tensor::{Device, Tensor, TensorData};
use models::{Image, Mask};

/// A dense block of pixels, `[outer, height, width, inner]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) outer: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) inner: usize,
    pub(crate) data: Vec<f32>,
}

impl Block {
    /// A block of one value.
    pub(crate) fn filled(outer: usize, height: usize, width: usize, inner: usize, value: f32) -> Self {
        Self { outer, height, width, inner, data: vec![value; outer * height * width * inner] }
    }

    /// The pixels of a picture batch: `outer` = batch, `inner` = channels.
    pub(crate) fn of_image(image: &Image) -> Self {
        let [outer, height, width, inner] = image.0.dims();
        Self { outer, height, width, inner, data: values(image.0.clone()) }
    }

    /// The cells of a mask batch: `outer` = batch, `inner` = 1.
    pub(crate) fn of_mask(mask: &Mask) -> Self {
        let [outer, height, width] = mask.0.dims();
        Self { outer, height, width, inner: 1, data: values(mask.0.clone()) }
    }

    /// The cells of channels-first data `[b, c, h, w]`: `outer` = b·c, `inner` = 1.
    pub(crate) fn of_planes(tensor: Tensor<4>) -> Self {
        let [batch, channels, height, width] = tensor.dims();
        Self { outer: batch * channels, height, width, inner: 1, data: values(tensor) }
    }

    /// The picture batch that this block holds.
    pub(crate) fn into_image(self) -> Image {
        Image(self.into_tensor(|it| [it.outer, it.height, it.width, it.inner]))
    }

    /// The mask batch that this block holds; `inner` is 1.
    pub(crate) fn into_mask(self) -> Mask {
        Mask(self.into_tensor(|it| [it.outer, it.height, it.width]))
    }

    /// Channels-first data `[b, c, h, w]`; `inner` is 1 and `outer` is b·c.
    pub(crate) fn into_planes(self, channels: usize) -> Tensor<4> {
        self.into_tensor(|it| [it.outer / channels, channels, it.height, it.width])
    }

    fn into_tensor<const D: usize>(self, shape: impl Fn(&Self) -> [usize; D]) -> Tensor<D> {
        let shape = shape(&self);
        Tensor::from_data(TensorData::new(self.data, shape), &Device::flex())
    }

    /// One picture of the block.
    pub(crate) fn item(&self, outer: usize) -> &[f32] {
        let size = self.height * self.width * self.inner;
        &self.data[outer * size..][..size]
    }

    /// Where the pixel begins in `data`.
    pub(crate) fn at(&self, outer: usize, y: usize, x: usize) -> usize {
        ((outer * self.height + y) * self.width + x) * self.inner
    }

    /// The part `[top.., left..]` of the given size, clipped to the block.
    pub(crate) fn crop(&self, top: usize, left: usize, height: usize, width: usize) -> Self {
        let (top, left) = (top.min(self.height), left.min(self.width));
        let (height, width) = (height.min(self.height - top), width.min(self.width - left));
        let mut data = Vec::with_capacity(self.outer * height * width * self.inner);
        for outer in 0..self.outer {
            for y in top..top + height {
                let from = self.at(outer, y, left);
                data.extend_from_slice(&self.data[from..][..width * self.inner]);
            }
        }
        Self { outer: self.outer, height, width, inner: self.inner, data }
    }

    /// Puts a smaller block of as many items and channels into this one, its corner at (y, x).
    pub(crate) fn place(&mut self, other: &Self, y: usize, x: usize) {
        for outer in 0..other.outer {
            for row in 0..other.height {
                let (from, to) = (other.at(outer, row, 0), self.at(outer, y + row, x));
                let length = other.width * other.inner;
                self.data[to..to + length].copy_from_slice(&other.data[from..from + length]);
            }
        }
    }

    /// In the middle of a plain canvas that is not smaller; the odd pixel goes below and to the right.
    pub(crate) fn centered_on(&self, height: usize, width: usize, value: f32) -> Self {
        let mut canvas = Self::filled(self.outer, height, width, self.inner, value);
        canvas.place(self, (height - self.height) / 2, (width - self.width) / 2);
        canvas
    }

    /// The first `outer` items, from the beginning again where there are too few.
    pub(crate) fn repeated_to(&self, outer: usize) -> Self {
        let data = (0..outer).flat_map(|index| self.item(index % self.outer).iter().copied()).collect();
        Self { outer, data, ..*self }
    }

    /// The same picture with this many channels: surplus ones are dropped, missing ones are opaque alpha.
    pub(crate) fn with_channels(&self, inner: usize) -> Self {
        let pixel = |it: &[f32]| (0..inner).map(|c| it.get(c).copied().unwrap_or(1.0)).collect::<Vec<_>>();
        Self { inner, data: self.data.chunks_exact(self.inner).flat_map(pixel).collect(), ..*self }
    }
}

/// The values of a tensor in order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("the data was converted to f32")
}

#[cfg(test)]
mod tests {
    use super::filter::{convolve, dilate, erode, gaussian};
    use super::resize::{Method, resize};
    use super::*;
    use safetensors::SafeTensors;

    /// Runs `test` over the tensors of the golden file made by tests/parity/make/pixels.py.
    fn golden(test: impl Fn(&dyn Fn(&str) -> Block, Vec<String>)) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/goldens/pixels.safetensors");
        let bytes = std::fs::read(path).expect("the golden file");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let read = |name: &str| {
            let view = file.tensor(name).unwrap_or_else(|it| panic!("{name}: {it}"));
            let shape = view.shape();
            let data = view.data().chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().expect("four bytes"))).collect();
            Block { outer: shape[0], height: shape[1], width: shape[2], inner: shape.get(3).copied().unwrap_or(1), data }
        };
        let mut names: Vec<String> = file.names().iter().map(|it| it.to_string()).collect();
        names.sort();
        test(&read, names);
    }

    fn assert_near(name: &str, found: &Block, expected: &Block, tolerance: f32) {
        assert_eq!(
            (found.outer, found.height, found.width, found.inner),
            (expected.outer, expected.height, expected.width, expected.inner),
            "{name}"
        );
        let worst = found.data.iter().zip(&expected.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= tolerance, "{name}: off by {worst}");
    }

    #[test]
    fn resizing_gives_the_numbers_of_torch_and_pillow() {
        golden(|read, names| {
            let cases: Vec<_> = names.iter().filter(|it| it.starts_with("resize/")).collect();
            assert_eq!(cases.len(), 84);
            for name in cases {
                let parts: Vec<&str> = name.split('/').collect();
                let (height, width) = parts[3].split_once('x').expect("a size");
                let method = Method::named(parts[1]).expect("a method");
                let size = |it: &str| it.parse().expect("a number");
                let found = resize(&read(&format!("in/{}", parts[2])), size(height), size(width), method, 1);
                // One step of 8 bits is 0.004: Lanczos agrees to the bit.
                assert_near(name, &found, &read(name), 2e-6);
            }
        });
    }

    #[test]
    fn filters_give_the_numbers_of_torch_and_scipy() {
        golden(|read, names| {
            for name in names.iter().filter(|it| it.starts_with("blur/")) {
                let parts: Vec<&str> = name.split('/').collect();
                let size: usize = parts[1].parse().expect("a size");
                let kernel = gaussian(size, parts[2].parse().expect("a number"));
                assert_near(name, &convolve(&read("in/even"), &kernel, size), &read(name), 1e-6);
            }
            let mask = read("in/mask");
            for (name, corners) in [("cross", false), ("square", true)] {
                assert_near(name, &dilate(&mask, corners), &read(&format!("dilate/{name}")), 0.0);
                assert_near(name, &erode(&mask, corners), &read(&format!("erode/{name}")), 0.0);
            }
        });
    }

    #[test]
    fn spherical_resizing_keeps_the_length_of_equal_vectors() {
        let block = Block { outer: 2, height: 2, width: 2, inner: 1, data: vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0] };
        let wide = resize(&block, 2, 8, Method::Bislerp, 2);
        for x in 0..8 {
            let (a, b) = (wide.data[wide.at(0, 0, x)], wide.data[wide.at(1, 0, x)]);
            assert!((a.hypot(b) - 1.0).abs() < 1e-6, "{a} {b}");
        }
    }
}
