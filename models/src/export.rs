//! Models as files: what a recipe would load, patches and all, under the names that other programs read.
//!
//! A file holds tensors. What they cannot tell (numbers of attention heads, a tokenizer of its own) is written beside them, as texts in
//! the file's metadata: `burnish.config.PREFIX` is the `config.json` of the part whose names begin with PREFIX, `burnish.tokenizer.PREFIX`
//! an object of the files of its tokenizer. Models whose family leaves nothing open have neither.
//!
//! Reference: the names are those of CompVis/stable-diffusion and Stability-AI/generative-models; where ComfyUI has names of its own, as for
//! the small autoencoder and the encoders of FLUX.1, they are those of ComfyUI `comfy/sd.py` and `comfy/supported_models.py`.

use crate::checkpoint::{CONFIG, MODEL, TOKENIZER, VAES};
use crate::diffusion::{Output, Prediction};
use crate::text::clip::{CLIP_G, CLIP_H, CLIP_L, OPENCLIP};
use crate::text::{Family, T5};
use crate::vae::tiny::TAESD;
use crate::vae::{SCALE, SHIFT};
use crate::weights::Layout;
use crate::{Clip, LoadError, Model, Vae, Weights};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Why a model could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Its own files are not what they should be.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file could not be written.
    #[error("{0}")]
    Write(#[from] safetensors::SafeTensorError),
    /// The file's format has no way to say it.
    #[error("{0}")]
    Unsaid(String),
}

/// Tensors by the names that they get in a file. Nothing is drawn before it is written.
#[derive(Default)]
pub struct Export {
    tensors: BTreeMap<String, Source>,
    metadata: BTreeMap<String, String>,
}

/// Where a tensor comes from.
enum Source {
    /// One or several of a model, one behind the other.
    Drawn { weights: Weights, names: Vec<String> },
    /// A matrix of a model, lying on its side.
    Turned { weights: Weights, name: String },
    /// A tensor of its own.
    Made(TensorData),
}

impl Export {
    /// A model in one file: the network, and what came with it.
    ///
    /// # Errors
    /// [`ExportError::Unsaid`] where a reader could not know what the network's output means, or the scale of its latents.
    pub fn checkpoint(model: &Model, clip: Option<&Clip>, vae: Option<&Vae>) -> Result<Self, ExportError> {
        let mut this = Self::default();
        this.put(MODEL, &model.weights, None)?;
        this.say_prediction(model)?;
        if let Some(clip) = clip {
            let parts: Vec<_> = clip.encoders().zip(clip.tokenizers()).collect();
            for (index, ((architecture, weights), tokenizer)) in parts.iter().enumerate() {
                let (prefix, layout) = place(clip.family(), architecture.name, index, parts.len());
                this.put(prefix, weights, layout)?;
                if let Some(texts) = tokenizer.texts()? {
                    this.metadata.insert(format!("{TOKENIZER}{prefix}"), texts);
                }
            }
        }
        if let Some(vae) = vae {
            let [theirs, ours] = [model.architecture.latent, model.latent];
            if (theirs.shift, theirs.channel_spread) != (ours.shift, ours.channel_spread) {
                return Err(ExportError::Unsaid(
                    "a file cannot say that latents are shifted in another way than in its family".into(),
                ));
            }
            this.put_vae(&format!("{}.", VAES[0]), vae, ours.scale / theirs.scale)?;
        }
        Ok(this)
    }

    /// Text encoders, each a file: what its name ends in, where there is a word for it, and the file.
    ///
    /// # Errors
    /// When a tokenizer's files cannot be read.
    pub fn text_encoders(clip: &Clip) -> Result<Vec<(Option<&'static str>, Self)>, ExportError> {
        let each = clip.encoders().zip(clip.tokenizers()).map(|((architecture, weights), tokenizer)| {
            let mut this = Self::default();
            this.put("", weights, None)?;
            if let Some(texts) = tokenizer.texts()? {
                this.metadata.insert(TOKENIZER.to_owned(), texts);
            }
            Ok((word(architecture.name), this))
        });
        each.collect()
    }

    /// An autoencoder.
    ///
    /// # Errors
    /// [`ExportError::Unsaid`] as [`Export::checkpoint`].
    pub fn autoencoder(vae: &Vae) -> Result<Self, ExportError> {
        let mut this = Self::default();
        this.put_vae("", vae, 1.0)?;
        Ok(this)
    }

    /// The same with more to say about itself.
    #[must_use]
    pub fn with_metadata(mut self, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        self.metadata.extend(texts);
        self
    }

