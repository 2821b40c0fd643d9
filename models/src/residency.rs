//! What is resident: networks in memory, under a budget of bytes.
//!
//! A network that somebody still holds is pinned. Of the others, what nobody expects to use again goes first, the longest unused of
//! them before the rest, then what will be used farthest in the future.

use crate::{LoadError, Weights};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Networks in memory by key.
#[derive(Default)]
pub(crate) struct Residency {
    /// Bytes that all of them may take; no limit where `None`.
    budget: Option<u64>,
    state: Mutex<State>,
    /// Told when something was built, or failed to be.
    changed: Condvar,
}

/// What happened so far and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Networks that were built.
    pub loads: u64,
    /// Requests that found their network resident.
    pub hits: u64,
    /// Networks that had to go.
    pub evictions: u64,
    /// Bytes of the networks that are resident.
    pub resident_bytes: u64,
    /// How many networks are resident.
    pub resident: usize,
}

/// The same key may name things of different types.
type Key = (TypeId, String);
type Value = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
struct State {
    slots: FxHashMap<Key, Slot>,
    /// Keys in the order of their next use; one that is used several times stands there several times.
    expected: VecDeque<String>,
    /// Counts requests.
    clock: u64,
    loads: u64,
    hits: u64,
    evictions: u64,
}

struct Slot {
    bytes: u64,
    /// `None` while it is being built.
    ready: Option<Ready>,
}

struct Ready {
    value: Value,
    used: u64,
    /// Whose memory goes back to the system with it.
    weights: Option<Weights>,
}

/// What a request is about.
pub(crate) struct Request<'a> {
    pub(crate) key: &'a str,
    pub(crate) bytes: u64,
    pub(crate) weights: Option<&'a Weights>,
}

impl Residency {
    pub(crate) fn new(budget: Option<u64>) -> Self {
        Self { budget, ..Self::default() }
    }

    /// What the key names, built if it is not there. Two that ask for one key at once get one; different keys are built side by side.
    pub(crate) fn get<T: Send + Sync + 'static>(
        &self,
        request: &Request<'_>,
        build: impl Fn() -> Result<T, LoadError>,
    ) -> Result<Arc<T>, LoadError> {
        let key: Key = (TypeId::of::<T>(), request.key.to_owned());
        let evicted;
        {
            let mut state = self.state.lock();
            loop {
                match state.slots.get(&key) {
                    Some(Slot { ready: None, .. }) => self.changed.wait(&mut state),
                    Some(Slot { ready: Some(_), .. }) => return Ok(state.hit(&key)),
                    None => break,
                }
            }
            evicted = state.make_room(self.budget, request)?;
            state.slots.insert(key.clone(), Slot { bytes: request.bytes, ready: None });
        }
        drop(evicted);

        // Whatever happens to the build, those who wait for it are told.
        let mut claim = Claim { residency: self, key: &key, ready: None };
        let built = match build() {
            Err(LoadError::OutOfMemory { .. }) => {
                let evicted = self.state.lock().evict_all();
                drop(evicted);
                build()
            }
            other => other,
        };
        let built = Arc::new(built?);
        claim.ready = Some((built.clone(), request.weights.cloned()));
        Ok(built)
    }

    /// Says which keys are used next, in that order.
    pub(crate) fn expect(&self, keys: &[String]) {
        self.state.lock().expected = keys.iter().cloned().collect();
    }

    /// Whether something of this key is resident, or about to be.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.state.lock().slots.keys().any(|it| it.1 == key)
    }

    /// Evicts everything that nobody holds; how many bytes that were.
    pub(crate) fn clear(&self) -> u64 {
        let evicted = self.state.lock().evict_all();
        evicted.iter().map(|it| it.bytes).sum()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.state.lock();
        Statistics {
            loads: state.loads,
            hits: state.hits,
            evictions: state.evictions,
            resident_bytes: state.taken(),
            resident: state.slots.len(),
        }
    }
}

/// A slot whose network is being built.
struct Claim<'a> {
    residency: &'a Residency,
    key: &'a Key,
    ready: Option<(Value, Option<Weights>)>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.residency.state.lock();
        state.clock += 1;
        let used = state.clock;
        match self.ready.take() {
            Some((value, weights)) => {
                state.loads += 1;
                state.pass(&self.key.1);
                if let Some(slot) = state.slots.get_mut(self.key) {
                    slot.ready = Some(Ready { value, used, weights });
                }
            }
            None => {
                state.slots.remove(self.key);
            }
        }
        self.residency.changed.notify_all();
    }
}

/// What left the residency. Dropping it frees its memory, which takes time: never under the lock.
struct Evicted {
    bytes: u64,
    value: Option<Value>,
    weights: Option<Weights>,
}

impl Drop for Evicted {
    fn drop(&mut self) {
        // The tensors first: they look at the mapped pages.
        drop(self.value.take());
        if let Some(weights) = &self.weights {
            weights.hand_back();
        }
    }
}

