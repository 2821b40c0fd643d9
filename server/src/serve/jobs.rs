//! The queue: accepts jobs, hands them to the workers one by one, and knows which are running.
//!
//! What a job is and where it stands is in the [`Store`]; here is only what dies with the process: how to stop a running job, who watches
//! it, and whether the queue is paused.

use crate::serve::protocol::Narrator;
use crate::serve::store::{Claimed, Ending, Filter, Listed, NewJob, Store, StoreError};
use crate::serve::time::now;
use parking_lot::{Condvar, Mutex};
use runtime::Cancel;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The queue of one server.
pub(crate) struct Jobs {
    store: Store,
    desk: Mutex<Desk>,
    /// Rung when there may be something to do.
    bell: Condvar,
    /// How many jobs wait or run.
    remaining: AtomicUsize,
    /// The number of the next job.
    next: AtomicU64,
    most: usize,
}

/// What only this process knows.
#[derive(Default)]
struct Desk {
    running: BTreeMap<String, Running>,
    paused: bool,
    stopping: bool,
    /// How often somebody asked for models, and for results, to be dropped.
    drops: Drops,
}

/// A job that runs now.
struct Running {
    cancel: Cancel,
    narrator: Option<Arc<Narrator>>,
    /// Whether it goes back into the queue when it ends interrupted, because the server is shut down.
    put_back: bool,
}

/// How often somebody asked for memory to be freed. A worker compares it with what it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drops {
    /// Models.
    pub models: u64,
    /// Models and kept results.
    pub results: u64,
}

/// What a worker does next.
pub(crate) enum Task {
    /// Runs a job.
    Run(Claimed, Cancel),
    /// Frees memory: this was asked for so far.
    Free(Drops),
}

/// A job that somebody sends.
pub(crate) struct Order {
    pub id: String,
    pub number: Option<f64>,
    pub front: bool,
    pub client: Option<String>,
    pub prompt: Value,
    pub extra: Map<String, Value>,
    pub targets: Vec<String>,
}

/// What becomes of an order.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The queue is full.
    Full(usize),
    /// The store said no.
    Store(StoreError),
}

/// What of a job's extra data is nobody's business: it is not even written to disk.
const SECRETS: [&str; 2] = ["auth_token_comfy_org", "api_key_comfy_org"];

impl Jobs {
    /// The queue of a store, with at most `most` jobs waiting.
    pub(crate) fn new(store: Store, most: usize) -> Result<Self, StoreError> {
        let (remaining, accepted) = (store.remaining()?, store.accepted()?);
        Ok(Self { store, desk: Mutex::default(), bell: Condvar::new(), remaining: remaining.into(), next: accepted.into(), most })
    }