    /// Writes a safetensors file, one tensor after the other.
    ///
    /// # Errors
    /// When a tensor cannot be drawn, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ExportError> {
        let failed = RefCell::new(None);
        let views = self.tensors.iter().map(|(name, source)| Ok((name, Drawing::new(source, &failed)?)));
        let views = views.collect::<Result<Vec<_>, ExportError>>()?;
        let metadata: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        let written = safetensors::serialize_to_file(views, Some(metadata), path);
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        Ok(written?)
    }

    /// Puts a tensor of its own.
    pub(crate) fn put_made(&mut self, name: String, tensor: TensorData) {
        self.tensors.insert(name, Source::Made(tensor));
    }

    /// Whether there is no tensor in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Puts a part's tensors below a prefix, which ends without a dot; an empty one is none.
    fn put(&mut self, prefix: &str, weights: &Weights, layout: Option<&Layout>) -> Result<(), ExportError> {
        let weights = weights.fresh();
        let names = match layout {
            Some(layout) => layout.written(&weights)?,
            None => weights.names().map(|it| (it.to_owned(), vec![it.to_owned()])).collect(),
        };
        let dot = if prefix.is_empty() { "" } else { "." };
        // OpenCLIP has its projection lying on its side.
        let turned = |name: &str| match (layout.is_some(), name) {
            (true, "text_projection.weight") => Some("text_projection"),
            (false, "text_projection") => Some("text_projection.weight"),
            _ => None,
        };
        for (name, from) in names {
            let weights = weights.clone();
            let (name, source) = match turned(&name) {
                Some(other) => (other.to_owned(), Source::Turned { weights, name }),
                None => (name, Source::Drawn { weights, names: from }),
            };
            self.tensors.insert(format!("{prefix}{dot}{name}"), source);
        }
        if let Some(config) = weights.config() {
            self.metadata.insert(format!("{CONFIG}{prefix}"), config.to_string());
        }
        Ok(())
    }

    /// `ratio`: how much larger the model's latent scale is than what readers take it for.
    fn put_vae(&mut self, prefix: &str, vae: &Vae, ratio: f64) -> Result<(), ExportError> {
        let small = vae.architecture().name == "tiny";
        let below = prefix.trim_end_matches('.');
        self.put(below, vae.weights(), small.then_some(&TAESD))?;
        let (scale, shift) = vae.scale();
        let (scale, shift) = (scale / ratio, shift * ratio);
        if small {
            for (name, value) in [(SCALE, scale), (SHIFT, shift)] {
                self.tensors.insert(format!("{prefix}{name}"), Source::Made(TensorData::from([value as f32])));
            }
        } else if (scale - 1.0).abs() > 1e-6 || shift != 0.0 {
            let reason = "a file cannot say that latents have another scale than in its family, but with a small autoencoder";
            return Err(ExportError::Unsaid(format!("{reason}; save the network and the autoencoder apart")));
        }
        Ok(())
    }

    /// What the network's output means, where readers would not know.
    fn say_prediction(&mut self, model: &Model) -> Result<(), ExportError> {
        let usual = (model.architecture.prediction)(&model.weights);
        let (velocity, zero_snr) = match model.prediction {
            Prediction::Velocity => (true, false),
            Prediction::Discrete { output: Output::Velocity, zero_snr } => (true, zero_snr),
            it if it == usual => (false, false),
            other => {
                let reason = format!("a file cannot say that a network of {} is read as {other:?}", model.architecture.name);
                return Err(ExportError::Unsaid(format!("{reason}; set it again where the file is loaded")));
            }
        };
        for (name, said) in [("v_pred", velocity), ("ztsnr", zero_snr)] {
            if said {
                self.tensors.insert(name.to_owned(), Source::Made(TensorData::new(Vec::<f32>::new(), [0])));
            }
        }
        let key = if velocity { Some("v") } else { (model.prediction == Prediction::Epsilon).then_some("epsilon") };
        self.metadata.extend(key.map(|it| ("modelspec.predict_key".to_owned(), it.to_owned())));
        Ok(())
    }
}

/// What ComfyUI calls a text encoder of this kind.
pub(crate) fn word(architecture: &str) -> Option<&'static str> {
    let words = [(CLIP_L.name, "clip_l"), (CLIP_G.name, "clip_g"), (CLIP_H.name, "clip_h"), (T5.name, "t5xxl")];
    words.into_iter().find(|it| it.0 == architecture).map(|it| it.1)
}

