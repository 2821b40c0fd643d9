//! Formulas over numbers: read, then computed, both within bounds.

/// The most bytes of a formula.
const MAX_SOURCE: usize = 1 << 14;
/// How deep brackets and signs may nest.
const MAX_DEPTH: usize = 64;

/// A number that is whole as long as it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// The number as real one.
    pub(super) fn real(self) -> f64 {
        match self {
            Self::Int(whole) => whole as f64,
            Self::Float(real) => real,
        }
    }

    /// Whether it is not zero.
    pub(super) fn is_true(self) -> bool {
        self.real() != 0.0
    }
}

impl From<bool> for Number {
    fn from(truth: bool) -> Self {
        Self::Int(i128::from(truth))
    }
}

/// Computes a formula with these names.
///
/// # Errors
/// What cannot be read, or has no value.
pub(super) fn evaluate(source: &str, names: &[(&str, Number)]) -> Result<Number, String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("it has {} bytes, and {MAX_SOURCE} are the most", source.len()));
    }
    let mut reader = Reader { tokens: tokens(source)?, at: 0, depth: 0 };
    let formula = reader.choice()?;
    match reader.tokens.get(reader.at) {
        None => value(&formula, names),
        Some(left) => Err(format!("`{}` is not expected there", left.text())),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(Number),
    Name(String),
    Sign(&'static str),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Self::Number(Number::Int(whole)) => whole.to_string(),
            Self::Number(Number::Float(real)) => real.to_string(),
            Self::Name(name) => name.clone(),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Longer ones first.
const SIGNS: [&str; 16] = ["**", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ","];

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() || first == '.' {
            let length = number_length(rest);
            let text = &rest[..length];
            let number = text.parse().map(Number::Int).or_else(|_| text.parse().map(Number::Float));
            tokens.push(Token::Number(number.map_err(|_| format!("`{text}` is no number"))?));
            length
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..length].to_owned()));
            length
        } else {
            let sign = SIGNS.into_iter().find(|it| rest.starts_with(it)).ok_or_else(|| format!("there is no sign `{first}`"))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Digits, a point, digits, and a power of ten.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut at = digits(0);
    if text[at..].starts_with('.') {
        at += 1 + digits(at + 1);
    }
    if text[at..].starts_with(['e', 'E']) {
        let sign = usize::from(text[at + 1..].starts_with(['+', '-']));
        match digits(at + 1 + sign) {
            0 => {}
            count => at += 1 + sign + count,
        }
    }
    at
}

