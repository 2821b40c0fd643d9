//! Why a file could not become a model.

use std::io;
use std::path::PathBuf;

/// Why a file could not become a model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what the format promises.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, where.
        reason: String,
    },
    /// The file may be in order, but it is of a kind that is not read.
    #[error("{path}: {reason}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which kind it is.
        reason: String,
        /// What would work instead.
        instead: &'static str,
    },
    /// A name leads to no file.
    #[error("{reason}")]
    NotFound {
        /// What was looked for, and where.
        reason: String,
        /// Names that are there and look alike, nearest first.
        nearest: Vec<String>,
    },
    /// No family has these tensors.
    #[error("{source_name}: no known model has these tensors (first: {})", listed(.first))]
    Unknown {
        /// The file.
        source_name: String,
        /// Its first tensors.
        first: Vec<String>,
    },
    /// A tensor has another shape than the model needs.
    #[error("{source_name}: `{}` has shape {found:?}, the model needs {needed:?}", shown(.name))]
    Shape {
        /// The file.
        source_name: String,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that would fit.
        needed: Vec<usize>,
    },
    /// A tensor is stored as another kind of number than the model needs.
    #[error("{source_name}: `{}` is stored as {found}, the model needs {needed}", shown(.name))]
    Type {
        /// The file.
        source_name: String,
        /// The tensor.
        name: String,
        /// How it is stored.
        found: String,
        /// What would fit.
        needed: &'static str,
    },
    /// Tensors are not there.
    #[error("{source_name}: {} missing: {}", counted(.names), listed(.names))]
    Missing {
        /// The file.
        source_name: String,
        /// The tensors.
        names: Vec<String>,
        /// A tensor that is there and whose name looks like the first one's.
        nearest: Option<String>,
    },
    /// Tensors are there that the model has no place for.
    #[error("{source_name}: {} without a place in the model: {}", counted(.names), listed(.names))]
    Unexpected {
        /// The file.
        source_name: String,
        /// The tensors.
        names: Vec<String>,
    },
    /// No tensor of a file that changes a model names a layer of that model.
    #[error("{source_name}: nothing in it fits {model}, first: {}", listed(.names))]
    Foreign {
        /// The file.
        source_name: String,
        /// Its tensors.
        names: Vec<String>,
        /// What it was to change.
        model: String,
    },
    /// The tensors cannot be translated to canonical names.
    #[error("{source_name}: {reason}")]
    Layout {
        /// The file.
        source_name: String,
        /// Which naming was recognised, and which tensor does not follow it.
        reason: String,
    },
    /// A setting in the model's `config.json` is missing, of the wrong kind, or not supported.
    #[error("{source_name}: {reason}")]
    Config {
        /// The file.
        source_name: String,
        /// Which setting, its value, and what would work.
        reason: String,
    },
    /// The device has no room for the model, even with everything else evicted.
    #[error("out of memory while loading {what}: {reason}")]
    OutOfMemory {
        /// The model.
        what: String,
        /// What the device said, or which budget it exceeds.
        reason: String,
    },
}

impl LoadError {
    /// What can be done about it, if anything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the name; `burnish models` lists what is there".to_owned(),
                io::ErrorKind::PermissionDenied => "the file exists, but this user may not read it".to_owned(),
                io::ErrorKind::IsADirectory => {
                    "give the file inside it, or load a folder with a model_index.json by the DiffusersLoader node".to_owned()
                }
                _ => return None,
            },
            Self::Malformed { .. } => {
                "the file is damaged or its download was cut off: fetch it again and compare its size".to_owned()
            }
            Self::Unsupported { instead, .. } => (*instead).to_owned(),
            Self::NotFound { nearest, .. } | Self::Unknown { first: nearest, .. } if nearest.is_empty() => return None,
            Self::NotFound { nearest, .. } => format!("did you mean {}?", alternatives(nearest)),
            Self::Unknown { first, .. } => match family(first) {
                Some(family) => format!("these tensors look like {family} and are of no use here"),
                None => "a checkpoint of Stable Diffusion 1, 2 or XL, or one of its parts, would be read".to_owned(),
            },
            Self::Shape { .. } => {
                "the file holds a model of another size or family: choose the loader node for its kind".to_owned()
            }
            Self::Type { .. } => "convert the file to float16, bfloat16 or float32".to_owned(),
            Self::Missing { nearest: Some(nearest), .. } => {
                format!("the file has `{}`: it may be of another family, or incomplete", shown(nearest))
            }
            Self::Missing { nearest: None, .. } => "the file is incomplete, or holds another part of a model".to_owned(),
            Self::Unexpected { names, .. } => match family(names) {
                Some(family) => format!("the file also holds {family}"),
                None => "the file holds more than this model: it may be of a newer version, or of another family".to_owned(),
            },
            Self::Foreign { .. } => {
                "it was made for a model of another family: use it with the kind it was trained on".to_owned()
            }
            Self::OutOfMemory { .. } => "raise --memory, or use a smaller model or picture".to_owned(),
            Self::Layout { .. } | Self::Config { .. } => return None,
        })
    }
}

