//! The operations that a diffusion model spends its time in, each with a fast arm for the CPU.
//!
//! Letters: B batch, N tokens, H heads, D width of a head, C channels, `..` any leading dimensions.
//!
//! Every operation is a function on tensors beside a plain reference in the words of Burn, which the tests hold it to.
//! Activations are f32, and so are results. Weights and biases may be stored as f32, f16 or bf16: they are converted block by
//! block on the way into the arithmetic, never as a whole.

#![expect(unsafe_code, reason = "vector instructions and memory that is written before it is read; each block says why it may")]

mod activation;
mod attention;
mod box_muller;
mod conv2d;
mod group_norm;
mod layer_norm;
mod linear;
mod matmul;
mod quantised;
mod rms_norm;
mod rope;
mod twister;
mod upsample;

mod cpu;
mod dispatch;
#[cfg(test)]
mod testing;

pub use activation::{geglu, gelu, gelu_tanh, quick_gelu, silu, swiglu};
pub use attention::{AttentionOptions, attention, attention_heads};
pub use box_muller::box_muller;
pub use conv2d::{Conv2dOptions, conv2d};
pub use cpu::on_the_pool;
pub use group_norm::{group_norm, group_norm_silu};
pub use layer_norm::layer_norm;
pub use linear::{linear, linear_joined};
pub use matmul::matmul;
pub use quantised::{BlockFormat, Quantised, linear_quantised, linear_quantised_joined};
pub use rms_norm::rms_norm;
pub use rope::{Pairs, rope};
pub use twister::{TWISTER_WORDS, tempered, tempered_uniform, twist};
pub use upsample::upsample_nearest_2x;
