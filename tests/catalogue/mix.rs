//! Nodes that make pictures of pictures: lazily, of any number, again and again.

use burn::tensor::Tensor;
use models::{Image, Mask};
use runtime::{Context, Extra, Fingerprint, Folders, Lazy, Literals, Node, NodeError, Registry, Run, registry};

pub(crate) fn nodes() -> Registry {
    registry![
        TestLazyMixImages,
        TestVariadicAverage,
        TestCustomIsChanged,
        TestIsChangedWithConstants,
        TestOutputNodeWithSocketOutput
    ]
}

/// The smallest and the largest number of a tensor.
pub(crate) fn extent<const D: usize>(tensor: &Tensor<D>) -> Result<(f32, f32), NodeError> {
    let numbers: Vec<f32> =
        tensor.clone().into_data().convert::<f32>().try_to_vec().map_err(|it| NodeError::new(format!("{it:?}")))?;
    Ok(numbers.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), it| (low.min(*it), high.max(*it))))
}

/// Two pictures by a mask. Where the mask is all 0 or all 1, one of them is not needed.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Lazy Mix Images")]
struct TestLazyMixImages {
    image1: Lazy<Image>,
    image2: Lazy<Image>,
    mask: Mask,
}

impl Run for TestLazyMixImages {
    type Output = Image;

    fn needs(&self, _: &Context) -> Result<Vec<&str>, NodeError> {
        let extent = extent(&self.mask.0)?;
        let mut needed = Vec::new();
        if extent != (1.0, 1.0) {
            needed.push("image1");
        }
        if extent != (0.0, 0.0) {
            needed.push("image2");
        }
        Ok(needed)
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        match extent(&self.mask.0)? {
            (0.0, 0.0) => return self.image1.get(),
            (1.0, 1.0) => return self.image2.get(),
            _ => {}
        }
        let (Image(first), Image(second)) = (self.image1.get()?, self.image2.get()?);
        let [batch, height, width] = self.mask.0.dims();
        for picture in [&first, &second] {
            let [_, h, w, _] = picture.dims();
            if (h, w) != (height, width) {
                return Err(NodeError::new(format!("a mask of {width} x {height} does not fit a picture of {w} x {h}")));
            }
        }
        let mask = self.mask.0.reshape([batch, height, width, 1]);
        let rest = mask.clone().neg().add_scalar(1.0);
        Ok(Image(first * rest + second * mask))
    }
}

/// The average of pictures: `input1`, `input2` and so on, until one is missing.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Variadic Average")]
struct TestVariadicAverage {
    input1: Image,
    more: Extra<Image>,
}

impl Run for TestVariadicAverage {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let (shape, mut sum, mut count) = (self.input1.0.dims(), self.input1.0, 1);
        while let Some(Image(next)) = self.more.get(&format!("input{}", count + 1)) {
            if next.dims() != shape {
                return Err(NodeError::new("pictures of different sizes have no average"));
            }
            sum = sum + next.clone();
            count += 1;
        }
        Ok(Image(sum.div_scalar(f64::from(count))))
    }
}

/// Hands a picture on, and says that it changes if told so.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Custom IsChanged")]
struct TestCustomIsChanged {
    image: Image,
    #[input(optional, socket = "BOOL")]
    #[expect(dead_code, reason = "only the fingerprint reads it")]
    should_change: bool,
}

impl Run for TestCustomIsChanged {
    type Output = Image;

    fn fingerprint(literals: &Literals, _: &Folders) -> Result<Fingerprint, NodeError> {
        let changes = literals.get("should_change").and_then(serde_json::Value::as_bool).unwrap_or_default();
        Ok(if changes { Fingerprint::Always } else { Fingerprint::Content(b"False".to_vec()) })
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(self.image)
    }
}

/// Makes a picture darker, and says on what that depends by what is typed in alone.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "IsChanged With Constants")]
struct TestIsChangedWithConstants {
    image: Image,
    #[input(default = 1.0, min = 0.0, max = 10.0)]
    value: f64,
}

impl Run for TestIsChangedWithConstants {
    type Output = Image;

    fn fingerprint(literals: &Literals, _: &Folders) -> Result<Fingerprint, NodeError> {
        // A picture can only be linked, so it is never among the literals; were it, its average would count too.
        if literals.contains_key("image") {
            return Err(NodeError::new("a linked input is among the literals"));
        }
        let value = literals.get("value").map(ToString::to_string).unwrap_or_default();
        Ok(Fingerprint::Content(value.into_bytes()))
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(Image(self.image.0.mul_scalar(self.value)))
    }
}

/// Makes a picture darker, which is a purpose in itself.
#[derive(Node)]
#[node(category = "_for_testing", display = "Test Output Node With Socket Output", output_node)]
struct TestOutputNodeWithSocketOutput {
    image: Image,
    #[input(default = 1.0, min = 0.0, max = 10.0)]
    value: f64,
}

impl Run for TestOutputNodeWithSocketOutput {
    type Output = Image;

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(Image(self.image.0.mul_scalar(self.value)))
    }
}
