//! What the program and a worker process say to each other. `docs/plugins.md` is the same for readers who write a worker.
//!
//! A message is a frame on standard input or output: its length as four bytes, smallest first, then MessagePack. Everything that a worker
//! says is taken for hostile: frames are bounded, nesting is bounded, and nothing is allocated because a length was claimed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json};
use std::io::{self, Read};

/// The version that both sides must speak.
pub const PROTOCOL: u32 = 1;

/// The largest frame that is read or written. Tensors travel beside the frames, so that this is long texts and previews.
pub const MOST_BYTES: usize = 32 << 20;

/// How deeply a message may be nested.
const MOST_DEPTH: usize = 100;

/// What the program says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The first message. Answered by [`Answer::Ready`] or [`Answer::Refuse`].
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The pack's name.
        pack: String,
        /// The directory of the pack.
        folder: String,
        /// The directory of the files that tensors are in.
        shared: String,
    },
    /// Run a node. Answered by [`Answer::Values`] or [`Answer::Expand`].
    Execute {
        /// What the answer has to repeat.
        call: u64,
        /// The class.
        class: String,
        /// The id of the node.
        node: String,
        /// The inputs that hold something.
        inputs: Vec<(String, Slot)>,
        /// What the class declared as hidden.
        hidden: Map<String, Json>,
        /// Whether previews are wanted.
        previews: bool,
    },
    /// Name the lazy inputs that are needed. Answered by [`Answer::Names`].
    Needs {
        /// What the answer has to repeat.
        call: u64,
        /// The class.
        class: String,
        /// The id of the node.
        node: String,
        /// The inputs; what is not evaluated is [`Slot::Waiting`].
        inputs: Vec<(String, Slot)>,
    },
    /// Say what the result depends on beside the inputs. Answered by [`Answer::Content`].
    Fingerprint {
        /// What the answer has to repeat.
        call: u64,
        /// The class.
        class: String,
        /// The literals; links are absent.
        literals: Map<String, Json>,
    },
    /// Check the literals. Answered by [`Answer::Objections`].
    Validate {
        /// What the answer has to repeat.
        call: u64,
        /// The class.
        class: String,
        /// The literals; links are absent.
        literals: Map<String, Json>,
    },
    /// End this call soon. Whoever does not is killed.
    Cancel {
        /// The call.
        call: u64,
    },
    /// Say [`Answer::Pong`], at once, whatever is going on.
    Ping {},
    /// Nobody needs these objects any more.
    Drop {
        /// Their numbers.
        held: Vec<u64>,
    },
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// These are my classes.
    Ready {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Each class as `/object_info` describes it, and [`Abilities`] under `worker`.
        classes: Map<String, Json>,
        /// Classes that it cannot offer, each with the reason.
        #[serde(default)]
        refused: Map<String, Json>,
    },
    /// I cannot offer this pack.
    Refuse {
        /// Why.
        reason: String,
    },
    /// `done` of `total` units of the work are finished.
    Progress {
        /// Which call.
        call: u64,
        /// Units finished.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// How the work looks so far.
    Preview {
        /// Which call.
        call: u64,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Three bytes a pixel, red first.
        #[serde(with = "bytes")]
        rgb: Vec<u8>,
    },
    /// A text about the work so far.
    Text {
        /// Which call.
        call: u64,
        /// The text.
        text: String,
    },
    /// These files of inputs are looked at no more. Said or not: it only saves time.
    Free {
        /// Their names.
        files: Vec<String>,
    },
    /// A line for the log.
    Log {
        /// The line.
        text: String,
    },
    /// The results of a node.
    Values {
        /// Which call.
        call: u64,
        /// For each output its values: one, or any number where the output is a list.
        outputs: Vec<Vec<Wire>>,
        /// What the editor shall show: a list for each group.
        #[serde(default)]
        ui: Map<String, Json>,
    },
    /// A graph that does the work in the node's place.
    Expand {
        /// Which call.
        call: u64,
        /// The graph, in the prompt format.
        graph: Json,
        /// What each output is.
        outputs: Vec<Part>,
        /// What the editor shall show.
        #[serde(default)]
        ui: Map<String, Json>,
    },
    /// The lazy inputs that are needed.
    Names {
        /// Which call.
        call: u64,
        /// Their names.
        names: Vec<String>,
    },
    /// What the result depends on.
    Content {
        /// Which call.
        call: u64,
        /// This; without it, something new every time.
        content: Option<String>,
    },
    /// What the class objects to.
    Objections {
        /// Which call.
        call: u64,
        /// Pairs of input name and message.
        objections: Vec<(String, String)>,
    },
    /// The call failed.
    Failed {
        /// Which call.
        call: u64,
        /// The name of the error's type.
        kind: String,
        /// What went wrong.
        message: String,
        /// Where, line by line.
        #[serde(default)]
        traceback: String,
    },
    /// I am alive.
    Pong {},
}