/// Which family tensors of these names belong to, as far as it is known without being supported.
///
/// One row for each: a part of a name that only it has, and what it is. Judged by the names that are usual in released files.
pub(crate) fn family<'a>(names: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> Option<&'static str> {
    const FAMILIES: &[(&str, &str)] = &[
        ("double_blocks.0.img_attn", "Flux"),
        ("single_blocks.0.linear1", "Flux"),
        ("joint_blocks.0.", "Stable Diffusion 3"),
        ("clip_txt_mapper.", "Stable Cascade (stage C)"),
        ("clip_mapper.", "Stable Cascade (stage B)"),
        ("cap_embedder.", "a Lumina model"),
        ("double_layers.0.attn.w1q", "AuraFlow"),
        ("mlp_t5.0.", "Hunyuan-DiT"),
        ("adaln_single.", "PixArt or LTX-Video"),
        ("head.modulation", "Wan"),
        ("t5_yproj.", "Mochi"),
        (".lora_up.", "a LoRA, which LoraLoader reads,"),
        (".lora_A.", "a LoRA, which LoraLoader reads,"),
        (".lora_down.", "a LoRA, which LoraLoader reads,"),
        ("lora_unet_", "a LoRA, which LoraLoader reads,"),
        ("control_model.", "a ControlNet, which ControlNetLoader reads,"),
        ("controlnet_cond_embedding.", "a ControlNet, which ControlNetLoader reads,"),
        ("controlnet_down_blocks.", "a ControlNet, which ControlNetLoader reads,"),
        ("vision_model.", "a CLIP vision model"),
        ("encoder.block.0.layer.0.SelfAttention", "a T5 text encoder"),
        ("model.layers.0.self_attn.", "a language model"),
        ("emb_params", "a textual-inversion embedding"),
        ("string_to_param", "a textual-inversion embedding"),
    ];
    let names: Vec<_> = names.into_iter().collect();
    let found = FAMILIES.iter().find(|(part, _)| names.iter().any(|name| name.as_ref().contains(part)));
    found.map(|(_, family)| *family)
}

/// A name from a file, cut so that no file can flood a terminal.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 160;
    let clean: String = name.chars().take(LONGEST).map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect();
    if name.chars().nth(LONGEST).is_some() { clean + "…" } else { clean }
}

/// The names most like `wanted`, best first, at most three; only such as a slip of the hand explains.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const ALIKE: f64 = 0.85;
    let wanted = cut(wanted).to_lowercase();
    let mut alike: Vec<(f64, &str)> = names
        .into_iter()
        .take(100_000)
        .map(|it| (strsim::jaro_winkler(&wanted, &cut(it).to_lowercase()), it))
        .filter(|it| it.0 >= ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    alike.truncate(3);
    alike.into_iter().map(|it| it.1.to_owned()).collect()
}

/// Comparing names takes time with the product of their lengths.
fn cut(name: &str) -> String {
    name.chars().take(200).collect()
}

/// "`a`, `b` or `c`".
fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|it| format!("`{}`", shown(it))).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn counted(names: &[String]) -> String {
    if names.len() == 1 { "a tensor is".to_owned() } else { format!("{} tensors are", names.len()) }
}

/// The first names and how many more there are.
fn listed(names: &[String]) -> String {
    const MOST: usize = 3;
    let first: Vec<String> = names.iter().take(MOST).map(|it| format!("`{}`", shown(it))).collect();
    let more = names.len().saturating_sub(MOST);
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_cut_and_cleaned() {
        let name = format!("\u{1b}[2J{}", "x".repeat(1_000_000));
        let message = LoadError::Unexpected { source_name: "f".into(), names: vec![name] }.to_string();
        assert!(message.chars().count() < 250 && !message.contains('\u{1b}'), "{message}");
    }

    #[test]
    fn a_slip_of_the_hand_finds_its_name_and_nonsense_finds_none() {
        let names = ["sd15.safetensors", "sdxl.safetensors", "other.ckpt"];
        assert_eq!(nearest("SD15.safetensor", names)[0], "sd15.safetensors");
        assert!(nearest("qqqq", names).is_empty());
    }

    #[test]
    fn a_known_but_unsupported_family_is_named() {
        let first = vec!["double_blocks.0.img_attn.norm.key_norm.scale".to_owned()];
        let error = LoadError::Unknown { source_name: "f".into(), first };
        assert_eq!(error.hint().expect("a hint"), "these tensors look like Flux and are of no use here");
    }

    #[test]
    fn long_lists_end_in_a_count() {
        let names: Vec<String> = (0..5).map(|it| format!("t{it}")).collect();
        let error = LoadError::Missing { source_name: "f".into(), names, nearest: None };
        assert_eq!(error.to_string(), "f: 5 tensors are missing: `t0`, `t1`, `t2` and 2 more");
    }
}
