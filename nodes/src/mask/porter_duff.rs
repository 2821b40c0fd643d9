//! Laying transparent pictures over each other.

use super::cells;
use crate::image::pixels;
use crate::pixels::Block;
use crate::pixels::resize::{Method, crop_to_aspect, resize};
use models::{Image, Mask};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

pub(super) fn nodes() -> Registry {
    registry![PorterDuffImageComposite]
}

/// How a pixel and the one below become one.
///
/// Reference: Porter and Duff, "Compositing Digital Images" (1984), and the separable blend modes of W3C "Compositing and Blending".
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    #[choice("ADD")]
    Add,
    #[choice("CLEAR")]
    Clear,
    #[choice("DARKEN")]
    Darken,
    #[choice("DST")]
    Dst,
    #[choice("DST_ATOP")]
    DstAtop,
    #[choice("DST_IN")]
    DstIn,
    #[choice("DST_OUT")]
    DstOut,
    #[choice("DST_OVER")]
    DstOver,
    #[choice("LIGHTEN")]
    Lighten,
    #[choice("MULTIPLY")]
    Multiply,
    #[choice("OVERLAY")]
    Overlay,
    #[choice("SCREEN")]
    Screen,
    #[choice("SRC")]
    Src,
    #[choice("SRC_ATOP")]
    SrcAtop,
    #[choice("SRC_IN")]
    SrcIn,
    #[choice("SRC_OUT")]
    SrcOut,
    #[choice("SRC_OVER")]
    SrcOver,
    #[choice("XOR")]
    Xor,
}

impl Mode {
    /// The opacity of the result, from those of the upper and the lower pixel.
    fn opacity(self, above: f32, below: f32) -> f32 {
        match self {
            Self::Add => (above + below).clamp(0.0, 1.0),
            Self::Clear => 0.0,
            Self::Darken | Self::Lighten | Self::Overlay | Self::Screen => above + below - above * below,
            Self::Dst | Self::SrcAtop => below,
            Self::Src | Self::DstAtop => above,
            Self::DstIn | Self::SrcIn | Self::Multiply => above * below,
            Self::DstOut => (1.0 - above) * below,
            Self::SrcOut => (1.0 - below) * above,
            Self::DstOver => below + (1.0 - below) * above,
            Self::SrcOver => above + (1.0 - above) * below,
            Self::Xor => (1.0 - below) * above + (1.0 - above) * below,
        }
    }

    /// One channel of the result, times its opacity, from upper and lower channels times theirs, `s` and `d`.
    fn colour(self, s: f32, above: f32, d: f32, below: f32) -> f32 {
        let (over, under) = ((1.0 - below) * s, (1.0 - above) * d);
        match self {
            Self::Add => (s + d).clamp(0.0, 1.0),
            Self::Clear => 0.0,
            Self::Darken => over + under + s.min(d),
            Self::Dst => d,
            Self::DstAtop => above * d + over,
            Self::DstIn => d * above,
            Self::DstOut => under,
            Self::DstOver => d + over,
            Self::Lighten => over + under + s.max(d),
            Self::Multiply => s * d,
            // Unlike in the W3C's definition, what either pixel shows beside the other is left out: results equal ComfyUI's.
            Self::Overlay if 2.0 * d < below => 2.0 * s * d,
            Self::Overlay => above * below - 2.0 * (below - s) * (above - d),
            Self::Screen => s + d - s * d,
            Self::Src => s,
            Self::SrcAtop => below * s + under,
            Self::SrcIn => s * below,
            Self::SrcOut => over,
            Self::SrcOver => s + under,
            Self::Xor => over + under,
        }
    }
}

/// Lays a transparent picture over another. Both are resized to the lower one where their sizes differ.
#[derive(Node)]
#[node(
    display = "Porter-Duff Image Composite",
    category = "mask/compositing",
    outputs(IMAGE = "The colours.", MASK = "White where the result is transparent.")
)]
struct PorterDuffImageComposite {
    /// The picture above.
    source: Image,
    /// White where it is transparent.
    source_alpha: Mask,
    /// The picture below.
    destination: Image,
    /// White where it is transparent.
    destination_alpha: Mask,
    /// How they become one. `SRC_OVER` is the usual way; `SRC` is the picture above alone, `DST` the one below.
    #[input(default = "DST")]
    mode: Mode,
}

impl Run for PorterDuffImageComposite {
    type Output = (Image, Mask);

