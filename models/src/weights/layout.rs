//! Tables that translate foreign tensor names into the canonical ones, before anything is loaded.
//!
//! Nothing is copied: a translated tensor is made of pieces of the file, put together when a network draws it.
//!
//! A pattern is a name, or the beginning of one up to a dot; what follows is carried over. `{}` stands for one segment between
//! dots, and the first `{}` of the source fills the first `{}` of the target, and so on. The longest pattern that fits a name
//! translates it, in whatever order the rules stand; two of equal length are an error. A name that no rule fits stays as it is.

use super::{Entry, LoadError, Tensors, Weights};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;

/// One foreign naming of a family's tensors.
pub struct Layout {
    /// Its name, for messages.
    pub name: &'static str,
    /// A pattern that some tensor fits where this naming was used, and none elsewhere.
    pub marker: &'static str,
    /// How the names are translated.
    pub rules: &'static [Rule],
    /// More rules, where they depend on the sizes of the model. The weights may have the foreign names or the canonical ones.
    pub sized: Option<fn(&Weights) -> Vec<Rule>>,
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How some names are translated; made by [`rename`], [`concat()`], [`split`], [`reshape`], [`swap_halves`] and [`ignore`].
#[derive(Clone, Debug)]
pub struct Rule {
    from: Names,
    to: Names,
    change: Change,
}

/// One or several patterns.
#[derive(Clone, Debug)]
enum Names {
    None,
    One(&'static str),
    Several(&'static [&'static str]),
    Owned(String),
}

impl Names {
    fn list(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::One(name) => vec![name],
            Self::Several(names) => names.to_vec(),
            Self::Owned(name) => vec![name],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Rename,
    Concat,
    Split,
    Rank(usize),
    SwapHalves,
    Ignore,
}

/// Translates names; the tensors stay as they are.
pub const fn rename(from: &'static str, to: &'static str) -> Rule {
    Rule { from: Names::One(from), to: Names::One(to), change: Change::Rename }
}

/// As [`rename`], for names that depend on the sizes of a model.
pub fn rename_sized(from: impl Into<String>, to: impl Into<String>) -> Rule {
    Rule { from: Names::Owned(from.into()), to: Names::Owned(to.into()), change: Change::Rename }
}

/// Joins tensors along their first dimension, in the order given.
pub const fn concat(from: &'static [&'static str], to: &'static str) -> Rule {
    Rule { from: Names::Several(from), to: Names::One(to), change: Change::Concat }
}

/// Cuts a tensor along its first dimension into equal parts.
pub const fn split(from: &'static str, to: &'static [&'static str]) -> Rule {
    Rule { from: Names::One(from), to: Names::Several(to), change: Change::Split }
}

/// Translates a name and adds dimensions of size 1 at the end, or takes such away, up to `rank`: a linear layer's weight `[o, i]`
/// becomes that of a 1x1 convolution, `[o, i, 1, 1]`, with rank 4.
///
/// The pattern has to be the whole name, for a weight and its bias differ in rank.
pub const fn reshape(from: &'static str, to: &'static str, rank: usize) -> Rule {
    Rule { from: Names::One(from), to: Names::One(to), change: Change::Rank(rank) }
}

/// Translates names and swaps the two halves of the first dimension, as where (scale, shift) is stored for (shift, scale).
pub const fn swap_halves(from: &'static str, to: &'static str) -> Rule {
    Rule { from: Names::One(from), to: Names::One(to), change: Change::SwapHalves }
}

/// As [`swap_halves`], for names that depend on the sizes of a model.
pub fn swap_halves_sized(from: impl Into<String>, to: impl Into<String>) -> Rule {
    Rule { from: Names::Owned(from.into()), to: Names::Owned(to.into()), change: Change::SwapHalves }
}

/// Leaves tensors out.
pub const fn ignore(from: &'static str) -> Rule {
    Rule { from: Names::One(from), to: Names::None, change: Change::Ignore }
}

impl Weights {
    /// These tensors under their canonical names: translated by the first layout whose marker is there, or as they are.
    ///
    /// # Errors
    /// [`LoadError::Layout`] when two rules fit a name, two tensors get one name, or a tensor cannot be changed as the table says.
    pub fn canonical(&self, layouts: &[&Layout]) -> Result<Self, LoadError> {
        let shown = |layout: &&&Layout| self.names().any(|name| fit(layout.marker, name).is_some());
        match layouts.iter().find(shown) {
            Some(layout) => self.translated(layout),
            None => Ok(self.clone()),
        }
    }

    fn translated(&self, layout: &Layout) -> Result<Self, LoadError> {
        let wrong = |reason: String| LoadError::Layout {
            source_name: self.source().to_owned(),
            reason: format!("read by the names of {}: {reason}", layout.name),
        };
        let sized = layout.sized.map(|it| it(self)).unwrap_or_default();
        let rules: Vec<&Rule> = layout.rules.iter().chain(&sized).collect();
        let table = Table::new(&rules);
        let mut entries = BTreeMap::new();
        let mut put = |name: String, entry: Entry| match entries.entry(name) {
            btree_map::Entry::Vacant(free) => {
                free.insert(entry);
                Ok(())
            }
            btree_map::Entry::Occupied(taken) => {
                Err(wrong(format!("two tensors become `{}`; one is `{}`", taken.key(), entry.name)))
            }
        };
        let mut joins: FxHashMap<(usize, String), Vec<Option<Entry>>> = FxHashMap::default();
        for (name, entry) in self.entries() {
            let Some(found) = table.find(name).map_err(&wrong)? else {
                put(name.to_owned(), entry.clone())?;
                continue;
            };
            let rule = rules[found.rule];
            let targets = rule.to.list();
            let target = || found.name(targets[0]);
            let cannot = |what: &str| wrong(format!("`{name}` of shape {:?} cannot be {what}", entry.shape));
            match rule.change {
                Change::Ignore => {}
                Change::Rename => put(target(), entry.clone())?,
                Change::Rank(rank) if found.rest.is_empty() => {
                    let entry = entry.with_rank(rank).ok_or_else(|| cannot(&format!("given {rank} dimensions")))?;
                    put(target(), entry)?;
                }
                Change::Rank(_) => return Err(cannot("reshaped by a rule for another name")),
                Change::SwapHalves => {
                    let mut halves = entry.split(2).ok_or_else(|| cannot("halved"))?;
                    halves.reverse();
                    let swapped = Entry::join(halves).ok_or_else(|| cannot("halved"))?;
                    put(target(), swapped)?;
                }
                Change::Split => {
                    let parts = entry.split(targets.len()).ok_or_else(|| cannot(&format!("cut into {}", targets.len())))?;
                    for (to, part) in targets.iter().zip(parts) {
                        put(found.name(to), part)?;
                    }
                }
                Change::Concat => {
                    let parts = joins.entry((found.rule, target())).or_insert_with(|| vec![None; rule.from.list().len()]);
                    parts[found.source] = Some(entry.clone());
                }
            }
        }
        let mut joins: Vec<_> = joins.into_iter().collect();
        joins.sort_by(|a, b| a.0.cmp(&b.0));
        for ((rule, name), parts) in joins {
            let sources = rules[rule].from.list();
            let absent: Vec<&str> = sources.iter().zip(&parts).filter(|it| it.1.is_none()).map(|it| *it.0).collect();
            if !absent.is_empty() {
                return Err(wrong(format!("`{name}` is made of {sources:?}, of which {absent:?} are missing")));
            }
            let parts: Vec<Entry> = parts.into_iter().flatten().collect();
            let shapes: Vec<_> = parts.iter().map(|it| it.shape.clone()).collect();
            let joined = Entry::join(parts)
                .ok_or_else(|| wrong(format!("`{name}` is made of tensors of shapes {shapes:?} or types that do not join")))?;
            put(name, joined)?;
        }
        Ok(Self::from(Tensors { identity: format!("{}@{}", self.identity(), layout.name), entries, ..self.tensors.header() }))
    }
}

impl Layout {
    /// The names in this layout of canonical tensors: `(foreign, canonical)`, for those that only another name makes different.
    pub(crate) fn foreign(&self, canonical: &Weights) -> Vec<(String, String)> {
        let sized = self.sized.map(|it| it(canonical)).unwrap_or_default();
        let renames = |it: &&Rule| matches!(it.change, Change::Rename | Change::Rank(_));
        let back = |it: &Rule| Rule { from: it.to.clone(), to: it.from.clone(), change: it.change };
        let rules: Vec<Rule> = self.rules.iter().chain(&sized).filter(renames).map(back).collect();
        let rules: Vec<&Rule> = rules.iter().collect();
        let table = Table::new(&rules);
        // Where two rules would fit, none is sure to be meant.
        let found = |name: &str| {
            let found = table.find(name).ok()??;
            Some(found.name(rules[found.rule].to.list().first()?))
        };
        canonical.names().filter_map(|it| Some((found(it)?, it.to_owned()))).collect()
    }
}

impl Layout {
    /// The names that canonical tensors have in a file of this layout, each with those that it is made of, one behind the other.
    ///
    /// # Errors
    /// [`LoadError::Layout`] where two rules fit a name.
    pub(crate) fn written(&self, canonical: &Weights) -> Result<BTreeMap<String, Vec<String>>, LoadError> {
        let sized = self.sized.map(|it| it(canonical)).unwrap_or_default();
        let back = |it: &Rule| Rule { from: it.to.clone(), to: it.from.clone(), change: it.change };
        let known = |it: &&Rule| matches!(it.change, Change::Rename | Change::Split);
        let rules: Vec<Rule> = self.rules.iter().chain(&sized).filter(known).map(back).collect();
        let rules: Vec<&Rule> = rules.iter().collect();
        let table = Table::new(&rules);
        let mut written: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
        for name in canonical.names() {
            let found = table.find(name).map_err(|reason| LoadError::Layout {
                source_name: canonical.source().to_owned(),
                reason: format!("written by the names of {}: {reason}", self.name),
            })?;
            let (target, place) = match &found {
                Some(found) => (found.name(rules[found.rule].to.list()[0]), found.source),
                None => (name.to_owned(), 0),
            };
            written.entry(target).or_default().push((place, name.to_owned()));
        }
        let parts = |mut parts: Vec<(usize, String)>| {
            parts.sort();
            parts.into_iter().map(|it| it.1).collect()
        };
        Ok(written.into_iter().map(|(name, it)| (name, parts(it))).collect())
    }
}

/// The rules, found by the beginning of a name.
struct Table<'a> {
    /// By first segment.
    patterns: FxHashMap<&'a str, Vec<Pattern<'a>>>,
}

/// The segments of a pattern, its rule, and which of the rule's sources it is.
type Pattern<'a> = (Vec<&'a str>, usize, usize);

