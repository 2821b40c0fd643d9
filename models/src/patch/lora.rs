//! LoRA files and their relatives, under the names that trainers give their tensors.
//!
//! A name has two parts: which layer, and which part of the change. `lora_unet_input_blocks_1_1_proj_in.lora_up.weight` (Kohya),
//! `unet.down_blocks.0.attentions.0.proj_in.lora_B.weight` (diffusers, PEFT) and `diffusion_model.input_blocks.1.1.proj_in.diff`
//! mean the same layer. To compare them, what stands before the layer is cut off and its dots become underscores.

use super::Patch;
use super::change::{Change, Kind, Magnitude, Product, Scale};
use crate::weights::{Layout, shown};
use crate::{Clip, LoadError, Model, Weights};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::Path;

/// A LoRA file, of which only the table of contents was read.
#[derive(Clone)]
pub struct Lora {
    file: Weights,
    /// The changes of each layer: by the layer's name, the names of their parts.
    layers: BTreeMap<String, BTreeMap<Role, String>>,
    /// Tensors that are no part of a change.
    strange: Vec<String>,
}

/// What a LoRA made of a model.
#[derive(Clone, Debug)]
pub struct Patched {
    /// The diffusion network, if one was given.
    pub model: Option<Model>,
    /// The text encoder, if one was given.
    pub clip: Option<Clip>,
    /// Tensors of the file that changed nothing of what was given. Those that are meant for a part that was not given, the network
    /// or the text encoder, are not among them.
    pub unmatched: Vec<String>,
}

/// Which part of a change a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Up,
    Down,
    Mid,
    Alpha,
    DoraScale,
    MagnitudeVector,
    HadaW1A,
    HadaW1B,
    HadaW2A,
    HadaW2B,
    HadaT1,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    GeneralA1,
    GeneralA2,
    GeneralB1,
    GeneralB2,
    OftBlocks,
    Rescale,
    Difference,
    BiasDifference,
    NormDifference,
    NormBiasDifference,
    Set,
}

/// Endings of names. None of them ends in another one that stands behind it.
const ROLES: &[(&str, Role)] = &[
    (".lora_up.weight", Role::Up),
    (".lora_down.weight", Role::Down),
    (".lora_mid.weight", Role::Mid),
    (".lora_B.default.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.weight", Role::Down),
    (".lora_B", Role::Up),
    (".lora_A", Role::Down),
    ("_lora.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".alpha", Role::Alpha),
    (".dora_scale", Role::DoraScale),
    (".lora_magnitude_vector.default.weight", Role::MagnitudeVector),
    (".lora_magnitude_vector.weight", Role::MagnitudeVector),
    (".lora_magnitude_vector", Role::MagnitudeVector),
    (".hada_w1_a", Role::HadaW1A),
    (".hada_w1_b", Role::HadaW1B),
    (".hada_w2_a", Role::HadaW2A),
    (".hada_w2_b", Role::HadaW2B),
    (".hada_t1", Role::HadaT1),
    (".hada_t2", Role::HadaT2),
    (".lokr_w1", Role::LokrW1),
    (".lokr_w1_a", Role::LokrW1A),
    (".lokr_w1_b", Role::LokrW1B),
    (".lokr_w2", Role::LokrW2),
    (".lokr_w2_a", Role::LokrW2A),
    (".lokr_w2_b", Role::LokrW2B),
    (".lokr_t2", Role::LokrT2),
    (".a1.weight", Role::GeneralA1),
    (".a2.weight", Role::GeneralA2),
    (".b1.weight", Role::GeneralB1),
    (".b2.weight", Role::GeneralB2),
    (".oft_blocks", Role::OftBlocks),
    (".rescale", Role::Rescale),
    (".diff", Role::Difference),
    (".diff_b", Role::BiasDifference),
    (".w_norm", Role::NormDifference),
    (".b_norm", Role::NormBiasDifference),
    (".set_weight", Role::Set),
];

/// What a layer is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Network,
    /// The text encoder of this number.
    Encoder(usize),
}