    /// Accepts a job. Says its number.
    pub(crate) fn submit(&self, order: Order) -> Result<f64, Refused> {
        if self.remaining() >= self.most {
            return Err(Refused::Full(self.most));
        }
        let Order { id, number, front, client, prompt, mut extra, targets } = order;
        let number = number.unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed) as f64;
            if front { -number } else { number }
        });
        for secret in SECRETS {
            extra.shift_remove(secret);
        }
        let workflow = extra.get("extra_pnginfo").and_then(|it| it.pointer("/workflow/id")).and_then(Value::as_str);
        let job = NewJob {
            id,
            number,
            client,
            workflow: workflow.map(str::to_owned),
            prompt: prompt.to_string(),
            targets: Value::from(targets).to_string(),
            created: now(),
            extra: Value::from(extra).to_string(),
        };
        self.store.insert(&job).map_err(Refused::Store)?;
        self.remaining.fetch_add(1, Ordering::Relaxed);
        self.ring();
        Ok(number)
    }

    /// Waits for something to do. `seen` is what the worker has dropped so far. `None` when the server stops.
    pub(crate) fn next(&self, seen: Drops) -> Result<Option<Task>, StoreError> {
        let mut desk = self.desk.lock();
        loop {
            if desk.stopping {
                return Ok(None);
            }
            if desk.drops != seen {
                return Ok(Some(Task::Free(desk.drops)));
            }
            if !desk.paused
                && let Some(claimed) = self.store.claim(now())?
            {
                let cancel = Cancel::new();
                let running = Running { cancel: cancel.clone(), narrator: None, put_back: false };
                desk.running.insert(claimed.id.clone(), running);
                return Ok(Some(Task::Run(claimed, cancel)));
            }
            self.bell.wait(&mut desk);
        }
    }

    /// Says who watches a running job.
    pub(crate) fn watched(&self, id: &str, narrator: Arc<Narrator>) {
        if let Some(running) = self.desk.lock().running.get_mut(id) {
            running.narrator = Some(narrator);
        }
    }

    /// The running jobs' narrators.
    pub(crate) fn narrators(&self) -> Vec<Arc<Narrator>> {
        self.desk.lock().running.values().filter_map(|it| it.narrator.clone()).collect()
    }

    /// A running job ended. `interrupted` says that it was asked to.
    pub(crate) fn end(&self, id: &str, ending: &Ending, interrupted: bool) -> Result<(), StoreError> {
        let mut desk = self.desk.lock();
        let put_back = desk.running.remove(id).is_some_and(|it| it.put_back);
        if put_back && interrupted {
            self.store.put_back(id)?;
        } else if self.store.end(id, ending, now())? {
            self.remaining.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Stops a job that runs, or every one that does. Says whether there was one.
    pub(crate) fn interrupt(&self, id: Option<&str>) -> bool {
        let desk = self.desk.lock();
        let mut any = false;
        for (_, running) in desk.running.iter().filter(|(it, _)| id.is_none_or(|id| id == *it)) {
            running.cancel.cancel();
            any = true;
        }
        any
    }

    /// Cancels jobs whether they run or wait. Says whether any did.
    pub(crate) fn cancel(&self, ids: &[String]) -> Result<bool, StoreError> {
        let desk = self.desk.lock();
        let mut any = false;
        for id in ids {
            if let Some(running) = desk.running.get(id) {
                running.cancel.cancel();
                any = true;
            }
        }
        let waiting = self.store.cancel_pending(Some(ids), now())?;
        self.remaining.fetch_sub(waiting, Ordering::Relaxed);
        Ok(any || waiting > 0)
    }

    /// Takes jobs that wait out of the queue: those of these ids, or all.
    pub(crate) fn drop_pending(&self, ids: Option<&[String]>) -> Result<(), StoreError> {
        let _desk = self.desk.lock();
        let waiting = self.store.cancel_pending(ids, now())?;
        self.remaining.fetch_sub(waiting, Ordering::Relaxed);
        Ok(())
    }

    /// Gives a job that waits another place: before all others where `number` is `None`. Says whether it waits.
    pub(crate) fn move_to(&self, id: &str, number: Option<f64>) -> Result<bool, StoreError> {
        let _desk = self.desk.lock();
        let number = match number {
            Some(number) => number,
            None => self.store.smallest_number()?.unwrap_or(0.0).min(0.0) - 1.0,
        };
        self.store.renumber(id, number)
    }

    /// Lets no further job begin, or lets them again.
    pub(crate) fn pause(&self, paused: bool) {
        self.desk.lock().paused = paused;
        self.ring();
    }

    /// Whether no further job begins.
    pub(crate) fn is_paused(&self) -> bool {
        self.desk.lock().paused
    }

    /// Asks the workers to drop models; with `results`, what they keep of earlier runs too.
    pub(crate) fn free(&self, models: bool, results: bool) {
        let mut desk = self.desk.lock();
        desk.drops.models += u64::from(models);
        desk.drops.results += u64::from(results);
        self.bell.notify_all();
    }

    /// Lets no further job begin, stops those that run, and puts them back into the queue.
    pub(crate) fn stop(&self) {
        let mut desk = self.desk.lock();
        desk.stopping = true;
        for running in desk.running.values_mut() {
            running.put_back = true;
            running.cancel.cancel();
        }
        self.bell.notify_all();
    }

    /// Lets no further job begin; those that run go on.
    pub(crate) fn stop_claiming(&self) {
        self.desk.lock().stopping = true;
        self.bell.notify_all();
    }

    /// How many jobs wait or run.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining.load(Ordering::Relaxed)
    }

    /// See [`Store::queue`].
    pub(crate) fn queue(&self) -> Result<(Vec<Listed>, Vec<Listed>), StoreError> {
        self.store.queue()
    }

    /// See [`Store::history`].
    pub(crate) fn history(&self, most: Option<u32>, offset: Option<u32>) -> Result<Vec<Listed>, StoreError> {
        self.store.history(most, offset)
    }

    /// See [`Store::one`].
    pub(crate) fn one(&self, id: &str) -> Result<Option<Listed>, StoreError> {
        self.store.one(id)
    }

    /// See [`Store::forget`].
    pub(crate) fn forget(&self, ids: Option<&[String]>) -> Result<(), StoreError> {
        self.store.forget(ids)
    }

    /// See [`Store::list`].
    pub(crate) fn list(&self, filter: &Filter) -> Result<(Vec<Listed>, u64), StoreError> {
        self.store.list(filter)
    }

    fn ring(&self) {
        // Taking the lock first means that a worker either sees what changed or is waiting for the bell already.
        drop(self.desk.lock());
        self.bell.notify_all();
    }
}
