//! Tensors beside the frames: files in memory that both sides see.
//!
//! The worker maps them and looks at the numbers where they are. This side reads and writes them as files, which is one copy each way and
//! buys that nothing a worker does to a file can hurt: a mapped file that somebody cuts short ends the process that looks at it.

use crate::protocol::Shared;
use burn::tensor::{Device, Tensor, TensorData};
use models::{Image, Latent, Mask, Samples};
use runtime::NodeError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most numbers that one tensor may have: 16 GB.
const MOST_NUMBERS: u64 = 4 << 30;

/// The directory of a worker's tensors. It is gone with its last user.
#[derive(Debug)]
pub(crate) struct Room {
    directory: tempfile::TempDir,
    /// The most that all files together may take, in bytes.
    limit: u64,
}

impl Room {
    /// Makes one, in memory where the system has such a place.
    pub(crate) fn new(limit: u64) -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir_in(&place).or_else(|_| {
            // A place in memory may be closed to this user.
            tempfile::Builder::new().prefix(&prefix).tempdir()
        })?;
        std::fs::create_dir(directory.path().join("tensors"))?;
        Ok(Self { directory, limit })
    }

    /// The whole directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The part that tensors are in.
    pub(crate) fn tensors(&self) -> PathBuf {
        self.directory.path().join("tensors")
    }

    /// Whether a worker put more there than it may.
    pub(crate) fn is_full(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.tensors()) else { return true };
        // A file with holes counts as what it takes.
        let taken = |it: std::fs::DirEntry| it.metadata().map_or(0, |it| std::os::unix::fs::MetadataExt::blocks(&it) * 512);
        entries.flatten().map(taken).fold(0, u64::saturating_add) > self.limit
    }

    /// Removes every file. What the worker still maps lives on there, and nowhere else.
    pub(crate) fn clear(&self) {
        for entry in std::fs::read_dir(self.tensors()).into_iter().flatten().flatten() {
            std::fs::remove_file(entry.path()).or_else(|_| std::fs::remove_dir_all(entry.path())).ok();
        }
    }

    /// Writes a tensor under a name of its own: the worker may go on looking at those of earlier calls.
    pub(crate) fn put(&self, name: String, shape: &[usize], values: &[f32]) -> Result<Shared, NodeError> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        open(&self.tensors().join(&name), OpenOptions::new().write(true).create_new(true))
            .and_then(|it| it.write_all_at(bytes, 0))
            .map_err(|it| NodeError::new(format!("{} bytes could not be shared with the worker: {it}", bytes.len())))?;
        Ok(Shared { file: name, shape: shape.iter().map(|it| *it as u64).collect() })
    }

    /// Reads a tensor that the worker says is there.
    fn take(&self, shared: &Shared) -> Result<(Vec<usize>, Vec<f32>), String> {
        let Shared { file, shape } = shared;
        let plain = !file.is_empty() && file.len() <= 64 && file.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        if !plain {
            return Err(format!("its file is called {file:?}"));
        }
        let count = shape.iter().try_fold(1_u64, |product, it| product.checked_mul(*it)).filter(|it| *it <= MOST_NUMBERS);
        let count = count.ok_or_else(|| format!("its shape {shape:?} is too large"))?;
        let file = open(&self.tensors().join(file), OpenOptions::new().read(true))
            .map_err(|it| format!("its memory cannot be read: {it}"))?;
        let about = file.metadata().map_err(|it| it.to_string())?;
        if !about.is_file() || about.len() < count * 4 {
            return Err(format!("its shape {shape:?} needs {} bytes and its memory has {}", count * 4, about.len()));
        }
        let mut values = vec![0.0_f32; count as usize];
        file.read_exact_at(bytemuck::cast_slice_mut(&mut values), 0).map_err(|it| format!("its memory cannot be read: {it}"))?;
        Ok((shape.iter().map(|it| *it as usize).collect(), values))
    }

    pub(crate) fn image(&self, shared: &Shared) -> Result<Image, String> {
        let (shape, values) = self.take(shared)?;
        match <[usize; 4]>::try_from(shape) {
            Ok(shape @ [.., 1..=4]) => Ok(Image(Tensor::from_data(TensorData::new(values, shape), &Device::flex()))),
            Ok(shape) => Err(format!("an IMAGE has 1 to 4 channels in the last place, not {shape:?}")),
            Err(shape) => Err(format!("an IMAGE is [batch, height, width, channels], not {shape:?}")),
        }
    }

    pub(crate) fn mask(&self, shared: &Shared) -> Result<Mask, String> {
        let (shape, values) = self.take(shared)?;
        let shape = <[usize; 3]>::try_from(shape).map_err(|it| format!("a MASK is [batch, height, width], not {it:?}"))?;
        Ok(Mask(Tensor::from_data(TensorData::new(values, shape), &Device::flex())))
    }

    pub(crate) fn latent(
        &self,
        samples: &Shared,
        noise_mask: Option<&Shared>,
        batch_index: Option<Vec<u64>>,
    ) -> Result<Latent, String> {
        let (shape, values) = self.take(samples)?;
        if !(3..=5).contains(&shape.len()) || values.is_empty() {
            return Err(format!("a LATENT has 3 to 5 dimensions and none of them is empty, not {shape:?}"));
        }
        let flat = [shape[0], values.len() / shape[0]];
        let samples = Samples::with_shape(Tensor::from_data(TensorData::new(values, flat), &Device::flex()), &shape);
        let mask = |shared| -> Result<Tensor<4>, String> {
            let (mut shape, values) = self.take(shared)?;
            // Nodes of old give [batch, height, width].
            if let [batch, height, width] = shape[..] {
                shape = vec![batch, 1, height, width];
            }
            let shape =
                <[usize; 4]>::try_from(shape).map_err(|it| format!("a noise_mask is [batch, 1, height, width], not {it:?}"))?;
            if shape[1] != 1 {
                return Err(format!("a noise_mask is [batch, 1, height, width], not {shape:?}"));
            }
            Ok(Tensor::from_data(TensorData::new(values, shape), &Device::flex()))
        };
        let batch_index = batch_index.map(|it| it.into_iter().map(|it| it as usize).collect());
        Ok(Latent { samples, noise_mask: noise_mask.map(mask).transpose()?, batch_index })
    }
}

