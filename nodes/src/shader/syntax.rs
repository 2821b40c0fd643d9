//! Reads the text of a shader: words, then statements and expressions.

use std::collections::HashMap;
use std::fmt;

/// What is wrong with a shader, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Wrong {
    /// The line, from 1; 0 where there is none.
    line: u32,
    message: String,
}

impl Wrong {
    pub(super) fn at(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

pub(super) type Read<T> = Result<T, Wrong>;

/// What one component of a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Base {
    Void,
    Float,
    Int,
    Uint,
    Bool,
    Sampler,
}

/// A type: so many components of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Type {
    pub(super) base: Base,
    pub(super) size: usize,
}

impl Type {
    pub(super) const fn new(base: Base, size: usize) -> Self {
        Self { base, size }
    }

    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "void" => Self::new(Base::Void, 0),
            "float" => Self::new(Base::Float, 1),
            "int" => Self::new(Base::Int, 1),
            "uint" => Self::new(Base::Uint, 1),
            "bool" => Self::new(Base::Bool, 1),
            "sampler2D" => Self::new(Base::Sampler, 1),
            _ => {
                let (base, rest) = match name.split_at_checked(1)? {
                    ("v", rest) => (Base::Float, rest),
                    ("i", rest) => (Base::Int, rest.strip_prefix('v')?),
                    ("u", rest) => (Base::Uint, rest.strip_prefix('v')?),
                    ("b", rest) => (Base::Bool, rest.strip_prefix('v')?),
                    _ => return None,
                };
                let size = match rest {
                    "ec2" => 2,
                    "ec3" => 3,
                    "ec4" => 4,
                    _ => return None,
                };
                Self::new(base, size)
            }
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.base {
            Base::Void => ("void", ""),
            Base::Float => ("float", "vec"),
            Base::Int => ("int", "ivec"),
            Base::Uint => ("uint", "uvec"),
            Base::Bool => ("bool", "bvec"),
            Base::Sampler => ("sampler2D", ""),
        };
        if self.size > 1 { write!(f, "{many}{}", self.size) } else { f.write_str(one) }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Float(f32),
    Int(i32),
    Uint(u32),
    Sign(&'static str),
    End,
}

/// Longest first.
const SIGNS: &[&str] = &[
    "<<=", ">>=", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "^^", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=", "+", "-", "*", "/", "%", "<", ">", "=", "!", "&", "|", "^", "~", "?", ":", ";", ",", ".", "(", ")", "[", "]", "{", "}",
];

/// The longest text of a shader, bytes.
const LONGEST: usize = 64 << 10;
/// The most words, what `#define` writes among them.
const MOST_WORDS: usize = 100_000;

fn words(text: &str) -> Read<Vec<(Token, u32)>> {
    if text.len() > LONGEST {
        return Err(Wrong::at(0, format!("the shader has {} bytes, and {LONGEST} are the most", text.len())));
    }
    let text = without_comments(text);
    let mut found = Vec::<(Token, u32)>::new();
    let mut defined = HashMap::<String, Vec<Token>>::new();
    for (line, content) in (1..).zip(text.lines()) {
        let Some(directive) = content.trim_start().strip_prefix('#') else {
            line_words(content, line, &defined, &mut found)?;
            continue;
        };
        let (name, rest) = directive.trim().split_once(char::is_whitespace).unwrap_or((directive.trim(), ""));
        match (name, rest.split_whitespace().collect::<Vec<_>>().as_slice()) {
            ("version", _) | ("extension", _) | ("", _) => {}
            ("pragma", ["passes", "1"]) => {}
            ("pragma", ["passes", ..]) => return Err(Wrong::at(line, "shaders run in one pass here")),
            ("pragma", _) => {}
            ("define", [name, ..]) if name.chars().all(is_letter) => {
                let mut body = Vec::new();
                line_words(rest.trim_start().strip_prefix(name).unwrap_or_default(), line, &defined, &mut body)?;
                defined.insert((*name).to_owned(), body.into_iter().map(|(word, _)| word).collect());
            }
            _ => return Err(Wrong::at(line, format!("`#{name}` as it stands here is not supported"))),
        }
    }
    Ok(found)
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Comments as spaces, so that lines keep their numbers.
fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        out.push_str(&rest[..at]);
        let comment = &rest[at..];
        let end = if comment.starts_with("//") {
            comment.find('\n').unwrap_or(comment.len())
        } else {
            comment[2..].find("*/").map_or(comment.len(), |it| it + 4)
        };
        out.extend(comment[..end].chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
        rest = &comment[end..];
    }
    out.push_str(rest);
    out
}

fn line_words(text: &str, line: u32, defined: &HashMap<String, Vec<Token>>, found: &mut Vec<(Token, u32)>) -> Read<()> {
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if found.len() > MOST_WORDS {
            return Err(Wrong::at(line, format!("the shader has more than {MOST_WORDS} words")));
        }
        let begins_number = first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|it: char| it.is_ascii_digit());
        if begins_number {
            let (token, length) = number(rest).ok_or_else(|| Wrong::at(line, "this number cannot be read"))?;
            found.push((token, line));
            rest = &rest[length..];
        } else if is_letter(first) {
            let end = rest.find(|it| !is_letter(it)).unwrap_or(rest.len());
            match defined.get(&rest[..end]) {
                Some(body) => found.extend(body.iter().map(|it| (it.clone(), line))),
                None => found.push((Token::Name(rest[..end].to_owned()), line)),
            }
            rest = &rest[end..];
        } else {
            let sign = SIGNS.iter().find(|it| rest.starts_with(**it));
            let sign = sign.ok_or_else(|| Wrong::at(line, format!("`{first}` means nothing here")))?;
            found.push((Token::Sign(sign), line));
            rest = &rest[sign.len()..];
        }
        rest = rest.trim_start();
    }
    Ok(())
}

