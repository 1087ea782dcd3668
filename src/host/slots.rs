//! The table of instances.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::slot::Slot;
use crate::monitor::Monitor;

/// Instances by id. Boxed: a map keeps room for more of them than it has.
pub(crate) type Table = BTreeMap<String, Box<Slot>>;

/// All instances. Read by anybody, changed for moments only, never across a plugin's code.
pub(crate) struct Slots {
    table: RwLock<Table>,
    monitor: Monitor,
}

/// The table, locked for changes. Those who listen are woken when it is unlocked: what they do then may
/// ask the host.
pub(crate) struct Changing<'a> {
    /// There until this is dropped.
    table: Option<RwLockWriteGuard<'a, Table>>,
    monitor: &'a Monitor,
}

impl Slots {
    pub(crate) fn new(monitor: Monitor) -> Self {
        Self { table: RwLock::default(), monitor }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read()
    }

    pub(crate) fn write(&self) -> Changing<'_> {
        Changing { table: Some(self.table.write()), monitor: &self.monitor }
    }
}

impl Deref for Changing<'_> {
    type Target = Table;

    fn deref(&self) -> &Self::Target {
        self.table.as_deref().expect("it is locked while this lives")
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.table.as_deref_mut().expect("it is locked while this lives")
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.table = None;
        self.monitor.wake();
    }
}