/// How the directories are called; the number of the process follows.
const PREFIX: &str = "burnish-worker-";

/// Opens a file without following links: its name may lead elsewhere by now. A pipe in its place does not make anybody wait.
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    const NOFOLLOW_NONBLOCK: u32 = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits();
    how.custom_flags(NOFOLLOW_NONBLOCK.cast_signed()).mode(0o600).open(path)
}

/// Removes what servers left that were killed.
pub(crate) fn sweep() {
    for place in [Path::new("/dev/shm").to_owned(), std::env::temp_dir()] {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let process = name.to_str().and_then(|it| it.strip_prefix(PREFIX)?.split('-').next()?.parse::<i32>().ok());
            let Some(process) = process.and_then(rustix::process::Pid::from_raw) else { continue };
            if rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH) {
                std::fs::remove_dir_all(entry.path()).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(file: &str, shape: &[u64]) -> Shared {
        Shared { file: file.to_owned(), shape: shape.to_vec() }
    }

    #[test]
    fn a_picture_survives_the_way() {
        let room = Room::new(1 << 20).unwrap();
        let values: Vec<f32> = (0..12).map(|it| it as f32).collect();
        let put = room.put("in-0".to_owned(), &[1, 2, 2, 3], &values).unwrap();
        let Image(pixels) = room.image(&put).unwrap();
        assert_eq!(pixels.into_data().as_slice::<f32>().unwrap(), values);
        let smaller = room.put("in-1".to_owned(), &[1, 1, 2], &[1.0, 2.0]).unwrap();
        assert_eq!(room.mask(&smaller).unwrap().0.dims(), [1, 1, 2]);
    }

    #[test]
    fn shapes_that_lie_are_refused() {
        let room = Room::new(1 << 20).unwrap();
        room.put("in-0".to_owned(), &[1, 2, 2, 3], &[0.5; 12]).unwrap();
        for (shape, why) in [
            (&[1, 2, 2, 4][..], "needs 64 bytes"),
            (&[u64::MAX, 2, 2, 3], "too large"),
            (&[1 << 32, 1 << 32, 1, 3], "too large"),
            (&[2, 2, 3], "an IMAGE is"),
            (&[1, 1, 2, 6], "1 to 4 channels"),
        ] {
            let error = room.image(&shared("in-0", shape)).unwrap_err();
            assert!(error.contains(why), "{shape:?}: {error}");
        }
        assert!(room.latent(&shared("in-0", &[0, 4, 1]), None, None).is_err());
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let room = Room::new(1 << 20).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", room.tensors().join("link")).unwrap();
        std::fs::create_dir(room.tensors().join("folder")).unwrap();
        for name in ["../x", "/etc/passwd", "link", "folder", "absent", "", "."] {
            assert!(room.mask(&shared(name, &[1, 1, 1])).is_err(), "{name}");
        }
        // And nothing is written through a link either.
        std::os::unix::fs::symlink("/dev/null", room.tensors().join("in-3")).unwrap();
        assert!(room.put("in-3".to_owned(), &[1], &[1.0]).is_err());
    }

    #[test]
    fn a_room_that_is_full_says_so_and_is_cleared() {
        let room = Room::new(1 << 16).unwrap();
        room.put("in-0".to_owned(), &[4], &[0.0; 4]).unwrap();
        assert!(!room.is_full());
        room.put("in-1".to_owned(), &[1 << 16], &[0.0; 1 << 16]).unwrap();
        assert!(room.is_full());
        room.clear();
        assert!(!room.is_full() && !room.tensors().join("in-0").exists());
    }
}
