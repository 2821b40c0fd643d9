//! Runs a shader for 64 pixels at once.
//!
//! Every variable is so many registers, one for each component, and a register holds that component for all 64 pixels. Where pixels go
//! different ways, both ways run, each with the mask of the pixels that go it. A step costs the same for one pixel and for all, so
//! reading the program costs next to nothing.

use super::syntax::{Read, Wrong};

/// Pixels that run together.
pub(crate) const LANES: usize = 64;
/// The bits of one component for every pixel.
pub(crate) type Column = [u32; LANES];
/// Which pixels.
pub(crate) type Mask = u64;
pub(super) type Register = usize;

/// The most instructions that 64 pixels may take together: a loop that does not end has to.
const MOST_WORK: u64 = 1 << 24;

/// A calculation with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum One {
    Same,
    Neg,
    IntNeg,
    Not,
    BitNot,
    Abs,
    IntAbs,
    Sign,
    IntSign,
    Floor,
    Ceil,
    Trunc,
    Round,
    Fract,
    Sqrt,
    InverseSqrt,
    Exp,
    Exp2,
    Log,
    Log2,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    FromInt,
    FromUint,
    ToInt,
    ToUint,
    IsNotZero,
    IsNotZeroFloat,
    IsNan,
    IsInfinite,
}

/// A calculation with two operands. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Min,
    Max,
    Pow,
    Atan2,
    Less,
    LessEqual,
    Equal,
    IntAdd,
    IntSub,
    IntMul,
    IntDiv,
    IntRem,
    IntMin,
    IntMax,
    IntLess,
    IntLessEqual,
    UintDiv,
    UintRem,
    UintMin,
    UintMax,
    UintLess,
    UintLessEqual,
    Same,
    And,
    Or,
    Xor,
    ShiftLeft,
    IntShiftRight,
    UintShiftRight,
}

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    One(One, Register, Register),
    Two(Two, Register, Register, Register),
    /// `to = if test { a } else { b }`.
    Select {
        to: Register,
        test: Register,
        a: Register,
        b: Register,
    },
    /// Writes a variable, of the pixels that run.
    Move {
        to: Register,
        from: Register,
    },
    /// Colour at a place, between pixels their mean.
    Texture {
        to: [Register; 4],
        texture: Register,
        x: Register,
        y: Register,
    },
    /// Colour of a pixel.
    Fetch {
        to: [Register; 4],
        texture: Register,
        x: Register,
        y: Register,
    },
    /// Width and height.
    Size {
        to: [Register; 2],
        texture: Register,
    },
    If {
        test: Register,
        then: Vec<Self>,
        other: Vec<Self>,
    },
    /// The test's own steps come before it.
    Loop {
        test: Vec<Self>,
        holds: Option<Register>,
        body: Vec<Self>,
        step: Vec<Self>,
        test_first: bool,
    },
    Call(usize),
    Return,
    Break,
    Continue,
    Discard,
}

/// A picture that a shader reads: rows from the top, one or four numbers a pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texture<'t> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    pub(crate) data: &'t [f32],
}

impl Texture<'_> {
    /// The pixel in this column and row, rows from below; beyond the edge, that of the edge.
    fn pixel(&self, x: i64, y: i64) -> [f32; 4] {
        let within = |at: i64, size: usize| at.clamp(0, size as i64 - 1) as usize;
        let row = self.height - 1 - within(y, self.height);
        let at = (row * self.width + within(x, self.width)) * self.channels;
        match self.data[at..at + self.channels] {
            [red, green, blue, alpha] => [red, green, blue, alpha],
            [red, ..] => [red, 0.0, 0.0, 1.0],
            [] => [0.0; 4],
        }
    }

    /// The colour at a place from (0, 0), below left, to (1, 1).
    fn colour(&self, x: f32, y: f32) -> [f32; 4] {
        let place = |at: f32, size: usize| {
            let at = at * size as f32 - 0.5;
            let low = at.floor();
            // Graphics cards weigh in 256 steps, which makes the middle of a pixel that pixel alone.
            match ((at - low) * 256.0).round() {
                256.0 => ((low as i64).saturating_add(1), 0.0),
                weight => (low as i64, weight / 256.0),
            }
        };
        let ((x, right), (y, up)) = (place(x, self.width), place(y, self.height));
        let corners = [self.pixel(x, y), self.pixel(x.saturating_add(1), y)];
        let above = [self.pixel(x, y.saturating_add(1)), self.pixel(x.saturating_add(1), y.saturating_add(1))];
        std::array::from_fn(|c| {
            let mix = |[a, b]: [[f32; 4]; 2]| a[c] + (b[c] - a[c]) * right;
            let (below, above) = (mix(corners), mix(above));
            below + (above - below) * up
        })
    }
}

