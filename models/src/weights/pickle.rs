//! Reads Python's pickles without running them.
//!
//! A pickle is a program for a stack machine, two of whose instructions call functions by name. Here those names are only words: a few are
//! known to stand for a dictionary or a tensor, and every other one becomes an [`Value::Object`] of which nothing is known but its name.
//!
//! Reference: Python's `Lib/pickletools.py`, of whose instructions those of protocols 2 to 5; torch 2.9 `torch/_utils.py`.

use super::error::shown;
use rustc_hash::FxHashMap;

/// More instructions than any model that was published has: one of 10 000 tensors has about 400 000.
const MOST_STEPS: usize = 1 << 22;
/// In bytes.
const LONGEST_TEXT: usize = 1 << 20;
/// Names of functions and classes, in bytes.
const LONGEST_NAME: usize = 1 << 10;
/// As of any other format here.
const HIGHEST_RANK: usize = 8;
/// As many names are remembered.
const MOST_REFUSED: usize = 32;
/// How often one function is given to another, to be called there.
const DEEPEST_CALL: usize = 8;

/// What lies on the stack. Texts are where they are in the file; what can change, or is large, lies on the [`Heap`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Nothing,
    Bool(bool),
    Whole(i64),
    Float,
    Text(&'a str),
    /// Bytes, among them whole numbers of more than 64 bits.
    Raw(&'a [u8]),
    /// A function or class: its module and name.
    Global(&'a str, &'a str),
    Tuple(usize),
    List(usize),
    Dict(usize),
    Storage(usize),
    Tensor(usize),
    /// What was not made.
    Object(usize),
}

/// Everything that values refer to, by index. Values may refer to each other in circles.
#[derive(Default)]
pub(super) struct Heap<'a> {
    pub(super) lists: Vec<Vec<Value<'a>>>,
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) objects: Vec<Object<'a>>,
    /// The functions and classes that were not called, in order, each once.
    pub(super) refused: Vec<String>,
}

/// Numbers in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    /// `FloatStorage` and others, or `UntypedStorage`, which is counted in bytes.
    pub(super) class: &'a str,
    /// Its name in the file.
    pub(super) key: &'a str,
    /// How many numbers it has.
    pub(super) length: usize,
    /// Which of its numbers are looked at, from where and how many; all, if it is not said.
    pub(super) view: Option<(usize, usize)>,
}

/// Numbers of a storage as a tensor; all counts are of numbers.
#[derive(Clone, Debug)]
pub(super) struct Tensor<'a> {
    pub(super) storage: usize,
    /// A name below `torch`, where the storage does not say what its numbers are.
    pub(super) dtype: Option<&'a str>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Something that was not made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    /// What it would have been filled with.
    pub(super) state: Option<Value<'a>>,
}

/// Reads one pickle at the beginning of `bytes`: its value, and how long it is. It has no numbers of tensors, only where they are.
///
/// # Errors
/// What is wrong with it, or which limit it exceeds.
pub(super) fn read<'a>(bytes: &'a [u8], heap: &mut Heap<'a>) -> Result<(Value<'a>, usize), String> {
    let mut machine = Machine { bytes, at: 0, heap, stack: Vec::new(), marks: Vec::new(), memo: FxHashMap::default(), copied: 0 };
    for _ in 0..MOST_STEPS {
        let at = machine.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(value)) => return Ok((value, machine.at)),
            Err(reason) => return Err(format!("{reason} (byte {at} of the pickle)")),
        }
    }
    Err(format!("has more than {MOST_STEPS} instructions"))
}

struct Machine<'a, 'h> {
    bytes: &'a [u8],
    at: usize,
    heap: &'h mut Heap<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: FxHashMap<u32, Value<'a>>,
    /// How many items dictionaries were made of that lie in others too.
    copied: usize,
}

