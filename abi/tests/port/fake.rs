//! An object behind a port that does what a test tells it, and what is called.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use hotshoe_abi::__stable::{RString, RVec, WithMetadata, staticref};
use hotshoe_abi::{
    AbiFuture, AbiTurn, Error, ErrorKind, ExtensionInfo, ExtensionInfoRef, ExtensionTable,
    PortObject, PortOwner, PortTarget, QUEUED, RawExtension, Result, outcome, release_shared,
    retain_shared, switch,
};

/// Makes every call ask.
pub const ASK: u32 = switch::UNFENCED;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Go,
    Wait,
    Over,
}

pub struct Fake {
    /// What a call that asks gets.
    pub ticket: AtomicU64,
    pub turn: Mutex<Turn>,
    pub waker: Mutex<Option<Waker>>,
    /// Ticket, outcome, and whether it was timed.
    pub reports: Mutex<Vec<(u64, u32, bool)>>,
}

impl Fake {
    pub fn new(ticket: u64) -> Self {
        Self {
            ticket: AtomicU64::new(ticket),
            turn: Mutex::new(Turn::Go),
            waker: Mutex::default(),
            reports: Mutex::default(),
        }
    }

    pub fn reports(&self) -> Vec<(u64, u32, bool)> {
        self.reports.lock().unwrap().clone()
    }

    pub fn wake(&self) {
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    /// How calls ended, without those that were only timed.
    pub fn outcomes(&self) -> Vec<u32> {
        let told = |(ticket, ended, _): &(u64, u32, bool)| *ticket != 0 || *ended != outcome::DONE;
        self.reports().iter().filter(|report| told(report)).map(|(_, ended, _)| *ended).collect()
    }
}

// SAFETY: where threads call while a target is taken, `ASK` is always set. Elsewhere they are joined, or
// pass a barrier or a lock, before.
unsafe impl PortObject for Fake {
    fn fence(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    // Closed or not: the port itself lets nobody in then.
    fn admit(&self, _: u32, _: bool) -> Result<u64> {
        Ok(self.ticket.load(Ordering::Relaxed))
    }

    fn leave(&self, ticket: u64, outcome: u32, nanos: u64) {
        self.reports.lock().unwrap().push((ticket, outcome, nanos != u64::MAX));
    }

    fn turn(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn {
        *self.waker.lock().unwrap() = Some(waker.clone());
        match *self.turn.lock().unwrap() {
            Turn::Go => {
                *ticket &= !QUEUED;
                AbiTurn::Go
            }
            Turn::Wait => AbiTurn::Wait,
            Turn::Over => {
                *ticket &= !QUEUED;
                AbiTurn::Over(Error::new(ErrorKind::Timeout, "it is over"))
            }
        }
    }
}

pub type Port = PortOwner<Fake, Arc<u32>>;

pub fn port(switch: u32, ticket: u64) -> Port {
    PortOwner::new(Fake::new(ticket), Arc::new(7), switch, None)
}

pub fn call<R: PortTarget>(port: &PortOwner<Fake, R>) -> Result<()> {
    port.call(|_| (), |()| outcome::DONE)
}

pub fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub fn answer<'x>(value: u32) -> AbiFuture<'x, u32> {
    AbiFuture::new(async move { Ok(value) })
}

/// An answer that never comes; `dropped` is set when nobody waits for it any more.
pub fn never<'x>(dropped: &Arc<AtomicBool>) -> AbiFuture<'x, u32> {
    struct Tells(Arc<AtomicBool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let tells = Tells(dropped.clone());
    AbiFuture::new(async move {
        let _tells = tells;
        pending::<Result<u32>>().await
    })
}

extern "C" fn one() -> RVec<RString> {
    [RString::from("one()->u32")].into_iter().collect()
}

extern "C" fn two() -> RVec<RString> {
    [RString::from("one()->u64")].into_iter().collect()
}

extern "C" fn more() -> RVec<RString> {
    ["one()->u32", "other()->u32"].map(RString::from).into_iter().collect()
}

pub struct Infos;

impl Infos {
    staticref! {
        const ONE: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.0.0", one));
        const TWO: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.0.0", two));
        const LATER: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.1.0", more));
        const NEXT: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("2.0.0", one));
    }

    const fn info(
        version: &'static str,
        methods: extern "C" fn() -> RVec<RString>,
    ) -> ExtensionInfo {
        ExtensionInfo {
            name: hotshoe_abi::__stable::RStr::from_str("numbers"),
            version: hotshoe_abi::__stable::RStr::from_str(version),
            methods,
            retain: retain_shared::<u32>,
            release: release_shared::<u32>,
        }
    }
}

pub static TABLES: [ExtensionTable; 4] = [
    ExtensionTable { info: ExtensionInfoRef(Infos::ONE.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::TWO.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::LATER.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::NEXT.as_prefix()) },
];
pub const OTHER: usize = 1;
pub const LATER: usize = 2;
pub const NEXT: usize = 3;

pub fn numbers(value: u32, table: usize) -> RawExtension {
    // SAFETY: the table is for shared `u32`s; nobody calls its methods.
    unsafe { RawExtension::new(Arc::into_raw(Arc::new(value)).cast(), &raw const TABLES[table]) }
}

pub fn value(object: &RawExtension) -> u32 {
    // SAFETY: made by `numbers`.
    unsafe { *object.data().cast::<u32>() }
}

/// A target that knows whether it is still there.
pub struct Alive(pub AtomicBool);

impl PortTarget for Alive {}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
