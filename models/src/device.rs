//! Which device computes, and in which type.

use crate::weights::nearest;
use burn::tensor::{Device, FloatDType};

/// Why a name is no device.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The name is right, but this build cannot compute there.
    #[error("this build has no back end for `{0}`: it computes on the CPU (--device cpu)")]
    NotBuilt(String),
    /// The name means nothing.
    #[error("`{name}` is no device: use auto or cpu{}", .nearest.as_ref().map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    Unknown {
        /// The name.
        name: String,
        /// A device of a similar name.
        nearest: Option<String>,
    },
}

/// Names of devices that are known, but not in this build.
const GPUS: &[&str] = &["cuda", "vulkan", "metal", "rocm", "webgpu", "wgpu"];

/// The device of a name: `auto`, `cpu`, or a GPU with or without its number (`cuda:0`).
///
/// # Errors
/// When there is none of that name in this build.
pub(crate) fn device(name: &str) -> Result<Device, DeviceError> {
    let (kind, number) = name.split_once(':').map_or((name, None), |(kind, number)| (kind, Some(number)));
    match (kind, number) {
        ("auto" | "cpu", None) => Ok(Device::flex()),
        (gpu, number) if GPUS.contains(&gpu) && number.is_none_or(|it| it.parse::<u16>().is_ok()) => {
            Err(DeviceError::NotBuilt(name.to_owned()))
        }
        _ => {
            let nearest = nearest(name, ["auto", "cpu"].into_iter().chain(GPUS.iter().copied())).into_iter().next();
            Err(DeviceError::Unknown { name: name.chars().take(40).collect(), nearest })
        }
    }
}

/// The type in which a device computes; weights stay in their stored type until they are used.
pub fn compute_type(_: &Device) -> FloatDType {
    // A CPU has no arithmetic in 16 bits worth using.
    FloatDType::F32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_and_cpu_are_the_cpu() {
        assert_eq!(device("auto"), Ok(Device::flex()));
        assert_eq!(device("cpu"), Ok(Device::flex()));
    }

    #[test]
    fn a_gpu_that_is_not_built_in_is_told_from_nonsense() {
        assert_eq!(device("cuda:1"), Err(DeviceError::NotBuilt("cuda:1".into())));
        assert!(device("cuda:x").is_err_and(|it| matches!(it, DeviceError::Unknown { .. })));
        assert!(device("cpu:0").is_err());
        let slip = device("vulcan").expect_err("no device");
        assert!(slip.to_string().ends_with("did you mean `vulkan`?"), "{slip}");
    }
}
