//! Pictures in few colours, chosen and mapped as Pillow does, so that they are equal to the bit.
//!
//! The palette is Heckbert's median cut ("Color image quantization for frame buffer display", SIGGRAPH 1982) in the variant of Pillow's
//! src/libImaging/Quant.c; colours find their entry as in Palette.c, and errors spread as in Convert.c.

use super::pixels;
use crate::pixels::Block;
use models::Image;
use runtime::{Context, Node, NodeError, Registry, Run, registry};
use rustc_hash::FxHashMap;

type Color = [u8; 3];

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![ImageQuantize]
}

/// Reduces pictures to a few colours.
#[derive(Node)]
#[node(category = "image/postprocessing")]
struct ImageQuantize {
    /// The pictures.
    image: Image,
    /// How many colours are left at most.
    #[input(default = 256, min = 1, max = 256, step = 1)]
    colors: u64,
    /// How the colours that are gone are imitated by patterns of those that are left.
    #[input(options = ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])]
    dither: String,
}

impl Run for ImageQuantize {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        if block.inner != 3 {
            let message = format!("has {} channels, red, green and blue are needed", block.inner);
            return Err(NodeError::input("image", message).hint("take the alpha channel away first, with SplitImageWithAlpha"));
        }
        let mut data = Vec::with_capacity(block.data.len());
        for item in 0..block.outer {
            cx.check()?;
            let bytes: Vec<u8> = block.item(item).iter().map(|it| (it * 255.0) as u8).collect();
            let picture: Vec<Color> = bytes.chunks_exact(3).map(|it| [it[0], it[1], it[2]]).collect();
            let palette = Palette::new(median_cut(&picture, self.colors as usize));
            let mapped = match self.dither.as_str() {
                "none" => picture.iter().map(|it| palette.nearest(*it)).collect(),
                "floyd-steinberg" => floyd_steinberg(&picture, block.width, &palette),
                other => {
                    let order = other.strip_prefix("bayer-").and_then(|it| it.parse().ok());
                    let order = order.ok_or_else(|| NodeError::input("dither", format!("there is no dithering `{other}`")))?;
                    bayer(&picture, block.width, order, &palette)
                }
            };
            data.extend(mapped.iter().flatten().map(|it| f32::from(*it) / 255.0));
        }
        Ok(Block { data, ..block }.into_image())
    }
}

/// Distinct colours that are told apart; where there are more, their lowest bits are not looked at.
const MOST_DISTINCT: usize = 65_536;

/// Some distinct colours with the number of their pixels.
struct Cell {
    colors: Vec<(Color, u32)>,
    pixels: u32,
    /// Which of its halves took its place, in the list of all cells.
    halves: Option<[usize; 2]>,
}

impl Cell {
    fn new(colors: Vec<(Color, u32)>) -> Self {
        let pixels = colors.iter().map(|it| it.1).sum();
        Self { colors, pixels, halves: None }
    }

    fn range(&self, axis: usize) -> u8 {
        let values = self.colors.iter().map(|it| it.0[axis]);
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    }

    /// Halves it across the axis that the eye sees longest: the brighter half first, as many pixels in each as whole values allow.
    fn halved(&mut self) -> [Self; 2] {
        let length = |axis: usize| i32::from(self.range(axis)) * [77, 150, 29][axis];
        let axis = (0..3).rev().max_by_key(|axis| length(*axis)).unwrap_or(0);
        let mut at = [0_u32; 256];
        self.colors.iter().for_each(|(color, count)| at[usize::from(color[axis])] += count);
        let mut before = 0;
        // The value at which more than half of the pixels are passed, from above; the lowest one always goes to the other half.
        let border = (0..256).rev().find(|value| {
            before += at[*value];
            2 * u64::from(before) > u64::from(self.pixels)
        });
        let lowest = (0..256).find(|value| at[*value] > 0).unwrap_or(0);
        let border = border.unwrap_or(0).max(lowest + 1);
        let (bright, dark) = self.colors.drain(..).partition(|it| usize::from(it.0[axis]) >= border);
        [Self::new(bright), Self::new(dark)]
    }
}

