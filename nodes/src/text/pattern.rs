//! Regular expressions as Python's `re` reads them, for an engine that ends.
//!
//! What differs from Python:
//! - `\w` takes combining marks too and leaves out digits such as `²`; `\s` leaves out U+001C to U+001F.
//! - A group in a repetition whose last round is empty, as in `(a|)+`, keeps the round before.
//! - A scoped `(?m:…)` does not widen `$`; `--` in a set is no range.
//! - Refused are `(?a)`, `(?L)`, and a repeated look-around such as `(?=a)*`.
//! - Syntax that Python refuses may be accepted (`\p{L}`, look-behind of any length).
//!
//! An expression that cannot be read is always an error. So is a search that goes back more often than [`MAX_STEPS`] allows, which Python
//! would go on with for ever.

use fancy_regex::{CompileError, Error, Regex, RegexBuilder};
use runtime::NodeError;
use std::cell::OnceCell;
use std::iter::Peekable;
use std::str::Chars;

/// How often one search may go back.
const MAX_STEPS: usize = 1_000_000;
/// The most bytes of an expression.
const MAX_SOURCE: usize = 1 << 16;
/// The most bytes that a compiled expression, or its caches, may take.
const MAX_COMPILED: usize = 4 << 20;
/// The input that errors are about.
const INPUT: &str = "regex_pattern";

pub(super) type Captures<'t> = fancy_regex::Captures<'t, str>;

/// What the switches beside an expression say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `re.IGNORECASE`.
    pub(super) case_insensitive: bool,
    /// `re.MULTILINE`.
    pub(super) multiline: bool,
    /// `re.DOTALL`.
    pub(super) dotall: bool,
}

/// An expression, ready to search one text.
pub(super) struct Pattern<'t> {
    text: &'t str,
    source: String,
    flags: Flags,
    verbose: bool,
    regex: Regex,
    /// Matches where the search starts, and something; `None` where the expression never matches anything but nothing.
    more: OnceCell<Option<Regex>>,
}

impl<'t> Pattern<'t> {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(source: &str, flags: Flags, text: &'t str) -> Result<Self, NodeError> {
        if source.len() > MAX_SOURCE {
            return Err(NodeError::input(INPUT, format!("it has {} bytes, and {MAX_SOURCE} are the most", source.len())));
        }
        let (flags, verbose, source) = leading_flags(source, flags)?;
        // Only before a last line end do the two readings of `$` differ.
        let source = translated(source, verbose, !flags.multiline && text.ends_with('\n'));
        let regex = build(source.clone(), flags, verbose, false).map_err(|it| blame(&it))?;
        Ok(Self { text, source, flags, verbose, regex, more: OnceCell::new() })
    }

    /// How many groups it has.
    pub(super) fn groups(&self) -> usize {
        self.regex.captures_len().saturating_sub(1)
    }

    /// Whether it matches anywhere.
    ///
    /// # Errors
    /// When there are too many ways to try.
    pub(super) fn is_found(&self) -> Result<bool, NodeError> {
        self.regex.is_match(self.text).map_err(|it| blame(&it))
    }

    /// All matches that do not overlap, from left to right. An empty one may follow any other, but not an empty one at its place.
    pub(super) fn matches(&self) -> impl Iterator<Item = Result<Captures<'t>, NodeError>> + '_ {
        let mut next = Some((0, false));
        std::iter::from_fn(move || {
            let (at, after_empty) = next.take()?;
            let found = self.search(at, after_empty).map_err(|it| blame(&it)).transpose()?;
            if let Ok(captures) = &found {
                let whole = captures.get(0)?.range();
                next = Some((whole.end, whole.is_empty()));
            }
            Some(found)
        })
    }

    fn search(&self, at: usize, after_empty: bool) -> Result<Option<Captures<'t>>, Error> {
        if !after_empty {
            return self.regex.captures_from_pos(self.text, at);
        }
        if let Some(more) = self.more()?
            && let Some(found) = more.captures_from_pos(self.text, at)?
        {
            return Ok(Some(found));
        }
        match self.text[at..].chars().next() {
            Some(it) => self.regex.captures_from_pos(self.text, at + it.len_utf8()),
            None => Ok(None),
        }
    }

    fn more(&self) -> Result<Option<&Regex>, Error> {
        if let Some(more) = self.more.get() {
            return Ok(more.as_ref());
        }
        let more = match build(format!(r"\G(?:{})", self.source), self.flags, self.verbose, true) {
            Ok(regex) => Some(regex),
            Err(Error::CompileError(it)) if matches!(*it, CompileError::PatternCanNeverMatch) => None,
            Err(it) => return Err(it),
        };
        Ok(self.more.get_or_init(|| more).as_ref())
    }
}

