//! The log records of a loaded plugin, on their way to the host.
//!
//! `tracing` keeps its dispatcher in statics, and a library that is loaded has statics of its own:
//! nothing that the host's application installed is seen there. So the host *attaches*: it hands
//! over an [`AbiLog`], and this library makes a [`Bridge`] its global subscriber.
//!
//! 1. The level comes first. It is what the bridge answers as its maximum, so `tracing` puts it
//!    into the static that its macros compare with: a record that nobody wants costs one atomic
//!    read. The host pushes changes ([`set_level`]).
//! 2. A record that passes is written to fields that may cross (`values`), on the stack and into
//!    one buffer that the thread keeps, and sent.
//! 3. Spans are numbered here (`spans`): `Span::current()` needs to know them, and a span belongs
//!    to the log that it was sent to, even if the host attaches another one later.
//!
//! A linked plugin shares the application's statics and needs none of this; the host does not
//! attach to it.

mod spans;
mod subscriber;
mod values;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once, PoisonError, RwLock};

use hotshoe_abi::AbiLog;
use tracing::level_filters::LevelFilter;
use tracing_core::callsite::rebuild_interest_cache;

use self::spans::Spans;
pub(crate) use self::subscriber::Bridge;
use crate::bridge::level_filter;

/// This library's connection.
static LINK: Link = Link::new();

/// Sends this library's records up to `level` to `log` from now on. Called again, it replaces the
/// log; spans that are open stay with the one they began in.
pub(super) fn attach(log: AbiLog, level: u32) {
    static INSTALL: Once = Once::new();
    LINK.attach(log, level);
    // An error says that this copy of `tracing` has a subscriber already: the plugin's own, or the
    // application's, because this is not a library of its own. Its records go there.
    INSTALL.call_once(|| drop(tracing::subscriber::set_global_default(Bridge::new(&LINK))));
}

/// Sends records up to `level` from now on. Does nothing before [`attach`].
pub(super) fn set_level(level: u32) {
    if LINK.log().is_some() {
        LINK.set_level(level);
    }
}

/// Where a bridge sends to, and how much.
pub(crate) struct Link {
    level: AtomicU32,
    log: RwLock<Option<Arc<AbiLog>>>,
    spans: Spans,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self { level: AtomicU32::new(0), log: RwLock::new(None), spans: Spans::new() }
    }

    pub(crate) fn attach(&self, log: AbiLog, level: u32) {
        let mut slot = self.log.write().unwrap_or_else(PoisonError::into_inner);
        let previous = slot.replace(Arc::new(log));
        drop(slot);
        // The host's code; not while others wait for the lock.
        drop(previous);
        self.set_level(level);
    }

    pub(crate) fn set_level(&self, level: u32) {
        self.level.store(level, Ordering::Relaxed);
        // `tracing` remembers per callsite, and overall, what the bridge answered last.
        rebuild_interest_cache();
    }

    fn level(&self) -> LevelFilter {
        level_filter(self.level.load(Ordering::Relaxed))
    }

    fn log(&self) -> Option<Arc<AbiLog>> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
