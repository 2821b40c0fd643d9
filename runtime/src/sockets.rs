//! The types of `models` on wires. With [`context`](crate::context), the only place that names `models`.

use crate::{Socket, Value};
use graph::SocketType;
use models::language::{Conversation, Options};
use models::sampling::patches::LatentOperation;
use models::sampling::{Guidance, Guider, InitialNoise, Method, Sigmas};
use models::{Clip, Conditioning, ControlNet, Image, LanguageModel, Latent, Mask, Model, Recipe, Upscaler, Vae};

macro_rules! tensors {
    ($($type:ty, $name:literal, |$it:ident| $bytes:expr;)*) => {$(
        impl Socket for $type {
            const TYPE: SocketType = SocketType::named($name);

            fn bytes(&self) -> usize {
                let $it = self;
                $bytes
            }
        }
    )*};
}

/// The value as a recipe, where it is one.
pub(crate) fn recipe(value: &Value) -> Option<&dyn Recipe> {
    let Value::Held(held) = value else { return None };
    let it = held.inside();
    macro_rules! first_of {
        ($($type:ty)*) => { None$(.or_else(|| it.downcast_ref::<$type>().map(|it| it as &dyn Recipe)))* };
    }
    first_of!(Model Clip Vae ControlNet Upscaler LanguageModel Guider)
}

/// Bytes of so many 32-bit numbers.
fn f32s<const D: usize>(dims: [usize; D]) -> usize {
    dims.iter().product::<usize>() * size_of::<f32>()
}

fn prompts(all: &Conditioning) -> usize {
    let bytes = all.iter().map(|cond| {
        f32s(cond.context.dims())
            + cond.pooled.as_ref().map_or(0, |it| f32s(it.dims()))
            + cond.mask.as_ref().map_or(0, |it| f32s(it.dims()))
            + cond.concat_latent.as_ref().map_or(0, |it| f32s(it.values().dims()))
            + cond.concat_mask.as_ref().map_or(0, |it| f32s(it.dims()))
            + cond.control.as_ref().map_or(0, |it| f32s(it.hint.0.dims()))
    });
    bytes.sum()
}

// Recipes hold no tensors of their own: what they stand for is the engine's to count.
tensors! {
    Image, "IMAGE", |it| f32s(it.0.dims());
    Mask, "MASK", |it| f32s(it.0.dims());
    Latent, "LATENT", |it| f32s(it.samples.values().dims()) + it.noise_mask.as_ref().map_or(0, |mask| f32s(mask.dims()));
    Conditioning, "CONDITIONING", |it| prompts(it);
    Model, "MODEL", |_it| 0;
    Clip, "CLIP", |_it| 0;
    Vae, "VAE", |_it| 0;
    ControlNet, "CONTROL_NET", |_it| 0;
    Upscaler, "UPSCALE_MODEL", |_it| 0;
    LanguageModel, "LANGUAGE_MODEL", |_it| 0;
    Options, "LANGUAGE_OPTIONS", |_it| 0;
    Conversation, "CONVERSATION", |it| it.bytes();
    Method, "SAMPLER", |_it| 0;
    InitialNoise, "NOISE", |_it| 0;
    LatentOperation, "LATENT_OPERATION", |_it| 0;
    Sigmas, "SIGMAS", |it| it.0.len() * size_of::<f32>();
    Guider, "GUIDER", |it| match &it.guidance {
        Guidance::Alone(prompt) => prompts(prompt),
        Guidance::Away { positive, negative, .. } => prompts(positive) + prompts(negative),
        Guidance::Dual { first, second, negative, .. } => prompts(first) + prompts(second) + prompts(negative),
        Guidance::Perpendicular { positive, negative, empty, .. } => prompts(positive) + prompts(negative) + prompts(empty),
    };
}
