//! Results kept from run to run, by content key: equal keys mean equal results, so what is found is what would be computed.

use crate::{Shown, Value};
use graph::Key;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::time::Duration;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What the latest graph uses.
    Classic,
    /// What the latest graph uses, the latest used, up to this many in all.
    Lru(usize),
    /// Everything, until memory is short; then what is cheapest to compute again for the bytes it holds goes first.
    RamPressure {
        /// The most that may be held, in bytes.
        limit: usize,
        /// What shall stay free on the machine, in bytes. Observed on Linux; elsewhere only `limit` counts.
        headroom: usize,
    },
    /// Nothing: a value is dropped after its last use.
    Nothing,
}

impl Default for Policy {
    fn default() -> Self {
        Self::RamPressure { limit: 16 << 30, headroom: 2 << 30 }
    }
}

/// The results of one node.
#[derive(Debug)]
pub struct Entry {
    /// For each output its values.
    pub outputs: Vec<Vec<Value>>,
    /// What it showed.
    pub shown: Arc<[Shown]>,
    /// How long its own work took.
    pub cost: Duration,
}

/// Results kept from run to run.
pub struct Cache {
    policy: Policy,
    held: FxHashMap<Key, Held>,
    bytes: usize,
    run: u64,
    clock: u64,
}

struct Held {
    entry: Arc<Entry>,
    bytes: usize,
    /// The key of the node of the user's graph that it was computed for.
    root: Key,
    /// The latest run whose graph has it.
    run: u64,
    /// When it was last asked for.
    used: u64,
}

/// Below this, asking how much memory is free costs more than it could tell.
const WORTH_ASKING: usize = 64 << 10;

impl Cache {
    /// An empty cache.
    pub fn new(policy: Policy) -> Self {
        Self { policy, held: FxHashMap::default(), bytes: 0, run: 0, clock: 0 }
    }

    /// How many results are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many bytes are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }

    /// Whether there are results for a key.
    pub(crate) fn contains(&self, key: Key) -> bool {
        self.held.contains_key(&key)
    }

    /// A run begins with a graph of these keys.
    pub(crate) fn begin(&mut self, current: &FxHashSet<Key>) {
        self.run += 1;
        let run = self.run;
        #[expect(clippy::iter_over_hash_type, reason = "each is marked for itself, so the order does not matter")]
        for held in self.held.values_mut() {
            if current.contains(&held.root) {
                held.run = run;
            }
        }
        match self.policy {
            Policy::Classic => self.keep_at_most(0),
            Policy::Lru(most) => self.keep_at_most(most),
            Policy::RamPressure { .. } | Policy::Nothing => {}
        }
    }

    /// The results for a key.
    pub(crate) fn find(&mut self, key: Key) -> Option<Arc<Entry>> {
        self.clock += 1;
        let held = self.held.get_mut(&key)?;
        (held.used, held.run) = (self.clock, self.run);
        Some(held.entry.clone())
    }

    /// Keeps results, if the policy wants to.
    pub(crate) fn keep(&mut self, key: Key, root: Key, entry: &Arc<Entry>) {
        if self.policy == Policy::Nothing {
            return;
        }
        self.clock += 1;
        let bytes = entry.outputs.iter().flatten().map(Value::bytes).sum();
        let held = Held { entry: entry.clone(), bytes, root, run: self.run, used: self.clock };
        self.bytes += bytes;
        if let Some(before) = self.held.insert(key, held) {
            self.bytes -= before.bytes;
        }
        if let Policy::RamPressure { limit, headroom } = self.policy {
            let mut excess = self.bytes.saturating_sub(limit);
            if bytes >= WORTH_ASKING
                && let Some(free) = available_memory()
            {
                excess = excess.max(headroom.saturating_sub(free));
            }
            if excess > 0 {
                // A little more than needed, so that the next values do not ask again at once.
                self.release(excess + excess / 8);
            }
        }
    }