enum Formula {
    Number(Number),
    Name(String),
    Call(String, Vec<Self>),
    Negative(Box<Self>),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    /// A first operand, and operators with what follows them, from left to right.
    Chain(Box<Self>, Vec<(&'static str, Self)>),
    /// Comparisons that must all hold.
    Compare(Box<Self>, Vec<(&'static str, Self)>),
    Choice {
        yes: Box<Self>,
        condition: Box<Self>,
        no: Box<Self>,
    },
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn sign(&mut self, among: &[&'static str]) -> Option<&'static str> {
        let Some(Token::Sign(sign)) = self.tokens.get(self.at) else { return None };
        let sign = among.contains(sign).then_some(*sign)?;
        self.at += 1;
        Some(sign)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        self.sign(&[sign]).map(drop).ok_or_else(|| match self.tokens.get(self.at) {
            Some(token) => format!("needs `{sign}` before `{}`", token.text()),
            None => format!("needs `{sign}` at the end"),
        })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn choice(&mut self) -> Result<Formula, String> {
        let yes = self.any()?;
        if !self.word("if") {
            return Ok(yes);
        }
        let condition = self.any()?;
        if !self.word("else") {
            return Err("`if` needs an `else`".to_owned());
        }
        let no = self.deeper(Self::choice)?;
        Ok(Formula::Choice { yes: yes.into(), condition: condition.into(), no: no.into() })
    }

    fn any(&mut self) -> Result<Formula, String> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Formula::Or))
    }

    fn all(&mut self) -> Result<Formula, String> {
        let mut parts = vec![self.negation()?];
        while self.word("and") {
            parts.push(self.negation()?);
        }
        Ok(one_or(parts, Formula::And))
    }

    fn negation(&mut self) -> Result<Formula, String> {
        if self.word("not") {
            return Ok(Formula::Not(self.deeper(Self::negation)?.into()));
        }
        let first = self.sum()?;
        let rest = self.following(&["<=", ">=", "==", "!=", "<", ">"], Self::sum)?;
        Ok(if rest.is_empty() { first } else { Formula::Compare(first.into(), rest) })
    }

    fn sum(&mut self) -> Result<Formula, String> {
        let first = self.product()?;
        let rest = self.following(&["+", "-"], Self::product)?;
        Ok(if rest.is_empty() { first } else { Formula::Chain(first.into(), rest) })
    }

    fn product(&mut self) -> Result<Formula, String> {
        let first = self.signed()?;
        let rest = self.following(&["*", "//", "/", "%"], Self::signed)?;
        Ok(if rest.is_empty() { first } else { Formula::Chain(first.into(), rest) })
    }

    fn following(
        &mut self,
        signs: &[&'static str],
        read: fn(&mut Self) -> Result<Formula, String>,
    ) -> Result<Vec<(&'static str, Formula)>, String> {
        let mut rest = Vec::new();
        while let Some(sign) = self.sign(signs) {
            rest.push((sign, read(self)?));
        }
        Ok(rest)
    }

    fn signed(&mut self) -> Result<Formula, String> {
        match self.sign(&["-", "+"]) {
            Some("-") => Ok(Formula::Negative(self.deeper(Self::signed)?.into())),
            Some(_) => self.deeper(Self::signed),
            None => {
                let base = self.atom()?;
                match self.sign(&["**"]) {
                    Some(sign) => Ok(Formula::Chain(base.into(), vec![(sign, self.deeper(Self::signed)?)])),
                    None => Ok(base),
                }
            }
        }
    }

    fn atom(&mut self) -> Result<Formula, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("something is missing at the end")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Formula::Number(number)),
            Token::Name(name) if self.sign(&["("]).is_some() => {
                let mut arguments = Vec::new();
                while self.sign(&[")"]).is_none() {
                    arguments.push(self.deeper(Self::choice)?);
                    if self.sign(&[","]).is_none() {
                        self.expect(")")?;
                        break;
                    }
                }
                Ok(Formula::Call(name, arguments))
            }
            Token::Name(name) => Ok(Formula::Name(name)),
            Token::Sign("(") => {
                let inside = self.deeper(Self::choice)?;
                self.expect(")")?;
                Ok(inside)
            }
            Token::Sign(sign) => Err(format!("`{sign}` is not expected there")),
        }
    }
}

fn one_or(mut parts: Vec<Formula>, many: fn(Vec<Formula>) -> Formula) -> Formula {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

fn value(formula: &Formula, names: &[(&str, Number)]) -> Result<Number, String> {
    let of = |it: &Formula| value(it, names);
    match formula {
        Formula::Number(number) => Ok(*number),
        Formula::Name(name) => named(name, names),
        Formula::Call(name, arguments) => {
            let mut numbers = Vec::new();
            for argument in arguments {
                match argument {
                    Formula::Name(all) if all == "values" => numbers.extend(names.iter().map(|(_, number)| *number)),
                    one => numbers.push(of(one)?),
                }
            }
            call(name, &numbers)
        }
        Formula::Negative(inside) => match of(inside)? {
            Number::Int(whole) => whole.checked_neg().map(Number::Int).ok_or_else(too_large),
            Number::Float(real) => Ok(Number::Float(-real)),
        },
        Formula::Not(inside) => Ok((!of(inside)?.is_true()).into()),
        // As in Python the result is the operand that decided.
        Formula::And(parts) => first_that(parts, names, |it| !it.is_true()),
        Formula::Or(parts) => first_that(parts, names, Number::is_true),
        Formula::Chain(first, rest) => rest.iter().try_fold(of(first)?, |left, (sign, right)| operate(left, sign, of(right)?)),
        Formula::Compare(first, rest) => {
            let mut left = of(first)?;
            for (sign, right) in rest {
                let right = of(right)?;
                if !holds(left, sign, right) {
                    return Ok(false.into());
                }
                left = right;
            }
            Ok(true.into())
        }
        Formula::Choice { yes, condition, no } => of(if of(condition)?.is_true() { yes } else { no }),
    }
}

fn named(name: &str, names: &[(&str, Number)]) -> Result<Number, String> {
    let given = names.iter().find(|(it, _)| *it == name).map(|(_, number)| *number);
    let known = match name {
        "pi" => Some(Number::Float(std::f64::consts::PI)),
        "e" => Some(Number::Float(std::f64::consts::E)),
        "True" => Some(true.into()),
        "False" => Some(false.into()),
        _ => None,
    };
    let there = || names.iter().map(|(it, _)| *it).collect::<Vec<_>>().join(", ");
    given.or(known).ok_or_else(|| format!("there is no value `{name}`; linked are: {}", there()))
}

fn first_that(parts: &[Formula], names: &[(&str, Number)], decides: fn(Number) -> bool) -> Result<Number, String> {
    let mut last = Number::Int(0);
    for part in parts {
        last = value(part, names)?;
        if decides(last) {
            break;
        }
    }
    Ok(last)
}

fn holds(left: Number, sign: &str, right: Number) -> bool {
    let order = match (left, right) {
        (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
        _ => left.real().partial_cmp(&right.real()),
    };
    match sign {
        "<" => order.is_some_and(|it| it.is_lt()),
        "<=" => order.is_some_and(|it| it.is_le()),
        ">" => order.is_some_and(|it| it.is_gt()),
        ">=" => order.is_some_and(|it| it.is_ge()),
        "!=" => order.is_none_or(|it| it.is_ne()),
        _ => order.is_some_and(|it| it.is_eq()),
    }
}

fn operate(left: Number, sign: &str, right: Number) -> Result<Number, String> {
    if matches!(sign, "/" | "//" | "%") && !right.is_true() {
        return Err(format!("the right side of `{sign}` is zero"));
    }
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let whole = match sign {
            "+" => Some(left.checked_add(right)),
            "-" => Some(left.checked_sub(right)),
            "*" => Some(left.checked_mul(right)),
            // Rounded down, as in Python: the rest has the sign of the right side.
            "//" => Some(left.checked_div(right).map(|it| it - i128::from(left % right != 0 && (left < 0) != (right < 0)))),
            "%" => Some(left.checked_rem(right).map(|it| if it != 0 && (it < 0) != (right < 0) { it + right } else { it })),
            "**" if right >= 0 => Some(u32::try_from(right).ok().and_then(|it| left.checked_pow(it))),
            _ => None,
        };
        if let Some(whole) = whole {
            return whole.map(Number::Int).ok_or_else(too_large);
        }
    }
    let (left, right) = (left.real(), right.real());
    finite(match sign {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => (left / right).floor(),
        "%" => left - right * (left / right).floor(),
        _ => left.powf(right),
    })
}

fn too_large() -> String {
    "a number becomes too large".to_owned()
}

fn finite(real: f64) -> Result<Number, String> {
    if real.is_finite() { Ok(Number::Float(real)) } else { Err("a number becomes infinite, or has no value".to_owned()) }
}

fn call(name: &str, numbers: &[Number]) -> Result<Number, String> {
    match (name, numbers) {
        ("min" | "max", [first, rest @ ..]) => {
            let sign = if name == "min" { "<" } else { ">" };
            Ok(rest.iter().fold(*first, |best, it| if holds(*it, sign, best) { *it } else { best }))
        }
        ("sum", all) => all.iter().try_fold(Number::Int(0), |sum, it| operate(sum, "+", *it)),
        ("abs", [Number::Int(whole)]) => whole.checked_abs().map(Number::Int).ok_or_else(too_large),
        ("abs", [Number::Float(real)]) => Ok(Number::Float(real.abs())),
        ("pow", [base, power]) => operate(*base, "**", *power),
        ("float", [number]) => Ok(Number::Float(number.real())),
        ("bool", [number]) => Ok(number.is_true().into()),
        ("int" | "floor" | "ceil" | "round", [Number::Int(whole)]) => Ok(Number::Int(*whole)),
        ("int", [Number::Float(real)]) => to_whole(real.trunc()),
        ("floor", [Number::Float(real)]) => to_whole(real.floor()),
        ("ceil", [Number::Float(real)]) => to_whole(real.ceil()),
        ("round", [Number::Float(real)]) => to_whole(real.round_ties_even()),
        ("round", [number, Number::Int(digits @ 0..=15)]) => {
            let text = format!("{:.*}", usize::try_from(*digits).unwrap_or_default(), number.real());
            text.parse().map(Number::Float).map_err(|_| too_large())
        }
        ("atan2", [y, x]) => finite(y.real().atan2(x.real())),
        ("log", [number, base]) => finite(number.real().ln() / base.real().ln()),
        (_, [number]) => {
            let real = number.real();
            finite(match name {
                "sqrt" => real.sqrt(),
                "exp" => real.exp(),
                "log" => real.ln(),
                "log2" => real.log2(),
                "log10" => real.log10(),
                "sin" => real.sin(),
                "cos" => real.cos(),
                "tan" => real.tan(),
                "asin" => real.asin(),
                "acos" => real.acos(),
                "atan" => real.atan(),
                _ => return Err(format!("there is no function `{name}` of one number")),
            })
            .map_err(|_| format!("`{name}` has no value at {real}"))
        }
        _ => Err(format!("there is no function `{name}` of {} numbers", numbers.len())),
    }
}

fn to_whole(real: f64) -> Result<Number, String> {
    if real.abs() < 1e38 { Ok(Number::Int(real as i128)) } else { Err(too_large()) }
}
