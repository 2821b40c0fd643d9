//! Numbers, texts and switches.
//!
//! Texts follow Python's rules: characters are Unicode scalar values, positions count characters, and expressions are read as its `re`
//! reads them, as far as [`pattern`] says.

mod case;
mod expression;
mod logic;
mod pattern;

use logic::{ComfyMathExpression, ComfyNumberConvert, ComfySwitchNode, CustomCombo, SeedNode};
use pattern::{Flags, Pattern, Template};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, Shown, Value, registry};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io;

/// The most bytes that a text may have: a chain of nodes that each double it must end somewhere.
const MAX_BYTES: usize = 64 << 20;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        PrimitiveString,
        PrimitiveStringMultiline,
        PrimitiveInt,
        PrimitiveFloat,
        PrimitiveBoolean,
        StringConcatenate,
        StringSubstring,
        StringLength,
        CaseConverter,
        StringTrim,
        StringReplace,
        StringContains,
        StringCompare,
        RegexMatch,
        RegexExtract,
        RegexReplace,
        PreviewAny,
        ComfySwitchNode,
        ComfyMathExpression,
        ComfyNumberConvert,
        CustomCombo,
        SeedNode
    ]
}

/// Refuses a text that would be too long.
fn bounded(bytes: usize) -> Result<usize, NodeError> {
    if bytes <= MAX_BYTES {
        return Ok(bytes);
    }
    Err(NodeError::new(format!("the text would have {bytes} bytes, and {MAX_BYTES} are the most")).hint("shorten the inputs"))
}

/// Holds a text of one line, to feed several nodes.
#[derive(Node)]
#[node(display = "String", category = "utils/primitive")]
struct PrimitiveString {
    /// The text.
    value: String,
}

impl Run for PrimitiveString {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        Ok(self.value)
    }
}

/// Holds a text of any number of lines, to feed several nodes.
#[derive(Node)]
#[node(display = "String (Multiline)", category = "utils/primitive")]
struct PrimitiveStringMultiline {
    /// The text.
    #[input(multiline)]
    value: String,
}

impl Run for PrimitiveStringMultiline {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        Ok(self.value)
    }
}

/// Holds a whole number, to feed several nodes.
#[derive(Node)]
#[node(display = "Int", category = "utils/primitive")]
struct PrimitiveInt {
    /// The number.
    #[input(min = -i64::MAX, max = i64::MAX, control_after_generate)]
    value: i64,
}

impl Run for PrimitiveInt {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.value)
    }
}

/// Holds a real number, to feed several nodes.
#[derive(Node)]
#[node(display = "Float", category = "utils/primitive")]
struct PrimitiveFloat {
    /// The number.
    #[input(min = -i64::MAX, max = i64::MAX)]
    value: f64,
}

impl Run for PrimitiveFloat {
    type Output = f64;

    fn run(self, _: &Context) -> Result<f64, NodeError> {
        Ok(self.value)
    }
}

/// Holds a yes or no, to feed several nodes.
#[derive(Node)]
#[node(display = "Boolean", category = "utils/primitive")]
struct PrimitiveBoolean {
    /// Yes or no.
    value: bool,
}

impl Run for PrimitiveBoolean {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        Ok(self.value)
    }
}

/// Joins two texts.
#[derive(Node)]
#[node(display = "Concatenate", category = "utils/string")]
struct StringConcatenate {
    /// The text in front.
    #[input(multiline)]
    string_a: String,
    /// The text behind.
    #[input(multiline)]
    string_b: String,
    /// What stands between them.
    #[input(default = "")]
    delimiter: String,
}

impl Run for StringConcatenate {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        bounded(self.string_a.len() + self.delimiter.len() + self.string_b.len())?;
        Ok(self.string_a + &self.delimiter + &self.string_b)
    }
}

