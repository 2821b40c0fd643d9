//! Two-dimensional convolution.

use burn::tensor::{FloatDType, Tensor, module, ops::ConvOptions};

/// Where the kernel is laid on the picture, in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps between outputs: down, right.
    pub stride: [usize; 2],
    /// Rows and columns of zeros around the picture: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Distance between neighbours in the kernel: down, right.
    pub dilation: [usize; 2],
    /// Number of groups of channels that do not see each other.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    /// Stride 1, no padding, a dense kernel, one group.
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0; 4], dilation: [1, 1], groups: 1 }
    }
}

/// Slides kernels over pictures (cross-correlation, as every framework's convolution).
///
/// # Shapes
/// x `[B, C, H, W]`, weight `[O, C/groups, kh, kw]`, bias `[O]` → `[B, O, H', W']` with
/// `H' = (H + top + bottom - dilation·(kh-1) - 1) / stride + 1`, and `W'` alike.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: Conv2dOptions) -> Tensor<4> {
    reference(x, weight, bias, options)
}

fn reference(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: Conv2dOptions) -> Tensor<4> {
    let Conv2dOptions { stride, padding: [top, left, bottom, right], dilation, groups } = options;
    let options = ConvOptions::new_with_padding(stride, [(top, bottom), (left, right)], dilation, groups);
    let bias = bias.map(|it| it.cast(FloatDType::F32));
    module::conv2d(x.cast(FloatDType::F32), weight.cast(FloatDType::F32), bias, options)
}
