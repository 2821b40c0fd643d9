//! Prompts to send.

use serde_json::{Value, json};

/// Shows `hello world`.
pub(crate) fn greeting() -> Value {
    json!({
        "1": { "class_type": "PrimitiveString", "inputs": { "value": "hello" } },
        "2": { "class_type": "StringConcatenate", "inputs": { "string_a": ["1", 0], "string_b": "world", "delimiter": " " } },
        "3": { "class_type": "PreviewAny", "inputs": { "source": ["2", 0] } },
    })
}

/// Saves a picture of one colour.
pub(crate) fn picture(prefix: &str) -> Value {
    json!({
        "1": { "class_type": "EmptyImage", "inputs": { "width": 64, "height": 32, "batch_size": 1, "color": 0x00ff_8000 } },
        "2": { "class_type": "SaveImage", "inputs": { "images": ["1", 0], "filename_prefix": prefix } },
    })
}

/// Draws with the demo model. Each step takes some milliseconds, so a thousand are a long job.
pub(crate) fn drawing(steps: u32, seed: u32) -> Value {
    json!({
        "1": { "class_type": "DiffusersLoader", "inputs": { "model_path": "burnish-demo" } },
        "2": { "class_type": "CLIPTextEncode", "inputs": { "text": "a red apple", "clip": ["1", 1] } },
        "3": { "class_type": "CLIPTextEncode", "inputs": { "text": "", "clip": ["1", 1] } },
        "4": { "class_type": "EmptyLatentImage", "inputs": { "width": 64, "height": 64, "batch_size": 1 } },
        "5": { "class_type": "KSampler", "inputs": {
            "model": ["1", 0], "seed": seed, "steps": steps, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal",
            "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0], "denoise": 1.0,
        } },
        "6": { "class_type": "VAEDecode", "inputs": { "samples": ["5", 0], "vae": ["1", 2] } },
        "7": { "class_type": "SaveImage", "inputs": { "images": ["6", 0], "filename_prefix": "drawing" } },
    })
}