/// What stands before the layer's own name; a name is tried with every one that it begins with.
const PREFIXES: &[(&str, Side)] = &[
    ("lora_unet__", Side::Network),
    ("lora_unet_", Side::Network),
    ("lycoris_", Side::Network),
    ("unet.base_model.model.", Side::Network),
    ("base_model.model.", Side::Network),
    ("diffusion_model.", Side::Network),
    ("unet.", Side::Network),
    ("lora_te_", Side::Encoder(0)),
    ("lora_te1_", Side::Encoder(0)),
    ("lora_te2_", Side::Encoder(1)),
    ("text_encoder.", Side::Encoder(0)),
    ("text_encoder_2.", Side::Encoder(1)),
    ("text_encoders.clip_l.transformer.", Side::Encoder(0)),
    ("text_encoders.clip_h.transformer.", Side::Encoder(0)),
    ("text_encoders.clip_g.transformer.", Side::Encoder(1)),
    ("text_encoder.base_model.model.", Side::Encoder(0)),
    ("text_encoder_2.base_model.model.", Side::Encoder(1)),
    ("base_model.model.", Side::Encoder(0)),
    ("", Side::Network),
];

impl Lora {
    /// Opens a file.
    ///
    /// # Errors
    /// What is wrong with the file; [`LoadError::Unknown`] when no tensor has the name of a part of a LoRA.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        Self::new(Weights::open(path)?)
    }

    /// Reads the table of contents of a file that is open.
    ///
    /// # Errors
    /// As [`Lora::open`].
    pub fn new(file: Weights) -> Result<Self, LoadError> {
        let mut layers: BTreeMap<String, BTreeMap<Role, String>> = BTreeMap::new();
        let mut strange = Vec::new();
        for name in file.names() {
            let Some((layer, role)) = ROLES.iter().find_map(|(ending, role)| Some((name.strip_suffix(ending)?, *role))) else {
                strange.push(name.to_owned());
                continue;
            };
            if let Some(other) = layers.entry(layer.to_owned()).or_default().insert(role, name.to_owned()) {
                let reason = format!("`{}` and `{}` are the same part of one change", shown(&other), shown(name));
                return Err(LoadError::Layout { source_name: file.source().to_owned(), reason });
            }
        }
        if layers.is_empty() {
            return Err(file.unknown());
        }
        Ok(Self { file, layers, strange })
    }

    /// Changes a diffusion network, a text encoder, or both, each by its strength: 1 as it was trained, 0 not at all.
    ///
    /// # Errors
    /// [`LoadError::Shape`] where a tensor does not fit the layer that it names, [`LoadError::Layout`] where a change lacks a part,
    /// and [`LoadError::Foreign`] where no tensor of the file names a layer of what was given.
    pub fn apply(&self, model: Option<(&Model, f64)>, clip: Option<(&Clip, f64)>) -> Result<Patched, LoadError> {
        let mut targets = Vec::new();
        if let Some((model, strength)) = model {
            targets.push(Target::new(Side::Network, &model.weights, model.architecture.layouts, strength));
        }
        if let Some((clip, strength)) = clip {
            let parts = clip.parts().enumerate();
            targets.extend(parts.map(|(at, (weights, layouts))| Target::new(Side::Encoder(at), weights, layouts, strength)));
        }
        let mut unmatched = self.strange.clone();
        for (layer, parts) in &self.layers {
            let places = || PREFIXES.iter().filter_map(|(prefix, side)| Some((layer.strip_prefix(prefix)?, *side)));
            let found = places().find_map(|(name, side)| {
                let index = targets.iter().position(|it| it.side == side)?;
                Some((index, targets[index].find(name)?))
            });
            let mut parts = Parts { file: &self.file, layer, parts: parts.clone() };
            if let Some((index, tensor)) = found {
                targets[index].change(&tensor, &mut parts)?;
            }
            // What is meant for a part that is not here is not lost on this one.
            let here = |side: Side| match side {
                Side::Network => model.is_some(),
                Side::Encoder(_) => clip.is_some(),
            };
            if places().next().is_none_or(|it| here(it.1)) {
                unmatched.extend(parts.parts.into_values());
            }
        }
        if !unmatched.is_empty() && targets.iter().all(|it| it.changes.is_empty()) {
            let given: Vec<&str> =
                [model.map(|it| it.0.architecture.name), clip.map(|it| it.0.architecture().name)].into_iter().flatten().collect();
            let (source_name, model) = (self.file.source().to_owned(), given.join(" and "));
            return Err(LoadError::Foreign { source_name, names: unmatched, model });
        }
        unmatched.sort_unstable();
        let mut patched = Patched { model: model.map(|it| it.0.clone()), clip: clip.map(|it| it.0.clone()), unmatched };
        for target in targets {
            let patch = Patch::new(target.changes, self.file.identity(), target.strength);
            match target.side {
                Side::Network => {
                    patched.model = patched.model.map(|it| Model { weights: it.weights.patched(patch), ..it });
                }
                Side::Encoder(index) => patched.clip = patched.clip.map(|it| it.patched(index, patch)),
            }
        }
        Ok(patched)
    }
}

