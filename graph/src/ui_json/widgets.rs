//! What stands in `widgets_values`, and how prompts are drawn from their choices.

use super::file::Values;
use crate::spec::{Catalog, Combo, Input, NodeSpec, Options, Widget};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// What the editor writes behind a widget whose value it changes after each run.
const CONTROLS: [&str; 5] = ["fixed", "increment", "decrement", "randomize", "increment-wrap"];

/// The inputs that have a widget, in the order of their values.
pub(super) fn widgets(spec: &NodeSpec) -> impl Iterator<Item = (&Input, &Widget)> {
    spec.inputs.iter().filter(|input| !input.force_input).filter_map(|input| Some((input, input.widget.as_ref()?)))
}

/// The type that the editor gives an input.
pub(super) fn socket(input: &Input) -> &str {
    if matches!(input.widget, Some(Widget::Combo(_))) { "COMBO" } else { input.socket.as_str() }
}

/// The class as this node has it. `linked` are the inputs at which links end.
pub(super) fn live<'l>(
    spec: &Arc<NodeSpec>,
    values: Values<'_>,
    linked: impl Iterator<Item = &'l str>,
    catalog: &dyn Catalog,
) -> Arc<NodeSpec> {
    if spec.inputs.iter().all(|it| it.dynamic.is_none()) {
        return spec.clone();
    }
    let linked: HashSet<&str> = linked.collect();
    let chosen = |spec: &NodeSpec, at: usize| {
        let name = &spec.inputs[at].name;
        let place = widgets(spec).position(|(it, _)| it.name == *name)?;
        let listed = by_position(spec, values.list, catalog)[place].filter(|it| !it.is_null());
        listed.or_else(|| values.named?.get(name))?.as_str().map(str::to_owned)
    };
    spec.live(chosen, |name| linked.contains(name))
}

/// The literals of a node, by name: what was typed, and the default where nothing was.
pub(super) fn literals<'v>(
    spec: &NodeSpec,
    values: Values<'v>,
    catalog: &dyn Catalog,
) -> Vec<(String, std::borrow::Cow<'v, Value>)> {
    use std::borrow::Cow;
    let mut listed = by_position(spec, values.list, catalog);
    let mut found = Vec::new();
    for (i, (input, widget)) in widgets(spec).enumerate() {
        // Where both are written and differ, somebody has edited the file by hand, and the list is what the editor opens.
        let listed = listed[i].take().filter(|it| !it.is_null());
        let typed = listed.or_else(|| values.named?.get(&input.name)).filter(|it| !it.is_null());
        let value = typed.map(Cow::Borrowed).or_else(|| default(widget, catalog).map(Cow::Owned));
        found.extend(value.map(|value| (input.name.clone(), value)));
    }
    // Literals for sockets without a widget can only be said by name.
    let sockets = spec.inputs.iter().filter(|input| input.widget.is_none() || input.force_input);
    let said = sockets.filter_map(|input| Some((input.name.clone(), Cow::Borrowed(values.named?.get(&input.name)?))));
    found.extend(said.filter(|(_, value)| !value.is_null()));
    found
}

/// The values of a node in the order in which the editor keeps them.
pub(super) fn in_order(spec: &NodeSpec, literal: impl Fn(&str) -> Option<Value>, catalog: &dyn Catalog) -> Vec<Value> {
    let mut values = Vec::new();
    let mut upload = None;
    for (input, widget) in widgets(spec) {
        values.push(literal(&input.name).or_else(|| default(widget, catalog)).unwrap_or_default());
        if is_controlled(input, widget) {
            // A seed that somebody chose is the seed that he wants again.
            values.push("fixed".into());
            if matches!(widget, Widget::Combo(_)) {
                values.push("".into());
            }
        }
        if let Widget::Combo(Combo { upload: Some(kind), .. }) = widget {
            upload = upload.or(Some(kind.option().trim_end_matches("_upload")));
        }
    }
    values.extend(upload.map(Value::from));
    values
}

/// The value of a new node; `None` where there is nothing to choose from.
fn default(widget: &Widget, catalog: &dyn Catalog) -> Option<Value> {
    Some(match widget {
        Widget::Int { default, .. } => match (u64::try_from(*default), i64::try_from(*default)) {
            (Ok(it), _) => json!(it),
            (_, Ok(it)) => json!(it),
            _ => json!(*default as f64),
        },
        Widget::Float { default, .. } => json!(default),
        Widget::Boolean { default } => json!(default),
        Widget::String { default, .. } => json!(default),
        Widget::Drawn { default } => default.clone(),
        Widget::Combo(Combo { default: Some(default), .. }) => default.clone(),
        Widget::Combo(Combo { options: Options::Fixed(options), .. }) => options.first()?.as_str().into(),
        Widget::Combo(Combo { options: Options::Files(folder), .. }) => catalog.files(folder).into_iter().next()?.into(),
    })
}

/// For each widget its value in the list, the entries of controls and upload buttons being passed over.
fn by_position<'v>(spec: &NodeSpec, list: &'v [Value], catalog: &dyn Catalog) -> Vec<Option<&'v Value>> {
    let widgets: Vec<_> = widgets(spec).collect();
    let mut rest = list;
    let mut found = Vec::with_capacity(widgets.len());
    for (i, (input, widget)) in widgets.iter().enumerate() {
        let Some((value, behind)) = rest.split_first() else {
            found.push(None);
            continue;
        };
        found.push(Some(value));
        rest = behind;
        let Some(mode) = rest.first().and_then(Value::as_str).filter(|mode| CONTROLS.contains(mode)) else { continue };
        let controlled = is_controlled(input, widget);
        // The class may have had the control when the file was written. Then the next widget cannot mean the word.
        let stray = matches!(widget, Widget::Int { .. } | Widget::Float { .. } | Widget::Combo(_))
            && widgets.get(i + 1).is_some_and(|(_, next)| !may_mean(next, mode, catalog));
        if controlled || stray {
            rest = &rest[1..];
            // A choice has a filter for what is drawn from, too.
            if matches!(widget, Widget::Combo(_))
                && rest.first().is_some_and(Value::is_string)
                && rest.len() > widgets.len() - i - 1
            {
                rest = &rest[1..];
            }
        }
    }
    found
}

