//! Text encoders: from a prompt to what steers a diffusion model.
//!
//! To add one: write its file, add its [`Architecture`] to [`ARCHITECTURES`], and a golden.

pub(crate) mod clip;
mod embedding;
mod merges;
mod network;
mod prompt;
mod t5;
mod tokenizer;

pub use clip::{CLIP_G, CLIP_H, CLIP_L};
pub use embedding::{Embedding, Embeddings};
pub use network::{Chunks, Encode, Sizes, States};
pub use prompt::{Padding, PromptError, Token, Tokens, Weighted};
pub use t5::T5;
pub use tokenizer::Tokenizer;

use crate::patch::Patch;
use crate::weights::Layout;
use crate::{Cond, Conditioning, Engine, LoadError, Recipe, Stop, Watch, Weights};
use burn::tensor::{Device, Int, Tensor, TensorData};
use prompt::Format;
use std::fmt;
use std::sync::Arc;

/// Every family, in the order in which a file is tried.
pub const ARCHITECTURES: &[&Architecture] = &[&CLIP_L, &CLIP_H, &CLIP_G, &T5];

/// How many chunks are encoded at once; a longer prompt takes several rounds, so that memory has a bound.
const CHUNKS_AT_ONCE: usize = 16;
/// The longest prompt that is encoded as a whole: what distances add to the scores grows with its square.
const LONGEST: usize = 2048;

/// Makes the network of an architecture.
pub type Build = fn(&Weights, &Architecture, &Device) -> Result<Box<dyn Encode>, LoadError>;

/// A family of text encoders.
pub struct Architecture {
    /// Its short name.
    pub name: &'static str,
    /// Foreign names of its tensors.
    pub layouts: &'static [&'static Layout],
    /// Whether these tensors (canonical names) are of this family.
    pub detect: fn(&Weights) -> bool,
    /// Its sizes, from the tensors and the settings beside them.
    pub sizes: fn(&Weights, &Self) -> Result<Sizes, LoadError>,
    /// Makes the network; every tensor comes from the weights.
    pub build: Build,
    /// The tokenizer it was trained with.
    pub tokenizer: fn() -> Tokenizer,
    /// Whether its chunks begin with a start token.
    pub framed: bool,
    /// Whether one of its states stands for the whole prompt.
    pub pools: bool,
    /// What fills its chunks.
    pub padding: Padding,
    /// The layer whose states it gives when it works alone: -1 is the last.
    pub layer: i64,
    /// Whether these are normalised.
    pub normed: bool,
    /// Whether it computes with the exact GELU where no setting says otherwise, else with the quick one.
    pub gelu: bool,
    /// The tensor of an embedding's file that is for it.
    pub embedding: &'static str,
}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The family of these tensors, which may have foreign names, and the tensors under their canonical ones.
///
/// # Errors
/// [`LoadError::Unknown`] where no family has such tensors.
pub fn detect(weights: &Weights) -> Result<(&'static Architecture, Weights), LoadError> {
    for architecture in ARCHITECTURES {
        let canonical = weights.canonical(architecture.layouts)?;
        if (architecture.detect)(&canonical) {
            return Ok((architecture, canonical));
        }
    }
    let first = weights.names().take(3).map(str::to_owned).collect();
    Err(LoadError::Unknown { source_name: weights.source().to_owned(), first })
}

/// Families of models, by how their text encoders work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One alone, or CLIP-L and CLIP-G of SD XL: states side by side, pooled is the last.
    Sd,
    /// CLIP-L and T5: the states of T5, the pooled state of CLIP-L.
    Flux,
    /// Any of CLIP-L, CLIP-G and T5: the first two side by side, then T5 behind them. What is missing is zero.
    Sd3,
}

/// Widths of CLIP-L and CLIP-G, where one of them is missing, and of T5-XXL, to which they are filled up.
const WIDTHS: [usize; 3] = [768, 1280, 4096];
/// The least tokens of T5 that Stable Diffusion 3 was trained with.
const SD3_LEAST: usize = 77;

/// A CLIP on a wire: text encoders with their tokenizers. Cloning costs nothing and loads nothing.
#[derive(Clone)]
pub struct Clip {
    /// One or several, in the order CLIP-L, CLIP-G, T5.
    encoders: Vec<Encoder>,
    family: Family,
    embeddings: Option<Arc<dyn Embeddings>>,
    last_layer: Option<i64>,
}

/// One text encoder.
#[derive(Clone)]
struct Encoder {
    weights: Weights,
    architecture: &'static Architecture,
    sizes: Sizes,
    tokenizer: Tokenizer,
    /// The layer whose states it gives.
    layer: i64,
    normed: bool,
    /// Whether its pooled state is projected into the space that pictures share.
    projected: bool,
}