/// Weights that may be changed.
struct Target<'a> {
    side: Side,
    weights: &'a Weights,
    strength: f64,
    /// The tensors that layers mean, by the layers' names with underscores.
    names: FxHashMap<String, String>,
    changes: BTreeMap<String, Change>,
}

impl<'a> Target<'a> {
    fn new(side: Side, weights: &'a Weights, layouts: &[&Layout], strength: f64) -> Self {
        let mut names = FxHashMap::default();
        let foreign = layouts.iter().flat_map(|it| it.foreign(weights));
        let own = weights.names().map(|it| (it.to_owned(), it.to_owned()));
        for (known, tensor) in own.chain(foreign) {
            let layer = underscored(known.strip_suffix(".weight").unwrap_or(&known));
            // Early files of diffusers leave out that a dropout stands behind it.
            if let Some(bare) = layer.strip_suffix("_to_out_0") {
                names.insert(format!("{bare}_to_out"), tensor.clone());
            }
            names.insert(layer, tensor);
        }
        Self { side, weights, strength, names, changes: BTreeMap::new() }
    }

    /// The tensor that a layer's name means.
    fn find(&self, layer: &str) -> Option<String> {
        self.names.get(&underscored(&layer.replace(".processor", ""))).cloned()
    }

    /// Notes what the parts do to a tensor, and to the bias beside it, and takes them out.
    fn change(&mut self, tensor: &str, parts: &mut Parts<'_>) -> Result<(), LoadError> {
        if let Some(change) = parts.weight()? {
            self.put(tensor, change)?;
        }
        let bias = tensor.strip_suffix(".weight").map(|it| format!("{it}.bias")).filter(|it| self.weights.has(it));
        if let Some(bias) = bias
            && let Some(name) = parts.take(Role::BiasDifference).or_else(|| parts.take(Role::NormBiasDifference))
        {
            self.put(&bias, parts.plain(Kind::Difference(name)))?;
        }
        Ok(())
    }

    fn put(&mut self, tensor: &str, change: Change) -> Result<(), LoadError> {
        change.check(self.weights.shape(tensor).unwrap_or_default())?;
        if self.changes.insert(self.weights.full(tensor), change).is_some() {
            let reason = format!("two changes are for the layer `{}`", shown(tensor));
            return Err(LoadError::Layout { source_name: self.weights.source().to_owned(), reason });
        }
        Ok(())
    }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// The parts of one layer's change that were not taken yet.
struct Parts<'a> {
    file: &'a Weights,
    layer: &'a str,
    parts: BTreeMap<Role, String>,
}