/// Cuts a part out of a text.
///
/// Positions count characters from 0; negative ones count back from the end. A position past either end means that end.
#[derive(Node)]
#[node(display = "Substring", category = "utils/string")]
struct StringSubstring {
    /// The text to cut.
    #[input(multiline)]
    string: String,
    /// The position of the first character that is kept.
    start: i64,
    /// The position behind the last character that is kept.
    end: i64,
}

impl Run for StringSubstring {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        let length = i64::try_from(self.string.chars().count())?;
        let place = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at.min(length) };
        let (start, end) = (usize::try_from(place(self.start))?, usize::try_from(place(self.end))?);
        Ok(self.string.chars().skip(start).take(end.saturating_sub(start)).collect())
    }
}

/// Counts the characters of a text.
#[derive(Node)]
#[node(display = "Length", category = "utils/string", outputs(length = "How many characters the text has."))]
struct StringLength {
    /// The text to measure.
    #[input(multiline)]
    string: String,
}

impl Run for StringLength {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(i64::try_from(self.string.chars().count())?)
    }
}

/// How letters are written.
#[derive(Choice, Clone, Copy)]
enum Case {
    #[choice("UPPERCASE")]
    Upper,
    #[choice("lowercase")]
    Lower,
    #[choice("Capitalize")]
    Capitalized,
    #[choice("Title Case")]
    Title,
}

/// Writes the letters of a text large or small.
#[derive(Node)]
#[node(display = "Case Converter", category = "utils/string")]
struct CaseConverter {
    /// The text to change.
    #[input(multiline)]
    string: String,
    /// Which letters become capitals: all, none, the text's first, or the first of every word.
    mode: Case,
}

impl Run for CaseConverter {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        Ok(match self.mode {
            Case::Upper => self.string.to_uppercase(),
            Case::Lower => self.string.to_lowercase(),
            Case::Capitalized => case::capitalized(&self.string),
            Case::Title => case::title(&self.string),
        })
    }
}

/// Which end of a text is meant.
#[derive(Choice, Clone, Copy)]
enum End {
    #[choice("Both")]
    Both,
    #[choice("Left")]
    Left,
    #[choice("Right")]
    Right,
}

/// Takes spaces and line ends off the ends of a text.
#[derive(Node)]
#[node(display = "Trim", category = "utils/string")]
struct StringTrim {
    /// The text to trim.
    #[input(multiline)]
    string: String,
    /// The end that is trimmed.
    mode: End,
}

impl Run for StringTrim {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        // Python's spaces include four separators that Unicode does not call white space.
        let space = |it: char| it.is_whitespace() || ('\x1c'..='\x1f').contains(&it);
        let text = match self.mode {
            End::Both => self.string.trim_matches(space),
            End::Left => self.string.trim_start_matches(space),
            End::Right => self.string.trim_end_matches(space),
        };
        Ok(text.to_owned())
    }
}

/// Puts one text in place of another wherever it occurs.
#[derive(Node)]
#[node(display = "Replace", category = "utils/string")]
struct StringReplace {
    /// The text to change.
    #[input(multiline)]
    string: String,
    /// What is looked for, letter by letter. Where it is empty, every place between two characters is meant.
    #[input(multiline)]
    find: String,
    /// What is put there.
    #[input(multiline)]
    replace: String,
}

impl Run for StringReplace {
    type Output = String;

    fn run(self, _: &Context) -> Result<String, NodeError> {
        let count = self.string.matches(&self.find).count();
        bounded((self.string.len() - count * self.find.len()).saturating_add(count.saturating_mul(self.replace.len())))?;
        Ok(self.string.replace(&self.find, &self.replace))
    }
}

/// Tells whether a text contains another.
#[derive(Node)]
#[node(display = "Contains", category = "utils/string", outputs(contains = "Whether it does."))]
struct StringContains {
    /// The text to search.
    #[input(multiline)]
    string: String,
    /// What is looked for.
    #[input(multiline)]
    substring: String,
    /// Whether capitals and small letters differ.
    #[input(default = true)]
    case_sensitive: bool,
}