/// The rule for a name.
struct Found<'a> {
    rule: usize,
    source: usize,
    /// What the `{}` stand for.
    captured: Vec<&'a str>,
    /// What follows the pattern, with its dot.
    rest: &'a str,
}

impl<'a> Table<'a> {
    fn new(rules: &[&'a Rule]) -> Self {
        let mut patterns: FxHashMap<&str, Vec<_>> = FxHashMap::default();
        for (index, rule) in rules.iter().enumerate() {
            for (source, from) in rule.from.list().into_iter().enumerate() {
                let segments: Vec<&str> = from.split('.').collect();
                patterns.entry(segments[0]).or_default().push((segments, index, source));
            }
        }
        Self { patterns }
    }

    /// The longest pattern that fits.
    fn find<'n>(&self, name: &'n str) -> Result<Option<Found<'n>>, String> {
        let segments: Vec<&str> = name.split('.').collect();
        let mut best: Option<(&Vec<&str>, usize, usize)> = None;
        let candidates = [segments[0], "{}"].into_iter().filter_map(|it| self.patterns.get(it)).flatten();
        for (pattern, rule, source) in candidates {
            let fits = pattern.len() <= segments.len() && pattern.iter().zip(&segments).all(|(p, s)| *p == "{}" || p == s);
            if !fits || best.is_some_and(|it| it.0.len() > pattern.len()) {
                continue;
            }
            if let Some(other) = best.filter(|it| it.0.len() == pattern.len()) {
                return Err(format!("two rules fit `{name}`: `{}` and `{}`", other.0.join("."), pattern.join(".")));
            }
            best = Some((pattern, *rule, *source));
        }
        Ok(best.map(|(pattern, rule, source)| {
            let captured = pattern.iter().zip(&segments).filter(|it| *it.0 == "{}").map(|it| *it.1).collect();
            let length: usize = segments[..pattern.len()].iter().map(|it| it.len() + 1).sum();
            Found { rule, source, captured, rest: name.get(length - 1..).unwrap_or_default() }
        }))
    }
}