    fn run(self, cx: &Context) -> Result<(Image, Mask), NodeError> {
        let (source, mut destination) = (pixels(&self.source, "source")?, pixels(&self.destination, "destination")?);
        let source_alpha = cells(&self.source_alpha, "source_alpha")?;
        let destination_alpha = cells(&self.destination_alpha, "destination_alpha")?;
        if source.inner != destination.inner {
            let message = format!("it has {} channels, the destination has {}", source.inner, destination.inner);
            return Err(NodeError::input("source", message).hint("drop its alpha with SplitImageWithAlpha"));
        }
        let all = [&source, &source_alpha, &destination, &destination_alpha];
        let batch = all.into_iter().map(|it| it.outer).min().unwrap_or(0);
        let (height, width, inner) = (destination.height, destination.width, destination.inner);
        let alike = |block: Block| {
            let block = block.repeated_to(batch);
            if (block.height, block.width) == (height, width) {
                return block;
            }
            resize(&crop_to_aspect(&block, height, width), height, width, Method::Bicubic, 1)
        };
        let [source, source_alpha, destination_alpha] = [source, source_alpha, destination_alpha].map(alike);
        destination = destination.repeated_to(batch);
        cx.check()?;
        let mut transparency = Vec::with_capacity(batch * height * width);
        let pairs = destination.data.chunks_exact_mut(inner).zip(source.data.chunks_exact(inner));
        for ((below, above), (from, to)) in pairs.zip(source_alpha.data.iter().zip(&destination_alpha.data)) {
            let (above_opacity, below_opacity) = (1.0 - from, 1.0 - to);
            let opacity = self.mode.opacity(above_opacity, below_opacity);
            for (d, s) in below.iter_mut().zip(above) {
                let colour = self.mode.colour(s * above_opacity, above_opacity, *d * below_opacity, below_opacity);
                *d = if opacity > 1e-5 { (colour / opacity).clamp(0.0, 1.0) } else { 0.0 };
            }
            transparency.push(1.0 - opacity);
        }
        let mask = Block { outer: batch, height, width, inner: 1, data: transparency };
        Ok((destination.into_image(), mask.into_mask()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn image(height: usize, width: usize, colour: &[f32]) -> Image {
        Block { outer: 1, height, width, inner: colour.len(), data: colour.repeat(height * width) }.into_image()
    }

    fn alpha(value: f32) -> Mask {
        Block::filled(1, 1, 1, 1, value).into_mask()
    }

    #[test]
    fn modes_give_the_numbers_of_comfyui() {
        let expected = [
            ([0.55, 0.6, 0.725], 0.0),
            ([0.0, 0.0, 0.0], 1.0),
            ([0.371429, 0.471429, 0.457143], 0.125),
            ([0.8, 0.3, 0.1], 0.5),
            ([0.5, 0.45, 0.5], 0.25),
            ([0.8, 0.3, 0.1], 0.625),
            ([0.8, 0.3, 0.1], 0.875),
            ([0.542857, 0.428571, 0.442857], 0.125),
            ([0.657143, 0.814286, 1.0], 0.125),
            ([0.16, 0.18, 0.09], 0.625),
            ([0.148571, 0.154286, 0.077143], 0.125),
            ([0.56, 0.608571, 0.79], 0.125),
            ([0.2, 0.6, 0.9], 0.25),
            ([0.35, 0.525, 0.7], 0.5),
            ([0.2, 0.6, 0.9], 0.625),
            ([0.2, 0.6, 0.9], 0.625),
            ([0.285714, 0.557143, 0.785714], 0.125),
            ([0.35, 0.525, 0.7], 0.5),
        ];
        assert_eq!(Mode::CHOICES.len(), expected.len());
        for ((name, mode), (colour, transparency)) in Mode::CHOICES.iter().zip(expected) {
            let node = PorterDuffImageComposite {
                source: image(1, 1, &[0.2, 0.6, 0.9]),
                source_alpha: alpha(0.25),
                destination: image(1, 1, &[0.8, 0.3, 0.1]),
                destination_alpha: alpha(0.5),
                mode: *mode,
            };
            let (picture, mask) = node.run(&Context::alone(Job::default())).expect("composed");
            let found = [Block::of_image(&picture).data, Block::of_mask(&mask).data].concat();
            let near = found.iter().zip(colour.iter().chain([&transparency])).all(|(a, b)| (a - b).abs() < 2e-6);
            assert!(near, "{name}: {found:?}");
        }
    }

    #[test]
    fn everything_gets_the_size_of_the_picture_below() {
        let compose = |above: Image| {
            let node = PorterDuffImageComposite {
                source: above,
                source_alpha: alpha(0.0),
                destination: image(2, 3, &[0.0; 3]),
                destination_alpha: alpha(0.0),
                mode: Mode::SrcOver,
            };
            node.run(&Context::alone(Job::default()))
        };
        let (picture, mask) = compose(image(7, 5, &[0.5; 3])).expect("composed");
        assert_eq!((picture.0.dims(), mask.0.dims()), ([1, 2, 3, 3], [1, 2, 3]));
        assert!(Block::of_image(&picture).data.iter().all(|it| (it - 0.5).abs() < 1e-6));
        assert_eq!(compose(image(2, 3, &[0.5; 4])).expect_err("channels").blamed(), Some("source"));
    }
}