impl Run for StringContains {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        if self.case_sensitive {
            return Ok(self.string.contains(&self.substring));
        }
        Ok(self.string.to_lowercase().contains(&self.substring.to_lowercase()))
    }
}

/// What is asked of two texts.
#[derive(Choice, Clone, Copy)]
enum Comparison {
    #[choice("Starts With")]
    StartsWith,
    #[choice("Ends With")]
    EndsWith,
    #[choice("Equal")]
    Equal,
}

/// Compares two texts.
#[derive(Node)]
#[node(display = "Compare", category = "utils/string")]
struct StringCompare {
    /// The text that is looked at.
    #[input(multiline)]
    string_a: String,
    /// What it is compared with.
    #[input(multiline)]
    string_b: String,
    /// Whether the first must start with the second, end with it, or be the same.
    mode: Comparison,
    /// Whether capitals and small letters differ.
    #[input(default = true)]
    case_sensitive: bool,
}

impl Run for StringCompare {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        let (a, b) = match self.case_sensitive {
            true => (self.string_a, self.string_b),
            false => (self.string_a.to_lowercase(), self.string_b.to_lowercase()),
        };
        Ok(match self.mode {
            Comparison::StartsWith => a.starts_with(&b),
            Comparison::EndsWith => a.ends_with(&b),
            Comparison::Equal => a == b,
        })
    }
}

/// Tells whether a regular expression matches anywhere in a text.
///
/// Expressions are read as Python reads them. One that cannot be read, or that tries too many ways, is an error.
#[derive(Node)]
#[node(display = "Regex Match", category = "utils/string", concurrent, outputs(matches = "Whether it does."))]
struct RegexMatch {
    /// The text to search.
    #[input(multiline)]
    string: String,
    /// The expression.
    #[input(multiline)]
    regex_pattern: String,
    /// Whether capitals and small letters are the same.
    #[input(default = true)]
    case_insensitive: bool,
    /// Whether `^` and `$` also match at the start and end of each line.
    multiline: bool,
    /// Whether `.` also matches line ends.
    dotall: bool,
}

impl Run for RegexMatch {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        let flags = Flags { case_insensitive: self.case_insensitive, multiline: self.multiline, dotall: self.dotall };
        Pattern::new(&self.regex_pattern, flags, &self.string)?.is_found()
    }
}

/// What is taken out of a text.
#[derive(Choice, Clone, Copy)]
enum Extract {
    #[choice("First Match")]
    FirstMatch,
    #[choice("All Matches")]
    AllMatches,
    #[choice("First Group")]
    FirstGroup,
    #[choice("All Groups")]
    AllGroups,
}

/// Takes out of a text what a regular expression matches.
///
/// Several results are joined by line ends; without any, the text is empty. "All Matches" takes the first group of each match where the
/// expression has groups. A group that took no part in its match counts as empty. Expressions are read as Python reads them. One that
/// cannot be read, or that tries too many ways, is an error.
#[derive(Node)]
#[node(display = "Regex Extract", category = "utils/string", concurrent)]
struct RegexExtract {
    /// The text to search.
    #[input(multiline)]
    string: String,
    /// The expression.
    #[input(multiline)]
    regex_pattern: String,
    /// Whether the first match or all of them count, and the match or one of its groups.
    mode: Extract,
    /// Whether capitals and small letters are the same.
    #[input(default = true)]
    case_insensitive: bool,
    /// Whether `^` and `$` also match at the start and end of each line.
    multiline: bool,
    /// Whether `.` also matches line ends.
    dotall: bool,
    /// The group that the group modes take: 1 is the first pair of parentheses, 0 the whole match.
    #[input(default = 1, min = 0, max = 100)]
    group_index: usize,
}

impl Run for RegexExtract {
    type Output = String;