fn build(source: String, flags: Flags, verbose: bool, not_empty: bool) -> Result<Regex, Error> {
    RegexBuilder::new(&source)
        .case_insensitive(flags.case_insensitive)
        .multi_line(flags.multiline)
        .dot_matches_new_line(flags.dotall)
        .ignore_whitespace(verbose)
        .find_not_empty(not_empty)
        .backtrack_limit(MAX_STEPS)
        .max_prog_size(MAX_COMPILED / 64)
        .delegate_size_limit(MAX_COMPILED)
        .delegate_dfa_size_limit(MAX_COMPILED)
        .build()
}

fn blame(error: &Error) -> NodeError {
    match error {
        Error::RuntimeError(it) => NodeError::input(INPUT, format!("the search was given up: {it}"))
            .hint("make the expression more definite: nested repetitions such as `(a+)+` have too many ways to match"),
        _ => NodeError::input(INPUT, format!("it cannot be read: {error}")),
    }
}

/// Takes global flags such as `(?im)` off the start.
fn leading_flags(source: &str, mut flags: Flags) -> Result<(Flags, bool, &str), NodeError> {
    let mut verbose = false;
    let Some((letters, rest)) = source.strip_prefix("(?").and_then(|it| it.split_once(')')) else {
        return Ok((flags, verbose, source));
    };
    if letters.is_empty() || !letters.bytes().all(|it| it.is_ascii_alphabetic()) {
        return Ok((flags, verbose, source));
    }
    for letter in letters.chars() {
        match letter {
            'i' => flags.case_insensitive = true,
            'm' => flags.multiline = true,
            's' => flags.dotall = true,
            'x' => verbose = true,
            'u' => {}
            _ => return Err(NodeError::input(INPUT, format!("there is no flag `{letter}`; there are i, m, s, u, x"))),
        }
    }
    Ok((flags, verbose, rest))
}

/// Writes Python's syntax in the engine's. With `before_newline`, `$` also matches before a line end that ends the text.
fn translated(source: &str, verbose: bool, before_newline: bool) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source.chars().peekable();
    while let Some(it) = rest.next() {
        match it {
            '\\' => escape(&mut rest, &mut out, false),
            '[' => set(&mut rest, &mut out, verbose),
            '{' => repetition(&mut rest, &mut out),
            '$' if before_newline => out.push_str(r"(?=\n?\z)"),
            '#' if verbose => drop(rest.by_ref().find(|it| *it == '\n')),
            '(' if rest.clone().take(2).eq("?#".chars()) => drop(rest.by_ref().find(|it| *it == ')')),
            _ => out.push(it),
        }
    }
    out
}

fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String, in_set: bool) {
    let Some(it) = rest.next() else { return out.push('\\') };
    match it {
        'Z' if !in_set => out.push_str(r"\z"),
        'b' if in_set => push_code(8, out),
        '0'..='9' => match octal(it, rest, in_set) {
            Some(code) => push_code(code, out),
            None => {
                let mut group = String::from(it);
                group.extend(rest.next_if(char::is_ascii_digit));
                // In brackets, so that a digit behind does not become part of the number.
                out.push_str(&format!(r"(?:\{group})"));
            }
        },
        // The engine has word borders, or nothing, where Python has the character itself.
        '<' | '>' => push_code(u32::from(it), out),
        _ if !it.is_ascii() || it.is_ascii_whitespace() => push_code(u32::from(it), out),
        _ => out.extend(['\\', it]),
    }
}

/// The code of `\0`, `\012` or `\123` whose first digit is given; in a set every number is one.
fn octal(first: char, rest: &mut Peekable<Chars<'_>>, in_set: bool) -> Option<u32> {
    let is_octal = |it: &char| ('0'..='7').contains(it);
    let digits: String = rest.clone().take(2).take_while(is_octal).collect();
    let is_code = first == '0' || (is_octal(&first) && (in_set || digits.len() == 2));
    is_code.then(|| {
        rest.by_ref().take(digits.len()).for_each(drop);
        u32::from_str_radix(&format!("{first}{digits}"), 8).unwrap_or_default()
    })
}

