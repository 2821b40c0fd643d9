//! Lists: of values that flow on one by one, and as values.

use crate::flow::nothing;
use graph::SocketType;
use runtime::{Context, List, Node, NodeError, Registry, Run, Socket, Value, registry};

pub(crate) fn nodes() -> Registry {
    registry![
        TestMakeListNode,
        TestAccumulateNode,
        TestAccumulationHeadNode,
        TestAccumulationTailNode,
        TestAccumulationToListNode,
        TestListToAccumulationNode,
        TestAccumulationGetLengthNode,
        TestAccumulationGetItemNode,
        TestAccumulationSetItemNode
    ]
}

/// A list that is one value.
#[derive(Clone, Default)]
struct Accumulation(Vec<Value>);

impl Socket for Accumulation {
    const TYPE: SocketType = SocketType::named("ACCUMULATION");

    fn bytes(&self) -> usize {
        self.0.iter().map(Value::bytes).sum()
    }
}

/// Values one by one.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Make List")]
struct TestMakeListNode {
    value1: Value,
    value2: Option<Value>,
    value3: Option<Value>,
    value4: Option<Value>,
    value5: Option<Value>,
    value6: Option<Value>,
    value7: Option<Value>,
    value8: Option<Value>,
    value9: Option<Value>,
}

impl Run for TestMakeListNode {
    type Output = List<Value>;

    fn run(self, _: &Context) -> Result<List<Value>, NodeError> {
        let rest = [self.value2, self.value3, self.value4, self.value5, self.value6, self.value7, self.value8, self.value9];
        Ok([Some(self.value1)].into_iter().chain(rest).flatten().collect())
    }
}

/// One more at the end.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulate")]
struct TestAccumulateNode {
    to_add: Value,
    accumulation: Option<Accumulation>,
}

impl Run for TestAccumulateNode {
    type Output = Accumulation;

    fn run(self, _: &Context) -> Result<Accumulation, NodeError> {
        let mut all = self.accumulation.unwrap_or_default();
        all.0.push(self.to_add);
        Ok(all)
    }
}

/// The first, and what is left.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation Head")]
struct TestAccumulationHeadNode {
    accumulation: Accumulation,
}

impl Run for TestAccumulationHeadNode {
    type Output = (Accumulation, Value);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let mut all = self.accumulation.0;
        let first = if all.is_empty() { nothing() } else { all.remove(0) };
        Ok((Accumulation(all), first))
    }
}

/// The last, and what is left. (ComfyUI's swaps its results when the list is empty.)
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation Tail")]
struct TestAccumulationTailNode {
    accumulation: Accumulation,
}

impl Run for TestAccumulationTailNode {
    type Output = (Accumulation, Value);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let mut all = self.accumulation.0;
        let last = all.pop().unwrap_or_else(nothing);
        Ok((Accumulation(all), last))
    }
}

/// All, one by one.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation to List")]
struct TestAccumulationToListNode {
    accumulation: Accumulation,
}

impl Run for TestAccumulationToListNode {
    type Output = List<Value>;

    fn run(self, _: &Context) -> Result<List<Value>, NodeError> {
        Ok(List(self.accumulation.0))
    }
}

/// What comes one by one, as one value.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "List to Accumulation", input_is_list)]
struct TestListToAccumulationNode {
    list: List<Value>,
}

impl Run for TestListToAccumulationNode {
    type Output = Accumulation;

    fn run(self, _: &Context) -> Result<Accumulation, NodeError> {
        Ok(Accumulation(self.list.0))
    }
}

/// How many there are.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation Get Length")]
struct TestAccumulationGetLengthNode {
    accumulation: Accumulation,
}

impl Run for TestAccumulationGetLengthNode {
    type Output = usize;

    fn run(self, _: &Context) -> Result<usize, NodeError> {
        Ok(self.accumulation.0.len())
    }
}

/// The place that an index means, counted from the end where it is negative.
fn place(index: i64, length: usize) -> Result<usize, NodeError> {
    let from = if index < 0 { index + length as i64 } else { index };
    let place = usize::try_from(from).ok().filter(|it| *it < length);
    place.ok_or_else(|| NodeError::input("index", format!("{index} is not within a list of {length}")))
}

/// One of them.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation Get Item")]
struct TestAccumulationGetItemNode {
    accumulation: Accumulation,
    #[input(default = 0, step = 1)]
    index: i64,
}

impl Run for TestAccumulationGetItemNode {
    type Output = Value;

    fn run(self, _: &Context) -> Result<Value, NodeError> {
        let all = self.accumulation.0;
        Ok(all[place(self.index, all.len())?].clone())
    }
}

/// The same with another one there.
#[derive(Node)]
#[node(category = "Testing/Lists", display = "Accumulation Set Item")]
struct TestAccumulationSetItemNode {
    accumulation: Accumulation,
    #[input(default = 0, step = 1)]
    index: i64,
    value: Value,
}

impl Run for TestAccumulationSetItemNode {
    type Output = Accumulation;

    fn run(self, _: &Context) -> Result<Accumulation, NodeError> {
        let mut all = self.accumulation.0;
        let place = place(self.index, all.len())?;
        all[place] = self.value;
        Ok(Accumulation(all))
    }
}