/// A palette of at most `wanted` colours for a picture.
fn median_cut(picture: &[Color], wanted: usize) -> Vec<Color> {
    let coarse = |color: Color, shift: u32| color.map(|it| it >> shift);
    let (shift, counts) = (0..8)
        .map(|shift| {
            let mut counts: FxHashMap<Color, u32> = FxHashMap::default();
            picture.iter().for_each(|it| *counts.entry(coarse(*it, shift)).or_default() += 1);
            (shift, counts)
        })
        .find(|it| it.1.len() <= MOST_DISTINCT)
        .expect("two values a channel make eight colours");
    let mut cells = vec![Cell::new(counts.into_iter().collect())];
    let mut heap = Heap::default();
    heap.add(0, cells[0].pixels);
    'cuts: for _ in 1..wanted {
        let cell = loop {
            let Some(cell) = heap.remove() else { break 'cuts };
            if (0..3).any(|axis| cells[cell].range(axis) > 0) {
                break cell;
            }
        };
        let halves = cells[cell].halved();
        let first = cells.len();
        cells[cell].halves = Some([first, first + 1]);
        for (index, half) in (first..).zip(halves) {
            heap.add(index, half.pixels);
            cells.push(half);
        }
    }
    // Entries in the order of the tree, the brighter half first; each is the mean of its pixels.
    let mut entry_of: FxHashMap<Color, usize> = FxHashMap::default();
    let (mut open, mut entries) = (vec![0], 0);
    while let Some(cell) = open.pop() {
        match cells[cell].halves {
            Some([first, second]) => open.extend([second, first]),
            None if cells[cell].colors.is_empty() => {}
            None => {
                entry_of.extend(cells[cell].colors.iter().map(|it| (it.0, entries)));
                entries += 1;
            }
        }
    }
    let mut sums = vec![([0_u64; 3], 0_u64); entries];
    for color in picture {
        let (sum, count) = &mut sums[entry_of[&coarse(*color, shift)]];
        sum.iter_mut().zip(color).for_each(|(sum, it)| *sum += u64::from(*it));
        *count += 1;
    }
    sums.iter().map(|(sum, count)| sum.map(|it| (0.5 + it as f64 / *count as f64) as u8)).collect()
}

/// Cells by their pixels, most first. A plain binary heap, written out because which of two equal ones comes first shows in the picture.
#[derive(Default)]
struct Heap(Vec<(usize, u32)>);