impl<'a> Machine<'a, '_> {
    /// Does one instruction; the last one gives the value of all.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let [code] = self.fixed()?;
        match code {
            // What begins a pickle, or a part of it, says nothing that matters here.
            0x80 => drop(self.fixed::<1>()?),
            0x95 => drop(self.fixed::<8>()?),
            b'.' => return self.pop().map(Some),

            b'N' => self.stack.push(Value::Nothing),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => {
                let number = i32::from_le_bytes(self.fixed()?);
                self.stack.push(Value::Whole(number.into()));
            }
            b'K' => {
                let [number] = self.fixed()?;
                self.stack.push(Value::Whole(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.fixed()?);
                self.stack.push(Value::Whole(number.into()));
            }
            0x8a => {
                let length = self.length::<1>()?;
                let digits = self.take(length)?;
                self.stack.push(whole(digits));
            }
            0x8b => {
                let length = self.length::<4>()?;
                let digits = self.take(length)?;
                self.stack.push(whole(digits));
            }
            b'G' => {
                self.fixed::<8>()?;
                self.stack.push(Value::Float);
            }
            0x8c => self.text::<1>()?,
            b'X' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            // Texts of Python 2, whose encoding nobody knows.
            b'U' => self.old_text::<1>()?,
            b'T' => self.old_text::<4>()?,
            b'C' => self.raw::<1>()?,
            b'B' => self.raw::<4>()?,
            0x8e | 0x96 => self.raw::<8>()?,

            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b')' => self.list(Vec::new(), Value::Tuple),
            b't' => {
                let items = self.marked()?;
                self.list(items, Value::Tuple);
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                self.list(items, Value::Tuple);
            }
            // Sets are no more than lists here.
            b']' | 0x8f => self.list(Vec::new(), Value::List),
            b'l' | 0x91 => {
                let items = self.marked()?;
                self.list(items, Value::List);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b'}' => self.dict(Vec::new()),
            b'd' => {
                let items = self.marked()?;
                let pairs = pairs(&items)?;
                self.dict(pairs);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[(key, value)])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&pairs(&items)?)?;
            }

            b'q' => {
                let [index] = self.fixed()?;
                self.remember(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.fixed()?);
                self.remember(index)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let [index] = self.fixed()?;
                self.recall(index.into())?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.fixed()?);
                self.recall(index)?;
            }

            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.stack.push(Value::Global(module, name));
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) if name.len() <= LONGEST_NAME && module.len() <= LONGEST_NAME => {
                    self.stack.push(Value::Global(module, name));
                }
                _ => return Err("names a function by something else than two texts".to_owned()),
            },
            // A call of a function, a new object of a class, the same with named arguments: none of them happens.
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let made = self.call(function, arguments, DEEPEST_CALL)?;
                self.stack.push(made);
            }
            0x92 => {
                let (_, _, class) = (self.pop()?, self.pop()?, self.pop()?);
                let made = self.refuse(class);
                self.stack.push(made);
            }
            b'o' => {
                let class = self.marked()?.first().copied();
                let made = self.refuse(class.ok_or("makes an object of no class")?);
                self.stack.push(made);
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.marked()?;
                let made = self.refuse(Value::Global(module, name));
                self.stack.push(made);
            }
            // Fills an object. Dictionaries and tensors keep what they have: only hooks and versions are set so.
            b'b' => {
                let state = self.pop()?;
                if let Value::Object(object) = self.top()? {
                    self.heap.objects[object].state = Some(state);
                }
            }
            b'Q' => {
                let place = self.pop()?;
                let storage = self.storage(place)?;
                self.stack.push(storage);
            }
            _ => return Err(format!("has the instruction {code:#04x}, which torch.save does not write")),
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or("ends in the middle")?;
        self.at += length;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, _) = self.take(N)?.split_first_chunk().ok_or("ends in the middle")?;
        Ok(*bytes)
    }

    /// A length in `N` bytes, the lowest one first.
    fn length<const N: usize>(&mut self) -> Result<usize, String> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.fixed::<N>()?);
        let length = u64::from_le_bytes(wide);
        match usize::try_from(length) {
            Ok(length) if length <= LONGEST_TEXT => Ok(length),
            _ => Err(format!("has a text or number of {length} bytes, and {LONGEST_TEXT} is the most")),
        }
    }

    fn text<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "has a text that is not UTF-8")?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn old_text<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let bytes = self.take(length)?;
        self.stack.push(std::str::from_utf8(bytes).map_or(Value::Raw(bytes), Value::Text));
        Ok(())
    }

    fn raw<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let bytes = self.take(length)?;
        self.stack.push(Value::Raw(bytes));
        Ok(())
    }

    /// A name up to the end of its line.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(LONGEST_NAME + 1).position(|it| *it == b'\n').ok_or("has a name without an end")?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "has a name that is not UTF-8".to_owned())
    }

    fn top(&self) -> Result<Value<'a>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.get(floor..).and_then(<[_]>::last).copied().ok_or_else(|| "takes more from its stack than is there".to_owned())
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Everything above the last mark.
    fn marked(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("ends a list that it did not begin")?;
        Ok(self.stack.split_off(mark))
    }

    fn list(&mut self, items: Vec<Value<'a>>, kind: fn(usize) -> Value<'a>) {
        self.stack.push(kind(self.heap.lists.len()));
        self.heap.lists.push(items);
    }

    fn dict(&mut self, pairs: Vec<(Value<'a>, Value<'a>)>) {
        self.stack.push(Value::Dict(self.heap.dicts.len()));
        self.heap.dicts.push(pairs);
    }

    fn append(&mut self, items: &[Value<'a>]) -> Result<(), String> {
        match self.top()? {
            Value::List(list) => self.heap.lists[list].extend(items),
            Value::Object(_) => {}
            _ => return Err("adds to something that is no list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, pairs: &[(Value<'a>, Value<'a>)]) -> Result<(), String> {
        match self.top()? {
            Value::Dict(dict) => self.heap.dicts[dict].extend(pairs),
            Value::Object(_) => {}
            _ => return Err("sets a key of something that is no dictionary".to_owned()),
        }
        Ok(())
    }

    fn remember(&mut self, index: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), String> {
        let value = *self.memo.get(&index).ok_or_else(|| format!("asks for value {index}, which it did not keep"))?;
        self.stack.push(value);
        Ok(())
    }

    /// What a call would give, if it is one of the few that are known.
    fn call(&mut self, function: Value<'a>, arguments: Value<'a>, depth: usize) -> Result<Value<'a>, String> {
        let Value::Global(module, name) = function else { return Ok(self.refuse(function)) };
        let Value::Tuple(tuple) = arguments else { return Err(format!("calls {} without arguments", shown(name))) };
        // Few, so that copying them costs nothing; a call of something else has no use for them.
        let given = |heap: &Heap<'a>| heap.lists[tuple].iter().copied().take(16).collect::<Vec<_>>();
        Ok(match (module, name) {
            ("collections", "OrderedDict" | "defaultdict") => {
                let given = if name == "OrderedDict" { given(self.heap).first().copied() } else { None };
                let pairs = match given {
                    Some(Value::List(list) | Value::Tuple(list)) => self.pairs_of(list)?,
                    Some(Value::Dict(dict)) => self.heap.dicts[dict].clone(),
                    _ => Vec::new(),
                };
                self.copied += pairs.len();
                if self.copied > MOST_STEPS {
                    return Err(format!("makes copies of dictionaries, of more than {MOST_STEPS} items together"));
                }
                self.heap.dicts.push(pairs);
                Value::Dict(self.heap.dicts.len() - 1)
            }
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
                let given = given(self.heap);
                let typed = (name == "_rebuild_tensor_v3").then(|| given.get(6).copied()).flatten();
                self.tensor(&given, typed)?
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => match given(self.heap).first() {
                Some(data @ (Value::Tensor(_) | Value::Object(_))) => *data,
                other => return Err(format!("makes a parameter of {}", self.name(other.copied()))),
            },
            // A subclass of a tensor is made by calling another function.
            ("torch._tensor", "_rebuild_from_type_v2" | "_rebuild_from_type") => match given(self.heap).as_slice() {
                [inner, _, arguments, ..] if depth > 0 => self.call(*inner, *arguments, depth - 1)?,
                _ => self.refuse(function),
            },
            // What describes a tensor, or is a number: nothing that a model is made of.
            ("torch.serialization", "_get_layout")
            | ("torch", "Size" | "device")
            | ("_codecs", "encode")
            | ("numpy", "dtype")
            | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
            | ("numpy.dtypes", _) => self.object(module, name),
            _ => self.refuse(function),
        })
    }

    fn pairs_of(&self, list: usize) -> Result<Vec<(Value<'a>, Value<'a>)>, String> {
        let pair = |item: &Value<'a>| match item {
            Value::Tuple(pair) | Value::List(pair) => match self.heap.lists[*pair].as_slice() {
                [key, value] => Ok((*key, *value)),
                _ => Err("makes a dictionary of something else than pairs".to_owned()),
            },
            _ => Err("makes a dictionary of something else than pairs".to_owned()),
        };
        self.heap.lists[list].iter().map(pair).collect()
    }

    fn object(&mut self, module: &'a str, name: &'a str) -> Value<'a> {
        self.heap.objects.push(Object { module, name, state: None });
        Value::Object(self.heap.objects.len() - 1)
    }

    /// Stands for what a function or class would have made, and keeps its name.
    fn refuse(&mut self, function: Value<'a>) -> Value<'a> {
        let (module, name) = match function {
            Value::Global(module, name) => (module, name),
            Value::Object(object) => (self.heap.objects[object].module, self.heap.objects[object].name),
            _ => ("a value", "without a name"),
        };
        let full = shown(&format!("{module}.{name}"));
        if self.heap.refused.len() < MOST_REFUSED && !self.heap.refused.contains(&full) {
            self.heap.refused.push(full);
        }
        self.object(module, name)
    }

    /// What `_rebuild_tensor` and its successors are given: a storage, the place of the first number in it, sizes, strides.
    fn tensor(&mut self, given: &[Value<'a>], dtype: Option<Value<'a>>) -> Result<Value<'a>, String> {
        let &[storage, offset, shape, strides, ..] = given else {
            return Err(format!("makes a tensor of {} things", given.len()));
        };
        let Value::Storage(storage) = storage else {
            return Err(format!("has a tensor whose numbers would come from {}", self.name(Some(storage))));
        };
        let dtype = match dtype {
            Some(Value::Global("torch", name)) => Some(name),
            None => None,
            other => return Err(format!("has a tensor whose type is {}", self.name(other))),
        };
        let shape = self.sizes(shape).ok_or("has a tensor without sizes")?;
        let strides = self.sizes(strides).filter(|it| it.len() == shape.len()).ok_or("has a tensor without strides")?;
        let offset = size(offset).ok_or("has a tensor that begins before its storage")?;
        if shape.len() > HIGHEST_RANK {
            return Err(format!("has a tensor of {} dimensions, more than {HIGHEST_RANK}", shape.len()));
        }
        self.heap.tensors.push(Tensor { storage, dtype, offset, shape, strides });
        Ok(Value::Tensor(self.heap.tensors.len() - 1))
    }

    fn sizes(&self, value: Value<'a>) -> Option<Vec<usize>> {
        match value {
            // One more than the most, so that they are counted.
            Value::Tuple(list) | Value::List(list) => {
                self.heap.lists[list].iter().take(HIGHEST_RANK + 1).map(|it| size(*it)).collect()
            }
            _ => None,
        }
    }

    /// `("storage", class, key, device, length[, view])`, as torch.save names what lies outside the pickle.
    fn storage(&mut self, place: Value<'a>) -> Result<Value<'a>, String> {
        let wrong = || "refers to something outside that is no storage".to_owned();
        let Value::Tuple(tuple) = place else { return Err(wrong()) };
        let (class, key, length, view) = match self.heap.lists[tuple].as_slice() {
            // A class of modules, with its source text.
            [Value::Text("module"), class, ..] => return Ok(*class),
            [Value::Text("storage"), class, Value::Text(key), _, length] => (*class, *key, *length, Value::Nothing),
            [Value::Text("storage"), class, Value::Text(key), _, length, view] => (*class, *key, *length, *view),
            _ => return Err(wrong()),
        };
        let class = match class {
            Value::Global("torch" | "torch.storage" | "torch.cuda", name) if name.ends_with("Storage") => name,
            other => return Err(format!("has a storage of {}", self.name(Some(other)))),
        };
        let length = size(length).ok_or_else(wrong)?;
        let view = match view {
            Value::Nothing => None,
            Value::Tuple(view) => match self.heap.lists[view].as_slice() {
                [_, offset, length] => Some((size(*offset).ok_or_else(wrong)?, size(*length).ok_or_else(wrong)?)),
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        self.heap.storages.push(Storage { class, key, length, view });
        Ok(Value::Storage(self.heap.storages.len() - 1))
    }

    /// A value in words.
    fn name(&self, value: Option<Value<'a>>) -> String {
        match value {
            Some(Value::Global(module, name)) => shown(&format!("{module}.{name}")),
            Some(Value::Object(object)) => {
                let Object { module, name, .. } = self.heap.objects[object];
                format!("{}, which is not run", shown(&format!("{module}.{name}")))
            }
            Some(Value::Nothing) | None => "nothing".to_owned(),
            Some(Value::Bool(it)) => if it { "True" } else { "False" }.to_owned(),
            Some(Value::Whole(it)) => it.to_string(),
            Some(Value::Float) => "a float".to_owned(),
            Some(Value::Text(it)) => format!("the text `{}`", shown(it)),
            Some(Value::Raw(_)) => "bytes".to_owned(),
            Some(Value::Tuple(_) | Value::List(_)) => "a list".to_owned(),
            Some(Value::Dict(_)) => "a dictionary".to_owned(),
            Some(Value::Storage(_)) => "a storage".to_owned(),
            Some(Value::Tensor(_)) => "a tensor".to_owned(),
        }
    }
}

/// A whole number of this many bytes in two's complement, the lowest first, where 64 bits hold it.
fn whole(digits: &[u8]) -> Value<'_> {
    if digits.len() > 8 {
        return Value::Raw(digits);
    }
    let filling = if digits.last().is_some_and(|it| *it >= 0x80) { 0xff } else { 0 };
    let mut wide = [filling; 8];
    wide[..digits.len()].copy_from_slice(digits);
    Value::Whole(i64::from_le_bytes(wide))
}

fn size(value: Value) -> Option<usize> {
    if let Value::Whole(it) = value { usize::try_from(it).ok() } else { None }
}

fn pairs<'a>(items: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, String> {
    let (pairs, rest) = items.as_chunks();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    } else {
        Err("has a key without a value".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(bytes: &[u8], wrong: &str) {
        let reason = read(bytes, &mut Heap::default()).expect_err(wrong);
        assert!(reason.contains(wrong), "{reason}");
    }

    #[test]
    fn whole_numbers_of_any_length_are_told_apart_from_longer_ones() {
        for (digits, number) in
            [(&b""[..], 0), (&[0x80], -128), (&[0xff, 0], 255), (&[0xff; 8], -1), (&[0, 0, 0, 0, 0, 0, 0, 0x80], i64::MIN)]
        {
            assert!(matches!(whole(digits), Value::Whole(it) if it == number), "{digits:?}");
        }
        assert!(matches!(whole(&[1; 9]), Value::Raw(_)));
    }

    #[test]
    fn a_program_is_named_and_not_run() {
        let mut heap = Heap::default();
        let (value, length) = read(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.and more", &mut heap).expect("read");
        let Value::Object(object) = value else { panic!("{value:?}") };
        assert_eq!((heap.objects[object].module, heap.objects[object].name, length), ("posix", "system", 28));
        assert_eq!(heap.refused, ["posix.system"]);
    }

    #[test]
    fn what_a_program_would_call_next_is_named_by_the_first() {
        // getattr(shutil.os, "system")("true"): what getattr gives is nothing that could be called.
        let mut heap = Heap::default();
        read(b"\x80\x02cbuiltins\ngetattr\ncshutil\nos\nX\x06\x00\x00\x00system\x86RX\x04\x00\x00\x00true\x85R.", &mut heap)
            .expect("read");
        assert_eq!(heap.refused, ["builtins.getattr"]);
    }

    #[test]
    fn broken_programs_say_where() {
        check(b"", "ends in the middle (byte 0");
        check(b"\x80\x02", "ends in the middle (byte 2");
        check(b".", "takes more from its stack");
        check(b"N(00.", "takes more from its stack");
        check(b"(.", "takes more from its stack");
        check(b"t.", "ends a list that it did not begin");
        check(b"Na.", "takes more from its stack");
        check(b"NNa.", "adds to something that is no list");
        check(b"NNNs.", "no dictionary");
        check(b"(Nd.", "has a key without a value");
        check(b"h\x05.", "asks for value 5");
        check(b"X\xff\xff\xff\xffa", "has a text or number of 4294967295 bytes");
        check(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa", "has a text or number of");
        check(b"X\x01\x00\x00\x00\xff.", "not UTF-8");
        check(b"cos\nsystem", "has a name without an end");
        check(&[b"c", &[b'a'; 5000][..], b"\n"].concat(), "has a name without an end");
        check(b"I1\n.", "has the instruction 0x49");
        check(b"NQ.", "refers to something outside");
        check(b"ctorch._utils\n_rebuild_tensor_v2\nNK\x00))tR.", "ends a list");
        check(b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))tR.", "whose numbers would come from nothing");
        let evil = b"ctorch._utils\n_rebuild_tensor_v2\n(cposix\nsystem\n)RK\x00))tR.";
        check(evil, "whose numbers would come from posix.system, which is not run");
        check(&vec![b'N'; MOST_STEPS + 1], "more than 4194304 instructions");
    }

    proptest! {
        /// Random instructions, which are more often meant than random bytes.
        #[test]
        fn no_instructions_make_it_panic(codes in prop::collection::vec(prop::sample::select(
            &b"N\x88\x89K\x01M\x02\x00J\x8a\x8b\x8cXUTCB\x8e\x96G(012)t\x85\x86\x87]\x8fl\x91ae\x90}dsuqr\x94hjcos\n\x93R\x81\x92oibQ.torch\n"[..]
        ), 0..300)) {
            let _ = read(&codes, &mut Heap::default());
        }
    }
}
