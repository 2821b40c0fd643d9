//! The engine: a device, and what is resident on it.

use crate::LoadError;
use burn::tensor::Device;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A device and the models that are resident on it.
pub struct Engine {
    device: Device,
    resident: Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>,
}

impl Engine {
    /// An engine on the CPU.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), resident: Mutex::default() }
    }

    /// Where computations run.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What `key` names: the resident one, or the one that `build` makes, which takes `bytes` of the budget.
    ///
    /// # Errors
    /// What `build` says.
    pub fn resident<T: Send + Sync + 'static>(
        &self,
        key: &str,
        _bytes: u64,
        build: impl FnOnce(&Device) -> Result<T, LoadError>,
    ) -> Result<Arc<T>, LoadError> {
        if let Some(Ok(found)) = self.resident.lock().get(key).map(|it| it.clone().downcast()) {
            return Ok(found);
        }
        let built = Arc::new(build(&self.device)?);
        self.resident.lock().insert(key.to_owned(), built.clone());
        Ok(built)
    }
}
