//! Edges, as pictures that ControlNets are trained to see.
//!
//! Canny 1986. Which pixels are edges where two are alike, and how far from the border, is as kornia 0.9 `filters/canny.py` has it,
//! which ComfyUI's node calls.

use crate::pixels::Block;
use models::Image;
use rayon::prelude::*;
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![Canny]
}

/// Draws the edges of pictures, white on black.
///
/// A pixel is an edge where brightness changes most, across the edge, and by more than the high threshold, or by more than the low
/// one in a line that leads to such a pixel.
#[derive(Node)]
#[node(category = "image/preprocessors", outputs(IMAGE = "The edges."))]
struct Canny {
    /// The pictures.
    image: Image,
    /// Weaker edges than this are none.
    #[input(default = 0.4, min = 0.01, max = 0.99, step = 0.01)]
    low_threshold: f64,
    /// Stronger edges than this are edges wherever they are.
    #[input(default = 0.8, min = 0.01, max = 0.99, step = 0.01)]
    high_threshold: f64,
}

impl Run for Canny {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (low, high) = (self.low_threshold, self.high_threshold);
        if low > high {
            let message = format!("the low threshold {low} is above the high one, {high}");
            return Err(NodeError::input("low_threshold", message).hint("make it the smaller of the two"));
        }
        let pictures = Block::of_image(&self.image);
        let Block { outer, height, width, inner, .. } = pictures;
        if inner != 1 && inner != 3 {
            let message = format!("edges are found in pictures of 1 or 3 channels, these have {inner}");
            return Err(NodeError::input("image", message).hint("split the alpha channel off first"));
        }
        if outer > 0 && height.min(width) <= RADIUS {
            let message = format!("edges are not found in pictures of {width} by {height} pixels");
            return Err(NodeError::input("image", message).hint("both sides need 3 pixels or more"));
        }
        let thresholds = [low as f32, high as f32];
        let edges = (0..outer).into_par_iter().flat_map_iter(|it| edges(&grey(pictures.item(it), inner), width, thresholds));
        let data = edges.flat_map_iter(|it| [it; 3]).collect();
        Ok(Block { outer, height, width, inner: 3, data }.into_image())
    }
}

/// Of the blur, pixels.
const RADIUS: usize = 2;

/// Brightness of pixels.
fn grey(pixels: &[f32], channels: usize) -> Vec<f32> {
    match channels {
        3 => pixels.chunks_exact(3).map(|it| 0.299 * it[0] + 0.587 * it[1] + 0.114 * it[2]).collect(),
        _ => pixels.to_vec(),
    }
}

/// 1 at edges and 0 elsewhere.
fn edges(grey: &[f32], width: usize, [low, high]: [f32; 2]) -> Vec<f32> {
    let height = grey.len() / width;
    let blurred = blurred(grey, width, height);
    let (across, down) = slopes(&blurred, width, height);
    let steepness = |x: f32, y: f32| (x * x + y * y + 1e-6).sqrt();
    let flat = steepness(0.0, 0.0);
    let steep: Vec<f32> = across.iter().zip(&down).map(|(x, y)| steepness(*x, *y)).collect();
    // Beyond the border nothing changes.
    let at = |y: usize, x: usize, [dy, dx]: [isize; 2]| {
        let (y, x) = (y.checked_add_signed(dy)?, x.checked_add_signed(dx)?);
        (y < height && x < width).then(|| steep[y * width + x])
    };
    let mut marks: Vec<f32> = Vec::with_capacity(grey.len());
    for y in 0..height {
        for x in 0..width {
            let here = y * width + x;
            let eighths = (down[here].atan2(across[here]) * (4.0 / std::f32::consts::PI)).round_ties_even() as i32;
            let beats = |direction: i32| {
                let direction = direction.rem_euclid(8) as usize;
                let other = at(y, x, AROUND[direction]).unwrap_or(flat);
                // Of two that are alike, the left or upper one is the edge.
                steep[here] > other || (matches!(direction, 0 | 2) && steep[here] == other)
            };
            let strength = if beats(eighths) && beats(eighths + 4) && steep[here] > flat { steep[here] } else { 0.0 };
            marks.push((f32::from(u8::from(strength > low)) + f32::from(u8::from(strength > high))) * 0.5);
        }
    }
    // From every sure pixel along those that may be.
    let mut sure: Vec<usize> = (0..marks.len()).filter(|it| marks[*it] == 1.0).collect();
    while let Some(here) = sure.pop() {
        let (y, x) = (here / width, here % width);
        for [dy, dx] in AROUND {
            let (Some(y), Some(x)) = (y.checked_add_signed(dy), x.checked_add_signed(dx)) else { continue };
            if y < height && x < width && marks[y * width + x] == 0.5 {
                marks[y * width + x] = 1.0;
                sure.push(y * width + x);
            }
        }
    }
    marks.into_iter().map(|it| f32::from(u8::from(it == 1.0))).collect()
}

