//! The linear layer.

use burn::tensor::{FloatDType, Tensor};

/// `x Wᵀ + b`.
///
/// # Shapes
/// x `[.., in]`, weight `[out, in]` as checkpoints store it, bias `[out]` → `[.., out]`.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let [out, inputs] = weight.dims();
    assert_eq!(x.dims()[D - 1], inputs, "linear: x is {:?}, the weight [{out}, {inputs}]", x.dims());
    if let Some(bias) = &bias {
        assert_eq!(bias.dims()[0], out, "linear: the bias needs one number for each of {out} outputs");
    }
    reference(x, weight, bias)
}

fn reference<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut shape = x.dims();
    let rows = shape[..D - 1].iter().product();
    let [out, inputs] = weight.dims();
    shape[D - 1] = out;
    if shape.contains(&0) || inputs == 0 {
        let zeros = Tensor::zeros(shape, &x.device());
        return match bias {
            Some(bias) => zeros + bias.cast(FloatDType::F32).unsqueeze(),
            None => zeros,
        };
    }
    let mut y = x.cast(FloatDType::F32).reshape([rows, inputs]).matmul(weight.cast(FloatDType::F32).transpose());
    if let Some(bias) = bias {
        y = y + bias.cast(FloatDType::F32).unsqueeze();
    }
    y.reshape(shape)
}
