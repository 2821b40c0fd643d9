//! What is counted and timed, for Prometheus.

use crate::serve::store::State;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Everything that is counted and timed.
pub(crate) struct Measures {
    registry: Registry,
    jobs: Family<Ended, Counter>,
    job_seconds: Histogram,
    node_seconds: Family<OfClass, Histogram, fn() -> Histogram>,
    cached: Counter,
    waiting: Gauge,
    clients: Gauge,
    resident: Family<Device, Gauge>,
    loads: Family<Device, Gauge>,
}

/// What is true at the moment.
pub(crate) struct Now<'n> {
    pub waiting: usize,
    pub clients: usize,
    /// For each device its name, the bytes that are resident, and how often a model was loaded.
    pub devices: Vec<(&'n str, u64, u64)>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfClass {
    class: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Device {
    device: String,
}

impl Measures {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("burnish");
        let seconds = || Histogram::new(exponential_buckets(0.001, 4.0, 10));
        let measures = Self {
            jobs: Family::default(),
            job_seconds: seconds(),
            node_seconds: Family::new_with_constructor(seconds),
            cached: Counter::default(),
            waiting: Gauge::default(),
            clients: Gauge::default(),
            resident: Family::default(),
            loads: Family::default(),
            registry: Registry::default(),
        };
        registry.register("jobs_ended", "Jobs that ended, by how", measures.jobs.clone());
        registry.register("job_seconds", "How long jobs ran", measures.job_seconds.clone());
        registry.register("node_seconds", "How long nodes ran, by class", measures.node_seconds.clone());
        registry.register("cached_nodes", "Nodes whose results were there already", measures.cached.clone());
        registry.register("queue_jobs", "Jobs that wait or run", measures.waiting.clone());
        registry.register("websocket_clients", "Clients that listen", measures.clients.clone());
        registry.register("resident_bytes", "Bytes of models that are loaded, by device", measures.resident.clone());
        registry.register("model_loads", "How often a model was loaded, by device", measures.loads.clone());
        Self { registry, ..measures }
    }

    /// A job ended.
    pub(crate) fn job(&self, state: State, time: Duration) {
        let state = match state {
            State::Completed => "completed",
            State::Cancelled => "cancelled",
            State::Failed | State::Pending | State::Running => "failed",
        };
        self.jobs.get_or_create(&Ended { state }).inc();
        self.job_seconds.observe(time.as_secs_f64());
    }

    /// A node of this class finished.
    pub(crate) fn node(&self, class: &str, time: Duration) {
        self.node_seconds.get_or_create(&OfClass { class: class.to_owned() }).observe(time.as_secs_f64());
    }

    /// So many nodes had results from earlier jobs.
    pub(crate) fn cached(&self, nodes: usize) {
        self.cached.inc_by(nodes as u64);
    }

    /// Everything as Prometheus reads it.
    pub(crate) fn text(&self, now: &Now<'_>) -> String {
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        self.waiting.set(number(now.waiting as u64));
        self.clients.set(number(now.clients as u64));
        for (device, resident, loads) in &now.devices {
            let device = Device { device: (*device).to_owned() };
            self.resident.get_or_create(&device).set(number(*resident));
            self.loads.get_or_create(&device).set(number(*loads));
        }
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a text does not fail; if it does, half a text is worse than none.
            Err(_) => String::new(),
        }
    }
}
