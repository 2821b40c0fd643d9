//! Nodes that bend a model by a small file.

use crate::loaders::{find, load_error};
use models::patch::Patched;
use models::{Clip, LoadError, Lora, Model};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![LoraLoader, LoraLoaderModelOnly]
}

/// Bends a diffusion network and its text encoder by a LoRA, for instance towards a style or a character.
///
/// Several in a row add up, in whatever order they stand. Nothing is copied: the network without the LoRA stays as it is. LoCon, LoHa,
/// LoKr, DoRA, OFT, BOFT, GLoRA and full differences are read too, under the names of all usual trainers.
#[derive(Node)]
#[node(
    display = "Load LoRA",
    category = "loaders",
    outputs(MODEL = "The diffusion network, bent.", CLIP = "The text encoder, bent.")
)]
struct LoraLoader {
    /// The diffusion network.
    model: Model,
    /// The text encoder.
    clip: Clip,
    /// The file, from the folder `loras`.
    #[input(files = "loras")]
    lora_name: String,
    /// How far the diffusion network is bent: 1 as trained, 0 not at all, below 0 the other way.
    #[input(default = 1.0, min = -100.0, max = 100.0, step = 0.01)]
    strength_model: f64,
    /// How far the text encoder is bent.
    #[input(default = 1.0, min = -100.0, max = 100.0, step = 0.01)]
    strength_clip: f64,
}

impl Run for LoraLoader {
    type Output = (Model, Clip);

    fn run(self, cx: &Context) -> Result<(Model, Clip), NodeError> {
        let Self { model, clip, lora_name, strength_model, strength_clip } = self;
        if strength_model == 0.0 && strength_clip == 0.0 {
            return Ok((model, clip));
        }
        let patched = apply(&lora_name, cx, |it| it.apply(Some((&model, strength_model)), Some((&clip, strength_clip))))?;
        Ok((patched.model.unwrap_or(model), patched.clip.unwrap_or(clip)))
    }
}

/// Bends a diffusion network by a LoRA and leaves the text encoder as it is.
#[derive(Node)]
#[node(category = "loaders", outputs(MODEL = "The diffusion network, bent."))]
struct LoraLoaderModelOnly {
    /// The diffusion network.
    model: Model,
    /// The file, from the folder `loras`.
    #[input(files = "loras")]
    lora_name: String,
    /// How far the diffusion network is bent: 1 as trained, 0 not at all, below 0 the other way.
    #[input(default = 1.0, min = -100.0, max = 100.0, step = 0.01)]
    strength_model: f64,
}

impl Run for LoraLoaderModelOnly {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        let Self { model, lora_name, strength_model } = self;
        if strength_model == 0.0 {
            return Ok(model);
        }
        Ok(apply(&lora_name, cx, |it| it.apply(Some((&model, strength_model)), None))?.model.unwrap_or(model))
    }
}