impl Recipe for Clip {
    fn networks(&self) -> Vec<(String, &Weights)> {
        self.encoders.iter().map(|it| (it.network_key(), &it.weights)).collect()
    }
}

impl Clip {
    /// A text encoder of these tensors.
    ///
    /// # Errors
    /// As [`detect`], and where sizes or settings make no sense.
    pub fn new(weights: &Weights, tokenizer: Tokenizer) -> Result<Self, LoadError> {
        Ok(Self {
            encoders: vec![Encoder::new(weights, Some(tokenizer))?],
            family: Family::Sd,
            embeddings: None,
            last_layer: None,
        })
    }

    /// The two text encoders of SD XL, in any order.
    ///
    /// # Errors
    /// As [`Clip::new`], and [`LoadError::Config`] where they are not CLIP-L and CLIP-G.
    pub fn pair(parts: [(&Weights, Tokenizer); 2]) -> Result<Self, LoadError> {
        Self::together(Family::Sd, parts.map(|(weights, tokenizer)| (weights, Some(tokenizer))))
    }

    /// The text encoders of a family, in any order, each with the tokenizer given or else its own.
    ///
    /// # Errors
    /// As [`Clip::new`], and [`LoadError::Config`] where they are not those of the family.
    pub fn together<'a>(
        family: Family,
        parts: impl IntoIterator<Item = (&'a Weights, Option<Tokenizer>)>,
    ) -> Result<Self, LoadError> {
        let (mut sources, mut encoders) = (Vec::new(), Vec::new());
        for (weights, tokenizer) in parts {
            sources.push(weights.source().to_owned());
            encoders.push(Encoder::new(weights, tokenizer)?);
        }
        let order = [CLIP_L.name, CLIP_G.name, T5.name];
        let place = |it: &Encoder| order.iter().position(|name| *name == it.architecture.name).unwrap_or(order.len());
        encoders.sort_by_key(place);
        let places: Vec<usize> = encoders.iter().map(place).collect();
        let fits = match family {
            Family::Sd => places.len() == 1 || places == [0, 1],
            Family::Flux => places == [0, 2],
            Family::Sd3 => !places.is_empty() && places.windows(2).all(|it| it[0] < it[1]) && places.iter().all(|it| *it < 3),
        };
        if !fits {
            let names: Vec<&str> = encoders.iter().map(|it| it.architecture.name).collect();
            let needed = match family {
                Family::Sd => "SD XL has clip-l and clip-g",
                Family::Flux => "FLUX.1 has clip-l and t5",
                Family::Sd3 => "SD 3 has clip-l, clip-g and t5, or some of them",
            };
            let reason = format!("{} do not work together: {needed}", names.join(" and "));
            return Err(LoadError::Config { source_name: sources.join(" with "), reason });
        }
        for encoder in &mut encoders {
            if family == Family::Sd3 || family == Family::Sd && places.len() == 2 {
                if encoder.architecture.name == T5.name {
                    encoder.sizes.chunks = Chunks::One { least: SD3_LEAST };
                } else {
                    // Both give the states before their last layer as they are.
                    (encoder.layer, encoder.normed) = (-2, false);
                }
            }
        }
        Ok(Self { encoders, family, embeddings: None, last_layer: None })
    }

    /// The same, with a place where `embedding:name` is found.
    #[must_use]
    pub fn with_embeddings(self, embeddings: Arc<dyn Embeddings>) -> Self {
        Self { embeddings: Some(embeddings), ..self }
    }

    /// The same, taking the states behind another layer: -1 is the last, -2 the one before it.
    ///
    /// As in ComfyUI, a number beyond the first layer means the last one.
    #[must_use]
    pub fn with_last_layer(self, layer: i64) -> Self {
        Self { last_layer: Some(layer), ..self }
    }

