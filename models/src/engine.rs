//! The engine: a device, what is resident on it, and where model files are.

use crate::device::{DeviceError, device};
use crate::folders::Folders;
use crate::residency::{Request, Residency, Statistics};
use crate::{LoadError, Recipe, Weights};
use burn::tensor::Device;
use std::fmt;
use std::sync::Arc;

/// A device and the models that are resident on it.
pub struct Engine {
    device: Device,
    residency: Residency,
    folders: Folders,
}

/// How an engine is set up.
#[derive(Debug)]
pub struct Settings {
    /// Where to compute: `auto` or `cpu`.
    pub device: String,
    /// Bytes that resident models may take; no limit where `None`.
    pub memory: Option<u64>,
    /// Where model files are.
    pub folders: Folders,
}

impl Engine {
    /// An engine on a device of choice.
    ///
    /// # Errors
    /// When this build has no such device.
    pub fn new(settings: Settings) -> Result<Self, DeviceError> {
        let Settings { device: name, memory, folders } = settings;
        Ok(Self { device: device(&name)?, residency: Residency::new(memory), folders })
    }

    /// An engine on the CPU without a budget and without model folders.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), residency: Residency::default(), folders: Folders::none() }
    }

    /// Where computations run.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Where model files are.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// What `key` names: the resident one, or the one that `build` makes, which takes `bytes` of the budget.
    ///
    /// It stays as long as somebody holds it, and after that until its room is needed. `build` must not ask for the same key. It
    /// runs again, with everything else evicted, when it says [`LoadError::OutOfMemory`].
    ///
    /// # Errors
    /// What `build` says; [`LoadError::OutOfMemory`] when it does not fit the budget beside what others hold.
    pub fn resident<T: Send + Sync + 'static>(
        &self,
        key: &str,
        bytes: u64,
        build: impl Fn(&Device) -> Result<T, LoadError>,
    ) -> Result<Arc<T>, LoadError> {
        self.residency.get(&Request { key, bytes, weights: None }, || build(&self.device))
    }

    /// As [`Engine::resident`], for what is made of `weights`: it takes their size, and their pages go back to the system with it.
    ///
    /// `build` gets weights of which nothing was drawn yet.
    ///
    /// # Errors
    /// As [`Engine::resident`].
    pub fn network<T: Send + Sync + 'static>(
        &self,
        key: &str,
        weights: &Weights,
        build: impl Fn(&Weights, &Device) -> Result<T, LoadError>,
    ) -> Result<Arc<T>, LoadError> {
        let request = Request { key, bytes: weights.resident_bytes(), weights: Some(weights) };
        self.residency.get(&request, || build(&weights.fresh(), &self.device))
    }

    /// Says what is used by the computation that begins now, and what by those after it, in the order of use.
    ///
    /// When room is needed, what is not expected at all goes first, then what is used farthest in the future. The file of the first
    /// network that comes later and is not resident is read ahead in the background.
    pub fn foresee(&self, now: &[&dyn Recipe], later: &[&dyn Recipe]) {
        let keys = |recipes: &[&dyn Recipe]| recipes.iter().flat_map(|it| it.networks()).map(|it| it.0).collect::<Vec<_>>();
        let mut keys = [keys(now), keys(later)];
        let next =
            later.iter().flat_map(|it| it.networks()).find(|(key, _)| !keys[0].contains(key) && !self.residency.holds(key));
        if let Some((_, weights)) = next {
            weights.read_ahead();
        }
        let [now, later] = &mut keys;
        now.append(later);
        self.residency.expect(now);
    }

    /// Evicts everything that nobody holds, and says how many bytes that were.
    pub fn evict_all(&self) -> u64 {
        self.residency.clear()
    }

    /// What was loaded, found and evicted so far.
    pub fn statistics(&self) -> Statistics {
        self.residency.statistics()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({:?}, {:?})", self.device, self.statistics())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn a_network_is_rebuilt_after_eviction_as_strictly_as_the_first_time() {
        let tensors = ["one", "two"].map(|name| (name.to_owned(), TensorData::from([1.0_f32])));
        let weights = Weights::from_tensors("a table", tensors).expect("valid");
        let engine = Engine::cpu();
        for _ in 0..2 {
            let lazy = engine.network("lazy", &weights, |weights, device| {
                let one = weights.tensor("one", [1], device)?;
                weights.finish(|_| false).map(|()| one)
            });
            assert!(matches!(lazy, Err(LoadError::Unexpected { names, .. }) if names == ["two"]));
            let thorough = engine.network("thorough", &weights, |weights, device| {
                let drawn = (weights.tensor("one", [1], device)?, weights.tensor("two", [1], device)?);
                weights.finish(|_| false).map(|()| drawn)
            });
            drop(thorough.expect("built"));
            engine.evict_all();
        }
        assert_eq!(engine.statistics().loads, 2);
    }

    #[test]
    fn an_unknown_device_is_refused() {
        let settings = Settings { device: "tpu".into(), memory: None, folders: Folders::none() };
        assert!(Engine::new(settings).is_err());
    }
}