/// A number and how many bytes it has.
fn number(text: &str) -> Option<(Token, usize)> {
    let unsigned = |digits: &str, radix: u32, end: usize| {
        let value = u32::from_str_radix(digits, radix).ok()?;
        let marked = text[end..].starts_with(['u', 'U']);
        Some(if marked { (Token::Uint(value), end + 1) } else { (Token::Int(value as i32), end) })
    };
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let end = hex.find(|it: char| !it.is_ascii_hexdigit()).unwrap_or(hex.len());
        return unsigned(&hex[..end], 16, end + 2);
    }
    let digits = |from: usize| text[from..].find(|it: char| !it.is_ascii_digit()).map_or(text.len(), |it| from + it);
    let mut end = digits(0);
    let mut real = false;
    if text[end..].starts_with('.') {
        (end, real) = (digits(end + 1), true);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let after = digits(end + 1 + sign);
        if after == end + 1 + sign {
            return None;
        }
        (end, real) = (after, true);
    }
    if !real && !text[end..].starts_with(['f', 'F']) {
        let octal = text.starts_with('0') && end > 1;
        return unsigned(&text[..end], if octal { 8 } else { 10 }, end);
    }
    let value = text[..end].parse().ok()?;
    Some((Token::Float(value), end + usize::from(text[end..].starts_with(['f', 'F']))))
}