    /// What kind of encoder it is, or the first of two.
    pub fn architecture(&self) -> &'static Architecture {
        self.encoders[0].architecture
    }

    /// What kinds of encoders are in it, and their tensors.
    pub fn encoders(&self) -> impl Iterator<Item = (&'static Architecture, &Weights)> {
        self.encoders.iter().map(|it| (it.architecture, &it.weights))
    }

    /// Its family.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// The tokenizer of each encoder in it.
    pub(crate) fn tokenizers(&self) -> impl Iterator<Item = &Tokenizer> {
        self.encoders.iter().map(|it| &it.tokenizer)
    }

    /// The tensors of each encoder in it, and the foreign names that they may have.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Weights, &'static [&'static Layout])> {
        self.encoders.iter().map(|it| (&it.weights, it.architecture.layouts))
    }

    /// The same, with changes to the tensors of the encoder of this number.
    pub(crate) fn patched(mut self, index: usize, patch: Patch) -> Self {
        if let Some(encoder) = self.encoders.get_mut(index) {
            encoder.weights = encoder.weights.patched(patch);
        }
        self
    }

    /// Equal for recipes that encode every prompt alike.
    pub fn key(&self) -> String {
        let embeddings = self.embeddings.as_ref().map(|it| it.identity()).unwrap_or_default();
        let each = |it: &Encoder| {
            let (layer, normed) = it.kept(self.last_layer);
            format!("{}:{}:{layer}:{normed}:", it.network_key(), it.tokenizer.identity())
        };
        format!("{:?}:{}{embeddings}", self.family, self.encoders.iter().map(each).collect::<String>())
    }

    /// A text encoder of these tensors with the tokenizer of its family.
    ///
    /// # Errors
    /// As [`Clip::new`].
    pub fn alone(weights: &Weights) -> Result<Self, LoadError> {
        Self::together(Family::Sd, [(weights, None)])
    }

    /// Reads a prompt as the first encoder does: its tokens with their weights, dealt into chunks.
    ///
    /// # Errors
    /// [`Stop::Prompt`] says what is wrong with it.
    pub fn tokenize(&self, text: &str) -> Result<Tokens, Stop> {
        self.encoders[0].tokenize(text, self.embeddings.as_deref())
    }

    /// Encodes a prompt: hidden states of all chunks behind each other, `[1, chunks · T, C]`, and the pooled state of the first, `[1, C]`.
    ///
    /// A token of weight w stands for `(z - z_empty) · w + z_empty`, where `z_empty` is what the empty prompt has in its place. Of two
    /// encoders the states stand side by side, and the pooled state is the second's.
    ///
    /// # Errors
    /// As [`Clip::tokenize`]; [`Stop::Load`] where the file is not what its family needs; [`Stop::Cancelled`].
    pub fn encode(&self, text: &str, engine: &Engine, watch: &dyn Watch) -> Result<Conditioning, Stop> {
        self.encode_each(&[("", text)], engine, watch)
    }

    /// As [`Clip::encode`], with a text for each of two or three encoders, named by their families; one that is not named reads the
    /// first.
    ///
    /// # Errors
    /// As [`Clip::encode`].
    pub fn encode_each(&self, texts: &[(&str, &str)], engine: &Engine, watch: &dyn Watch) -> Result<Conditioning, Stop> {
        let embeddings = self.embeddings.as_deref();
        let text = |name: &str| texts.iter().find(|it| it.0 == name).or(texts.first()).map_or("", |it| it.1);
        let read = |encoder: &Encoder| encoder.tokenize(text(encoder.architecture.name), embeddings).map(|it| it.chunks);
        let mut chunks = self.encoders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        // The shorter prompt goes on in silence where both are dealt out.
        let many = |it: &Encoder| matches!(it.sizes.chunks, Chunks::Many { .. });
        let dealt = self.encoders.iter().zip(&chunks).filter(|it| many(it.0)).map(|it| it.1.len());
        let longest = dealt.max().unwrap_or(0);
        for (encoder, chunks) in self.encoders.iter().zip(&mut chunks).filter(|it| many(it.0) && it.1.len() < longest) {
            if texts.iter().any(|it| it.1 != texts[0].1) {
                let silence = encoder.tokenize("", embeddings)?.chunks;
                chunks.extend(silence.into_iter().cycle().take(longest - chunks.len()));
            }
        }
        let mut encoded = Vec::new();
        for (encoder, chunks) in self.encoders.iter().zip(&chunks) {
            let (states, pooled) = encoder.encode(chunks, embeddings, self.last_layer, engine, watch)?;
            encoded.push((encoder.architecture.name, states, pooled));
        }
        let (context, pooled) = match self.family {
            Family::Sd => {
                let pooled = encoded.last().and_then(|it| it.2.clone());
                (beside(encoded.into_iter().map(|it| it.1).collect()), pooled)
            }
            Family::Flux => {
                let pooled = encoded.first().and_then(|it| it.2.clone());
                (encoded.swap_remove(1).1, pooled)
            }
            Family::Sd3 => sd3(encoded, engine.device())?,
        };
        Ok(vec![Cond::new(context, pooled)])
    }
}

/// States of several encoders side by side, as long as the shortest.
fn beside(states: Vec<Tensor<3>>) -> Tensor<3> {
    let length = states.iter().map(|it| it.dims()[1]).min().unwrap_or(0);
    Tensor::cat(states.into_iter().map(|it| it.narrow(1, 0, length)).collect(), 2)
}