fn is_controlled(input: &Input, widget: &Widget) -> bool {
    match widget {
        Widget::Int { control, .. } => control.is_some() || input.name == "seed" || input.name == "noise_seed",
        Widget::Combo(combo) => combo.control.is_some(),
        Widget::Float { control, .. } => control.is_some(),
        Widget::Boolean { .. } | Widget::String { .. } | Widget::Drawn { .. } => false,
    }
}

fn may_mean(widget: &Widget, word: &str, catalog: &dyn Catalog) -> bool {
    match widget {
        Widget::String { .. } => true,
        Widget::Combo(Combo { options: Options::Fixed(options), .. }) => options.iter().any(|option| option == word),
        Widget::Combo(Combo { options: Options::Files(folder), .. }) => catalog.files(folder).iter().any(|file| file == word),
        Widget::Int { .. } | Widget::Float { .. } | Widget::Boolean { .. } | Widget::Drawn { .. } => false,
    }
}

/// The names and values of a node whose class is not known: only what the file itself names.
pub(super) fn named(values: Option<&Map<String, Value>>) -> impl Iterator<Item = (&String, &Value)> {
    values.into_iter().flatten().filter(|(name, value)| {
        !CONTROLS.contains(&name.as_str()) && !name.starts_with("control_") && *name != "upload" && !value.is_null()
    })
}

/// Draws one of each `{a|b|c}`, nested ones too, and takes `// ...` and `/* ... */` out. A backslash before a brace or bar keeps it.
///
/// `draw` answers with a number below the one it is given.
pub(super) fn drawn(text: &str, mut draw: impl FnMut(usize) -> usize) -> String {
    let text = without_comments(text);
    let bytes = text.as_bytes();
    // First where the options of each block start and where it ends; one never closed ends with the text. Then one walk over the chosen
    // ones only, so that nesting costs nothing.
    let mut blocks: Vec<(Vec<usize>, usize)> = Vec::new();
    let mut at_brace: std::collections::HashMap<usize, usize> = std::collections::HashMap::new();
    let mut ends: std::collections::HashMap<usize, usize> = std::collections::HashMap::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], open.last()) {
            (b'\\', _) => at += 1,
            (b'{', _) => {
                at_brace.insert(at, blocks.len());
                open.push(blocks.len());
                blocks.push((vec![at + 1], bytes.len()));
            }
            (b'|', Some(&block)) => {
                blocks[block].0.push(at + 1);
                ends.insert(at, block);
            }
            (b'}', Some(&block)) => {
                blocks[block].1 = at + 1;
                ends.insert(at, block);
                open.pop();
            }
            _ => {}
        }
        at += 1;
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut from = 0;
    while at < bytes.len() {
        let jump = match bytes[at] {
            b'\\' => {
                if matches!(bytes.get(at + 1), Some(b'{' | b'|' | b'}')) {
                    out.push_str(&text[from..at]);
                    from = at + 1;
                }
                at = (at + 2).min(bytes.len());
                continue;
            }
            b'{' => at_brace.get(&at).map(|&block| {
                let options = &blocks[block].0;
                options[draw(options.len()).min(options.len() - 1)]
            }),
            b'|' | b'}' => ends.get(&at).map(|&block| blocks[block].1),
            _ => None,
        };
        match jump {
            Some(to) => {
                out.push_str(&text[from..at]);
                (from, at) = (to, to);
            }
            None => at += 1,
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// A text from which [`drawn`] makes `text` again, whatever it draws. Only a backslash before a brace or bar cannot be kept.
pub(super) fn undrawn(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for it in text.chars() {
        match it {
            '{' | '|' | '}' if last != '\\' => out.extend(['\\', it]),
            // A choice of one, as a comment cannot be kept otherwise.
            '/' | '*' if last == '/' => out.extend(['{', it, '}']),
            _ => out.push(it),
        }
        last = it;
    }
    out
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut closable = true;
    while let Some(at) = rest.find('/') {
        let (before, comment) = rest.split_at(at);
        out.push_str(before);
        let end = if comment.starts_with("//") {
            Some(comment.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(comment.len()))
        } else if closable && comment.starts_with("/*") {
            let end = comment[2..].find("*/").map(|end| end + 4);
            closable = end.is_some();
            end
        } else {
            None
        };
        match end {
            Some(end) => rest = &comment[end..],
            None => {
                out.push('/');
                rest = &comment[1..];
            }
        }
    }
    out + rest
}

/// Numbers from a seed, the same for the same names (splitmix64).
pub(super) fn draws(seed: u64, node: &str, input: &str) -> impl FnMut(usize) -> usize {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes()).update(node.as_bytes()).update(&[0]).update(input.as_bytes());
    let mut state = hash.finalize().as_bytes().first_chunk().map_or(seed, |bytes| u64::from_le_bytes(*bytes));
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = state;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^= it >> 31;
        ((u128::from(it) * below as u128) >> 64) as usize
    }
}