/// Neighbours `[down, across]`, from the right one towards the lower one.
const AROUND: [[isize; 2]; 8] = [[0, 1], [1, 1], [1, 0], [1, -1], [0, -1], [-1, -1], [-1, 0], [-1, 1]];

/// With a Gaussian of 5 by 5 pixels and standard deviation 1; the border mirrors.
fn blurred(pixels: &[f32], width: usize, height: usize) -> Vec<f32> {
    let weights: Vec<f32> = (0..=2 * RADIUS).map(|it| (-(it as f32 - RADIUS as f32).powi(2) / 2.0).exp()).collect();
    let total: f32 = weights.iter().sum();
    let mirror = |at: usize, length: usize| {
        let at = at.abs_diff(RADIUS);
        if at < length { at } else { 2 * (length - 1) - at }
    };
    let along = |pixels: &[f32], from: &dyn Fn(usize, usize, usize) -> usize| -> Vec<f32> {
        let sum = |y: usize, x: usize| weights.iter().enumerate().map(|(k, w)| pixels[from(y, x, k)] * (w / total)).sum();
        (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).map(|(y, x)| sum(y, x)).collect()
    };
    let across = along(pixels, &|y, x, k| y * width + mirror(x + k, width));
    along(&across, &|y, x, k| mirror(y + k, height) * width + x)
}

/// Sobel's slopes across and down; the border repeats.
fn slopes(pixels: &[f32], width: usize, height: usize) -> (Vec<f32>, Vec<f32>) {
    let at = |y: usize, x: usize| pixels[y.clamp(1, height).saturating_sub(1) * width + x.clamp(1, width).saturating_sub(1)];
    let mut slopes = (Vec::with_capacity(pixels.len()), Vec::with_capacity(pixels.len()));
    for y in 1..=height {
        for x in 1..=width {
            let (up, low, left, right) = (y - 1, y + 1, x - 1, x + 1);
            slopes.0.push(at(up, right) - at(up, left) + 2.0 * (at(y, right) - at(y, left)) + at(low, right) - at(low, left));
            slopes.1.push(at(low, left) - at(up, left) + 2.0 * (at(low, x) - at(up, x)) + at(low, right) - at(up, right));
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor, TensorData};
    use runtime::Job;

    fn canny(image: Image, low_threshold: f64, high_threshold: f64) -> Result<Image, NodeError> {
        Canny { image, low_threshold, high_threshold }.run(&Context::alone(Job::default()))
    }

    fn picture(values: Vec<f32>, shape: [usize; 4]) -> Image {
        Image(Tensor::from_data(TensorData::new(values, shape), &Device::flex()))
    }

    /// Goldens made by tests/parity/make/canny.py.
    #[test]
    fn edges_are_where_kornia_finds_them() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/canny.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            let data = file.tensor(name).unwrap();
            data.data().iter().map(|it| f32::from(*it) / 255.0).collect()
        };
        let shape: [usize; 4] = file.tensor("pictures").unwrap().shape().try_into().unwrap();
        let pictures = floats("pictures");
        for (name, low, high) in [("usual", 0.4, 0.8), ("faint", 0.1, 0.3), ("strict", 0.8, 0.9)] {
            let found = crate::pixels::values(canny(picture(pictures.clone(), shape), low, high).unwrap().0);
            let wanted = floats(name);
            let found: Vec<f32> = found.chunks_exact(3).map(|it| it[0]).collect();
            assert_eq!(found.len(), wanted.len());
            let edges = wanted.iter().filter(|it| **it == 1.0).count();
            let different = found.iter().zip(&wanted).filter(|it| it.0 != it.1).count();
            assert!(edges > 50 && different == 0, "{name}: {different} pixels differ, {edges} are edges");
        }
    }

    #[test]
    fn thresholds_and_pictures_that_make_no_sense_are_refused() {
        let blank = |shape: [usize; 4]| picture(vec![0.5; shape.iter().product()], shape);
        assert_eq!(canny(blank([1, 4, 4, 3]), 0.5, 0.4).unwrap_err().blamed(), Some("low_threshold"));
        assert_eq!(canny(blank([1, 4, 4, 4]), 0.4, 0.8).unwrap_err().blamed(), Some("image"));
        assert_eq!(canny(blank([1, 2, 4, 3]), 0.4, 0.8).unwrap_err().blamed(), Some("image"));
        assert_eq!(canny(blank([0, 2, 4, 3]), 0.4, 0.8).unwrap().0.dims(), [0, 2, 4, 3]);
        let plain = crate::pixels::values(canny(blank([1, 5, 3, 1]), 0.01, 0.01).unwrap().0);
        assert_eq!(plain, vec![0.0; 45], "one colour has no edges");
    }
}