/// What Stable Diffusion 3 reads: states and pooled states of those encoders that there are, by name, with zeros for the others.
fn sd3(
    encoded: Vec<(&'static str, Tensor<3>, Option<Tensor<2>>)>,
    device: &Device,
) -> Result<(Tensor<3>, Option<Tensor<2>>), Stop> {
    let (mut clips, mut pooled, mut t5) = ([None, None], [None, None], None);
    for (name, states, whole) in encoded {
        match [CLIP_L.name, CLIP_G.name].iter().position(|it| *it == name) {
            Some(place) => (clips[place], pooled[place]) = (Some(states), whole),
            None => t5 = Some(states),
        }
    }
    let missing = |place: usize| Tensor::zeros([1, WIDTHS[place]], device);
    let pooled: Vec<Tensor<2>> = pooled.into_iter().enumerate().map(|(place, it)| it.unwrap_or_else(|| missing(place))).collect();
    let width = t5.as_ref().map_or(WIDTHS[2], |it| it.dims()[2]);
    let clips = match clips {
        [None, None] => None,
        [Some(one), None] => Some(one),
        [None, Some(two)] => Some(Tensor::cat(vec![Tensor::zeros([1, two.dims()[1], WIDTHS[0]], device), two], 2)),
        [Some(one), Some(two)] => Some(beside(vec![one, two])),
    };
    let clips = match clips.map(|it| (it.dims(), it)) {
        None => None,
        Some(([_, _, found], it)) if found == width => Some(it),
        Some(([_, length, found], it)) if found < width => {
            Some(Tensor::cat(vec![it, Tensor::zeros([1, length, width - found], device)], 2))
        }
        Some(([_, _, found], _)) => {
            return Err(Stop::Unfit(format!(
                "the states of CLIP are {found} wide together, those of T5 {width}: they are not of one model"
            )));
        }
    };
    let all: Vec<Tensor<3>> = clips.into_iter().chain(t5).collect();
    Ok((Tensor::cat(all, 1), Some(Tensor::cat(pooled, 1))))
}

impl Encoder {
    fn new(weights: &Weights, tokenizer: Option<Tokenizer>) -> Result<Self, LoadError> {
        let (architecture, weights) = detect(weights)?;
        let tokenizer = tokenizer.unwrap_or_else(architecture.tokenizer);
        let sizes = (architecture.sizes)(&weights, architecture)?;
        let Architecture { layer, normed, .. } = *architecture;
        // Nobody looks at the pooled state of CLIP-L in a projection.
        let projected = architecture.name != CLIP_L.name;
        Ok(Self { weights, architecture, sizes, tokenizer, layer, normed, projected })
    }

    fn tokenize(&self, text: &str, embeddings: Option<&dyn Embeddings>) -> Result<Tokens, Stop> {
        self.tokenize_to(0, text, embeddings)
    }

    /// As [`Encoder::tokenize`], of at least so many places where a prompt is one chunk.
    fn tokenize_to(&self, places: usize, text: &str, embeddings: Option<&dyn Embeddings>) -> Result<Tokens, Stop> {
        let Architecture { padding, framed, embedding, .. } = *self.architecture;
        let (length, least) = match self.sizes.chunks {
            Chunks::Many { length } => (length, length),
            Chunks::One { least } => (usize::MAX, least.max(places)),
        };
        let format = Format { length, least, framed, width: self.sizes.width, padding, embedding };
        let tokens = prompt::tokenize(text, &self.tokenizer, embeddings, format)?;
        match tokens.chunks.iter().map(Vec::len).max() {
            Some(tokens) if tokens > LONGEST => Err(PromptError::TooLong { tokens, most: LONGEST }.into()),
            _ => Ok(tokens),
        }
    }

    /// The states of all chunks behind each other, `[1, chunks · T, C]`, and the pooled state of the first, `[1, C]`.
    fn encode(
        &self,
        chunks: &[Vec<Weighted>],
        embeddings: Option<&dyn Embeddings>,
        last_layer: Option<i64>,
        engine: &Engine,
        watch: &dyn Watch,
    ) -> Result<(Tensor<3>, Option<Tensor<2>>), Stop> {
        let weighted = chunks.iter().flatten().any(|it| it.weight != 1.0);
        let empty = if weighted { self.tokenize_to(chunks[0].len(), "", embeddings)?.chunks } else { Vec::new() };
        let rows: Vec<&[Weighted]> = chunks.iter().chain(&empty).map(Vec::as_slice).collect();

        let model = engine.network(&self.network_key(), &self.weights, |weights, device| {
            (self.architecture.build)(weights, self.architecture, device)
        })?;
        let (layer, normed) = self.kept(last_layer);
        let mut all = Vec::new();
        let mut pooled = None;
        for rows in rows.chunks(CHUNKS_AT_ONCE) {
            let States { kept, last } = model.forward(self.embed(&**model, rows, engine.device())?, layer, normed, watch)?;
            pooled = pooled.or_else(|| Some(last.narrow(0, 0, 1).narrow(1, self.pooled_at(rows[0]), 1)));
            all.push(kept);
        }
        let states = Tensor::cat(all, 0);
        let states = if weighted { weigh(states, chunks) } else { states };
        let [_, length, width] = states.dims();
        let context = states.reshape([1, chunks.len() * length, width]);
        let pooled = pooled.filter(|_| self.architecture.pools).map(|it| it.reshape([1, width]));
        Ok((context, if self.projected { pooled.map(|it| model.project(it)) } else { pooled }))
    }

    /// The vectors of chunks, `[B, T, C]`: rows of the token table, or of embeddings.
    fn embed(&self, model: &dyn Encode, rows: &[&[Weighted]], device: &Device) -> Result<Tensor<3>, Stop> {
        let Sizes { vocabulary: known, width, .. } = self.sizes;
        let end = self.tokenizer.end()?;
        let positions = rows.first().map_or(0, |it| it.len());
        let places = rows.len() * positions;
        let (mut ids, mut sources) = (Vec::with_capacity(places), Vec::with_capacity(places));
        let mut embeddings: Vec<(&Arc<Embedding>, usize)> = Vec::new();
        let mut next = places;
        for (place, weighted) in rows.iter().copied().flatten().enumerate() {
            let (id, source) = match &weighted.token {
                Token::Id(id) => (*id, place),
                Token::Vector(embedding, row) => {
                    let first = embeddings.iter().find(|it| Arc::ptr_eq(it.0, embedding)).map(|it| it.1).unwrap_or_else(|| {
                        embeddings.push((embedding, next));
                        next += embedding.len();
                        next - embedding.len()
                    });
                    (end, first + row)
                }
            };
            if id as usize >= known {
                return Err(PromptError::Vocabulary { token: id, known }.into());
            }
            ids.push(i64::from(id));
            sources.push(source as i64);
        }
        let words = model.embed(int_tensor(ids, [rows.len(), positions], device));
        if embeddings.is_empty() {
            return Ok(words);
        }
        let mut table = vec![words.reshape([places, width])];
        for (embedding, _) in embeddings {
            table.push(embedding.vectors(device)?);
        }
        let chosen = Tensor::cat(table, 0).select(0, int_tensor(sources, [places], device));
        Ok(chosen.reshape([rows.len(), positions, width]))
    }

    /// The place whose state stands for the whole prompt: the first end token, counted as ComfyUI does where vectors follow one.
    fn pooled_at(&self, chunk: &[Weighted]) -> usize {
        let end = self.tokenizer.end().ok();
        let is_end = |it: &Weighted| matches!(it.token, Token::Id(id) if Some(id) == end);
        let first = chunk.iter().position(is_end).unwrap_or(chunk.len() - 1);
        first + chunk[first..].iter().filter(|it| matches!(it.token, Token::Vector(..))).count()
    }

    /// The index of the layer whose states are taken, and whether they are normalised.
    fn kept(&self, last_layer: Option<i64>) -> (usize, bool) {
        let layers = self.sizes.nominal_layers;
        let last = self.sizes.layers.saturating_sub(1);
        let layer = last_layer.unwrap_or(self.layer);
        let index = if layer < 0 { i64::try_from(layers).unwrap_or(i64::MAX) + layer } else { layer };
        match usize::try_from(index) {
            // A last layer that the file leaves out is the one before it.
            Ok(index) if index < layers => (index.min(last), self.normed),
            _ => (last, true),
        }
    }

    fn network_key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.network_key())
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({})", self.key())
    }
}

