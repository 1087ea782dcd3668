//! Panics in each run of its job.

use std::sync::Arc;
use std::time::Duration;

use hotshoe::{Call, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Result, Task};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.every(Duration::from_millis(1), "fault", self.clone());
    }
}

impl Task for Specimen {
    async fn run(&self, _: Call) -> Result<()> {
        panic!("the job went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-a-job");
