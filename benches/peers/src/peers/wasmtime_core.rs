//! wasmtime with core modules: numbers are handed over as they are, bytes through the guest's memory.

use std::any::Any;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Linker, Memory, Module, PoolingAllocationConfig,
    Store, TypedFunc, format_err,
};

use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "wasmtime, core module",
    krate: Some("wasmtime"),
    mount,
    loads: &[Load {
        name: "wasmtime, core modules",
        files: Files { name: "wasmtime-core", stage },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "One engine, a precompiled module, an instance that is kept between calls and called through \
           `TypedFunc`. Bytes are written to room that the guest gives, the guest hands back the same room, \
           and the answer is copied out: two copies and two calls, and the guest's allocator is as simple \
           as can be. For loading, as the documentation's page on fast instantiation says: every module \
           mapped with `Module::deserialize_file`, the pooling allocator, `InstancePre`, and a store for \
           each.",
};

const GUEST: &str = concat!(
    "(module",
    include_str!("../guest/core.wat"),
    include_str!("../guest/count_up.wat"),
    ")"
);

/// A plugin, ready to be called.
struct Core {
    store: Store<()>,
    memory: Memory,
    room: TypedFunc<u32, u32>,
    add: TypedFunc<(u64, u64), u64>,
    echo: Send,
    json: Send,
}

/// Takes bytes that lie in the guest's memory and gives some that do.
type Send = TypedFunc<(u32, u32), (u32, u32)>;

/// An engine with room for so many instances.
pub fn engine(instances: usize) -> Result<Engine> {
    let instances = u32::try_from(instances)?;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_component_instances(instances)
        .total_memories(instances)
        .total_tables(0);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(Engine::new(&config)?)
}

fn stage(folder: &Path, count: usize) -> Result<()> {
    let compiled = engine(1)?.precompile_module(GUEST.as_bytes())?;
    write(folder, count, "cwasm", &compiled)
}

/// Writes the same plugin to so many files.
pub fn write(folder: &Path, count: usize, extension: &str, plugin: &[u8]) -> Result<()> {
    for number in 0..count {
        fs::write(folder.join(format!("plugin-{number:04}.{extension}")), plugin)?;
    }
    Ok(())
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    Ok(Box::new(start(folder)?))
}

fn start(folder: &Path) -> Result<Vec<Core>> {
    let files = files(folder)?;
    let linker = Linker::new(&engine(files.len())?);
    files.iter().map(|file| Core::start(&linker, file)).collect()
}

fn mount(staging: &Staging) -> Result<Box<dyn Peer>> {
    stage(staging.folder(), 1)?;
    let started = start(staging.folder())?.pop();
    Ok(Box::new(started.context("one was staged")?))
}

impl Core {
    fn start(linker: &Linker<()>, file: &Path) -> Result<Self> {
        // SAFETY: this program wrote the file, with this engine's `precompile_module`.
        let module = unsafe { Module::deserialize_file(linker.engine(), file)? };
        let mut store = Store::new(linker.engine(), ());
        let instance = linker.instantiate_pre(&module)?.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(Self {
            memory: memory.ok_or_else(|| format_err!("the guest exports no memory"))?,
            room: instance.get_typed_func(&mut store, "room")?,
            add: instance.get_typed_func(&mut store, "add")?,
            echo: instance.get_typed_func(&mut store, "echo")?,
            json: instance.get_typed_func(&mut store, "json")?,
            store,
        })
    }
}

/// Writes bytes to the guest's memory, calls, and reads those of the answer.
fn send(
    store: &mut Store<()>,
    memory: Memory,
    room: &TypedFunc<u32, u32>,
    function: &Send,
    content: &[u8],
) -> wasmtime::Result<Vec<u8>> {
    let bytes = u32::try_from(content.len())?;
    let at = room.call(&mut *store, bytes)?;
    memory.write(&mut *store, at as usize, content)?;
    let (at, bytes) = function.call(&mut *store, (at, bytes))?;
    let answer =
        memory.data(&*store).get(at as usize..).and_then(|rest| rest.get(..bytes as usize));
    Ok(answer.ok_or_else(|| format_err!("the answer is outside of the memory"))?.to_vec())
}

impl Peer for Core {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| self.add.call(&mut self.store, (a, b)))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| {
            send(&mut self.store, self.memory, &self.room, &self.echo, content)
        })
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| send(&mut self.store, self.memory, &self.room, &self.json, &document))
    }
}