fn push_code(code: u32, out: &mut String) {
    out.push_str(&format!(r"\x{{{code:x}}}"));
}

fn set(rest: &mut Peekable<Chars<'_>>, out: &mut String, verbose: bool) {
    out.push('[');
    out.extend(rest.next_if_eq(&'^'));
    if rest.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    while let Some(it) = rest.next() {
        match it {
            ']' => return out.push(']'),
            '\\' => escape(rest, out, true),
            // Signs of set operations that Python does not have.
            '[' | '&' | '~' => out.extend(['\\', it]),
            '-' if out.ends_with('-') => out.push_str(r"\-"),
            '#' | ' ' | '\t' | '\n' | '\r' if verbose => push_code(u32::from(it), out),
            _ => out.push(it),
        }
    }
}

/// A `{` that starts no repetition is a plain character.
fn repetition(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let inside: String = rest.clone().take_while(|it| it.is_ascii_digit() || *it == ',').collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
    if inside.is_empty() || most.contains(',') || rest.clone().nth(inside.len()) != Some('}') {
        return out.push_str(r"\{");
    }
    rest.by_ref().take(inside.len() + 1).for_each(drop);
    let least = if least.is_empty() { "0" } else { least };
    let comma = if inside.contains(',') { "," } else { "" };
    let most = if comma.is_empty() { "" } else { most };
    out.push_str(&format!("{{{least}{comma}{most}}}"));
}

/// What is put in place of a match: `\1`, `\g<name>`, and `\n` and its like.
pub(super) struct Template(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Reads a replacement.
    ///
    /// # Errors
    /// When it names a group that the expression does not have, or there is no such escape.
    pub(super) fn new(source: &str, pattern: &Pattern<'_>) -> Result<Self, NodeError> {
        let wrong = |message: String| NodeError::input("replace", message);
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut rest = source.chars().peekable();
        while let Some(it) = rest.next() {
            if it != '\\' {
                text.push(it);
                continue;
            }
            let it = rest.next().ok_or_else(|| wrong(r"it ends in `\`; write `\\` for the character".into()))?;
            let group = match it {
                'g' => {
                    let mut name: String = rest.by_ref().take_while(|it| *it != '>').collect();
                    if name.is_empty() || name.remove(0) != '<' {
                        return Err(wrong(r"`\g` needs a group: `\g<1>` or `\g<name>`".into()));
                    }
                    let number = || name.parse().ok().filter(|_| name.bytes().all(|it| it.is_ascii_digit()));
                    let index = pattern.regex.capture_names().position(|it| it == Some(&name)).or_else(number);
                    index.ok_or_else(|| wrong(format!("the expression has no group `{name}`")))?
                }
                '0'..='9' => match octal(it, &mut rest, false) {
                    Some(code) => {
                        text.extend(char::from_u32(code));
                        continue;
                    }
                    None => {
                        let digits: String = [Some(it), rest.next_if(char::is_ascii_digit)].into_iter().flatten().collect();
                        digits.parse()?
                    }
                },
                _ => {
                    match it {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        'a' => text.push('\x07'),
                        'b' => text.push('\x08'),
                        'f' => text.push('\x0c'),
                        'v' => text.push('\x0b'),
                        '\\' => text.push('\\'),
                        _ if it.is_ascii_alphabetic() => return Err(wrong(format!(r"there is no escape `\{it}`"))),
                        _ => text.extend(['\\', it]),
                    }
                    continue;
                }
            };
            if group > pattern.groups() {
                return Err(wrong(format!("there is no group {group}; the expression has {}", pattern.groups())));
            }
            parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(group)]);
        }
        parts.push(Part::Text(text));
        Ok(Self(parts))
    }

    /// Appends the replacement of a match. A group that took no part in it is empty.
    pub(super) fn expand(&self, matched: &Captures<'_>, out: &mut String) {
        for part in &self.0 {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => matched.get(*group).map_or("", |it| it.as_str()),
            });
        }
    }
}
