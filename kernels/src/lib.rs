//! Tensor operations with a fast CPU arm.

use burn::tensor::Tensor;

/// Geometry of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Zeros added at the top, left, bottom, right.
    pub padding: [usize; 4],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Independent parts of the channels.
    pub groups: usize,
}

fn f32<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.cast(burn::tensor::FloatDType::F32)
}

/// `[.., in]` times `weight [out, in]` transposed plus bias.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut dims = x.dims();
    let [out, inputs] = weight.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    let y = x.reshape([rows, inputs]).matmul(f32(weight).transpose());
    let y = match bias {
        Some(bias) => y + f32(bias).reshape([1, out]),
        None => y,
    };
    dims[D - 1] = out;
    y.reshape(dims)
}

/// `[b, i, h, w]` → `[b, o, h', w']`, weight `[o, i / groups, kh, kw]`.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: Conv2dOptions) -> Tensor<4> {
    let [top, left, bottom, right] = options.padding;
    let x = x.pad((left, right, top, bottom), 0.0);
    let o = burn::tensor::ops::ConvOptions::new(options.stride, [0, 0], options.dilation, options.groups);
    burn::tensor::module::conv2d(x, f32(weight), bias.map(f32), o)
}

/// Options of attention.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AttentionOptions {
    /// Multiplies the scores; `1/√d` where `None`.
    pub scale: Option<f64>,
    /// Whether a query sees only keys up to its own place.
    pub causal: bool,
}

/// Attention over packed heads: q `[b, nq, heads·d]`, k and v `[b, nk, heads·d]`, bias `[b|1, h|1, nq|1, nk]` added to the scores.
pub fn attention_heads(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: usize,
    bias: Option<Tensor<4>>,
    options: AttentionOptions,
) -> Tensor<3> {
    let split = |x: Tensor<3>| {
        let [b, n, c] = x.dims();
        x.reshape([b, n, heads, c / heads]).swap_dims(1, 2)
    };
    let [b, n, c] = q.dims();
    let (q, k, v) = (split(q), split(k), split(v));
    let scale = options.scale.unwrap_or(1.0 / ((c / heads) as f64).sqrt());
    let mut scores = q.matmul(k.swap_dims(2, 3)) * scale;
    if let Some(bias) = bias {
        scores = scores + bias;
    }
    if options.causal {
        let [_, _, nq, nk] = scores.dims();
        let mask = Tensor::<2, burn::tensor::Bool>::tril_mask([nq, nk], (nk - nq) as i64, &scores.device());
        scores = scores.mask_fill(mask.reshape([1, 1, nq, nk]), f32::NEG_INFINITY);
    }
    let y = burn::tensor::activation::softmax(scores, 3).matmul(v);
    y.swap_dims(1, 2).reshape([b, n, c])
}

/// Group normalisation of `[b, c, ..]`.
pub fn group_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    let dims = x.dims();
    let (b, c) = (dims[0], dims[1]);
    let rest = dims[2..].iter().product::<usize>();
    let x = x.reshape([b, groups, c / groups * rest]);
    let mean = x.clone().mean_dim(2);
    let x = x - mean;
    let var = (x.clone() * x.clone()).mean_dim(2);
    let x = (x / (var + eps).sqrt()).reshape([b, c, rest]);
    (x * f32(weight).reshape([1, c, 1]) + f32(bias).reshape([1, c, 1])).reshape(dims)
}

/// Group normalisation, then SiLU.
pub fn group_norm_silu<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    silu(group_norm(x, weight, bias, groups, eps))
}

/// Layer normalisation over the last dimension.
pub fn layer_norm<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, bias: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    let mut wide = [1; D];
    wide[D - 1] = x.dims()[D - 1];
    let x = x.clone() - x.mean_dim(D - 1);
    let var = (x.clone() * x.clone()).mean_dim(D - 1);
    let mut y = x / (var + eps).sqrt();
    if let Some(weight) = weight {
        y = y * f32(weight).reshape(wide);
    }
    if let Some(bias) = bias {
        y = y + f32(bias).reshape(wide);
    }
    y
}

/// `x·σ(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    burn::tensor::activation::silu(x)
}

/// The exact GELU.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    burn::tensor::activation::gelu(x)
}

/// `x·σ(1.702 x)`.
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() * burn::tensor::activation::sigmoid(x * 1.702)
}

/// `[.., 2n]` → `[.., n]`: the first half times the GELU of the second.
pub fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let n = x.dims()[D - 1] / 2;
    x.clone().narrow(D - 1, 0, n) * gelu(x.narrow(D - 1, n, n))
}

/// Each cell twice, both ways.
pub fn upsample_nearest_2x(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b * c, h, 1, w, 1].map(|it| it)).repeat(&[1, 1, 2, 1, 2]).reshape([b, c, 2 * h, 2 * w])
}