    /// Drops results until this many bytes are no longer held, cheapest first.
    pub(crate) fn release(&mut self, bytes: usize) {
        let mut order: Vec<_> =
            self.held.iter().filter(|(_, it)| it.bytes > 0).map(|(key, it)| (self.worth(it), it.used, *key)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let goal = self.bytes.saturating_sub(bytes);
        for (_, _, key) in order {
            if self.bytes <= goal {
                break;
            }
            self.forget(key);
        }
    }

    /// Seconds of work saved for each byte held, less for what recent runs did not use.
    fn worth(&self, held: &Held) -> f64 {
        let age = i32::try_from(self.run - held.run).unwrap_or(i32::MAX);
        held.entry.cost.as_secs_f64() / held.bytes as f64 / 1.3_f64.powi(age)
    }

    /// Drops what the present graph does not have, oldest first, until no more than this many results are held.
    fn keep_at_most(&mut self, most: usize) {
        let excess = self.held.len().saturating_sub(most);
        let mut old: Vec<_> = self.held.iter().filter(|(_, it)| it.run < self.run).map(|(key, it)| (it.used, *key)).collect();
        old.sort_unstable();
        for (_, key) in old.into_iter().take(excess) {
            self.forget(key);
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(held) = self.held.remove(&key) {
            self.bytes -= held.bytes;
        }
    }
}

/// How many bytes programs can still have without swapping; `None` where the system does not say.
fn available_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use graph::{Graph, Node, keys};

    /// As many different keys as wanted.
    fn some_keys(count: usize) -> Vec<Key> {
        let mut graph = Graph::new();
        for i in 0..count {
            graph.insert(i.to_string(), Node::new("Toy").with("i", i)).unwrap();
        }
        keys(&graph, &crate::Registry::new(), |_, _| vec![]).unwrap().into_iter().map(|(_, key)| key).collect()
    }

    fn entry(bytes: usize, seconds: u64) -> Arc<Entry> {
        let text = "x".repeat(bytes);
        Arc::new(Entry { outputs: vec![vec![Value::String(text.into())]], shown: [].into(), cost: Duration::from_secs(seconds) })
    }

    #[test]
    fn under_pressure_the_cheapest_by_the_byte_goes_first() {
        let [cheap, dear, small] = some_keys(3)[..] else { panic!() };
        let mut cache = Cache::new(Policy::RamPressure { limit: 2500, headroom: 0 });
        cache.begin(&FxHashSet::default());
        cache.keep(cheap, cheap, &entry(1000, 1));
        cache.keep(dear, dear, &entry(1000, 60));
        cache.keep(small, small, &entry(10, 1));
        assert_eq!((cache.len(), cache.bytes()), (3, 2010));
        let more = some_keys(4)[3];
        cache.keep(more, more, &entry(1000, 20));
        assert!(cache.find(cheap).is_none());
        assert!([dear, small, more].into_iter().all(|key| cache.contains(key)));
    }

    #[test]
    fn what_runs_no_longer_use_loses_its_worth() {
        let [old, new] = some_keys(2)[..] else { panic!() };
        let mut cache = Cache::new(Policy::RamPressure { limit: usize::MAX, headroom: 0 });
        cache.begin(&FxHashSet::default());
        cache.keep(old, old, &entry(100, 12));
        (0..5).for_each(|_| cache.begin(&FxHashSet::default()));
        cache.keep(new, new, &entry(100, 10));
        cache.release(1);
        assert!(!cache.contains(old) && cache.contains(new));
    }

    #[test]
    fn least_recently_used_results_go_but_never_those_of_the_present_graph() {
        let all = some_keys(5);
        let mut cache = Cache::new(Policy::Lru(3));
        cache.begin(&FxHashSet::default());
        all.iter().for_each(|key| cache.keep(*key, *key, &entry(1, 1)));
        assert_eq!(cache.len(), 5, "the run's own results all stay");
        cache.find(all[0]);
        cache.begin(&[all[1]].into_iter().collect());
        assert_eq!(all.iter().map(|key| cache.contains(*key)).collect::<Vec<_>>(), [true, true, false, false, true]);
    }

    #[test]
    fn classic_keeps_what_the_latest_graph_has() {
        let all = some_keys(2);
        let mut cache = Cache::new(Policy::Classic);
        cache.begin(&FxHashSet::default());
        all.iter().for_each(|key| cache.keep(*key, *key, &entry(7, 1)));
        cache.begin(&[all[1]].into_iter().collect());
        assert_eq!((cache.len(), cache.bytes(), cache.contains(all[1])), (1, 7, true));
    }
}
