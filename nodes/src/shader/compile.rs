//! Makes steps for single components of what was read: names become registers, vectors fall apart, types are checked.

use super::lanes::{LANES, Machine, Mask, One, Register, Step, Texture, Two};
use super::syntax::{Base, Expr, Item, Kind, Parameter, Read, Statement, Type, Wrong, read};
use std::collections::HashMap;

/// A shader that can run.
#[derive(Debug)]
pub(crate) struct Program {
    begin: Vec<Step>,
    functions: Vec<Vec<Step>>,
    registers: usize,
    constants: Vec<(Register, u32)>,
    /// What the shader wants to be told: name, type and registers.
    uniforms: Vec<(String, Type, Vec<Register>)>,
    pixel: Vec<Register>,
    coordinate: Vec<Register>,
    outputs: Vec<(usize, Vec<Register>)>,
}

/// What a shader is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// The number of a texture.
    Texture(usize),
    Float(f32),
    Pair(f32, f32),
    Int(i32),
    Bool(bool),
}

/// The most registers: each takes 256 bytes for every thread.
const MOST_REGISTERS: usize = 32_768;
/// The most pictures that a shader gives.
pub(crate) const OUTPUTS: usize = 4;

impl Program {
    /// Reads a fragment shader in GLSL ES 3.00.
    ///
    /// # Errors
    /// [`Wrong`] at what is no GLSL, or is not supported: matrices, arrays, structs, `switch`, indices that are not written out, more than
    /// one pass.
    pub(crate) fn read(text: &str) -> Read<Self> {
        let mut making = Making::default();
        making.scopes.push(HashMap::new());
        making.pixel = making.fresh(4)?;
        making.coordinate = making.fresh(2)?;
        let pixel = Variable { kind: Type::new(Base::Float, 4), registers: making.pixel.clone(), writable: false };
        making.scopes[0].insert("gl_FragCoord".to_owned(), pixel);
        let mut outputs: Vec<(usize, Vec<Register>)> = Vec::new();
        for item in read(text)? {
            match item {
                Item::Uniform(line, kind, name) => {
                    let registers = making.variable(line, &name, kind, false)?;
                    making.uniforms.push((name, kind, registers));
                }
                Item::In(_, kind, name) if name == "v_texCoord" && kind == Type::new(Base::Float, 2) => {
                    let registers = making.coordinate.clone();
                    making.scopes[0].insert(name, Variable { kind, registers, writable: false });
                }
                Item::In(line, ..) => return Err(Wrong::at(line, "the only thing that comes in is `in vec2 v_texCoord`")),
                Item::Out(line, location, kind, name) => {
                    let location = location.unwrap_or(0) as usize;
                    if location >= OUTPUTS || outputs.iter().any(|it| it.0 == location) {
                        let wanted = format!("each output has a location of its own from 0 to {}", OUTPUTS - 1);
                        return Err(Wrong::at(line, wanted));
                    }
                    if kind != Type::new(Base::Float, 4) {
                        return Err(Wrong::at(line, format!("`{name}` is {kind}, and an output is vec4")));
                    }
                    outputs.push((location, making.variable(line, &name, kind, true)?));
                }
                Item::Global(statement) => making.statement(statement)?,
                Item::Function { line, kind, name, parameters, body } => making.function(line, kind, name, &parameters, body)?,
            }
        }
        let main = making.found.get("main").and_then(|it| it.iter().find(|it| it.parameters.is_empty())).map(|it| it.at);
        let main = main.ok_or_else(|| Wrong::at(0, "there is no `void main()`"))?;
        let mut begin = making.steps;
        begin.push(Step::Call(main));
        Ok(Self {
            begin,
            functions: making.functions,
            registers: making.registers,
            constants: making.constants.into_iter().map(|(bits, register)| (register, bits)).collect(),
            uniforms: making.uniforms,
            pixel: making.pixel,
            coordinate: making.coordinate,
            outputs,
        })
    }

    /// The names that the shader wants to be told.
    pub(crate) fn wishes(&self) -> impl Iterator<Item = &str> {
        self.uniforms.iter().map(|it| it.0.as_str())
    }

