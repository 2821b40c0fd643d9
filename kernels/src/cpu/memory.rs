//! Large blocks of memory that are used again.
//!
//! A fresh allocation of megabytes costs a page fault for every 4 KiB that is written, as much time as the arithmetic that fills it.
//! So blocks that are no longer needed, scratch and results alike, wait here for the next caller.

use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};
use std::alloc;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// Smaller blocks are left to the allocator, which is good at them.
const SMALL: usize = 64 << 10;
/// As much may lie idle, in bytes.
const KEPT: usize = 384 << 20;
/// Blocks begin at a cache line.
const ALIGN: usize = 64;

/// The idle blocks, oldest first. A tensor's memory comes back from wherever the tensor is dropped, so this has to be global.
static IDLE: Mutex<Vec<Block>> = Mutex::new(Vec::new());

struct Block {
    start: NonNull<u8>,
    layout: alloc::Layout,
}

// SAFETY: a block is the only owner of its memory.
unsafe impl Send for Block {}
// SAFETY: a shared block gives out only its address and its size.
unsafe impl Sync for Block {}

impl Block {
    fn new(bytes: usize) -> Self {
        if bytes >= SMALL {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |it: &Self| (bytes..=bytes + bytes / 8).contains(&it.layout.size());
            if let Some(best) = (0..idle.len()).filter(|&it| fits(&idle[it])).min_by_key(|&it| idle[it].layout.size()) {
                return idle.remove(best);
            }
        }
        let size = bytes.next_multiple_of(if bytes >= SMALL { 4096 } else { ALIGN }).max(ALIGN);
        let layout = alloc::Layout::from_size_align(size, ALIGN).expect("tensors are smaller than the address space");
        // SAFETY: the size is not zero.
        let start = unsafe { alloc::alloc(layout) };
        let Some(start) = NonNull::new(start) else { alloc::handle_alloc_error(layout) };
        Self { start, layout }
    }

    /// Keeps the block for the next caller, or frees it.
    fn retire(self) {
        if self.layout.size() < SMALL || self.layout.size() > KEPT / 2 {
            return;
        }
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = KEPT - self.layout.size();
        let mut keep = idle.len();
        while keep > 0 && idle[keep - 1].layout.size() <= room {
            keep -= 1;
            room -= idle[keep].layout.size();
        }
        let stale: Vec<Self> = idle.drain(..keep).collect();
        idle.push(self);
        drop(idle);
        drop(stale); // after the lock: freeing is slow
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout and has no other owner.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// Floats to be written: scratch, or a tensor in the making.
pub(crate) struct Buffer {
    block: Option<Block>,
    len: usize,
}

impl Buffer {
    /// Room for `len` floats of unknown value.
    pub(crate) fn new(len: usize) -> Self {
        Self { block: Some(Block::new(len * size_of::<f32>())), len }
    }

    /// The floats of an iterator that knows its length.
    pub(crate) fn from_iter(values: impl ExactSizeIterator<Item = f32>) -> Self {
        let buffer = Self::new(values.len());
        let len = values.len();
        for (at, value) in values.take(len).enumerate() {
            // SAFETY: `at < len`.
            unsafe { buffer.pointer().add(at).write(value) };
        }
        buffer
    }

    /// The first float.
    pub(crate) fn pointer(&self) -> *mut f32 {
        self.block.as_ref().map_or(std::ptr::null_mut(), |it| it.start.as_ptr().cast())
    }

    /// The floats as a tensor; every one of them has been written.
    pub(crate) fn into_tensor(mut self, shape: Shape) -> FlexTensor {
        assert_eq!(shape.num_elements(), self.len, "the buffer is as long as the tensor");
        let block = self.block.take();
        // SAFETY: the block has at least `len` floats, and kernels write every one before they give the buffer away.
        let bytes = unsafe { Bytes::from_controller(Box::new(Held(block)), self.len * size_of::<f32>()) };
        FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            block.retire();
        }
    }
}

/// A block in the hands of a tensor.
struct Held(Option<Block>);

impl Held {
    fn block(&self) -> &Block {
        self.0.as_ref().expect("taken only when dropped")
    }
}

impl AllocationController for Held {
    fn alloc_align(&self) -> usize {
        align_of::<u128>() // the most that a copy made by Burn may ask for; blocks are aligned better
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let block = self.block();
        // SAFETY: the block owns this memory, and `self` is borrowed as long as the slice.
        Ok(unsafe { std::slice::from_raw_parts_mut(block.start.as_ptr().cast(), block.layout.size()) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let block = self.block();
        // SAFETY: as above.
        Ok(unsafe { std::slice::from_raw_parts(block.start.as_ptr().cast(), block.layout.size()) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            block.retire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_a_dropped_tensor_is_used_again() {
        let len = 777_777;
        let tensor = Buffer::from_iter((0..len).map(|_| 1.0)).into_tensor(Shape::from([len]));
        let first = tensor.bytes().as_ptr().addr();
        drop(tensor);
        // Other tests use blocks of other sizes.
        assert_eq!(Buffer::new(len).pointer().addr(), first);
    }

    #[test]
    fn a_copy_of_a_tensor_is_its_own() {
        let tensor = Buffer::from_iter((0..4).map(|it| it as f32)).into_tensor(Shape::from([4]));
        let mut copy = tensor.clone();
        copy.storage_mut::<f32>()[0] = 9.0;
        assert_eq!(tensor.storage::<f32>(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(copy.storage::<f32>(), [9.0, 1.0, 2.0, 3.0]);
    }
}
