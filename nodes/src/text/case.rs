//! Capitals as Python's `str.capitalize` and `str.title` set them.

/// The first character in title case, the rest in lower case.
pub(super) fn capitalized(text: &str) -> String {
    let mut first = true;
    rewritten(text, |_| std::mem::take(&mut first))
}

/// The first letter of each run of letters in title case, the rest in lower case.
pub(super) fn title(text: &str) -> String {
    let mut inside = false;
    rewritten(text, |it| !std::mem::replace(&mut inside, is_cased(it)))
}

fn rewritten(text: &str, mut is_first: impl FnMut(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The whole text in lower case: a sigma's form depends on what is around it.
    let lowered = text.to_lowercase();
    let mut lowered = lowered.chars();
    for it in text.chars() {
        let small = lowered.by_ref().take(it.to_lowercase().count());
        if is_first(it) {
            small.for_each(drop);
            push_title(it, &mut out);
        } else {
            out.extend(small);
        }
    }
    out
}

/// Whether a character is a letter that has a case, title case included.
fn is_cased(it: char) -> bool {
    it.is_lowercase() || it.is_uppercase() || !it.to_lowercase().eq([it])
}

/// Appends a character's title case: its upper case but for ligatures, digraphs, Greek with iota below, and Georgian.
fn push_title(it: char, out: &mut String) {
    match it {
        '\u{1C4}'..='\u{1C6}' => out.push('\u{1C5}'),
        '\u{1C7}'..='\u{1C9}' => out.push('\u{1C8}'),
        '\u{1CA}'..='\u{1CC}' => out.push('\u{1CB}'),
        '\u{1F1}'..='\u{1F3}' => out.push('\u{1F2}'),
        '\u{10D0}'..='\u{10FF}' | '\u{1FBC}' | '\u{1FCC}' | '\u{1FFC}' => out.push(it),
        // Every second row of eight is the title case of the row before.
        '\u{1F80}'..='\u{1FAF}' => out.extend(char::from_u32(u32::from(it) | 8)),
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => out.extend(char::from_u32(u32::from(it) + 9)),
        '\u{1FB2}'..='\u{1FF7}' if it.to_uppercase().count() > 1 && it.to_uppercase().last() == Some('\u{399}') => {
            out.extend(it.to_uppercase().map(|it| if it == '\u{399}' { '\u{345}' } else { it }));
        }
        // An apostrophe stands before the letter.
        '\u{149}' => out.extend(it.to_uppercase()),
        _ => {
            let mut upper = it.to_uppercase();
            out.extend(upper.next());
            out.extend(upper.flat_map(char::to_lowercase));
        }
    }
}
