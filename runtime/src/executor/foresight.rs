//! What comes next: the whole graph is known, so the engine can be told which recipes will be used, and in which order.
//!
//! The order is a prediction: the work is played through once with every node taking no time. What nodes ask for or put in their
//! place while they run comes in their own turn. A wrong guess costs time, never a wrong result.

use super::{Origin, Run, State};
use crate::{Value, sockets};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Users of recipes that the engine is told of at a time. The budget seldom holds more, and work stays linear in the graph.
const FAR: usize = 64;

#[derive(Default)]
pub(super) struct Foresight {
    /// Recipes that steps will take and the steps that these come from, by the turn and number of their taker.
    takers: BTreeMap<(usize, usize), Vec<(usize, Value)>>,
    /// The turn of the step that runs.
    pub(super) turn: usize,
}

impl Run<'_> {
    /// Gives every staged step its turn.
    pub(super) fn predict(&mut self) {
        let mut waits: Vec<usize> = self.steps.iter().map(|it| it.waits_for).collect();
        let mut ready = self.ready.clone();
        let mut turn = 0;
        while let Some(Reverse((_, _, step))) = ready.pop() {
            // A step whose priority rose is there twice.
            if self.steps[step].turn != 0 {
                continue;
            }
            turn += 1;
            self.steps[step].turn = turn;
            for &waiter in &self.steps[step].waiters {
                waits[waiter] -= 1;
                if waits[waiter] == 0 {
                    ready.push(Reverse(self.rank(waiter)));
                }
            }
        }
        let takers = std::mem::take(&mut self.foresight.takers);
        self.foresight.takers = takers.into_iter().map(|((_, step), taken)| ((self.steps[step].turn, step), taken)).collect();
    }

    /// `source` is done: remembers the recipes that `step` will take from it.
    pub(super) fn take_note(&mut self, step: usize, source: usize) {
        let Some(entry) = self.steps[source].outputs.clone() else { return };
        if self.steps[step].state == State::Done || !entry.outputs.iter().flatten().any(|it| sockets::recipe(it).is_some()) {
            return;
        }
        let taken = self.foresight.takers.entry((self.steps[step].turn, step)).or_default();
        if taken.iter().any(|it| it.0 == source) {
            return;
        }
        for feed in &self.steps[step].feeds {
            if let Origin::Link { step, slot, raw: false, .. } = feed.from
                && step == source
            {
                let recipes = entry.outputs.get(slot).into_iter().flatten().filter(|it| sockets::recipe(it).is_some());
                taken.extend(recipes.map(|it| (source, it.clone())));
            }
        }
    }

    /// `step` begins: tells the engine what it uses and what is used after it.
    pub(super) fn look_ahead(&mut self, step: usize) {
        self.foresight.turn = self.steps[step].turn;
        let Some(now) = self.foresight.takers.remove(&(self.steps[step].turn, step)) else { return };
        let later = self.foresight.takers.values().take(FAR).flatten();
        self.job.foresee(now.iter().map(|it| &it.1), later.map(|it| &it.1));
    }

    /// `step` is done, perhaps without having run.
    pub(super) fn forget(&mut self, step: usize) {
        if !self.foresight.takers.is_empty() {
            self.foresight.takers.remove(&(self.steps[step].turn, step));
        }
    }
}