/// What a class offers beyond its description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Abilities {
    /// Whether it answers [`Order::Fingerprint`].
    pub fingerprint: bool,
    /// Whether it answers [`Order::Validate`].
    pub validate: bool,
    /// The inputs whose range and membership it checks itself.
    pub validated: Vec<String>,
    /// Whether it answers [`Order::Needs`].
    pub needs: bool,
    /// Whether it may answer with [`Answer::Expand`].
    pub expands: bool,
}

/// What an input holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// One value, or the whole list for a class that takes lists.
    Values(Vec<Wire>),
    /// Not evaluated.
    Waiting {},
    /// The link itself.
    Link(String, u64),
}

/// An output of a node that put a graph in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A value.
    Value(Wire),
    /// The output of a node, by id and slot.
    Link(String, u64),
}

/// A value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// A whole number, signed or not, of 64 bits.
    Int(Number),
    /// A real number.
    Float(f64),
    /// A truth.
    Bool(bool),
    /// A text.
    String(String),
    /// Anything else that JSON can say.
    Json(Json),
    /// Pictures `[batch, height, width, channels]`.
    Image(Shared),
    /// Masks `[batch, height, width]`.
    Mask(Shared),
    /// Latents.
    Latent {
        /// The latents, batch first.
        samples: Shared,
        /// Where to change them: `[batch, 1, height, width]`.
        #[serde(default)]
        noise_mask: Option<Shared>,
        /// Which noise each one gets.
        #[serde(default)]
        batch_index: Option<Vec<u64>>,
    },
    /// An object of the worker, by the number that the worker gave it.
    Held(u64),
    /// An object of the program, by the number that it has during this call.
    Host(u64),
    /// Nothing; with a message, the user is told.
    Blocked(Option<String>),
}

/// Where the numbers of a tensor are: 32-bit floating point, smallest byte first, rows without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The name of a file in the shared directory.
    pub file: String,
    /// The sizes, slowest first.
    pub shape: Vec<u64>,
}

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side is gone.
    #[error("the connection ended")]
    Ended,
    /// It cannot be read.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// It is larger than [`MOST_BYTES`].
    #[error("a message of {0} bytes is larger than the {MOST_BYTES} that are allowed")]
    Large(u64),
    /// It is no message.
    #[error("what was sent is no message: {0}")]
    Malformed(String),
}

/// Writes a message as a frame.
///
/// # Errors
/// When it is too large.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    message
        .serialize(&mut rmp_serde::Serializer::new(&mut frame).with_struct_map())
        .map_err(|it| FrameError::Malformed(it.to_string()))?;
    let length = frame.len() - 4;
    if length > MOST_BYTES {
        return Err(FrameError::Large(length as u64));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// Reads the next frame, without its length.
///
/// # Errors
/// [`FrameError`].
pub fn read(from: &mut impl Read) -> Result<Vec<u8>, FrameError> {
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(|it| match it.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Ended,
        _ => it.into(),
    })?;
    let length = u32::from_le_bytes(length);
    if length as usize > MOST_BYTES {
        return Err(FrameError::Large(length.into()));
    }
    let mut frame = Vec::new();
    // Grows with what arrives, not with what was claimed.
    if from.take(length.into()).read_to_end(&mut frame)? < length as usize {
        return Err(FrameError::Ended);
    }
    Ok(frame)
}

