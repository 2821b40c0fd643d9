//! Scaled dot-product attention.

use burn::tensor::{Bool, FloatDType, Tensor, activation::softmax};

/// How the scores are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionOptions {
    /// What the dot products are multiplied by; `None` is `1/√D`.
    pub scale: Option<f64>,
    /// Whether query `i` sees only the keys `0..=i`.
    pub causal: bool,
}

/// `softmax(q kᵀ · scale + bias) v`, without the matrix of scores ever being in memory.
///
/// # Shapes
/// q `[B, H, Nq, D]`, k `[B, H, Nk, D]`, v `[B, H, Nk, Dv]`, bias `[B|1, H|1, Nq|1, Nk|1]` → `[B, H, Nq, Dv]`.
/// A query whose every key is masked by `-∞` yields zeros.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: Option<Tensor<4>>, options: AttentionOptions) -> Tensor<4> {
    reference(q, k, v, bias, options)
}

/// [`attention`] over heads that lie side by side in the last dimension, as a projection leaves them: no transposes.
///
/// # Shapes
/// q `[B, Nq, H·D]`, k `[B, Nk, H·D]`, v `[B, Nk, H·Dv]`, bias `[B|1, H|1, Nq|1, Nk|1]` → `[B, Nq, H·Dv]`.
pub fn attention_heads(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: usize,
    bias: Option<Tensor<4>>,
    options: AttentionOptions,
) -> Tensor<3> {
    let split = |x: Tensor<3>, what: &str| {
        let [b, n, c] = x.dims();
        assert!(heads > 0 && c.is_multiple_of(heads), "attention_heads: {heads} heads do not divide the {c} channels of {what}");
        x.reshape([b, n, heads, c / heads]).swap_dims(1, 2)
    };
    let out = attention(split(q, "q"), split(k, "k"), split(v, "v"), bias, options);
    let [b, h, n, d] = out.dims();
    out.swap_dims(1, 2).reshape([b, n, h * d])
}

fn reference(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: Option<Tensor<4>>, options: AttentionOptions) -> Tensor<4> {
    let f32 = |x: Tensor<4>| x.cast(FloatDType::F32);
    let [_, _, nq, d] = q.dims();
    let nk = k.dims()[2];
    let scale = options.scale.unwrap_or(1.0 / (d as f64).sqrt());
    let mut scores = f32(q).matmul(f32(k).swap_dims(2, 3)) * scale;
    if let Some(bias) = bias {
        scores = scores + f32(bias);
    }
    if options.causal {
        let hidden = Tensor::<2, Bool>::tril_mask([nq, nk], 0, &scores.device());
        scores = scores.mask_fill(hidden.unsqueeze::<4>(), f32::NEG_INFINITY);
    }
    softmax(scores, 3).matmul(f32(v))
}