impl State {
    fn hit<T: Send + Sync + 'static>(&mut self, key: &Key) -> Arc<T> {
        self.clock += 1;
        self.hits += 1;
        self.pass(&key.1);
        let used = self.clock;
        let ready = self.slots.get_mut(key).and_then(|it| it.ready.as_mut()).expect("the caller saw it ready");
        ready.used = used;
        ready.value.clone().downcast().expect("the type is part of the key")
    }

    /// A use has come: the next expectation of this key is the one after it.
    fn pass(&mut self, key: &str) {
        if let Some(at) = self.expected.iter().position(|it| it == key) {
            self.expected.remove(at);
        }
    }

    fn taken(&self) -> u64 {
        self.slots.values().map(|it| it.bytes).fold(0, u64::saturating_add)
    }

    /// Keys of what may be evicted, the first to go first.
    fn candidates(&self) -> Vec<Key> {
        let mut candidates: Vec<_> = self
            .slots
            .iter()
            .filter_map(|(key, slot)| Some((key, slot.ready.as_ref()?)))
            .filter(|(_, ready)| Arc::strong_count(&ready.value) == 1)
            .map(|(key, ready)| {
                let next = self.expected.iter().position(|it| *it == key.1).unwrap_or(usize::MAX);
                (std::cmp::Reverse(next), ready.used, key)
            })
            .collect();
        candidates.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        candidates.into_iter().map(|it| it.2.clone()).collect()
    }

    fn evict(&mut self, key: &Key) -> Option<Evicted> {
        let slot = self.slots.remove(key)?;
        self.evictions += 1;
        let (value, weights) = slot.ready.map(|it| (it.value, it.weights)).unzip();
        Some(Evicted { bytes: slot.bytes, value, weights: weights.flatten() })
    }

    fn evict_all(&mut self) -> Vec<Evicted> {
        self.candidates().iter().filter_map(|it| self.evict(it)).collect()
    }

    fn make_room(&mut self, budget: Option<u64>, request: &Request<'_>) -> Result<Vec<Evicted>, LoadError> {
        let Some(budget) = budget else { return Ok(Vec::new()) };
        let candidates = self.candidates();
        let movable: u64 = candidates.iter().map(|it| self.slots[it].bytes).sum();
        let pinned = self.taken().saturating_sub(movable);
        if pinned.saturating_add(request.bytes) > budget {
            let what = request.weights.map_or(request.key, Weights::source).to_owned();
            let (needed, budget, pinned) = (in_words(request.bytes), in_words(budget), in_words(pinned));
            let reason = format!("it takes {needed}, the budget is {budget}, and {pinned} of it are in use");
            return Err(LoadError::OutOfMemory { what, reason });
        }
        let mut evicted = Vec::new();
        for key in candidates {
            if self.taken().saturating_add(request.bytes) <= budget {
                break;
            }
            evicted.extend(self.evict(&key));
        }
        Ok(evicted)
    }
}

/// A size that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no size: write a number and a unit, as in 6GB, 512MiB or 1.5G")]
pub struct SizeError(String);

/// Reads a size in bytes: `6GB` counts in thousands, `6GiB` and `6G` in steps of 1024, a bare number in bytes.
///
/// # Errors
/// When it is no size, or more than there can be.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let error = || SizeError(text.chars().take(40).collect());
    let trimmed = text.trim();
    let digits = trimmed.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim().to_lowercase();
    let (step, power) = match unit.as_str() {
        "" | "b" => (1.0, 0),
        _ => {
            let power = 1 + "kmgt".find(unit.chars().next().unwrap_or_default()).ok_or_else(error)?;
            match unit.get(1..) {
                Some("b") => (1000.0, power),
                Some("" | "ib") => (1024.0, power),
                _ => return Err(error()),
            }
        }
    };
    let bytes = number.parse::<f64>().map_err(|_| error())? * f64::powi(step, power as i32);
    if bytes >= 0.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(error()) }
}