    fn run(self, cx: &Context) -> Result<String, NodeError> {
        let flags = Flags { case_insensitive: self.case_insensitive, multiline: self.multiline, dotall: self.dotall };
        let pattern = Pattern::new(&self.regex_pattern, flags, &self.string)?;
        let (groups, index) = (pattern.groups(), self.group_index);
        let (group, most) = match self.mode {
            Extract::FirstMatch => (0, 1),
            Extract::AllMatches => (groups.min(1), usize::MAX),
            Extract::FirstGroup if index <= groups => (index, 1),
            Extract::AllGroups if (1..=groups).contains(&index.max(1)) => (index, usize::MAX),
            Extract::FirstGroup | Extract::AllGroups => return Ok(String::new()),
        };
        let mut found = Vec::new();
        let mut bytes = 0;
        for matched in pattern.matches().take(most) {
            cx.check()?;
            found.push(matched?.get(group).map_or("", |it| it.as_str()));
            bytes = bounded(bytes + found.last().map_or(0, |it| it.len()) + 1)?;
        }
        Ok(found.join("\n"))
    }
}

/// Replaces what a regular expression matches.
///
/// In the replacement `\1` and `\g<name>` stand for what a group matched. Expressions are read as Python reads them. One that cannot be
/// read, or that tries too many ways, is an error.
#[derive(Node)]
#[node(display = "Regex Replace", category = "utils/string", concurrent)]
struct RegexReplace {
    /// The text to change.
    #[input(multiline)]
    string: String,
    /// The expression.
    #[input(multiline)]
    regex_pattern: String,
    /// What is put in place of each match.
    #[input(multiline)]
    replace: String,
    /// Whether capitals and small letters are the same.
    #[input(optional, default = true)]
    case_insensitive: bool,
    /// Whether `^` and `$` also match at the start and end of each line.
    #[input(optional)]
    multiline: bool,
    /// Whether `.` also matches line ends.
    #[input(optional)]
    dotall: bool,
    /// How many matches are replaced, from the start of the text; 0 means all.
    #[input(optional, default = 0, min = 0, max = 100)]
    count: usize,
}

impl Run for RegexReplace {
    type Output = String;

    fn run(self, cx: &Context) -> Result<String, NodeError> {
        let flags = Flags { case_insensitive: self.case_insensitive, multiline: self.multiline, dotall: self.dotall };
        let pattern = Pattern::new(&self.regex_pattern, flags, &self.string)?;
        let template = Template::new(&self.replace, &pattern)?;
        let most = if self.count == 0 { usize::MAX } else { self.count };
        let (mut out, mut from) = (String::new(), 0);
        for matched in pattern.matches().take(most) {
            cx.check()?;
            let matched = matched?;
            let whole = matched.get(0).map_or(from..from, |it| it.range());
            out.push_str(&self.string[from..whole.start]);
            template.expand(&matched, &mut out);
            bounded(out.len())?;
            from = whole.end;
        }
        out.push_str(&self.string[from..]);
        bounded(out.len())?;
        Ok(out)
    }
}

/// Shows any value as text.
///
/// Texts and numbers are shown as they are, everything else by the name of its type.
#[derive(Node)]
#[node(display = "Preview Any", category = "utils", output_node, outputs(STRING = "The text that is shown."))]
struct PreviewAny {
    /// The value to show.
    source: Value,
}

impl Run for PreviewAny {
    type Output = String;

    fn run(self, cx: &Context) -> Result<String, NodeError> {
        let text = shown(&self.source)?;
        cx.show(Shown::Text(text.clone()));
        Ok(text)
    }
}

fn shown(value: &Value) -> Result<String, NodeError> {
    Ok(match value {
        Value::Float(real) => logic::float_text(*real),
        Value::Json(json) if json.is_null() => "None".to_owned(),
        Value::Json(json) => {
            let mut out = Vec::new();
            json.serialize(&mut Serializer::with_formatter(&mut out, Spaced))?;
            String::from_utf8(out)?
        }
        other => other.to_string(),
    })
}

/// JSON in one line with a space behind each comma and colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests;