/// Pushes the states `[chunks + 1, T, C]` of weighted tokens away from, or towards, those of the empty prompt, which come last.
fn weigh(states: Tensor<3>, chunks: &[Vec<Weighted>]) -> Tensor<3> {
    let [rows, length, width] = states.dims();
    let device = states.device();
    let weights: Vec<f32> = chunks.iter().flatten().map(|it| it.weight as f32).collect();
    let weights = Tensor::<1>::from_data(weights.as_slice(), &device).reshape([rows - 1, length, 1]);
    let empty = states.clone().narrow(0, rows - 1, 1);
    let states = states.narrow(0, 0, rows - 1);
    let weighed = (states.clone() - empty.clone()) * weights.clone() + empty;
    // Bit for bit as it was where the weight is 1.
    let plain = weights.equal_elem(1.0).expand([rows - 1, length, width]);
    weighed.mask_where(plain, states)
}

/// Ids or indices as a tensor.
fn int_tensor<const D: usize>(values: Vec<i64>, shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// What the goldens of this folder share.
#[cfg(test)]
mod golden {
    use super::Embeddings;
    use std::path::{Path, PathBuf};

    pub(super) fn path(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/text").join(name)
    }

    pub(super) fn json(name: &str) -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
    }

    /// The embeddings in one folder.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Embeddings for Folder {
        fn find(&self, name: &str) -> Option<PathBuf> {
            [name.to_owned(), format!("{name}.safetensors")].iter().map(|it| self.0.join(it)).find(|it| it.is_file())
        }

        fn names(&self) -> Vec<String> {
            ["flat", "one", "ten", "two"].map(str::to_owned).to_vec()
        }

        fn identity(&self) -> String {
            self.0.display().to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;

    fn clip(name: &str) -> Clip {
        let weights = Weights::open(&golden::path(name).join("text_encoder/model.safetensors")).unwrap();
        let tokenizer = Tokenizer::open(&golden::path(name).join("tokenizer")).unwrap();
        let embeddings = golden::Folder(golden::path(name).join("embeddings"));
        Clip::new(&weights, tokenizer).unwrap().with_embeddings(Arc::new(embeddings))
    }

    fn encode(clip: &Clip, text: &str) -> Cond {
        clip.encode(text, &Engine::cpu(), &Unwatched).unwrap().remove(0)
    }

    /// The largest difference, as a part of the largest value.
    fn difference<const D: usize>(found: Tensor<D>, file: &Weights, name: &str) -> f32 {
        let wanted = file.tensor(name, found.dims(), &found.device()).unwrap();
        ((found - wanted.clone()).abs().max() / wanted.abs().max()).into_scalar()
    }

    fn compare(name: &str) {
        let expected = Weights::open(&golden::path(name).join("expected.safetensors")).unwrap();
        let clip = clip(name);
        for case in golden::json(&format!("{name}/cases.json")).as_array().unwrap() {
            let clip = case["layer"].as_i64().map_or_else(|| clip.clone(), |it| clip.clone().with_last_layer(it));
            let cond = encode(&clip, case["prompt"].as_str().unwrap());
            let key = case["case"].as_str().unwrap();
            for error in [
                difference(cond.context, &expected, &format!("{key}.context")),
                difference(cond.pooled.unwrap(), &expected, &format!("{key}.pooled")),
            ] {
                assert!(error < 1e-5, "{name} {case}: {error}");
            }
        }
        let cond = encode(&clip, "a cat");
        assert!(difference(cond.context, &expected, "transformers.context") < 1e-5);
        assert!(difference(cond.pooled.unwrap(), &expected, "transformers.pooled") < 1e-5);
    }

    #[test]
    fn half_precision_with_quick_gelu_encodes_as_comfyui_and_transformers_do() {
        compare("quick_gelu");
    }

    #[test]
    fn a_model_folder_with_gelu_and_short_chunks_encodes_as_comfyui_and_transformers_do() {
        compare("gelu");
    }

    #[test]
    fn names_without_the_outer_one_are_the_same_model() {
        let file = std::fs::read(golden::path("quick_gelu/text_encoder/model.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
        let bare = tensors.tensors().into_iter().map(|(name, view)| (name.trim_start_matches("text_model.").to_owned(), view));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare.safetensors");
        safetensors::serialize_to_file(bare, None, &path).unwrap();
        let whole = clip("quick_gelu");
        let bare = Clip::new(&Weights::open(&path).unwrap(), whole.encoders[0].tokenizer.clone()).unwrap();
        let difference = encode(&bare, "a cat").context - encode(&whole, "a cat").context;
        assert_eq!(difference.abs().max().into_scalar::<f32>(), 0.0);
    }

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let weights = clip("gelu").encoders.remove(0).weights;
        for (settings, said) in [
            (r#"{"num_attention_heads": 7}"#, "num_attention_heads 7 does not divide the width 24"),
            (r#"{"num_attention_heads": -1}"#, "num_attention_heads -1"),
            (r#"{"num_attention_heads": 3, "hidden_act": "relu"}"#, "hidden_act `relu` is not known"),
            (r#"{"num_attention_heads": 3, "hidden_act": 5}"#, "hidden_act `5` is not known"),
            (r#"{"num_attention_heads": 3, "layer_norm_eps": "small"}"#, "layer_norm_eps"),
        ] {
            let weights = weights.with_config(serde_json::from_str(settings).unwrap());
            let error = Clip::new(&weights, Tokenizer::clip()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let file = std::fs::read(golden::path("quick_gelu/text_encoder/model.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
        let name = "text_model.encoder.layers.1.mlp.fc2.bias";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        safetensors::serialize_to_file(tensors.tensors().into_iter().filter(|it| it.0 != name), None, &path).unwrap();
        let clip = Clip::new(&Weights::open(&path).unwrap(), clip("quick_gelu").encoders[0].tokenizer.clone()).unwrap();
        let error = clip.encode("a cat", &Engine::cpu(), &Unwatched).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }

    #[test]
    fn a_prompt_of_many_chunks_is_encoded_in_rounds() {
        let clip = clip("quick_gelu");
        let chunk = "b ".repeat(75);
        let (one, many) = (encode(&clip, &chunk).context, encode(&clip, &chunk.repeat(2 * CHUNKS_AT_ONCE + 1)).context);
        assert_eq!(many.dims()[1], 77 * (2 * CHUNKS_AT_ONCE + 1));
        let last = many.narrow(1, 77 * 2 * CHUNKS_AT_ONCE, 77);
        assert!((last - one).abs().max().into_scalar::<f32>() < 1e-5);
    }

    #[test]
    fn keys_tell_layers_apart_but_not_two_names_of_one() {
        let clip = clip("quick_gelu");
        let key = |layer| clip.clone().with_last_layer(layer).key();
        assert_ne!(clip.key(), key(-2));
        assert_eq!(clip.key(), key(-1));
    }

    #[test]
    fn a_tokenizer_of_another_model_is_an_error() {
        let mut clip = clip("quick_gelu");
        clip.encoders[0].tokenizer = Tokenizer::clip();
        let error = clip.encode("a cat", &Engine::cpu(), &Unwatched).unwrap_err().to_string();
        assert_eq!(
            error,
            "the tokenizer gives token 49406, the text encoder knows 574; the model needs the tokenizer it was trained with"
        );
    }

    #[test]
    fn tensors_of_no_known_encoder_are_an_error() {
        let weights = Weights::open(&golden::path("embeddings/one.safetensors")).unwrap();
        assert!(matches!(Clip::new(&weights, Tokenizer::clip()), Err(LoadError::Unknown { .. })));
    }

    /// An encoder of the goldens made by tests/parity/make/openclip.py; `change` may do harm to its tensors.
    fn made(case: &str, change: impl FnOnce(&mut Vec<(String, TensorData)>)) -> Weights {
        let path = golden::path("../openclip.json");
        let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let case = &cases[case];
        let rows = case["tensors"].as_array().unwrap().iter().zip(case["seed"].as_u64().unwrap()..);
        let made = rows.map(|(row, place)| {
            let shape: Vec<usize> = serde_json::from_value(row[1].clone()).unwrap();
            let (offset, scale) = (row[2].as_f64().unwrap() as f32, row[3].as_f64().unwrap() as f32);
            let values: Vec<f32> = crate::golden::values(place, shape.iter().product(), offset, scale).collect();
            (row[0].as_str().unwrap().to_owned(), TensorData::new(values, shape))
        });
        let mut tensors: Vec<_> = made.collect();
        change(&mut tensors);
        Weights::from_tensors("a golden", tensors).unwrap()
    }

    fn words() -> Tokenizer {
        Tokenizer::open(&golden::path("gelu/tokenizer")).unwrap()
    }

    const PROMPTS: [&str; 2] = ["a b", "a (b:1.3) c"];

    fn long() -> String {
        "a b ".repeat(14)
    }

    #[track_caller]
    fn agrees(cond: Cond, case: &str) {
        let expected = Weights::open(&golden::path("../openclip.safetensors")).unwrap();
        for error in [
            difference(cond.context, &expected, &format!("{case}.context")),
            difference(cond.pooled.unwrap(), &expected, &format!("{case}.pooled")),
        ] {
            assert!(error < 1e-4, "{case}: {error}");
        }
    }

    #[test]
    fn openclip_encoders_encode_as_comfyui_and_transformers_do() {
        for (case, family) in [("h", "clip-h"), ("g", "clip-g")] {
            let clip = Clip::new(&made(case, |_| ()), words()).unwrap();
            assert_eq!(clip.architecture().name, family);
            for (index, text) in [PROMPTS[0], PROMPTS[1], &long()].into_iter().enumerate() {
                agrees(encode(&clip, text), &format!("{case}.{index}"));
            }
        }
        let clip = Clip::new(&made("h", |_| ()), words()).unwrap();
        agrees(encode(&clip.with_last_layer(-3), PROMPTS[0]), "third");
    }

    #[test]
    fn a_pair_of_encoders_stands_side_by_side_in_any_order() {
        let (l, g) = (made("l", |_| ()), made("g", |_| ()));
        let clip = Clip::pair([(&g, words()), (&l, words())]).unwrap();
        for (index, text) in [PROMPTS[0], PROMPTS[1], &long()].into_iter().enumerate() {
            agrees(encode(&clip, text), &format!("both.{index}"));
        }
        let different =
            clip.encode_each(&[(CLIP_L.name, PROMPTS[0]), (CLIP_G.name, &long())], &Engine::cpu(), &Unwatched).unwrap().remove(0);
        agrees(different, "different");
        agrees(encode(&clip.clone().with_last_layer(-1), PROMPTS[0]), "last");
        assert_eq!(clip.networks().len(), 2);
        let error = Clip::pair([(&l, words()), (&l, words())]).unwrap_err().to_string();
        assert!(error.ends_with("clip-l and clip-l do not work together: SD XL has clip-l and clip-g"), "{error}");
    }

    /// A small T5.
    fn t5() -> (tempfile::TempDir, Weights) {
        crate::golden::Golden::open("t5", "prompts").write(crate::golden::Names::Original)
    }

    fn same<const D: usize>(found: Tensor<D>, wanted: Tensor<D>) {
        assert_eq!(found.dims(), wanted.dims());
        assert_eq!((found - wanted).abs().max().into_scalar::<f32>(), 0.0);
    }

    #[test]
    fn flux_reads_the_states_of_t5_and_the_gist_of_clip() {
        let (l, (_folder, t5)) = (made("l", |_| ()), t5());
        let both = Clip::together(Family::Flux, [(&t5, None), (&l, Some(words()))]).unwrap();
        let cond = both.encode_each(&[("clip-l", "a b"), ("t5", "c (d:1.2)")], &Engine::cpu(), &Unwatched).unwrap().remove(0);
        same(cond.context, encode(&Clip::alone(&t5).unwrap(), "c (d:1.2)").context);
        same(cond.pooled.unwrap(), encode(&Clip::new(&l, words()).unwrap(), "a b").pooled.unwrap());
        let error = Clip::together(Family::Flux, [(&l, Some(words()))]).unwrap_err().to_string();
        assert!(error.contains("FLUX.1 has clip-l and t5"), "{error}");
    }

    #[test]
    fn stable_diffusion_3_fills_up_with_zeros_what_is_missing() {
        let (l, g, (_folder, t5)) = (made("l", |_| ()), made("g", |_| ()), t5());
        let device = Device::flex();
        let together = |parts: &[&Weights]| {
            let own = |it: &&Weights| (!it.has("shared.weight")).then(words);
            encode(&Clip::together(Family::Sd3, parts.iter().map(|it| (*it, own(it)))).unwrap(), "a b")
        };
        let alone = together(&[&t5]);
        assert_eq!(alone.context.dims()[1], SD3_LEAST);
        same(alone.pooled.unwrap(), Tensor::zeros([1, 768 + 1280], &device));

        let pair = encode(&Clip::pair([(&l, words()), (&g, words())]).unwrap(), "a b");
        let (clips, one) = (together(&[&g, &l]), together(&[&l]));
        let [_, _, width] = pair.context.dims();
        same(clips.context.clone().narrow(2, 0, width), pair.context);
        assert_eq!(clips.context.dims()[2], 4096);
        same(clips.context.narrow(2, width, 4096 - width), Tensor::zeros([1, one.context.dims()[1], 4096 - width], &device));
        let pooled = one.pooled.unwrap();
        let own = pooled.dims()[1] - 1280;
        same(pooled.narrow(1, own, 1280), Tensor::zeros([1, 1280], &device));

        let three = Clip::together(Family::Sd3, [&t5, &g, &l].map(|it| (it, None))).unwrap();
        assert_eq!(three.networks().len(), 3);
        assert!(Clip::together(Family::Sd3, [(&l, None), (&l, None)]).is_err());
    }

    #[test]
    fn the_last_layer_of_the_second_may_be_left_out() {
        let whole = Clip::new(&made("h", |_| ()), words()).unwrap();
        let cut = made("h", |all| all.retain(|it| !it.0.starts_with("transformer.resblocks.23.")));
        let cut = Clip::new(&cut, words()).unwrap();
        assert_eq!(cut.architecture().name, "clip-h");
        let off = encode(&cut, "a b").context - encode(&whole, "a b").context;
        assert_eq!(off.abs().max().into_scalar::<f32>(), 0.0);
    }
}
