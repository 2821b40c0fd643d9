//! Pictures and masks as they travel on wires.

use burn::tensor::Tensor;

/// A batch of pictures: `[batch, height, width, channels]`, f32 in 0..1, red first, on the CPU. Channels are 3, or 4 with alpha.
#[derive(Clone, Debug)]
pub struct Image(pub Tensor<4>);

/// A batch of masks: `[batch, height, width]`, f32 in 0..1, on the CPU. 1 marks what shall change.
#[derive(Clone, Debug)]
pub struct Mask(pub Tensor<3>);