/// Reads a file and applies it; what of it fits nothing is said in words.
fn apply(name: &str, cx: &Context, by: impl Fn(&Lora) -> Result<Patched, LoadError>) -> Result<Patched, NodeError> {
    let path = find(cx, "loras", name, "lora_name")?;
    let patched = Lora::open(&path).and_then(|it| by(&it)).map_err(|error| load_error(error, "lora_name"))?;
    if let [first, ..] = patched.unmatched.as_slice() {
        let count = patched.unmatched.len();
        let first: String = first.chars().take(160).collect();
        cx.text(format!("{count} tensors of `{name}` fit nothing here and were left out, first: {first}"));
    }
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::Engine;
    use runtime::{Event, Folders, Job};
    use safetensors::tensor::{Dtype, TensorView};
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use tempfile::TempDir;

    /// A folder with a LoRA of these layers, of rank 1 and all ones, and what its nodes say.
    fn place(layers: &[(&str, usize, usize)]) -> (TempDir, Context, Arc<Mutex<Vec<String>>>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("loras")).unwrap();
        let ones: Vec<u8> = 1.0_f32.to_le_bytes().repeat(4096);
        let view = |shape: [usize; 2]| TensorView::new(Dtype::F32, shape.to_vec(), &ones[..4 * shape[0] * shape[1]]).unwrap();
        let tensors = layers.iter().flat_map(|(name, outputs, inputs)| {
            [(format!("{name}.lora_up.weight"), view([*outputs, 1])), (format!("{name}.lora_down.weight"), view([1, *inputs]))]
        });
        let bytes = safetensors::serialize(tensors, None).unwrap();
        std::fs::write(root.path().join("loras/a.safetensors"), bytes).unwrap();
        let folders = Folders { models: models::Folders::new(root.path()), ..Folders::default() };
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = said.clone();
        let job = Job::new(Arc::new(Engine::cpu()), Arc::new(folders)).heard_by(move |event| {
            if let Event::Text { text, .. } = event {
                listener.lock().unwrap().push(text);
            }
        });
        (root, Context::alone(job), said)
    }

    fn demo() -> (Model, Clip) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/diffusers/burnish-demo");
        let demo = models::Checkpoint::open(&folder).unwrap();
        (demo.model.unwrap(), demo.clip.unwrap())
    }

    /// A layer of the demo model, and its sizes.
    fn layer(model: &Model) -> (String, usize, usize) {
        let name = "middle_block.1.transformer_blocks.0.attn1.to_q.weight";
        let [outputs, inputs] = model.weights.sizes(name).unwrap();
        ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q".to_owned(), outputs, inputs)
    }

    #[test]
    fn a_lora_makes_another_recipe_and_strength_zero_the_same() {
        let (model, clip) = demo();
        let (name, outputs, inputs) = layer(&model);
        let (_root, cx, said) = place(&[(&name, outputs, inputs)]);
        let load = |strength_model, strength_clip| {
            let lora_name = "a.safetensors".to_owned();
            let node = LoraLoader { model: model.clone(), clip: clip.clone(), lora_name, strength_model, strength_clip };
            let (model, clip) = node.run(&cx).unwrap();
            (model.key(), clip.key())
        };
        let plain = (model.key(), clip.key());
        assert_eq!(load(0.0, 0.0), plain);
        assert_eq!(load(0.0, 1.0), plain, "there is nothing in it for the text encoder");
        let (bent, same) = load(0.5, 1.0);
        assert!(bent != plain.0 && same == plain.1);
        let alone = LoraLoaderModelOnly { model: model.clone(), lora_name: "a.safetensors".into(), strength_model: 0.5 };
        assert_eq!(alone.run(&cx).unwrap().key(), bent);
        assert_eq!(said.lock().unwrap().len(), 0);
    }

    #[test]
    fn what_fits_nothing_is_said_and_a_lora_of_another_family_refused() {
        let (model, _) = demo();
        let (name, outputs, inputs) = layer(&model);
        let load = |layers: &[(&str, usize, usize)]| {
            let (_root, cx, said) = place(layers);
            let node = LoraLoaderModelOnly { model: model.clone(), lora_name: "a.safetensors".into(), strength_model: 1.0 };
            let loaded = node.run(&cx);
            let said = said.lock().unwrap().clone();
            (loaded, said)
        };
        let (loaded, said) = load(&[(&name, outputs, inputs), ("lora_unet_elsewhere", 4, 4)]);
        assert!(loaded.is_ok());
        let wanted =
            "2 tensors of `a.safetensors` fit nothing here and were left out, first: lora_unet_elsewhere.lora_down.weight";
        assert_eq!(said, [wanted]);
        let (loaded, _) = load(&[("lora_unet_double_blocks_0_img_attn_qkv", 4, 4)]);
        let error = loaded.unwrap_err();
        assert_eq!(error.blamed(), Some("lora_name"));
        assert!(error.to_string().contains("nothing in it fits sd15"), "{error}");
    }
}