/// Reads a message from a frame.
///
/// # Errors
/// When it is none.
pub fn decode<'f, T: Deserialize<'f>>(frame: &'f [u8]) -> Result<T, FrameError> {
    let malformed = |it: rmp_serde::decode::Error| FrameError::Malformed(it.to_string());
    let mut from = rmp_serde::Deserializer::new(io::Cursor::new(frame));
    from.set_max_depth(MOST_DEPTH);
    let message = T::deserialize(&mut from).map_err(malformed)?;
    match frame.len() as u64 - from.get_ref().position() {
        0 => Ok(message),
        rest => Err(FrameError::Malformed(format!("{rest} bytes follow it"))),
    }
}

/// Bytes as MessagePack's own type for them.
mod bytes {
    use serde::de::{Deserializer, Error, SeqAccess, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'d> Visitor<'d> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }

            fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn message() -> Answer {
        let picture = Wire::Image(Shared { file: "t1".to_owned(), shape: vec![1, 2, 3, 3] });
        let seed = Wire::Int(Number::from(u64::MAX));
        Answer::Values {
            call: 7,
            outputs: vec![vec![picture], vec![seed, Wire::Float(f64::INFINITY), Wire::Blocked(None)]],
            ui: Map::from_iter([("text".to_owned(), json!(["a", {"b": [1, null]}]))]),
        }
    }

    #[test]
    fn a_message_survives_its_frame() {
        let frame = encode(&message()).unwrap();
        let inner = read(&mut &frame[..]).unwrap();
        assert_eq!(decode::<Answer>(&inner).unwrap(), message());
        let preview = Answer::Preview { call: 1, width: 1, height: 1, rgb: vec![1, 2, 255] };
        assert_eq!(decode::<Answer>(&encode(&preview).unwrap()[4..]).unwrap(), preview);
        let waiting = Order::Needs {
            call: 1,
            class: "A".to_owned(),
            node: "1".to_owned(),
            inputs: vec![("x".to_owned(), Slot::Waiting {})],
        };
        assert_eq!(decode::<Order>(&encode(&waiting).unwrap()[4..]).unwrap(), waiting);
    }

    #[test]
    fn a_length_that_is_only_claimed_is_refused_before_anything_is_made_for_it() {
        assert!(matches!(read(&mut &[255; 8][..]), Err(FrameError::Large(_))));
        assert!(matches!(read(&mut &[0, 0, 0, 1, 5][..]), Err(FrameError::Ended)));
        assert!(matches!(read(&mut &[][..]), Err(FrameError::Ended)));
        // A list of four billion elements, of which none is there.
        assert!(decode::<Answer>(&[0x81, 0xa6, b'v', b'a', b'l', b'u', b'e', b's', 0xdd, 255, 255, 255, 255]).is_err());
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = [&[0x81, 0xa5][..], b"ready", &[0x83, 0xa7], b"classes", &[0x81, 0xa1, b'x'], &[0x91; 100_000]].concat();
        assert!(decode::<Answer>(&deep).is_err());
    }

    #[test]
    fn what_follows_a_message_is_refused() {
        let mut frame = encode(&Answer::Pong {}).unwrap();
        frame.push(0);
        assert!(matches!(decode::<Answer>(&frame[4..]), Err(FrameError::Malformed(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: std::env::var("BURNISH_FUZZ").ok().and_then(|it| it.parse().ok()).unwrap_or(256),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Answer>(&bytes);
            let _ = read(&mut &bytes[..]);
        }

        #[test]
        fn no_damage_breaks_the_decoder(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
            let mut frame = encode(&message()).unwrap();
            for (place, byte) in changes {
                let length = frame.len();
                frame[place % length] = byte;
            }
            let _ = read(&mut &frame[..]).and_then(|it| decode::<Answer>(&it));
        }
    }
}