impl Found<'_> {
    /// The target with its `{}` filled, and the rest of the name.
    fn name(&self, to: &str) -> String {
        let mut captured = self.captured.iter();
        let filled = to.split('.').map(|it| if it == "{}" { captured.next().copied().unwrap_or(it) } else { it });
        filled.collect::<Vec<_>>().join(".") + self.rest
    }
}

/// What the pattern's `{}` stand for, if it fits the name's beginning.
fn fit<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let mut captured = Vec::new();
    let mut segments = name.split('.');
    for wanted in pattern.split('.') {
        match segments.next()? {
            segment if wanted == "{}" => captured.push(segment),
            segment if segment == wanted => {}
            _ => return None,
        }
    }
    Some(captured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn table(tensors: &[(&str, &[usize])]) -> Weights {
        let mut next = 0.0;
        let tensors = tensors.iter().map(|(name, shape)| {
            let values: Vec<f32> = (0..shape.iter().product())
                .map(|_| {
                    next += 1.0;
                    next
                })
                .collect();
            ((*name).to_owned(), TensorData::new(values, shape.to_vec()))
        });
        Weights::from_tensors("a table", tensors).expect("valid")
    }

    fn values<const D: usize>(weights: &Weights, name: &str, shape: [usize; D]) -> Vec<f32> {
        let tensor = weights.tensor(name, shape, &Device::flex()).expect("drawn");
        tensor.into_data().iter::<f32>().collect()
    }

    fn layout(rules: &'static [Rule]) -> Layout {
        Layout { name: "foreign", marker: "blocks.{}.in", rules, sized: None }
    }

    fn refusal(weights: &Weights, rules: &'static [Rule]) -> String {
        weights.canonical(&[&layout(rules)]).expect_err("refused").to_string()
    }

    #[test]
    fn a_rule_for_the_beginning_of_a_name_carries_the_rest_over() {
        let weights = table(&[("blocks.3.in.weight", &[2]), ("blocks.3.in.bias", &[1]), ("blocks.3.inner", &[1])]);
        const RULES: &[Rule] = &[rename("blocks.{}.in", "layers.{}.first")];
        let canonical = weights.canonical(&[&layout(RULES)]).expect("translated");
        let names: Vec<&str> = canonical.names().collect();
        assert_eq!(names, ["blocks.3.inner", "layers.3.first.bias", "layers.3.first.weight"]);
        assert_eq!(values(&canonical, "layers.3.first.weight", [2]), [1.0, 2.0]);
    }

    #[test]
    fn the_longest_pattern_wins_wherever_it_stands() {
        const SHORT_FIRST: &[Rule] = &[rename("blocks", "b"), rename("blocks.{}.in", "special.{}")];
        const LONG_FIRST: &[Rule] = &[rename("blocks.{}.in", "special.{}"), rename("blocks", "b")];
        let weights = table(&[("blocks.0.in.weight", &[1]), ("blocks.0.out.weight", &[1])]);
        for rules in [SHORT_FIRST, LONG_FIRST] {
            let canonical = weights.canonical(&[&layout(rules)]).expect("translated");
            assert_eq!(canonical.names().collect::<Vec<_>>(), ["b.0.out.weight", "special.0.weight"]);
        }
    }

    #[test]
    fn parts_are_joined_and_cut_along_the_first_dimension() {
        let weights = table(&[("blocks.0.in.k", &[1, 2]), ("blocks.0.in.q", &[2, 2]), ("fused", &[4])]);
        const RULES: &[Rule] = &[concat(&["blocks.{}.in.q", "blocks.{}.in.k"], "qk.{}"), split("fused", &["one", "two"])];
        let canonical = weights.canonical(&[&layout(RULES)]).expect("translated");
        assert_eq!(values(&canonical, "qk.0", [3, 2]), [3.0, 4.0, 5.0, 6.0, 1.0, 2.0]);
        assert_eq!(values(&canonical, "two", [2]), [9.0, 10.0]);
        assert!(!canonical.has("fused"));
        canonical.finish(|name| name == "one").expect("every other tensor was drawn");
    }

    #[test]
    fn a_linear_weight_becomes_a_small_convolution_and_back() {
        let weights = table(&[("blocks.0.in", &[2, 3]), ("conv", &[2, 3, 1, 1])]);
        const RULES: &[Rule] = &[reshape("blocks.{}.in", "in", 4), reshape("conv", "linear", 2)];
        let canonical = weights.canonical(&[&layout(RULES)]).expect("translated");
        assert_eq!(canonical.shape("in"), Some(&[2, 3, 1, 1][..]));
        assert_eq!(canonical.shape("linear"), Some(&[2, 3][..]));
        const WRONG: &[Rule] = &[reshape("blocks.{}.in", "in", 1)];
        assert!(refusal(&weights, WRONG).contains("cannot be given 1 dimensions"));
    }

    #[test]
    fn halves_swap_and_ignored_tensors_are_gone() {
        let weights = table(&[("blocks.0.in", &[4]), ("noise", &[1])]);
        const RULES: &[Rule] = &[swap_halves("blocks.{}.in", "out"), ignore("noise")];
        let canonical = weights.canonical(&[&layout(RULES)]).expect("translated");
        assert_eq!(values(&canonical, "out", [4]), [3.0, 4.0, 1.0, 2.0]);
        assert_eq!(canonical.names().count(), 1);
    }

    #[test]
    fn rules_can_depend_on_sizes() {
        const LAYOUT: Layout = Layout {
            name: "foreign",
            marker: "blocks.{}.in",
            rules: &[],
            sized: Some(|weights| {
                let last = weights.count("blocks") - 1;
                (0..=last).map(|it| rename_sized(format!("blocks.{it}"), format!("up.{}", last - it))).collect()
            }),
        };
        let weights = table(&[("blocks.0.in", &[1]), ("blocks.1.in", &[2])]);
        let canonical = weights.canonical(&[&LAYOUT]).expect("translated");
        assert_eq!(canonical.shape("up.0.in"), Some(&[2][..]));
    }

    #[test]
    fn without_its_marker_a_layout_changes_nothing() {
        const RULES: &[Rule] = &[rename("a", "b")];
        let weights = table(&[("a", &[1])]);
        assert!(weights.canonical(&[&layout(RULES)]).expect("as it is").has("a"));
    }

    #[test]
    fn two_rules_for_a_name_and_two_tensors_for_a_name_are_errors() {
        let weights = table(&[("blocks.0.in", &[1]), ("blocks.1.in", &[1])]);
        const TWICE: &[Rule] = &[rename("blocks.{}", "a.{}"), rename("blocks.0", "b")];
        assert!(refusal(&weights, TWICE).contains("two rules fit `blocks.0.in`"));
        const SAME: &[Rule] = &[rename("blocks.{}", "a")];
        assert!(refusal(&weights, SAME).contains("two tensors become `a.in`"));
    }

    #[test]
    fn a_missing_part_of_a_join_is_named() {
        let weights = table(&[("blocks.0.in", &[1])]);
        const RULES: &[Rule] = &[concat(&["blocks.{}.in", "blocks.{}.more"], "both.{}")];
        assert!(refusal(&weights, RULES).contains("[\"blocks.{}.more\"] are missing"));
    }

    #[test]
    fn translating_below_a_prefix_leaves_the_prefix_out() {
        let weights = table(&[("model.blocks.0.in", &[1]), ("other", &[1])]).at("model");
        const RULES: &[Rule] = &[rename("blocks", "layers")];
        let canonical = weights.canonical(&[&layout(RULES)]).expect("translated");
        assert_eq!(canonical.names().collect::<Vec<_>>(), ["layers.0.in"]);
        assert_ne!(canonical.identity(), weights.identity());
    }
}
