//! Allocations inside the library, through one of two allocators.
#![allow(unsafe_code, reason = "allocators are called by hand, so that two are in one library")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use hotshoe::{CountingAllocator, Error, ErrorKind, Result};

use crate::api;

/// Allocates and frees.
pub struct Churner;

impl api::Churner for Churner {
    fn churn(&self, counted: bool, live: u64, times: u64) -> Result<u64> {
        let sum = match counted {
            false => churn(&System, live, times),
            true => churn(&CountingAllocator, live, times),
        };
        sum.ok_or_else(|| Error::new(ErrorKind::ResourceLimit, "there is no memory left"))
    }
}

/// A block that is freed when it goes.
struct Block<'a, A: GlobalAlloc> {
    memory: *mut u8,
    layout: Layout,
    allocator: &'a A,
}

impl<'a, A: GlobalAlloc> Block<'a, A> {
    fn new(allocator: &'a A, size: usize) -> Option<Self> {
        let layout = Layout::from_size_align(size, 8).ok().filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout is not empty.
        let memory = black_box(unsafe { allocator.alloc(layout) });
        (!memory.is_null()).then_some(Self { memory, layout, allocator })
    }
}

impl<A: GlobalAlloc> Drop for Block<'_, A> {
    fn drop(&mut self) {
        // SAFETY: it was allocated here, with this layout, and is freed once.
        unsafe { self.allocator.dealloc(self.memory, self.layout) }
    }
}

#[inline(never)]
fn churn<A: GlobalAlloc>(allocator: &A, live: u64, times: u64) -> Option<u64> {
    let mut sum = 0;
    if live <= 1 {
        for _ in 0..times {
            sum += Block::new(allocator, 64)?.layout.size() as u64;
        }
        return Some(sum);
    }
    let mut blocks: Vec<Option<Block<'_, A>>> = (0..live).map(|_| None).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..times {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let size = 16 << (random % 9);
        blocks[(random >> 32) as usize % live as usize] = Some(Block::new(allocator, size)?);
        sum += size as u64;
    }
    Some(sum)
}