/// What one thread needs to run a shader.
pub(crate) struct Machine<'m> {
    pub(crate) registers: Vec<Column>,
    functions: &'m [Vec<Step>],
    textures: &'m [Texture<'m>],
    /// Pixels that have left the function, the turn of the loop, the loop, or for good.
    returned: Mask,
    continued: Mask,
    broken: Mask,
    pub(crate) discarded: Mask,
    work: u64,
}

impl<'m> Machine<'m> {
    pub(super) fn new(registers: usize, functions: &'m [Vec<Step>], textures: &'m [Texture<'m>]) -> Self {
        let registers = vec![[0; LANES]; registers];
        Self { registers, functions, textures, returned: 0, continued: 0, broken: 0, discarded: 0, work: 0 }
    }

    /// Runs these steps from the beginning for these pixels.
    pub(super) fn run(&mut self, steps: &[Step], mask: Mask) -> Read<()> {
        (self.returned, self.continued, self.broken, self.discarded, self.work) = (0, 0, 0, 0, 0);
        self.block(steps, mask).map(drop)
    }

    /// Runs steps and says which pixels get behind them.
    fn block(&mut self, steps: &[Step], mut mask: Mask) -> Read<Mask> {
        for step in steps {
            if mask == 0 {
                break;
            }
            mask = self.step(step, mask)?;
        }
        Ok(mask)
    }

    fn holds(&self, register: Register) -> Mask {
        self.registers[register].iter().rev().fold(0, |mask, it| mask << 1 | u64::from(*it != 0))
    }

    fn spend(&mut self) -> Read<()> {
        self.work += 1;
        if self.work <= MOST_WORK {
            return Ok(());
        }
        Err(Wrong::at(0, format!("64 pixels take more than {MOST_WORK} instructions: is there a loop without end?")))
    }

    fn step(&mut self, step: &Step, mask: Mask) -> Read<Mask> {
        self.spend()?;
        match step {
            Step::One(what, to, a) => self.registers[*to] = one(*what, &self.registers[*a]),
            Step::Two(what, to, a, b) => self.registers[*to] = two(*what, &self.registers[*a], &self.registers[*b]),
            Step::Select { to, test, a, b } => {
                let (test, a, b) = (&self.registers[*test], &self.registers[*a], &self.registers[*b]);
                self.registers[*to] = std::array::from_fn(|i| if test[i] != 0 { a[i] } else { b[i] });
            }
            Step::Move { to, from } => {
                let from = self.registers[*from];
                let to = &mut self.registers[*to];
                if mask == Mask::MAX {
                    *to = from;
                } else {
                    *to = std::array::from_fn(|i| if mask >> i & 1 == 1 { from[i] } else { to[i] });
                }
            }
            Step::Texture { to, texture, x, y } => self
                .read(*to, *texture, mask, |it, texture, i| texture.colour(f32::from_bits(it[*x][i]), f32::from_bits(it[*y][i]))),
            Step::Fetch { to, texture, x, y } => self
                .read(*to, *texture, mask, |it, texture, i| texture.pixel((it[*x][i] as i32).into(), (it[*y][i] as i32).into())),
            Step::Size { to, texture } => {
                for i in 0..LANES {
                    let size = self.textures.get(self.registers[*texture][i] as usize).map_or((0, 0), |it| (it.width, it.height));
                    (self.registers[to[0]][i], self.registers[to[1]][i]) = (size.0 as u32, size.1 as u32);
                }
            }
            Step::If { test, then, other } => {
                let test = self.holds(*test);
                return Ok(self.block(then, mask & test)? | self.block(other, mask & !test)?);
            }
            Step::Loop { test, holds, body, step, test_first } => {
                let outside = (self.continued, self.broken);
                let (mut alive, mut out, mut tested) = (mask, 0, *test_first);
                while alive != 0 {
                    if tested {
                        alive = self.block(test, alive)?;
                        let on = holds.map_or(Mask::MAX, |it| self.holds(it));
                        out |= alive & !on;
                        alive &= on;
                    }
                    tested = true;
                    (self.continued, self.broken) = (0, 0);
                    alive = self.block(body, alive)? | self.continued;
                    out |= self.broken;
                    alive = self.block(step, alive)?;
                    self.spend()?;
                }
                (self.continued, self.broken) = outside;
                return Ok(out);
            }
            Step::Call(function) => {
                let outside = std::mem::take(&mut self.returned);
                let functions = self.functions;
                let behind = self.block(&functions[*function], mask)? | self.returned;
                self.returned = outside;
                return Ok(behind);
            }
            Step::Return => {
                self.returned |= mask;
                return Ok(0);
            }
            Step::Break => {
                self.broken |= mask;
                return Ok(0);
            }
            Step::Continue => {
                self.continued |= mask;
                return Ok(0);
            }
            Step::Discard => {
                self.discarded |= mask;
                return Ok(0);
            }
        }
        Ok(mask)
    }

    fn read(
        &mut self,
        to: [Register; 4],
        texture: Register,
        mask: Mask,
        colour: impl Fn(&[Column], &Texture<'_>, usize) -> [f32; 4],
    ) {
        for i in (0..LANES).filter(|i| mask >> i & 1 == 1) {
            let texture = self.textures.get(self.registers[texture][i] as usize);
            let colour = texture.map_or([0.0; 4], |it| colour(&self.registers, it, i));
            for (to, value) in to.into_iter().zip(colour) {
                self.registers[to][i] = value.to_bits();
            }
        }
    }
}

fn real(a: &Column, f: impl Fn(f32) -> f32) -> Column {
    a.map(|it| f(f32::from_bits(it)).to_bits())
}

fn one(what: One, a: &Column) -> Column {
    match what {
        One::Same => *a,
        One::Neg => real(a, |it| -it),
        One::IntNeg => a.map(u32::wrapping_neg),
        One::Not => a.map(|it| it ^ 1),
        One::BitNot => a.map(|it| !it),
        One::Abs => real(a, f32::abs),
        One::IntAbs => a.map(|it| (it as i32).wrapping_abs() as u32),
        One::Sign => real(a, |it| if it == 0.0 { 0.0 } else { it.signum() }),
        One::IntSign => a.map(|it| (it as i32).signum() as u32),
        One::Floor => real(a, f32::floor),
        One::Ceil => real(a, f32::ceil),
        One::Trunc => real(a, f32::trunc),
        One::Round => real(a, f32::round_ties_even),
        One::Fract => real(a, |it| it - it.floor()),
        One::Sqrt => real(a, f32::sqrt),
        One::InverseSqrt => real(a, |it| 1.0 / it.sqrt()),
        One::Exp => real(a, f32::exp),
        One::Exp2 => real(a, f32::exp2),
        One::Log => real(a, f32::ln),
        One::Log2 => real(a, f32::log2),
        One::Sin => real(a, f32::sin),
        One::Cos => real(a, f32::cos),
        One::Tan => real(a, f32::tan),
        One::Asin => real(a, f32::asin),
        One::Acos => real(a, f32::acos),
        One::Atan => real(a, f32::atan),
        One::Sinh => real(a, f32::sinh),
        One::Cosh => real(a, f32::cosh),
        One::Tanh => real(a, f32::tanh),
        One::FromInt => a.map(|it| (it as i32 as f32).to_bits()),
        One::FromUint => a.map(|it| (it as f32).to_bits()),
        One::ToInt => a.map(|it| f32::from_bits(it) as i32 as u32),
        // Below zero the standard leaves it open; through a signed number is what graphics cards do.
        One::ToUint => a.map(|it| match f32::from_bits(it) {
            below if below < 0.0 => below as i32 as u32,
            it => it as u32,
        }),
        One::IsNotZero => a.map(|it| u32::from(it != 0)),
        One::IsNotZeroFloat => a.map(|it| u32::from(f32::from_bits(it) != 0.0)),
        One::IsNan => a.map(|it| u32::from(f32::from_bits(it).is_nan())),
        One::IsInfinite => a.map(|it| u32::from(f32::from_bits(it).is_infinite())),
    }
}

fn two(what: Two, a: &Column, b: &Column) -> Column {
    let bits = |f: fn(u32, u32) -> u32| -> Column { std::array::from_fn(|i| f(a[i], b[i])) };
    let ints = |f: fn(i32, i32) -> i32| -> Column { std::array::from_fn(|i| f(a[i] as i32, b[i] as i32) as u32) };
    match what {
        Two::Add => reals(a, b, |a, b| a + b),
        Two::Sub => reals(a, b, |a, b| a - b),
        Two::Mul => reals(a, b, |a, b| a * b),
        Two::Div => reals(a, b, |a, b| a / b),
        Two::Mod => reals(a, b, |a, b| a - b * (a / b).floor()),
        Two::Min => reals(a, b, f32::min),
        Two::Max => reals(a, b, f32::max),
        Two::Pow => reals(a, b, f32::powf),
        Two::Atan2 => reals(a, b, f32::atan2),
        Two::Less => std::array::from_fn(|i| u32::from(f32::from_bits(a[i]) < f32::from_bits(b[i]))),
        Two::LessEqual => std::array::from_fn(|i| u32::from(f32::from_bits(a[i]) <= f32::from_bits(b[i]))),
        Two::Equal => std::array::from_fn(|i| u32::from(f32::from_bits(a[i]) == f32::from_bits(b[i]))),
        Two::IntAdd => bits(u32::wrapping_add),
        Two::IntSub => bits(u32::wrapping_sub),
        Two::IntMul => bits(u32::wrapping_mul),
        // What a division by zero gives the standard leaves open.
        Two::IntDiv => ints(|a, b| if b == 0 { 0 } else { a.wrapping_div(b) }),
        Two::IntRem => ints(|a, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
        Two::IntMin => ints(i32::min),
        Two::IntMax => ints(i32::max),
        Two::IntLess => ints(|a, b| i32::from(a < b)),
        Two::IntLessEqual => ints(|a, b| i32::from(a <= b)),
        Two::UintDiv => bits(|a, b| a.checked_div(b).unwrap_or(0)),
        Two::UintRem => bits(|a, b| a.checked_rem(b).unwrap_or(0)),
        Two::UintMin => bits(u32::min),
        Two::UintMax => bits(u32::max),
        Two::UintLess => bits(|a, b| u32::from(a < b)),
        Two::UintLessEqual => bits(|a, b| u32::from(a <= b)),
        Two::Same => bits(|a, b| u32::from(a == b)),
        Two::And => bits(|a, b| a & b),
        Two::Or => bits(|a, b| a | b),
        Two::Xor => bits(|a, b| a ^ b),
        Two::ShiftLeft => bits(u32::wrapping_shl),
        Two::IntShiftRight => bits(|a, b| (a as i32).wrapping_shr(b) as u32),
        Two::UintShiftRight => bits(u32::wrapping_shr),
    }
}

fn reals(a: &Column, b: &Column, f: impl Fn(f32, f32) -> f32) -> Column {
    std::array::from_fn(|i| f(f32::from_bits(a[i]), f32::from_bits(b[i])).to_bits())
}