impl Parts<'_> {
    fn has(&self, roles: &[Role]) -> bool {
        roles.iter().any(|it| self.parts.contains_key(it))
    }

    fn take(&mut self, role: Role) -> Option<String> {
        self.parts.remove(&role)
    }

    fn need(&mut self, role: Role) -> Result<String, LoadError> {
        self.take(role).ok_or_else(|| {
            let ending = ROLES.iter().find(|it| it.1 == role).map_or("", |it| it.0);
            let reason = format!("the change of the layer `{}` lacks its `{ending}`", shown(self.layer));
            LoadError::Layout { source_name: self.file.source().to_owned(), reason }
        })
    }

    /// A matrix that is whole (`one`) or a product of two, perhaps with a core.
    fn product(&mut self, whole: Option<Role>, [a, b]: [Role; 2], core: Option<Role>) -> Result<Product, LoadError> {
        match whole.and_then(|it| self.take(it)) {
            Some(name) => Ok(Product::Whole(name)),
            None => Ok(Product::Of { a: self.need(a)?, b: self.need(b)?, core: core.and_then(|it| self.take(it)) }),
        }
    }

    /// The change of the weight, if there is one.
    fn weight(&mut self) -> Result<Option<Change>, LoadError> {
        let kind = if self.has(&[Role::Up, Role::Down]) {
            Kind::LowRank { up: self.need(Role::Up)?, down: self.need(Role::Down)?, mid: self.take(Role::Mid) }
        } else if self.has(&[Role::HadaW1A]) {
            let one = self.product(None, [Role::HadaW1A, Role::HadaW1B], Some(Role::HadaT1))?;
            Kind::Hadamard([one, self.product(None, [Role::HadaW2A, Role::HadaW2B], Some(Role::HadaT2))?])
        } else if self.has(&[Role::LokrW1, Role::LokrW2, Role::LokrW1A, Role::LokrW2A]) {
            let one = self.product(Some(Role::LokrW1), [Role::LokrW1A, Role::LokrW1B], None)?;
            Kind::Kronecker([one, self.product(Some(Role::LokrW2), [Role::LokrW2A, Role::LokrW2B], Some(Role::LokrT2))?])
        } else if self.has(&[Role::GeneralA1]) {
            let a = [self.need(Role::GeneralA1)?, self.need(Role::GeneralA2)?];
            Kind::General { a, b: [self.need(Role::GeneralB1)?, self.need(Role::GeneralB2)?] }
        } else if let Some(blocks) = self.take(Role::OftBlocks) {
            let rescale = self.take(Role::Rescale);
            match self.file.shape(&blocks).map(<[usize]>::len) {
                Some(4) => Kind::Butterfly { blocks, rescale },
                // ComfyUI reads no rescaling here.
                _ => Kind::Rotation { blocks },
            }
        } else if let Some(name) = self.take(Role::Difference).or_else(|| self.take(Role::NormDifference)) {
            return Ok(Some(self.plain(Kind::Difference(name))));
        } else if let Some(name) = self.take(Role::Set) {
            return Ok(Some(self.plain(Kind::Set(name))));
        } else {
            return Ok(None);
        };
        let alpha = self.take(Role::Alpha).map(|it| self.file.number(&it)).transpose()?;
        let magnitude = self.take(Role::DoraScale).map(Magnitude::Scale);
        let magnitude = magnitude.or_else(|| self.take(Role::MagnitudeVector).map(Magnitude::Vector));
        Ok(Some(Change { file: self.file.clone(), kind, scale: Scale(alpha), magnitude }))
    }

    fn plain(&self, kind: Kind) -> Change {
        Change { file: self.file.clone(), kind, scale: Scale(None), magnitude: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, Names, assert_close, off, values};
    use crate::text::Tokenizer;
    use crate::{Engine, Samples, Unwatched};
    use burn::tensor::Tensor;
    use safetensors::tensor::{Dtype, TensorView};
    use serde_json::Value;
    use tempfile::TempDir;

    fn goldens() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens")
    }

    fn cases() -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(goldens().join("lora.json")).unwrap()).unwrap()
    }

    /// The files of a case, and their strengths.
    fn loras(case: &Value) -> Vec<(TempDir, Lora, f64)> {
        let file = |file: &Value| {
            let seed = file["seed"].as_u64().unwrap();
            let rows = file["tensors"].as_array().unwrap().iter().zip(seed..).map(|(row, place)| {
                let shape: Vec<usize> = serde_json::from_value(row[1].clone()).unwrap();
                let made =
                    values(place, shape.iter().product(), row[2].as_f64().unwrap() as f32, row[3].as_f64().unwrap() as f32);
                (row[0].as_str().unwrap().to_owned(), shape, made.collect())
            });
            let (folder, lora) = written(rows.collect());
            (folder, lora.unwrap(), file["strength"].as_f64().unwrap())
        };
        case["files"].as_array().unwrap().iter().map(file).collect()
    }

    fn named(name: &str) -> Vec<(TempDir, Lora, f64)> {
        loras(cases().iter().find(|it| it["case"] == name).unwrap())
    }

    /// A file of these tensors.
    fn written(tensors: Vec<(String, Vec<usize>, Vec<f32>)>) -> (TempDir, Result<Lora, LoadError>) {
        let bytes: Vec<Vec<u8>> = tensors.iter().map(|it| it.2.iter().flat_map(|it| it.to_le_bytes()).collect()).collect();
        let views =
            tensors.iter().zip(&bytes).map(|(it, bytes)| (&it.0, TensorView::new(Dtype::F32, it.1.clone(), bytes).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lora.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let lora = Lora::open(&path);
        (folder, lora)
    }

    fn model(names: Names) -> (TempDir, Model) {
        let (folder, weights) = Golden::open("sd15", "unet").write(names);
        (folder, Model::new(&weights).unwrap())
    }

    fn clip() -> Clip {
        let folder = goldens().join("text/gelu");
        let weights = Weights::open(&folder.join("text_encoder/model.safetensors")).unwrap();
        Clip::new(&weights, Tokenizer::open(&folder.join("tokenizer")).unwrap()).unwrap()
    }

    /// What the network computes.
    fn forward(model: &Model, engine: &Engine) -> Tensor<4> {
        let golden = Golden::open("sd15", "unet");
        let network = engine.network(&model.key(), &model.weights, |weights, device| (model.architecture.build)(weights, device));
        let call = crate::diffusion::Call {
            x: Samples::new(golden.tensor::<4>("x")),
            timestep: golden.tensor("timestep"),
            context: golden.tensor("context"),
            vector: None,
            control: None,
            hooks: None,
            watch: &Unwatched,
        };
        network.unwrap().forward(call).unwrap().tensor()
    }

    fn context(clip: &Clip) -> Tensor<3> {
        clip.encode("a b", &Engine::cpu(), &Unwatched).unwrap().remove(0).context
    }

    #[track_caller]
    fn same<const D: usize>(one: Tensor<D>, other: Tensor<D>) {
        assert_eq!(one.into_data(), other.into_data());
    }

    #[test]
    fn every_kind_and_naming_computes_what_comfyui_and_diffusers_do() {
        let wanted = Weights::open(&goldens().join("lora.safetensors")).unwrap();
        for names in [Names::Original, Names::Diffusers] {
            let (_folder, plain) = model(names);
            for case in cases() {
                let name = case["case"].as_str().unwrap();
                let (mut model, mut clip) = (plain.clone(), clip());
                for (_folder, lora, strength) in loras(&case) {
                    let patched = lora.apply(Some((&model, strength)), Some((&clip, strength))).unwrap();
                    assert_eq!(patched.unmatched, [""; 0], "{name}");
                    (model, clip) = (patched.model.unwrap(), patched.clip.unwrap());
                }
                let y = forward(&model, &Engine::cpu());
                let off = off(&y, &wanted.tensor(&format!("{name}.y"), y.dims(), &y.device()).unwrap());
                assert!(off <= 1e-4, "{name} under {names:?} names differs by {off}");
                let key = format!("{name}.context");
                if wanted.has(&key) {
                    let context = context(&clip);
                    assert_close(&context, &wanted.tensor(&key, context.dims(), &context.device()).unwrap(), 1e-4);
                }
            }
        }
    }

    #[test]
    fn strength_zero_changes_nothing_and_names_the_same_network() {
        let (_folder, plain) = model(Names::Original);
        let files = named("kohya");
        let patched = files[0].1.apply(Some((&plain, 0.0)), Some((&clip(), 0.0))).unwrap();
        assert_eq!(patched.model.as_ref().unwrap().key(), plain.key());
        assert_eq!(patched.clip.unwrap().key(), clip().key());
        same(forward(&patched.model.unwrap(), &Engine::cpu()), forward(&plain, &Engine::cpu()));
    }

    #[test]
    fn the_order_of_several_does_not_matter_to_the_last_bit() {
        let (_folder, plain) = model(Names::Diffusers);
        let files: Vec<_> = ["kohya", "loha", "diffusers"].into_iter().flat_map(named).collect();
        let all = |order: &[usize]| {
            order.iter().fold(plain.clone(), |model, index| {
                let (_, lora, strength) = &files[*index];
                lora.apply(Some((&model, *strength)), None).unwrap().model.unwrap()
            })
        };
        let (one, other) = (all(&[0, 1, 2]), all(&[2, 0, 1]));
        assert_eq!(one.key(), other.key());
        same(forward(&one, &Engine::cpu()), forward(&other, &Engine::cpu()));
    }

    #[test]
    fn a_file_that_sets_keeps_its_place_between_the_others() {
        let (_folder, plain) = model(Names::Original);
        let (sets, adds) = (named("full"), named("kohya"));
        let both = |first: &Lora, second: &Lora| {
            let model = first.apply(Some((&plain, 1.0)), None).unwrap().model.unwrap();
            second.apply(Some((&model, 1.0)), None).unwrap().model.unwrap().key()
        };
        assert_ne!(both(&sets[0].1, &adds[0].1), both(&adds[0].1, &sets[0].1));
    }

    #[test]
    fn a_model_and_its_patched_self_are_resident_beside_each_other() {
        let (_folder, plain) = model(Names::Original);
        let files = named("kohya");
        let patched = files[0].1.apply(Some((&plain, 1.0)), None).unwrap().model.unwrap();
        let engine = Engine::cpu();
        let before = forward(&plain, &engine);
        assert_ne!(forward(&patched, &engine).into_data(), before.clone().into_data());
        same(forward(&plain, &engine), before);
        assert_eq!((engine.statistics().loads, engine.statistics().hits), (2, 1));
    }

    #[test]
    fn what_fits_nothing_is_listed_but_what_is_for_the_other_part_is_not() {
        let (_folder, plain) = model(Names::Original);
        let files = named("kohya");
        let patched = files[0].1.apply(Some((&plain, 1.0)), None).unwrap();
        assert_eq!(patched.unmatched, [""; 0], "the text encoder was not given");
        let up = |layer: &str| (format!("{layer}.lora_up.weight"), vec![32, 1], vec![1.0; 32]);
        let down = |layer: &str| (format!("{layer}.lora_down.weight"), vec![1, 32], vec![1.0; 32]);
        let (here, elsewhere) = ("lora_unet_input_blocks_1_1_proj_in", "lora_unet_input_blocks_9_1_proj_in");
        let stray = ("a_stray".to_owned(), vec![1], vec![0.0]);
        let (_folder, lora) = written(vec![up(here), down(here), up(elsewhere), down(elsewhere), stray]);
        let patched = lora.unwrap().apply(Some((&plain, 1.0)), Some((&clip(), 1.0))).unwrap();
        let far = |it: &str| format!("{elsewhere}.lora_{it}.weight");
        assert_eq!(patched.unmatched, ["a_stray".to_owned(), far("down"), far("up")]);
        let (_folder, lora) = written(vec![up(elsewhere), down(elsewhere)]);
        let error = lora.unwrap().apply(Some((&plain, 1.0)), Some((&clip(), 1.0))).unwrap_err();
        assert!(error.to_string().contains("nothing in it fits sd15 and clip-l, first: `lora_unet_input_blocks_9_1"), "{error}");
    }

    #[test]
    fn tensors_that_do_not_fit_are_errors_before_anything_is_loaded() {
        let (_folder, plain) = model(Names::Original);
        let layer = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q";
        let refused = |tensors: &[(&str, &[usize])]| {
            let tensors =
                tensors.iter().map(|(part, shape)| (format!("{layer}{part}"), shape.to_vec(), vec![0.5; shape.iter().product()]));
            let (_folder, lora) = written(tensors.collect());
            lora.unwrap().apply(Some((&plain, 1.0)), None).unwrap_err()
        };
        let (up, down) = (".lora_up.weight", ".lora_down.weight");
        for tensors in [
            &[(up, &[32, 4][..]), (down, &[4, 33])][..],
            &[(up, &[32, 4]), (down, &[5, 32])],
            &[(up, &[31, 4]), (down, &[4, 32])],
            &[(up, &[0, 4]), (down, &[4, 32])],
            &[(up, &[32]), (down, &[32])],
            &[(up, &[32, 4]), (down, &[4, 32]), (".lora_mid.weight", &[4, 5, 1, 1])],
            &[(up, &[32, 4]), (down, &[4, 32]), (".dora_scale", &[7])],
            &[(up, &[32, 4]), (down, &[4, 32]), (".alpha", &[2])],
            &[(".lokr_w1", &[4, 4]), (".lokr_w2", &[8, 7])],
            &[(".hada_w1_a", &[32, 2]), (".hada_w1_b", &[2, 32]), (".hada_w2_a", &[32, 2]), (".hada_w2_b", &[3, 32])],
            &[(".oft_blocks", &[4, 8, 7])],
            &[(".oft_blocks", &[5, 8, 8])],
            &[(".oft_blocks", &[8])],
            &[(".oft_blocks", &[40, 4, 8, 8])],
            &[(".a1.weight", &[24, 3]), (".a2.weight", &[3, 24]), (".b1.weight", &[32, 3]), (".b2.weight", &[3, 32])],
            &[(".diff", &[32])],
        ] {
            let error = refused(tensors);
            assert!(matches!(error, LoadError::Shape { .. }), "{tensors:?}: {error}");
        }
        let error = refused(&[(up, &[32, 4])]).to_string();
        assert!(error.ends_with("_attn1_to_q` lacks its `.lora_down.weight`"), "{error}");
    }

    #[test]
    fn a_file_without_any_change_is_no_lora() {
        let (_folder, lora) = written(vec![("model.diffusion_model.out.2.weight".to_owned(), vec![1], vec![0.0])]);
        assert!(matches!(lora, Err(LoadError::Unknown { .. })));
    }
}