/// A size for people: `2.1 GB`.
pub fn in_words(bytes: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|it| bytes as f64 >= it.0) {
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / size),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn request(key: &str, bytes: u64) -> Request<'_> {
        Request { key, bytes, weights: None }
    }

    /// Asks for a text that says its own key.
    fn ask(residency: &Residency, key: &str, bytes: u64) -> Arc<String> {
        residency.get(&request(key, bytes), || Ok(key.to_owned())).expect("there is room")
    }

    /// Which of these keys would be found.
    fn resident(residency: &Residency, keys: &[&str]) -> String {
        let state = residency.state.lock();
        let there = |key: &&&str| state.slots.contains_key(&(TypeId::of::<String>(), (**key).to_owned()));
        keys.iter().filter(there).copied().collect()
    }

    #[test]
    fn what_is_resident_is_not_built_again() {
        let residency = Residency::new(None);
        let first = ask(&residency, "a", 5);
        assert!(Arc::ptr_eq(&first, &ask(&residency, "a", 5)));
        let expected = Statistics { loads: 1, hits: 1, evictions: 0, resident_bytes: 5, resident: 1 };
        assert_eq!(residency.statistics(), expected);
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let residency = Residency::new(Some(3));
        for key in ["a", "b", "c", "a", "d"] {
            ask(&residency, key, 1);
        }
        assert_eq!(resident(&residency, &["a", "b", "c", "d"]), "acd");
    }

    #[test]
    fn what_is_used_farthest_in_the_future_goes_before_what_comes_soon() {
        let residency = Residency::new(Some(3));
        for key in ["a", "b", "c"] {
            ask(&residency, key, 1);
        }
        residency.expect(&["d", "a", "c", "b"].map(str::to_owned));
        ask(&residency, "d", 1);
        assert_eq!(resident(&residency, &["a", "b", "c", "d"]), "acd", "b is used last");
        ask(&residency, "e", 1);
        assert_eq!(resident(&residency, &["a", "b", "c", "d", "e"]), "ace", "nobody expects d again");
    }

    #[test]
    fn what_somebody_holds_stays_and_counts() {
        let residency = Residency::new(Some(2));
        let held = ask(&residency, "held", 1);
        ask(&residency, "b", 1);
        ask(&residency, "c", 1);
        assert_eq!(resident(&residency, &["held", "b", "c"]), "heldc");
        let refused = residency.get(&request("big", 2), || Ok(held.to_string())).expect_err("too big");
        assert_eq!(
            refused.to_string(),
            "out of memory while loading big: it takes 2 bytes, the budget is 2 bytes, and 1 bytes of it are in use"
        );
        assert_eq!(resident(&residency, &["c"]), "c", "nothing is evicted for what does not fit anyway");
    }

    #[test]
    fn out_of_memory_evicts_everything_else_and_tries_once_more() {
        let residency = Residency::new(None);
        ask(&residency, "other", 1);
        let tries = AtomicUsize::new(0);
        let no_room = || LoadError::OutOfMemory { what: "it".into(), reason: "no room".into() };
        let built = residency.get(&request("a", 1), || match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(no_room()),
            _ => Ok(7),
        });
        assert_eq!(*built.expect("the second try works"), 7);
        assert_eq!(resident(&residency, &["other"]), "");
        tries.store(0, Ordering::SeqCst);
        let failed = residency.get::<u8>(&request("never", 1), || {
            tries.fetch_add(1, Ordering::SeqCst);
            Err(no_room())
        });
        assert!(failed.is_err());
        assert_eq!(tries.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn two_who_ask_at_once_get_one_and_others_do_not_wait() {
        let residency = Residency::new(None);
        let (builds, both) = (AtomicUsize::new(0), Barrier::new(2));
        std::thread::scope(|scope| {
            let same = || {
                residency.get(&request("same", 1), || {
                    builds.fetch_add(1, Ordering::SeqCst);
                    // Another key is built while this one is: both builds meet here, or the test never ends.
                    both.wait();
                    std::thread::sleep(Duration::from_millis(20));
                    Ok(1)
                })
            };
            let askers = [scope.spawn(same), scope.spawn(same)];
            residency.get(&request("other", 1), || Ok(both.wait().is_leader())).expect("built");
            let [a, b] = askers.map(|it| it.join().expect("no panic").expect("built"));
            assert!(Arc::ptr_eq(&a, &b));
        });
        assert_eq!(builds.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_or_panicking_build_leaves_the_key_free() {
        let residency = Residency::new(None);
        let broken = || LoadError::NotFound { reason: "gone".into(), nearest: Vec::new() };
        assert!(residency.get::<String>(&request("a", 1), || Err(broken())).is_err());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            residency.get::<String>(&request("a", 1), || panic!("a bug"))
        }));
        assert!(panicked.is_err());
        assert_eq!(*ask(&residency, "a", 1), "a");
    }

    #[test]
    fn one_key_may_name_things_of_two_types() {
        let residency = Residency::new(None);
        ask(&residency, "a", 1);
        assert_eq!(*residency.get(&request("a", 1), || Ok(3_u8)).expect("built"), 3);
    }

    #[test]
    fn clearing_frees_what_nobody_holds() {
        let residency = Residency::new(None);
        let held = ask(&residency, "held", 2);
        ask(&residency, "free", 3);
        assert_eq!(residency.clear(), 3);
        drop(held);
        assert_eq!(residency.clear(), 2);
        assert_eq!(residency.statistics().resident, 0);
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [("6GB", 6_000_000_000), ("512MiB", 512 << 20), ("1.5G", 3 << 29), (" 2 kb ", 2000), ("7", 7)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1GB", "1e9", "6XB", "6GBB", "99999999999TB", "1.2.3K", "6é"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