/// An expression and the line it stands in.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) line: u32,
    pub(super) kind: Kind,
    /// How many expressions stand in one another at most.
    height: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A constant, as its bits.
    Literal(Base, u32),
    Name(String),
    Unary(&'static str, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `=` where the operator is empty, else `+=` and the like.
    Assign(&'static str, Box<Expr>, Box<Expr>),
    /// `++` or `--`, before or behind.
    Count {
        up: bool,
        before: bool,
        of: Box<Expr>,
    },
    Call(String, Vec<Expr>),
    Field(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Choose(Box<Expr>, Box<Expr>, Box<Expr>),
    Comma(Box<Expr>, Box<Expr>),
}

impl Expr {
    fn new(line: u32, kind: Kind) -> Read<Self> {
        let inside = match &kind {
            Kind::Literal(..) | Kind::Name(_) => 0,
            Kind::Unary(_, it) | Kind::Field(it, _) | Kind::Count { of: it, .. } => it.height,
            Kind::Binary(_, a, b) | Kind::Assign(_, a, b) | Kind::Index(a, b) | Kind::Comma(a, b) => a.height.max(b.height),
            Kind::Choose(a, b, c) => a.height.max(b.height).max(c.height),
            Kind::Call(_, arguments) => arguments.iter().map(|it| it.height).max().unwrap_or(0),
        };
        if inside >= TALLEST {
            return Err(Wrong::at(line, format!("more than {TALLEST} operations in one another; use a variable")));
        }
        Ok(Self { line, kind, height: inside + 1 })
    }
}

#[derive(Debug)]
pub(super) enum Statement {
    Declare { line: u32, kind: Type, constant: bool, names: Vec<(String, Option<Expr>)> },
    Expression(Expr),
    If(Expr, Vec<Self>, Vec<Self>),
    Loop { begin: Vec<Self>, test: Option<Expr>, step: Option<Expr>, body: Vec<Self>, test_first: bool },
    Return(u32, Option<Expr>),
    Break(u32),
    Continue(u32),
    Discard,
    Block(Vec<Self>),
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) kind: Type,
    pub(super) name: String,
    /// Whether the caller's value comes in, and whether it gets the parameter's back.
    pub(super) takes: bool,
    pub(super) gives: bool,
}

#[derive(Debug)]
pub(super) enum Item {
    Uniform(u32, Type, String),
    In(u32, Type, String),
    Out(u32, Option<u32>, Type, String),
    Global(Statement),
    Function { line: u32, kind: Type, name: String, parameters: Vec<Parameter>, body: Vec<Statement> },
}

/// How deep anything may be nested.
const DEEPEST: usize = 64;
/// How tall an expression may be: `a + b + c` is two tall.
const TALLEST: usize = 256;

/// Reads a shader.
pub(super) fn read(text: &str) -> Read<Vec<Item>> {
    let mut reader = Reader { words: words(text)?, at: 0, depth: 0 };
    let mut items = Vec::new();
    while *reader.peek() != Token::End {
        if reader.is(";") || reader.precision()? {
            continue;
        }
        items.push(reader.item()?);
    }
    Ok(items)
}

struct Reader {
    words: Vec<(Token, u32)>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> &Token {
        self.words.get(self.at).map_or(&Token::End, |it| &it.0)
    }

    fn line(&self) -> u32 {
        self.words.get(self.at).or(self.words.last()).map_or(0, |it| it.1)
    }

    fn wrong<T>(&self, wanted: &str) -> Read<T> {
        let found = match self.peek() {
            Token::Name(name) => format!("`{name}`"),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Float(it) => it.to_string(),
            Token::Int(it) => it.to_string(),
            Token::Uint(it) => it.to_string(),
            Token::End => "the end".to_owned(),
        };
        Err(Wrong::at(self.line(), format!("{found} stands where {wanted} is expected")))
    }

    /// Takes this sign, if it comes next.
    fn is(&mut self, sign: &str) -> bool {
        let yes = matches!(self.peek(), Token::Sign(it) if *it == sign);
        self.at += usize::from(yes);
        yes
    }

    /// Takes this word, if it comes next.
    fn is_word(&mut self, word: &str) -> bool {
        let yes = matches!(self.peek(), Token::Name(it) if it == word);
        self.at += usize::from(yes);
        yes
    }

    fn expect(&mut self, sign: &str) -> Read<()> {
        if self.is(sign) { Ok(()) } else { self.wrong(&format!("`{sign}`")) }
    }

    fn name(&mut self) -> Read<String> {
        match self.peek() {
            Token::Name(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.wrong("a name"),
        }
    }

    /// `precision highp float;`
    fn precision(&mut self) -> Read<bool> {
        let yes = self.is_word("precision");
        if yes {
            self.name()?;
            self.name()?;
            self.expect(";")?;
        }
        Ok(yes)
    }

    fn kind(&mut self) -> Read<Type> {
        while self.is_word("highp") || self.is_word("mediump") || self.is_word("lowp") || self.is_word("flat") {}
        let line = self.line();
        let name = self.name()?;
        Type::named(&name).ok_or_else(|| {
            Wrong::at(
                line,
                format!("`{name}` is no type known here; there are float, int, uint, bool, their vectors, and sampler2D"),
            )
        })
    }

    fn begins_declaration(&self) -> bool {
        // A type before `(` is a constructor.
        let calls = matches!(self.words.get(self.at + 1), Some((Token::Sign("("), _)));
        matches!(self.peek(), Token::Name(it) if matches!(it.as_str(), "const" | "highp" | "mediump" | "lowp")
            || !calls && Type::named(it).is_some())
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= DEEPEST {
            return Err(Wrong::at(self.line(), format!("this is nested deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn item(&mut self) -> Read<Item> {
        let line = self.line();
        let mut location = None;
        if self.is_word("layout") {
            self.expect("(")?;
            if !self.is_word("location") {
                return self.wrong("`location`");
            }
            self.expect("=")?;
            let Token::Int(number) = *self.peek() else { return self.wrong("a number") };
            self.at += 1;
            location = u32::try_from(number).ok();
            self.expect(")")?;
        }
        for (word, item) in [("uniform", 0), ("in", 1), ("out", 2)] {
            if self.is_word(word) {
                let (kind, name) = (self.kind()?, self.name()?);
                self.expect(";")?;
                return Ok(match item {
                    0 => Item::Uniform(line, kind, name),
                    1 => Item::In(line, kind, name),
                    _ => Item::Out(line, location, kind, name),
                });
            }
        }
        let begin = self.at;
        let constant = self.is_word("const");
        let (kind, name) = (self.kind()?, self.name()?);
        if constant || !self.is("(") {
            self.at = begin;
            return Ok(Item::Global(self.declaration()?));
        }
        let mut parameters = Vec::new();
        if !(self.is_word("void") || self.is(")")) {
            loop {
                self.is_word("const");
                let (out, inout) = (self.is_word("out"), self.is_word("inout"));
                self.is_word("in");
                let (kind, name) = (self.kind()?, self.name()?);
                parameters.push(Parameter { kind, name, takes: !out, gives: out || inout });
                if !self.is(",") {
                    break;
                }
            }
            self.expect(")")?;
        } else if matches!(self.words.get(self.at - 1), Some((Token::Name(_), _))) {
            self.expect(")")?;
        }
        let body = self.block()?;
        Ok(Item::Function { line, kind, name, parameters, body })
    }

    fn block(&mut self) -> Read<Vec<Statement>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        while !self.is("}") {
            if self.is(";") || self.precision()? {
                continue;
            }
            statements.push(self.nested(Self::statement)?);
        }
        Ok(statements)
    }

    fn declaration(&mut self) -> Read<Statement> {
        let line = self.line();
        let constant = self.is_word("const");
        let kind = self.kind()?;
        let mut names = Vec::new();
        loop {
            let name = self.name()?;
            let value = if self.is("=") { Some(self.assignment()?) } else { None };
            names.push((name, value));
            if self.is(";") {
                return Ok(Statement::Declare { line, kind, constant, names });
            }
            self.expect(",")?;
        }
    }

    /// What follows `if` and the like, as a list.
    fn body(&mut self) -> Read<Vec<Statement>> {
        if self.is(";") {
            return Ok(Vec::new());
        }
        Ok(vec![self.nested(Self::statement)?])
    }

    fn statement(&mut self) -> Read<Statement> {
        let line = self.line();
        if matches!(self.peek(), Token::Sign("{")) {
            return Ok(Statement::Block(self.block()?));
        }
        if self.begins_declaration() {
            return self.declaration();
        }
        let Token::Name(word) = self.peek().clone() else { return self.simple() };
        match word.as_str() {
            "if" => {
                self.at += 1;
                self.expect("(")?;
                let test = self.expression()?;
                self.expect(")")?;
                let then = self.body()?;
                let other = if self.is_word("else") { self.body()? } else { Vec::new() };
                Ok(Statement::If(test, then, other))
            }
            "for" => {
                self.at += 1;
                self.expect("(")?;
                let begin = match () {
                    () if self.is(";") => Vec::new(),
                    () if self.begins_declaration() => vec![self.declaration()?],
                    () => vec![self.simple()?],
                };
                let test = if self.is(";") { None } else { Some(self.expression()?) };
                if test.is_some() {
                    self.expect(";")?;
                }
                let step = if self.is(")") { None } else { Some(self.expression()?) };
                if step.is_some() {
                    self.expect(")")?;
                }
                Ok(Statement::Loop { begin, test, step, body: self.body()?, test_first: true })
            }
            "while" => {
                self.at += 1;
                self.expect("(")?;
                let test = Some(self.expression()?);
                self.expect(")")?;
                Ok(Statement::Loop { begin: Vec::new(), test, step: None, body: self.body()?, test_first: true })
            }
            "do" => {
                self.at += 1;
                let body = self.body()?;
                if !self.is_word("while") {
                    return self.wrong("`while`");
                }
                self.expect("(")?;
                let test = Some(self.expression()?);
                self.expect(")")?;
                self.expect(";")?;
                Ok(Statement::Loop { begin: Vec::new(), test, step: None, body, test_first: false })
            }
            "return" => {
                self.at += 1;
                let value = if self.is(";") { None } else { Some(self.expression()?) };
                if value.is_some() {
                    self.expect(";")?;
                }
                Ok(Statement::Return(line, value))
            }
            "break" | "continue" | "discard" => {
                self.at += 1;
                self.expect(";")?;
                Ok(match word.as_str() {
                    "break" => Statement::Break(line),
                    "continue" => Statement::Continue(line),
                    _ => Statement::Discard,
                })
            }
            "switch" | "struct" => Err(Wrong::at(line, format!("`{word}` is not supported"))),
            _ => self.simple(),
        }
    }

    fn simple(&mut self) -> Read<Statement> {
        let expression = self.expression()?;
        self.expect(";")?;
        Ok(Statement::Expression(expression))
    }

    fn expression(&mut self) -> Read<Expr> {
        let mut left = self.assignment()?;
        while self.is(",") {
            let line = self.line();
            left = Expr::new(line, Kind::Comma(left.into(), self.assignment()?.into()))?;
        }
        Ok(left)
    }

    fn assignment(&mut self) -> Read<Expr> {
        self.nested(|it| {
            let target = it.choice()?;
            let line = it.line();
            for (sign, operator) in [
                ("=", ""),
                ("+=", "+"),
                ("-=", "-"),
                ("*=", "*"),
                ("/=", "/"),
                ("%=", "%"),
                ("<<=", "<<"),
                (">>=", ">>"),
                ("&=", "&"),
                ("|=", "|"),
                ("^=", "^"),
            ] {
                if it.is(sign) {
                    return Expr::new(line, Kind::Assign(operator, target.into(), it.assignment()?.into()));
                }
            }
            Ok(target)
        })
    }

    fn choice(&mut self) -> Read<Expr> {
        let test = self.binary(0)?;
        let line = self.line();
        if !self.is("?") {
            return Ok(test);
        }
        let then = self.nested(Self::expression)?;
        self.expect(":")?;
        let other = self.assignment()?;
        Expr::new(line, Kind::Choose(test.into(), then.into(), other.into()))
    }

    /// Operators from this strength on.
    fn binary(&mut self, least: usize) -> Read<Expr> {
        const STRENGTHS: &[&[&str]] = &[
            &["||"],
            &["^^"],
            &["&&"],
            &["|"],
            &["^"],
            &["&"],
            &["==", "!="],
            &["<=", ">=", "<", ">"],
            &["<<", ">>"],
            &["+", "-"],
            &["*", "/", "%"],
        ];
        let Some(signs) = STRENGTHS.get(least) else { return self.unary() };
        let mut left = self.binary(least + 1)?;
        loop {
            let line = self.line();
            let Some(sign) = signs.iter().find(|it| matches!(self.peek(), Token::Sign(sign) if sign == *it)) else {
                return Ok(left);
            };
            self.at += 1;
            left = Expr::new(line, Kind::Binary(sign, left.into(), self.binary(least + 1)?.into()))?;
        }
    }

    fn unary(&mut self) -> Read<Expr> {
        let line = self.line();
        for sign in ["++", "--"] {
            if self.is(sign) {
                let of = self.nested(Self::unary)?.into();
                return Expr::new(line, Kind::Count { up: sign == "++", before: true, of });
            }
        }
        for sign in ["-", "!", "~", "+"] {
            if self.is(sign) {
                let of = self.nested(Self::unary)?;
                return Ok(if sign == "+" { of } else { Expr::new(line, Kind::Unary(sign, of.into()))? });
            }
        }
        let mut value = self.primary()?;
        loop {
            let line = self.line();
            value = if self.is(".") {
                Expr::new(line, Kind::Field(value.into(), self.name()?))?
            } else if self.is("[") {
                let index = self.nested(Self::expression)?;
                self.expect("]")?;
                Expr::new(line, Kind::Index(value.into(), index.into()))?
            } else if self.is("++") {
                Expr::new(line, Kind::Count { up: true, before: false, of: value.into() })?
            } else if self.is("--") {
                Expr::new(line, Kind::Count { up: false, before: false, of: value.into() })?
            } else {
                return Ok(value);
            };
        }
    }

    fn primary(&mut self) -> Read<Expr> {
        let line = self.line();
        let literal = |base, bits| Expr::new(line, Kind::Literal(base, bits));
        match self.peek().clone() {
            Token::Float(it) => {
                self.at += 1;
                literal(Base::Float, it.to_bits())
            }
            Token::Int(it) => {
                self.at += 1;
                literal(Base::Int, it as u32)
            }
            Token::Uint(it) => {
                self.at += 1;
                literal(Base::Uint, it)
            }
            Token::Name(name) if name == "true" || name == "false" => {
                self.at += 1;
                literal(Base::Bool, u32::from(name == "true"))
            }
            Token::Name(name) => {
                self.at += 1;
                if !self.is("(") {
                    return Expr::new(line, Kind::Name(name));
                }
                let mut arguments = Vec::new();
                if !self.is(")") {
                    loop {
                        arguments.push(self.assignment()?);
                        if !self.is(",") {
                            break;
                        }
                    }
                    self.expect(")")?;
                }
                Expr::new(line, Kind::Call(name, arguments))
            }
            Token::Sign("(") => {
                self.at += 1;
                let inside = self.nested(Self::expression)?;
                self.expect(")")?;
                Ok(inside)
            }
            _ => self.wrong("a value"),
        }
    }
}
