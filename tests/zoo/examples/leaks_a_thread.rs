//! Leaves a thread behind that never ends and keeps what the instance had.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hotshoe::{Context, Contributions, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen {
    context: Context,
    contributed: AtomicBool,
}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { context, contributed: AtomicBool::new(false) })
    }

    fn contribute(self: &Arc<Self>, _: &mut Contributions<'_>) {
        let this = self.clone();
        std::thread::spawn(move || {
            while !this.contributed.load(Ordering::SeqCst) || !this.context.instance().is_empty() {
                std::thread::yield_now();
            }
        });
        self.contributed.store(true, Ordering::SeqCst);
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "leaks-a-thread");