/// The prefix of a text encoder in a model's file, and its naming where that is not the canonical one.
fn place(family: Family, architecture: &str, index: usize, count: usize) -> (&'static str, Option<&'static Layout>) {
    match family {
        Family::Sd if count == 2 && index == 0 => ("conditioner.embedders.0.transformer", None),
        Family::Sd if count == 2 => ("conditioner.embedders.1.model", Some(&OPENCLIP)),
        Family::Sd if architecture == CLIP_G.name => ("conditioner.embedders.0.model", Some(&OPENCLIP)),
        Family::Sd if architecture == CLIP_H.name => ("cond_stage_model.model", Some(&OPENCLIP)),
        Family::Sd => ("cond_stage_model.transformer", None),
        Family::Flux | Family::Sd3 if architecture == CLIP_L.name => ("text_encoders.clip_l.transformer", None),
        Family::Flux | Family::Sd3 if architecture == CLIP_G.name => ("text_encoders.clip_g.transformer", None),
        Family::Flux | Family::Sd3 => ("text_encoders.t5xxl.transformer", None),
    }
}

/// A tensor that is drawn when it is written.
struct Drawing<'a> {
    source: &'a Source,
    dtype: Dtype,
    shape: Vec<usize>,
    failed: &'a RefCell<Option<ExportError>>,
}

impl<'a> Drawing<'a> {
    fn new(source: &'a Source, failed: &'a RefCell<Option<ExportError>>) -> Result<Self, ExportError> {
        let (dtype, shape) = source.kind()?;
        let stored = match dtype {
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::I16 => Dtype::I16,
            DType::I8 => Dtype::I8,
            DType::U64 => Dtype::U64,
            DType::U32 => Dtype::U32,
            DType::U16 => Dtype::U16,
            DType::U8 => Dtype::U8,
            other => return Err(ExportError::Unsaid(format!("tensors of type {other:?} cannot be written"))),
        };
        Ok(Self { source, dtype: stored, shape, failed })
    }
}

impl View for Drawing<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let length = self.data_len();
        // The writer takes no errors: what failed is told when it is done.
        let drawn = self.source.bytes().and_then(|it| {
            let whole = it.len() == length;
            if whole { Ok(it) } else { Err(ExportError::Unsaid(format!("a tensor of {length} bytes came as {}", it.len()))) }
        });
        match drawn {
            Ok(bytes) => Cow::Owned(bytes),
            Err(error) => {
                self.failed.borrow_mut().get_or_insert(error);
                Cow::Owned(vec![0; length])
            }
        }
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

impl Source {
    /// Its type and shape in the file.
    fn kind(&self) -> Result<(DType, Vec<usize>), ExportError> {
        let known = |weights: &Weights, name: &str| -> Result<(DType, Vec<usize>), LoadError> {
            let shape = weights.shape(name).ok_or_else(|| weights.missing(name))?.to_vec();
            let dtype = weights.dtype(name).ok_or_else(|| weights.missing(name))?;
            // It is drawn so.
            Ok((if dtype == DType::F64 { DType::F32 } else { dtype }, shape))
        };
        match self {
            Self::Drawn { weights, names } => {
                let mut kinds = names.iter().map(|it| known(weights, it));
                let (dtype, mut shape) = kinds.next().unwrap_or_else(|| Err(weights.missing("")))?;
                for kind in kinds {
                    let (other, part) = kind?;
                    if other != dtype || part.get(1..) != shape.get(1..) || part.is_empty() {
                        let reason = format!("{} have types or shapes that do not join", names.join(", "));
                        return Err(LoadError::Layout { source_name: weights.source().to_owned(), reason }.into());
                    }
                    shape[0] += part[0];
                }
                Ok((dtype, shape))
            }
            Self::Turned { weights, name } => {
                let (dtype, shape) = known(weights, name)?;
                Ok((dtype, shape.into_iter().rev().collect()))
            }
            Self::Made(data) => Ok((data.dtype(), data.shape().to_vec())),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Drawn { weights, names } => {
                let parts = names.iter().map(|it| weights.drawn(it).map(|it| it.as_bytes().to_vec()));
                Ok(parts.collect::<Result<Vec<_>, LoadError>>()?.concat())
            }
            Self::Turned { weights, name } => {
                let data = weights.drawn(name)?;
                let (device, dtype) = (burn::tensor::Device::flex(), data.dtype());
                Ok(Tensor::<2>::from_data(data, (&device, dtype)).transpose().into_data().as_bytes().to_vec())
            }
            Self::Made(data) => Ok(data.as_bytes().to_vec()),
        }
    }
}