    /// A machine for this program, told these things. What is not told is 0.
    ///
    /// # Errors
    /// [`Wrong`] where something is of another type than the shader says.
    pub(crate) fn machine<'m>(&'m self, told: &[(String, Told)], textures: &'m [Texture<'m>]) -> Read<Machine<'m>> {
        let mut machine = Machine::new(self.registers, &self.functions, textures);
        for (register, bits) in &self.constants {
            machine.registers[*register] = [*bits; LANES];
        }
        for (name, told) in told {
            let Some((_, kind, registers)) = self.uniforms.iter().find(|it| it.0 == *name) else { continue };
            let bits = match (*told, kind.base, kind.size) {
                (Told::Texture(it), Base::Sampler, _) => vec![it as u32],
                (Told::Float(it), Base::Float, 1) => vec![it.to_bits()],
                (Told::Pair(a, b), Base::Float, 2) => vec![a.to_bits(), b.to_bits()],
                (Told::Int(it), Base::Int, 1) => vec![it as u32],
                (Told::Int(it), Base::Uint, 1) => vec![it as u32],
                (Told::Bool(it), Base::Bool, 1) => vec![u32::from(it)],
                _ => return Err(Wrong::at(0, format!("`{name}` is declared as {kind}, which is not what is linked to it"))),
            };
            for (register, bits) in registers.iter().zip(bits) {
                machine.registers[*register] = [bits; LANES];
            }
        }
        Ok(machine)
    }

    /// Computes pixels of one row, rows counted from below: up to 64, from a column on. `pixel` gets the number of the output, which pixel
    /// it is, and its colour.
    ///
    /// # Errors
    /// [`Wrong`] when the shader does not end.
    pub(crate) fn pixels(
        &self,
        machine: &mut Machine<'_>,
        [width, height]: [usize; 2],
        [column, row]: [usize; 2],
        mut pixel: impl FnMut(usize, usize, [f32; 4]),
    ) -> Read<()> {
        let count = LANES.min(width - column);
        let mask = if count == LANES { Mask::MAX } else { (1 << count) - 1 };
        let middle = |at: usize| at as f32 + 0.5;
        let place: [[u32; LANES]; 2] = [std::array::from_fn(|i| middle(column + i).to_bits()), [middle(row).to_bits(); LANES]];
        for (i, (place, size)) in place.into_iter().zip([width, height]).enumerate() {
            machine.registers[self.pixel[i]] = place;
            machine.registers[self.coordinate[i]] = place.map(|it| (f32::from_bits(it) / size as f32).to_bits());
        }
        (machine.registers[self.pixel[2]], machine.registers[self.pixel[3]]) =
            ([0.5_f32.to_bits(); LANES], [1_f32.to_bits(); LANES]);
        for (_, registers) in &self.outputs {
            registers.iter().for_each(|it| machine.registers[*it] = [0; LANES]);
        }
        machine.run(&self.begin, mask)?;
        for (location, registers) in &self.outputs {
            for i in 0..count {
                let kept = machine.discarded >> i & 1 == 0;
                let colour = std::array::from_fn(|c| f32::from_bits(machine.registers[registers[c]][i]));
                pixel(*location, i, if kept { colour } else { [0.0; 4] });
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Variable {
    kind: Type,
    registers: Vec<Register>,
    writable: bool,
}

/// A function that may be called from here on.
#[derive(Clone, Debug)]
struct Known {
    at: usize,
    kind: Type,
    result: Vec<Register>,
    parameters: Vec<Passed>,
}

#[derive(Clone, Debug)]
struct Passed {
    kind: Type,
    registers: Vec<Register>,
    takes: bool,
    gives: bool,
}

/// A value, component by component.
#[derive(Clone, Debug)]
struct Value {
    kind: Type,
    registers: Vec<Register>,
}

#[derive(Default)]
struct Making {
    registers: usize,
    constants: HashMap<u32, Register>,
    uniforms: Vec<(String, Type, Vec<Register>)>,
    pixel: Vec<Register>,
    coordinate: Vec<Register>,
    scopes: Vec<HashMap<String, Variable>>,
    functions: Vec<Vec<Step>>,
    found: HashMap<String, Vec<Known>>,
    steps: Vec<Step>,
    /// What the function that is being made gives, and how many loops are open.
    result: Option<(Type, Vec<Register>)>,
    loops: usize,
}

const FLOAT: Type = Type::new(Base::Float, 1);
const BOOL: Type = Type::new(Base::Bool, 1);

impl Making {
    fn fresh(&mut self, count: usize) -> Read<Vec<Register>> {
        let first = self.registers;
        self.registers += count;
        if self.registers > MOST_REGISTERS {
            return Err(Wrong::at(0, format!("the shader needs more than {MOST_REGISTERS} registers")));
        }
        Ok((first..self.registers).collect())
    }

    fn constant(&mut self, bits: u32) -> Read<Register> {
        if let Some(known) = self.constants.get(&bits) {
            return Ok(*known);
        }
        let register = self.fresh(1)?[0];
        self.constants.insert(bits, register);
        Ok(register)
    }

    fn real(&mut self, value: f32) -> Read<Value> {
        Ok(Value { kind: FLOAT, registers: vec![self.constant(value.to_bits())?] })
    }

    fn variable(&mut self, line: u32, name: &str, kind: Type, writable: bool) -> Read<Vec<Register>> {
        if kind.base == Base::Void {
            return Err(Wrong::at(line, format!("`{name}` cannot be void")));
        }
        let registers = self.fresh(kind.size)?;
        let scope = self.scopes.last_mut().expect("the outermost scope stays");
        let before = scope.insert(name.to_owned(), Variable { kind, registers: registers.clone(), writable });
        match before {
            Some(_) => Err(Wrong::at(line, format!("`{name}` is there already"))),
            None => Ok(registers),
        }
    }

    fn function(&mut self, line: u32, kind: Type, name: String, parameters: &[Parameter], body: Vec<Statement>) -> Read<()> {
        self.scopes.push(HashMap::new());
        let mut passed = Vec::new();
        for Parameter { kind, name, takes, gives } in parameters {
            let registers = self.variable(line, name, *kind, kind.base != Base::Sampler)?;
            passed.push(Passed { kind: *kind, registers, takes: *takes, gives: *gives });
        }
        let result = self.fresh(kind.size)?;
        self.result = Some((kind, result.clone()));
        let outside = std::mem::take(&mut self.steps);
        let made = self.statements(body);
        let steps = std::mem::replace(&mut self.steps, outside);
        self.scopes.pop();
        self.result = None;
        made?;
        let known = self.found.entry(name.clone()).or_default();
        let kinds = |it: &[Passed]| it.iter().map(|it| it.kind).collect::<Vec<_>>();
        if known.iter().any(|it| kinds(&it.parameters) == kinds(&passed)) {
            return Err(Wrong::at(line, format!("`{name}` with these parameters is there already")));
        }
        // Only now can it be called: by what comes later, and never by itself.
        known.push(Known { at: self.functions.len(), kind, result, parameters: passed });
        self.functions.push(steps);
        Ok(())
    }

    fn statements(&mut self, statements: Vec<Statement>) -> Read<()> {
        statements.into_iter().try_for_each(|it| self.statement(it))
    }

    /// Makes steps in a scope of their own and apart from the others.
    fn apart(&mut self, make: impl FnOnce(&mut Self) -> Read<()>) -> Read<Vec<Step>> {
        let outside = std::mem::take(&mut self.steps);
        self.scopes.push(HashMap::new());
        let made = make(self);
        self.scopes.pop();
        let steps = std::mem::replace(&mut self.steps, outside);
        made.map(|()| steps)
    }

    fn test(&mut self, test: &Expr) -> Read<Register> {
        let value = self.value(test)?;
        if value.kind == BOOL { Ok(value.registers[0]) } else { Err(Wrong::at(test.line, format!("{} is no bool", value.kind))) }
    }

    fn statement(&mut self, statement: Statement) -> Read<()> {
        match statement {
            Statement::Declare { line, kind, constant, names } => {
                for (name, value) in names {
                    if constant && value.is_none() {
                        return Err(Wrong::at(line, format!("`{name}` is constant and has no value")));
                    }
                    let value = value.map(|it| self.value(&it)).transpose()?;
                    if let Some(value) = value.as_ref().filter(|it| it.kind != kind) {
                        return Err(Wrong::at(line, format!("`{name}` is {kind}, its value {}", value.kind)));
                    }
                    if kind.base == Base::Sampler {
                        return Err(Wrong::at(line, "a sampler2D is a uniform or a parameter"));
                    }
                    let nothing = self.constant(0)?;
                    let registers = self.variable(line, &name, kind, !constant)?;
                    let from = value.map_or(vec![nothing; kind.size], |it| it.registers);
                    self.write(&registers, &from);
                }
            }
            Statement::Expression(it) => drop(self.value(&it)?),
            Statement::Block(inside) => {
                let steps = self.apart(|it| it.statements(inside))?;
                self.steps.extend(steps);
            }
            Statement::If(test, then, other) => {
                let test = self.test(&test)?;
                let then = self.apart(|it| it.statements(then))?;
                let other = self.apart(|it| it.statements(other))?;
                self.steps.push(Step::If { test, then, other });
            }
            Statement::Loop { begin, test, step, body, test_first } => {
                let steps = self.apart(|it| {
                    it.statements(begin)?;
                    let mut holds = None;
                    let test = it.apart(|it| {
                        holds = test.map(|test| it.test(&test)).transpose()?;
                        Ok(())
                    })?;
                    let step = it.apart(|it| step.map_or(Ok(()), |step| it.value(&step).map(drop)))?;
                    it.loops += 1;
                    let body = it.apart(|it| it.statements(body));
                    it.loops -= 1;
                    it.steps.push(Step::Loop { test, holds, body: body?, step, test_first });
                    Ok(())
                })?;
                self.steps.extend(steps);
            }
            Statement::Return(line, value) => {
                let value = value.map(|it| self.value(&it)).transpose()?;
                let (kind, result) = self.result.clone().ok_or_else(|| Wrong::at(line, "`return` outside of a function"))?;
                let given = value.as_ref().map_or(Type::new(Base::Void, 0), |it| it.kind);
                if given != kind {
                    return Err(Wrong::at(line, format!("the function gives {kind}, this is {given}")));
                }
                self.write(&result, &value.map(|it| it.registers).unwrap_or_default());
                self.steps.push(Step::Return);
            }
            Statement::Break(line) | Statement::Continue(line) if self.loops == 0 => {
                return Err(Wrong::at(line, "there is no loop around this"));
            }
            Statement::Break(_) => self.steps.push(Step::Break),
            Statement::Continue(_) => self.steps.push(Step::Continue),
            Statement::Discard => self.steps.push(Step::Discard),
        }
        Ok(())
    }

    fn write(&mut self, to: &[Register], from: &[Register]) {
        self.steps.extend(to.iter().zip(from).map(|(to, from)| Step::Move { to: *to, from: *from }));
    }

    fn one(&mut self, what: One, a: Register) -> Read<Register> {
        let to = self.fresh(1)?[0];
        self.steps.push(Step::One(what, to, a));
        Ok(to)
    }

    fn two(&mut self, what: Two, a: Register, b: Register) -> Read<Register> {
        let to = self.fresh(1)?[0];
        self.steps.push(Step::Two(what, to, a, b));
        Ok(to)
    }

    fn each(&mut self, what: One, a: &Value) -> Read<Value> {
        let registers = a.registers.iter().map(|it| self.one(what, *it)).collect::<Read<_>>()?;
        Ok(Value { kind: a.kind, registers })
    }

    /// Component by component; one that has only one component is used for all of the other.
    fn pairs(&mut self, what: Two, a: &Value, b: &Value) -> Read<Value> {
        let size = a.registers.len().max(b.registers.len());
        let at = |it: &Value, i: usize| it.registers[if it.registers.len() == 1 { 0 } else { i }];
        let registers = (0..size).map(|i| self.two(what, at(a, i), at(b, i))).collect::<Read<_>>()?;
        Ok(Value { kind: Type::new(a.kind.base, size), registers })
    }

    fn select(&mut self, test: &Value, a: &Value, b: &Value) -> Read<Value> {
        let to = self.fresh(a.kind.size)?;
        for (i, to) in to.iter().enumerate() {
            let test = test.registers[if test.registers.len() == 1 { 0 } else { i }];
            self.steps.push(Step::Select { to: *to, test, a: a.registers[i], b: b.registers[i] });
        }
        Ok(Value { kind: a.kind, registers: to })
    }

    fn copy(&mut self, value: &Value) -> Read<Value> {
        self.each(One::Same, value)
    }

    /// The values of several expressions, from left to right: what an earlier one read, a later one may change.
    fn values<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) -> Read<Vec<Value>> {
        let expressions: Vec<&Expr> = expressions.into_iter().collect();
        let mut values = Vec::with_capacity(expressions.len());
        for (i, expression) in expressions.iter().enumerate() {
            let value = self.value(expression)?;
            let changes = expressions[i + 1..].iter().any(|it| self.changes_something(it));
            values.push(if changes { self.copy(&value)? } else { value });
        }
        Ok(values)
    }

    /// Whether computing this may change a variable.
    fn changes_something(&self, expression: &Expr) -> bool {
        let changes = |it: &Expr| self.changes_something(it);
        match &expression.kind {
            Kind::Literal(..) | Kind::Name(_) => false,
            Kind::Assign(..) | Kind::Count { .. } => true,
            Kind::Unary(_, a) | Kind::Field(a, _) => changes(a),
            Kind::Binary(_, a, b) | Kind::Index(a, b) | Kind::Comma(a, b) => changes(a) || changes(b),
            Kind::Choose(a, b, c) => changes(a) || changes(b) || changes(c),
            Kind::Call(name, arguments) => self.found.contains_key(name) || arguments.iter().any(changes),
        }
    }

    fn value(&mut self, expression: &Expr) -> Read<Value> {
        let line = expression.line;
        match &expression.kind {
            Kind::Literal(base, bits) => Ok(Value { kind: Type::new(*base, 1), registers: vec![self.constant(*bits)?] }),
            Kind::Name(name) => {
                let Variable { kind, registers, .. } = self.named(line, name)?;
                Ok(Value { kind, registers })
            }
            Kind::Unary(sign, of) => {
                let value = self.value(of)?;
                let what = match (*sign, value.kind.base) {
                    ("-", Base::Float) => One::Neg,
                    ("-", Base::Int | Base::Uint) => One::IntNeg,
                    ("~", Base::Int | Base::Uint) => One::BitNot,
                    ("!", Base::Bool) if value.kind.size == 1 => One::Not,
                    _ => return Err(Wrong::at(line, format!("`{sign}` does not go with {}", value.kind))),
                };
                self.each(what, &value)
            }
            Kind::Binary(sign @ ("&&" | "||"), a, b) => self.and_or(sign, a, b),
            Kind::Binary(sign, a, b) => {
                let values = self.values([&**a, &**b])?;
                self.binary(line, sign, &values[0], &values[1])
            }
            Kind::Assign(sign, target, value) => {
                let mut value = self.value(value)?;
                let place = self.place(target)?;
                if !sign.is_empty() {
                    value = self.binary(line, sign, &place, &value)?;
                }
                if value.kind != place.kind {
                    return Err(Wrong::at(line, format!("{} is assigned to {}", value.kind, place.kind)));
                }
                // `v.xy = v.yx` reads all before it writes.
                if value.registers.len() > 1 && value.registers.iter().any(|it| place.registers.contains(it)) {
                    value = self.copy(&value)?;
                }
                self.write(&place.registers, &value.registers);
                Ok(place)
            }
            Kind::Count { up, before, of } => {
                let place = self.place(of)?;
                let one = match place.kind.base {
                    Base::Float => self.constant(1_f32.to_bits())?,
                    Base::Int | Base::Uint => self.constant(1)?,
                    _ => return Err(Wrong::at(line, format!("{} cannot be counted", place.kind))),
                };
                let old = if *before { None } else { Some(self.copy(&place)?) };
                let one = Value { kind: Type::new(place.kind.base, 1), registers: vec![one] };
                let new = self.binary(line, if *up { "+" } else { "-" }, &place, &one)?;
                self.write(&place.registers, &new.registers);
                Ok(old.unwrap_or(place))
            }
            Kind::Call(name, arguments) => self.call(line, name, arguments),
            Kind::Field(of, name) => {
                let value = self.value(of)?;
                component(line, &value, name)
            }
            Kind::Index(of, index) => {
                let value = self.value(of)?;
                indexed(line, &value, index)
            }
            Kind::Choose(test, a, b) => {
                let test = self.test(test)?;
                let simple = !self.changes_something(a) && !self.changes_something(b);
                let (mut values, mut ways) = (Vec::new(), Vec::new());
                for it in [a, b] {
                    let mut value = None;
                    ways.push(self.apart(|making| {
                        value = Some(making.value(it)?);
                        Ok(())
                    })?);
                    values.extend(value);
                }
                if values[0].kind != values[1].kind {
                    return Err(Wrong::at(line, format!("`?` chooses between {} and {}", values[0].kind, values[1].kind)));
                }
                if simple {
                    ways.into_iter().for_each(|it| self.steps.extend(it));
                    let test = Value { kind: BOOL, registers: vec![test] };
                    return self.select(&test, &values[0], &values[1]);
                }
                let to = self.fresh(values[0].kind.size)?;
                for (way, value) in ways.iter_mut().zip(&values) {
                    way.extend(to.iter().zip(&value.registers).map(|(to, from)| Step::Move { to: *to, from: *from }));
                }
                let other = ways.pop().unwrap_or_default();
                self.steps.push(Step::If { test, then: ways.pop().unwrap_or_default(), other });
                Ok(Value { kind: values[0].kind, registers: to })
            }
            Kind::Comma(a, b) => {
                self.value(a)?;
                self.value(b)
            }
        }
    }

    /// `&&` and `||`: where the first decides, the second is not computed if that changes something.
    fn and_or(&mut self, sign: &str, a: &Expr, b: &Expr) -> Read<Value> {
        let first = self.test(a)?;
        let result = |register| Value { kind: BOOL, registers: vec![register] };
        if !self.changes_something(b) {
            let second = self.test(b)?;
            return self.two(if sign == "&&" { Two::And } else { Two::Or }, first, second).map(result);
        }
        let to = self.one(One::Same, first)?;
        let second = self.apart(|it| {
            let second = it.test(b)?;
            it.write(&[to], &[second]);
            Ok(())
        })?;
        let (then, other) = if sign == "&&" { (second, Vec::new()) } else { (Vec::new(), second) };
        self.steps.push(Step::If { test: first, then, other });
        Ok(result(to))
    }

    fn named(&self, line: u32, name: &str) -> Read<Variable> {
        let found = self.scopes.iter().rev().find_map(|it| it.get(name));
        found.cloned().ok_or_else(|| Wrong::at(line, format!("`{name}` is not declared")))
    }

    /// Where an assignment writes.
    fn place(&mut self, expression: &Expr) -> Read<Value> {
        let line = expression.line;
        match &expression.kind {
            Kind::Name(name) => {
                let Variable { kind, registers, writable } = self.named(line, name)?;
                if writable { Ok(Value { kind, registers }) } else { Err(Wrong::at(line, format!("`{name}` cannot be changed"))) }
            }
            Kind::Field(of, name) => {
                let place = component(line, &self.place(of)?, name)?;
                let twice = (1..place.registers.len()).any(|i| place.registers[..i].contains(&place.registers[i]));
                if twice { Err(Wrong::at(line, format!("`.{name}` names a component twice"))) } else { Ok(place) }
            }
            Kind::Index(of, index) => {
                let place = self.place(of)?;
                indexed(line, &place, index)
            }
            _ => Err(Wrong::at(line, "nothing can be assigned to this")),
        }
    }

    fn binary(&mut self, line: u32, sign: &str, a: &Value, b: &Value) -> Read<Value> {
        use Base::{Bool, Float, Int, Uint};
        let no = || Err(Wrong::at(line, format!("`{sign}` does not go with {} and {}", a.kind, b.kind)));
        let shift = matches!(sign, "<<" | ">>");
        let fits = a.kind.size == b.kind.size || (a.kind.size == 1 && !shift) || b.kind.size == 1;
        let alike = a.kind.base == b.kind.base || shift && matches!((a.kind.base, b.kind.base), (Int | Uint, Int | Uint));
        if !fits || !alike || a.kind.size == 0 {
            return no();
        }
        let as_bool = |it: Value| Value { kind: Type::new(Bool, it.kind.size), ..it };
        if let "<" | ">" | "<=" | ">=" = sign {
            if a.kind.size != 1 || b.kind.size != 1 {
                return no();
            }
            return self.compare(line, sign, a, b).map(as_bool);
        }
        if let "==" | "!=" = sign {
            if a.kind != b.kind || a.kind.base == Base::Sampler {
                return no();
            }
            let equal = self.pairs(if a.kind.base == Float { Two::Equal } else { Two::Same }, a, b)?;
            let mut all = equal.registers[0];
            for it in &equal.registers[1..] {
                all = self.two(Two::And, all, *it)?;
            }
            let register = if sign == "!=" { self.one(One::Not, all)? } else { all };
            return Ok(Value { kind: BOOL, registers: vec![register] });
        }
        let what = match (sign, a.kind.base) {
            ("+", Float) => Two::Add,
            ("-", Float) => Two::Sub,
            ("*", Float) => Two::Mul,
            ("/", Float) => Two::Div,
            ("+", Int | Uint) => Two::IntAdd,
            ("-", Int | Uint) => Two::IntSub,
            ("*", Int | Uint) => Two::IntMul,
            ("/", Int) => Two::IntDiv,
            ("/", Uint) => Two::UintDiv,
            ("%", Int) => Two::IntRem,
            ("%", Uint) => Two::UintRem,
            ("&", Int | Uint) => Two::And,
            ("|", Int | Uint) => Two::Or,
            ("^", Int | Uint) => Two::Xor,
            ("^^", Bool) if a.kind == BOOL && b.kind == BOOL => Two::Xor,
            ("<<", Int | Uint) => Two::ShiftLeft,
            (">>", Int) => Two::IntShiftRight,
            (">>", Uint) => Two::UintShiftRight,
            _ => return no(),
        };
        self.pairs(what, a, b)
    }

    /// Less or greater, component by component, as numbers 0 and 1.
    fn compare(&mut self, line: u32, sign: &str, a: &Value, b: &Value) -> Read<Value> {
        let (a, b) = if sign.starts_with('>') { (b, a) } else { (a, b) };
        let what = match (a.kind.base, sign.ends_with('=')) {
            (Base::Float, false) => Two::Less,
            (Base::Float, true) => Two::LessEqual,
            (Base::Int, false) => Two::IntLess,
            (Base::Int, true) => Two::IntLessEqual,
            (Base::Uint, false) => Two::UintLess,
            (Base::Uint, true) => Two::UintLessEqual,
            _ => return Err(Wrong::at(line, format!("{} has no order", a.kind))),
        };
        self.pairs(what, a, b)
    }

    fn convert(&mut self, line: u32, register: Register, from: Base, to: Base) -> Read<Register> {
        use Base::{Bool, Float, Int, Uint};
        let what = match (from, to) {
            _ if from == to => return Ok(register),
            (Int | Uint | Bool, Int | Uint) => return Ok(register),
            (Int | Bool, Float) => One::FromInt,
            (Uint, Float) => One::FromUint,
            (Float, Int) => One::ToInt,
            (Float, Uint) => One::ToUint,
            (Float, Bool) => One::IsNotZeroFloat,
            (Int | Uint, Bool) => One::IsNotZero,
            _ => return Err(Wrong::at(line, "a sampler2D is no number")),
        };
        self.one(what, register)
    }

    fn call(&mut self, line: u32, name: &str, arguments: &[Expr]) -> Read<Value> {
        let values = self.values(arguments)?;
        if let Some(kind) = Type::named(name).filter(|it| !matches!(it.base, Base::Void | Base::Sampler)) {
            return self.construct(line, kind, &values);
        }
        let kinds: Vec<Type> = values.iter().map(|it| it.kind).collect();
        let known = self
            .found
            .get(name)
            .and_then(|it| it.iter().find(|it| it.parameters.iter().map(|it| it.kind).eq(kinds.iter().copied())).cloned());
        let Some(known) = known else {
            return self.builtin(line, name, &values)?.ok_or_else(|| {
                let kinds: Vec<String> = kinds.iter().map(Type::to_string).collect();
                Wrong::at(line, format!("there is no function `{name}({})` before this line", kinds.join(", ")))
            });
        };
        let nothing = self.constant(0)?;
        for (passed, value) in known.parameters.iter().zip(&values) {
            let from = if passed.takes { value.registers.clone() } else { vec![nothing; passed.kind.size] };
            self.write(&passed.registers, &from);
        }
        self.write(&known.result, &vec![nothing; known.kind.size]);
        self.steps.push(Step::Call(known.at));
        let result = self.copy(&Value { kind: known.kind, registers: known.result })?;
        for (passed, argument) in known.parameters.iter().zip(arguments).filter(|it| it.0.gives) {
            let place = self.place(argument)?;
            self.write(&place.registers, &passed.registers);
        }
        Ok(result)
    }

    fn construct(&mut self, line: u32, kind: Type, values: &[Value]) -> Read<Value> {
        let parts: Vec<(Register, Base)> =
            values.iter().flat_map(|it| it.registers.iter().map(|register| (*register, it.kind.base))).collect();
        let last = values.last().map_or(0, |it| it.registers.len());
        let parts = match (values.len(), parts.len()) {
            (1, 1) => vec![parts[0]; kind.size],
            (1, there) if there >= kind.size => parts,
            (2.., there) if there >= kind.size && there - last < kind.size => parts,
            _ => return Err(Wrong::at(line, format!("{kind} cannot be made of {} numbers", parts.len()))),
        };
        let parts = parts.into_iter().take(kind.size);
        let registers = parts.map(|(register, from)| self.convert(line, register, from, kind.base)).collect::<Read<_>>()?;
        Ok(Value { kind, registers })
    }

    /// A function of the language; `None` where there is none of this name for these types.
    fn builtin(&mut self, line: u32, name: &str, values: &[Value]) -> Read<Option<Value>> {
        use Base::{Bool, Float, Int, Sampler, Uint};
        let bases: Vec<(Base, usize)> = values.iter().map(|it| (it.kind.base, it.kind.size)).collect();
        let found = match (name, bases.as_slice(), values) {
            (_, [(Float, _)], [x]) => return self.of_one(name, x),
            ("abs", [(Int, _)], [x]) => self.each(One::IntAbs, x)?,
            ("sign", [(Int, _)], [x]) => self.each(One::IntSign, x)?,
            ("not", [(Bool, 2..)], [x]) => self.each(One::Not, x)?,
            ("any" | "all", [(Bool, 2..)], [x]) => {
                let mut all = x.registers[0];
                for it in &x.registers[1..] {
                    all = self.two(if name == "any" { Two::Or } else { Two::And }, all, *it)?;
                }
                Value { kind: BOOL, registers: vec![all] }
            }
            ("floatBitsToInt" | "floatBitsToUint" | "intBitsToFloat" | "uintBitsToFloat", _, _) => return Ok(None),
            ("min" | "max", [(a, n), (b, m)], [x, y]) if a == b && (n == m || *m == 1) => {
                let what = match (a, name) {
                    (Float, "min") => Two::Min,
                    (Float, _) => Two::Max,
                    (Int, "min") => Two::IntMin,
                    (Int, _) => Two::IntMax,
                    (Uint, "min") => Two::UintMin,
                    (Uint, _) => Two::UintMax,
                    _ => return Ok(None),
                };
                self.pairs(what, x, y)?
            }
            ("clamp", [(Float | Int | Uint, n), (_, m), (_, k)], [x, low, high]) if m == k && (n == m || *m == 1) => {
                let Some(above) = self.builtin(line, "max", &[x.clone(), low.clone()])? else { return Ok(None) };
                return self.builtin(line, "min", &[above, high.clone()]);
            }
            ("mod", [(Float, n), (Float, m)], [x, y]) if n == m || *m == 1 => self.pairs(Two::Mod, x, y)?,
            ("pow", [(Float, n), (Float, m)], [x, y]) if n == m => self.pairs(Two::Pow, x, y)?,
            ("atan", [(Float, n), (Float, m)], [y, x]) if n == m => self.pairs(Two::Atan2, y, x)?,
            ("step", [(Float, n), (Float, m)], [edge, x]) if n == m || *n == 1 => {
                let on = self.pairs(Two::LessEqual, edge, x)?;
                self.each(One::FromInt, &on)?
            }
            ("mix", [(Float, n), (Float, m), (Float, k)], [x, y, a]) if n == m && (n == k || *k == 1) => {
                let one = self.real(1.0)?;
                let rest = self.pairs(Two::Sub, &one, a)?;
                let (x, y) = (self.pairs(Two::Mul, x, &rest)?, self.pairs(Two::Mul, y, a)?);
                self.pairs(Two::Add, &x, &y)?
            }
            ("mix", [(a, n), (b, m), (Bool, k)], [x, y, on]) if a == b && n == m && n == k => self.select(on, y, x)?,
            ("smoothstep", [(Float, n), (Float, m), (Float, k)], [low, high, x]) if n == m && (n == k || *n == 1) => {
                let (above, span) = (self.pairs(Two::Sub, x, low)?, self.pairs(Two::Sub, high, low)?);
                let (zero, one, two, three) = (self.real(0.0)?, self.real(1.0)?, self.real(2.0)?, self.real(3.0)?);
                let t = self.pairs(Two::Div, &above, &span)?;
                let t = self.pairs(Two::Max, &t, &zero)?;
                let t = self.pairs(Two::Min, &t, &one)?;
                let slope = self.pairs(Two::Mul, &two, &t)?;
                let slope = self.pairs(Two::Sub, &three, &slope)?;
                let square = self.pairs(Two::Mul, &t, &t)?;
                self.pairs(Two::Mul, &square, &slope)?
            }
            ("dot", [(Float, n), (Float, m)], [x, y]) if n == m => self.dot(x, y)?,
            ("distance", [(Float, n), (Float, m)], [x, y]) if n == m => {
                let apart = self.pairs(Two::Sub, x, y)?;
                let square = self.dot(&apart, &apart)?;
                self.each(One::Sqrt, &square)?
            }
            ("cross", [(Float, 3), (Float, 3)], [x, y]) => {
                let turned = |it: &Value, by: usize| Value {
                    registers: (0..3).map(|i| it.registers[(i + by) % 3]).collect(),
                    ..it.clone()
                };
                let (a, b) =
                    (self.pairs(Two::Mul, &turned(x, 1), &turned(y, 2))?, self.pairs(Two::Mul, &turned(x, 2), &turned(y, 1))?);
                self.pairs(Two::Sub, &a, &b)?
            }
            ("reflect", [(Float, n), (Float, m)], [x, normal]) if n == m => {
                let (along, two) = (self.dot(normal, x)?, self.real(2.0)?);
                let along = self.pairs(Two::Mul, &two, &along)?;
                let back = self.pairs(Two::Mul, &along, normal)?;
                self.pairs(Two::Sub, x, &back)?
            }
            ("lessThan" | "lessThanEqual" | "greaterThan" | "greaterThanEqual", [(a, n @ 2..), (b, m)], [x, y])
                if a == b && n == m =>
            {
                let sign = match name {
                    "lessThan" => "<",
                    "lessThanEqual" => "<=",
                    "greaterThan" => ">",
                    _ => ">=",
                };
                let found = self.compare(line, sign, x, y)?;
                Value { kind: Type::new(Bool, *n), ..found }
            }
            ("equal" | "notEqual", [(a, n @ 2..), (b, m)], [x, y]) if a == b && n == m => {
                let found = self.pairs(if *a == Float { Two::Equal } else { Two::Same }, x, y)?;
                let found = if name == "equal" { found } else { self.each(One::Not, &found)? };
                Value { kind: Type::new(Bool, *n), ..found }
            }
            // There is one level of detail.
            ("texture", [(Sampler, _), (Float, 2)] | [(Sampler, _), (Float, 2), (Float, 1)], [texture, at, ..])
            | ("textureLod", [(Sampler, _), (Float, 2), (Float, 1)], [texture, at, ..]) => {
                let to: [Register; 4] = self.fresh(4)?.try_into().expect("four");
                let (x, y) = (at.registers[0], at.registers[1]);
                self.steps.push(Step::Texture { to, texture: texture.registers[0], x, y });
                Value { kind: Type::new(Float, 4), registers: to.into() }
            }
            ("texelFetch", [(Sampler, _), (Int, 2), (Int, 1)], [texture, at, _]) => {
                let to: [Register; 4] = self.fresh(4)?.try_into().expect("four");
                let (x, y) = (at.registers[0], at.registers[1]);
                self.steps.push(Step::Fetch { to, texture: texture.registers[0], x, y });
                Value { kind: Type::new(Float, 4), registers: to.into() }
            }
            ("textureSize", [(Sampler, _), (Int, 1)], [texture, _]) => {
                let to: [Register; 2] = self.fresh(2)?.try_into().expect("two");
                self.steps.push(Step::Size { to, texture: texture.registers[0] });
                Value { kind: Type::new(Int, 2), registers: to.into() }
            }
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    /// Functions of one real value.
    fn of_one(&mut self, name: &str, x: &Value) -> Read<Option<Value>> {
        let what = match name {
            "abs" => One::Abs,
            "sign" => One::Sign,
            "floor" => One::Floor,
            "ceil" => One::Ceil,
            "trunc" => One::Trunc,
            "round" | "roundEven" => One::Round,
            "fract" => One::Fract,
            "sqrt" => One::Sqrt,
            "inversesqrt" => One::InverseSqrt,
            "exp" => One::Exp,
            "exp2" => One::Exp2,
            "log" => One::Log,
            "log2" => One::Log2,
            "sin" => One::Sin,
            "cos" => One::Cos,
            "tan" => One::Tan,
            "asin" => One::Asin,
            "acos" => One::Acos,
            "atan" => One::Atan,
            "sinh" => One::Sinh,
            "cosh" => One::Cosh,
            "tanh" => One::Tanh,
            "isnan" | "isinf" => {
                let found = self.each(if name == "isnan" { One::IsNan } else { One::IsInfinite }, x)?;
                return Ok(Some(Value { kind: Type::new(Base::Bool, x.kind.size), ..found }));
            }
            "radians" | "degrees" => {
                let factor = self.real(if name == "radians" { 1_f32.to_radians() } else { 1_f32.to_degrees() })?;
                return self.pairs(Two::Mul, x, &factor).map(Some);
            }
            "length" => {
                let square = self.dot(x, x)?;
                return self.each(One::Sqrt, &square).map(Some);
            }
            "normalize" => {
                let square = self.dot(x, x)?;
                let shorter = self.each(One::InverseSqrt, &square)?;
                return self.pairs(Two::Mul, x, &shorter).map(Some);
            }
            _ => return Ok(None),
        };
        self.each(what, x).map(Some)
    }

    fn dot(&mut self, x: &Value, y: &Value) -> Read<Value> {
        let products = self.pairs(Two::Mul, x, y)?;
        let mut sum = products.registers[0];
        for it in &products.registers[1..] {
            sum = self.two(Two::Add, sum, *it)?;
        }
        Ok(Value { kind: FLOAT, registers: vec![sum] })
    }
}

/// `.xyz`, `.rgb` or `.stp` of a vector.
fn component(line: u32, of: &Value, name: &str) -> Read<Value> {
    let no = || Wrong::at(line, format!("{} has no `.{name}`", of.kind));
    if of.kind.size < 2 || name.is_empty() || name.len() > 4 {
        return Err(no());
    }
    let set = ["xyzw", "rgba", "stpq"].into_iter().find(|set| name.chars().all(|it| set.contains(it))).ok_or_else(no)?;
    let registers = name.chars().map(|it| set.find(it).and_then(|at| of.registers.get(at)).copied().ok_or_else(no));
    Ok(Value { kind: Type::new(of.kind.base, name.len()), registers: registers.collect::<Read<_>>()? })
}

/// `[2]` of a vector.
fn indexed(line: u32, of: &Value, index: &Expr) -> Read<Value> {
    let Kind::Literal(Base::Int | Base::Uint, at) = index.kind else {
        return Err(Wrong::at(line, "an index is a number written out here"));
    };
    let register = of.registers.get(at as usize).filter(|_| of.kind.size > 1);
    let register = register.ok_or_else(|| Wrong::at(line, format!("{} has no component {at}", of.kind)))?;
    Ok(Value { kind: Type::new(of.kind.base, 1), registers: vec![*register] })
}