impl Heap {
    fn add(&mut self, cell: usize, pixels: u32) {
        let heap = &mut self.0;
        heap.push((cell, pixels));
        let mut at = heap.len() - 1;
        while at > 0 && pixels > heap[(at - 1) / 2].1 {
            heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn remove(&mut self) -> Option<usize> {
        let heap = &mut self.0;
        let last = heap.pop()?;
        let Some(first) = heap.first_mut() else { return Some(last.0) };
        let (removed, _) = std::mem::replace(first, last);
        let mut at = 0;
        while 2 * at + 1 < heap.len() {
            let mut child = 2 * at + 1;
            if child + 1 < heap.len() && heap[child].1 < heap[child + 1].1 {
                child += 1;
            }
            if last.1 > heap[child].1 {
                break;
            }
            heap.swap(at, child);
            at = child;
        }
        Some(removed)
    }
}

/// Colours, found by nearness. The two lowest bits of what is looked for do not count.
struct Palette {
    colors: Vec<Color>,
    /// The entry for each of 64 x 64 x 64 cells.
    nearest: Vec<u8>,
}

impl Palette {
    fn new(colors: Vec<Color>) -> Self {
        let distance = |a: Color, b: Color| (0..3).map(|it| (i32::from(a[it]) - i32::from(b[it])).pow(2)).sum::<i32>();
        let nearest = |corner: Color| (0..colors.len()).min_by_key(|it| distance(colors[*it], corner)).unwrap_or(0) as u8;
        let cells = 0..64_usize.pow(3);
        let nearest =
            cells.map(|it| nearest([(it >> 12) as u8, (it >> 6) as u8 & 63, it as u8 & 63].map(|it| it << 2))).collect();
        Self { colors, nearest }
    }

    fn nearest(&self, color: Color) -> Color {
        let [r, g, b] = color.map(|it| usize::from(it >> 2));
        self.colors[usize::from(self.nearest[(r << 12) | (g << 6) | b])]
    }
}

/// Spreads the error of each pixel to those not yet mapped: 7/16 to the right, 3/16, 5/16 and 1/16 below (Floyd and Steinberg 1976).
fn floyd_steinberg(picture: &[Color], width: usize, palette: &Palette) -> Vec<Color> {
    // In sixteenths, for the row below; one column more than pixels, to the left.
    let mut below = vec![[0_i32; 3]; width + 1];
    let mut mapped = Vec::with_capacity(picture.len());
    for row in picture.chunks_exact(width) {
        let (mut right, mut left_below, mut middle_below) = ([0; 3], [0; 3], [0; 3]);
        for (x, pixel) in row.iter().enumerate() {
            let mut wanted = [0_u8; 3];
            for c in 0..3 {
                wanted[c] = (i32::from(pixel[c]) + (right[c] + below[x + 1][c]) / 16).clamp(0, 255) as u8;
            }
            let found = palette.nearest(wanted);
            mapped.push(found);
            for c in 0..3 {
                let error = i32::from(wanted[c]) - i32::from(found[c]);
                below[x][c] = 3 * error + left_below[c];
                left_below[c] = 5 * error + middle_below[c];
                middle_below[c] = error;
                right[c] = 7 * error;
            }
        }
        // Pillow hands on what is left at the end of a row from blue to all three.
        below[width] = [left_below[2], middle_below[2], middle_below[2]];
    }
    mapped
}

/// Adds a pattern before mapping (Bayer 1973), the stronger the fewer colours there are.
fn bayer(picture: &[Color], width: usize, order: usize, palette: &Palette) -> Vec<Color> {
    let spread = 2.0 * 256.0 / palette.colors.len() as f64;
    let mut size = 1;
    let mut pattern = vec![0.0_f32];
    while size < order {
        let q = (4 * size * size) as f32;
        let doubled = (0..4 * size * size).map(|it| {
            let (y, x) = (it / (2 * size), it % (2 * size));
            let offset = [[-1.5, 0.5], [1.5, -0.5]][y / size][x / size];
            (q * pattern[y % size * size + x % size] + offset) / q
        });
        pattern = doubled.collect();
        size *= 2;
    }
    let pattern: Vec<f32> = pattern.iter().map(|it| spread as f32 * it + 0.5).collect();
    let moved = picture.iter().enumerate().map(|(at, color)| {
        let offset = pattern[at / width % size * size + at % width % size];
        palette.nearest(color.map(|it| (f32::from(it) + offset).clamp(0.0, 255.0) as u8))
    });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;
    use safetensors::SafeTensors;

    /// Made by tests/parity/make/quantize.py with Pillow.
    #[test]
    fn pictures_are_pillows_to_the_bit() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/goldens/quantize.safetensors");
        let bytes = std::fs::read(path).expect("the golden file");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let picture = |name: &str| {
            let view = file.tensor(name).expect("a picture");
            let data = view.data().iter().map(|it| f32::from(*it) / 255.0).collect();
            Block { outer: 1, height: view.shape()[0], width: view.shape()[1], inner: 3, data }
        };
        let mut count = 0;
        for name in file.names() {
            let [kind, colors, dither] = name.split('/').collect::<Vec<_>>()[..] else { continue };
            // Half a step more: the golden's input is in whole steps, which come back a hair smaller.
            let mut image = picture(kind);
            image.data.iter_mut().for_each(|it| *it = (*it * 255.0 + 0.5) / 255.0);
            let node =
                ImageQuantize { image: image.into_image(), colors: colors.parse().expect("a number"), dither: dither.into() };
            let found = Block::of_image(&node.run(&Context::alone(Job::default())).expect("quantized"));
            let expected = picture(name);
            let wrong = found.data.iter().zip(&expected.data).filter(|(a, b)| (*a - *b).abs() > 1e-6).count();
            assert_eq!(wrong, 0, "{name}: of {}", expected.data.len());
            count += 1;
        }
        assert_eq!(count, 30);
    }

    #[test]
    fn transparent_pictures_are_refused() {
        let image = Block::filled(1, 2, 2, 4, 1.0).into_image();
        let node = ImageQuantize { image, colors: 2, dither: "none".into() };
        assert!(node.run(&Context::alone(Job::default())).is_err());
    }
}
