//! Provides a service whose methods panic.

use std::sync::Arc;

use hotshoe::{Context, Contributions, Deferred, LinkedPlugin, NoConfig, Plugin, Result};

hotshoe::extension_point! {
    /// What goes wrong.
    trait Fault: "fault", "1.0.0" {
        /// At once.
        fn at_once(&self) -> Result<u64>;
        /// Later.
        fn later(&self) -> Deferred<u64>;
    }
}

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Fault, Self>(self.clone());
    }
}

impl Fault for Specimen {
    fn at_once(&self) -> Result<u64> {
        panic!("the method went wrong")
    }

    fn later(&self) -> Deferred<u64> {
        Deferred::new(async { panic!("the answer went wrong") })
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Specimen, id = "panics-in-a-service", provides = [service "fault" = "1.0.0"]);
