//! Pictures in other colours: noise, and brightness apart from hue.

use super::{bounded, pixels};
use crate::pixels::Block;
use models::Image;
use models::sampling::noise::Generator;
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![ImageAddNoise, ImageRGBToYUV, ImageYUVToRGB, ColorToRGBInt]
}

/// Adds noise to pictures.
#[derive(Node)]
#[node(category = "image")]
struct ImageAddNoise {
    /// The pictures.
    image: Image,
    /// Which noise.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// How strong it is: its standard deviation.
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    strength: f64,
}

impl Run for ImageAddNoise {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let mut block = pixels(&self.image, "image")?;
        let noise = Generator::new(self.seed).normal(block.data.len());
        let strength = self.strength as f32;
        block.data.iter_mut().zip(noise).for_each(|(it, noise)| *it = (*it + strength * noise).clamp(0.0, 1.0));
        Ok(block.into_image())
    }
}

/// Makes a whole number of a colour: red, green and blue as its three lowest bytes.
#[derive(Node)]
#[node(display = "Color to RGB Int", category = "utils", outputs(rgb_int = "The number."))]
struct ColorToRGBInt {
    /// The colour, as `#RRGGBB`.
    #[input(socket = "COLOR", literal, default = "#ffffff")]
    color: String,
}

impl Run for ColorToRGBInt {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        let digits = self.color.strip_prefix('#').filter(|it| it.len() == 6 && it.bytes().all(|it| it.is_ascii_hexdigit()));
        let number = digits.and_then(|it| i64::from_str_radix(it, 16).ok());
        number.ok_or_else(|| NodeError::input("color", format!("`{}` is not written #RRGGBB", self.color)))
    }
}

/// Takes pictures apart into brightness and two differences of colour (ITU-R BT.601), each as a grey picture.
#[derive(Node)]
#[node(category = "image/batch", outputs(Y = "The brightness.", U = "Blue against brightness.", V = "Red against brightness."))]
struct ImageRGBToYUV {
    /// The pictures.
    image: Image,
}

impl Run for ImageRGBToYUV {
    type Output = (Image, Image, Image);

    fn run(self, _: &Context) -> Result<(Image, Image, Image), NodeError> {
        let block = pixels(&self.image, "image")?;
        if block.inner != 3 {
            let message = format!("has {} channels, red, green and blue are needed", block.inner);
            return Err(NodeError::input("image", message));
        }
        let part = |of: fn(&[f32]) -> f32| {
            let data = block.data.chunks_exact(3).flat_map(|it| [of(it); 3]).collect();
            Block { data, ..block }.into_image()
        };
        Ok((
            part(brightness),
            part(|it| (it[2] - brightness(it)) * 0.564 + 0.5),
            part(|it| (it[0] - brightness(it)) * 0.713 + 0.5),
        ))
    }
}

fn brightness(pixel: &[f32]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// Puts brightness and two differences of colour (ITU-R BT.601) together to pictures.
#[derive(Node)]
#[node(category = "image/batch")]
struct ImageYUVToRGB {
    /// The brightness; the mean of its channels counts.
    #[input(name = "Y")]
    y: Image,
    /// Blue against brightness.
    #[input(name = "U")]
    u: Image,
    /// Red against brightness.
    #[input(name = "V")]
    v: Image,
}

impl Run for ImageYUVToRGB {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let blocks = [pixels(&self.y, "Y")?, pixels(&self.u, "U")?, pixels(&self.v, "V")?];
        let size = |it: &Block| (it.outer, it.height, it.width);
        let [y, u, v] = &blocks;
        for (name, other) in [("U", u), ("V", v)] {
            if size(other) != size(y) {
                let message = format!(
                    "{} pictures of {} x {} pixels do not fit {} of {} x {}",
                    other.outer, other.width, other.height, y.outer, y.width, y.height
                );
                return Err(NodeError::input(name, message));
            }
        }
        bounded(y.outer, y.height, y.width, 3)?;
        let mean =
            |it: &Block| it.data.chunks_exact(it.inner).map(|it| it.iter().sum::<f32>() / it.len() as f32).collect::<Vec<_>>();
        let (brightness, blue, red) = (mean(y), mean(u), mean(v));
        let mut data = Vec::with_capacity(3 * brightness.len());
        for ((y, u), v) in brightness.into_iter().zip(blue).zip(red) {
            let (u, v) = (u - 0.5, v - 0.5);
            data.extend([y + 1.403 * v, y - 0.714 * v - 0.344 * u, y + 1.773 * u].map(|it| it.clamp(0.0, 1.0)));
        }
        Ok(Block { inner: 3, data, ..*y }.into_image())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn picture(inner: usize, data: &[f32]) -> Image {
        Block { outer: 1, height: 1, width: data.len() / inner, inner, data: data.to_vec() }.into_image()
    }

    #[test]
    fn noise_is_named_by_its_seed_and_stays_in_range() {
        let noisy = |seed, strength| {
            let node = ImageAddNoise { image: picture(3, &[0.5; 48]), seed, strength };
            Block::of_image(&node.run(&cx()).expect("noisy")).data
        };
        assert_eq!(noisy(1, 0.0), [0.5; 48]);
        assert_eq!(noisy(1, 0.5), noisy(1, 0.5));
        assert_ne!(noisy(1, 0.5), noisy(2, 0.5));
        assert!(noisy(1, 1.0).iter().all(|it| (0.0..=1.0).contains(it)));
    }

    #[test]
    fn colours_come_back_from_their_parts() {
        let colors = [1.0, 0.0, 0.0, 0.2, 0.6, 0.4, 1.0, 1.0, 1.0];
        let (y, u, v) = ImageRGBToYUV { image: picture(3, &colors) }.run(&cx()).expect("taken apart");
        // What kornia.color.rgb_to_ycbcr gives for pure red.
        for (part, expected) in [(&y, 0.299), (&u, 0.331_364), (&v, 0.999_813)] {
            assert!((Block::of_image(part).data[0] - expected).abs() < 1e-6);
        }
        let back = Block::of_image(&ImageYUVToRGB { y: y.clone(), u, v: v.clone() }.run(&cx()).expect("put together")).data;
        for (back, color) in back.iter().zip(colors) {
            assert!((back - color).abs() < 2e-3, "{back} {color}");
        }
        assert!(ImageYUVToRGB { y, u: picture(3, &[0.5; 3]), v }.run(&cx()).is_err());
        assert!(ImageRGBToYUV { image: picture(4, &[0.5; 4]) }.run(&cx()).is_err());
    }
}
