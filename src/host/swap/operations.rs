//! What an application asks of its host.

use std::path::PathBuf;

use serde_json::Value;

use super::report::SwapReport;
use super::successor::Wanted;
#[cfg(doc)]
use crate::contract::ErrorKind;
use crate::host::public::PluginHost;
use crate::runtime::Pending;

impl PluginHost {
    /// Exchanges the build that an instance runs for the one in `file`, while it serves.
    ///
    /// The new one is verified, brought up beside the old one, and asked how it is. Then calls are held: who
    /// comes waits, who is inside goes on, up to `drain_timeout`. The old one's state is handed over, calls
    /// are led to the new one, and those that waited go on. Handles and services that others hold follow by
    /// themselves. A plugin with `swap = "exclusive"` in its manifest stops before its successor begins;
    /// calls are held for all of that.
    ///
    /// If its `swap` table names a recording ([`ReplayPolicy`](crate::config::ReplayPolicy)), the calls in there
    /// are made to the new one before anybody else calls it, and have to be answered as they were.
    ///
    /// If the `swap` table has a `canary`, and neither of the two has state, a share of the calls goes to the new
    /// one first: what this returns says for how long ([`SwapReport::canary`]). Then, or as soon as it is clear
    /// that it errs more than the old one, it is withdrawn, which is told as
    /// [`SwapFailed`](crate::monitor::HostEventKind::SwapFailed); or else all calls are led to it, told as
    /// [`Swapped`](crate::monitor::HostEventKind::Swapped), and its probation begins. What only the new one has
    /// is not there before that.
    ///
    /// For the time of `probation` there is a way back: if its breaker opens, the old one takes over again,
    /// with the state of the new one if that can hand it over, otherwise with its own from before. See
    /// [`promote`](Self::promote) and [`roll_back`](Self::roll_back). An instance stays with the build that
    /// was swapped in, also when it is restarted, until it is swapped again or removed. A host that is built
    /// anew knows nothing of that: what is in its directories counts.
    ///
    /// The code of the old one stays in memory for good.
    ///
    /// # Errors
    /// Whatever is wrong with the new one, and if something that runs needs what it has not: then the old
    /// one goes on, and no call was lost. [`ErrorKind::AlreadyExists`] if the file holds the build that
    /// runs; [`ErrorKind::IllegalState`] during a probation.
    pub fn swap(&self, instance: &str, file: impl Into<PathBuf>) -> Pending<SwapReport> {
        self.exchange(instance, Wanted::File(file.into()))
    }

    /// Exchanges the build that an instance runs for what its file holds by now: see [`swap`](Self::swap).
    ///
    /// # Errors
    /// As there; [`ErrorKind::Unsupported`] if it is linked into the program.
    pub fn reload(&self, instance: &str) -> Pending<SwapReport> {
        self.exchange(instance, Wanted::OwnFile)
    }

    /// Gives an instance other settings, while it serves: a new one is brought up with them, and takes the
    /// place of the old one as in a [`swap`](Self::swap). References (`{ "env": "NAME" }` and
    /// `{ "file": "path" }`) are resolved as in the configuration.
    ///
    /// # Errors
    /// As there; [`ErrorKind::InvalidConfig`] if the plugin does not take them. Then the old ones hold.
    pub fn reconfigure(&self, instance: &str, settings: Value) -> Pending<SwapReport> {
        self.exchange(instance, Wanted::Settings(settings))
    }

    /// Ends the probation after a swap: what serves stays, and the old one ends. Of a canary: all calls go to
    /// the new one, and the old one ends.
    ///
    /// # Errors
    /// [`ErrorKind::IllegalState`] if it is not on probation, and has no canary.
    pub fn promote(&self, instance: &str) -> Pending<()> {
        let id = instance.to_owned();
        self.operate("promote", move |core, operation| {
            core.accept_canary(operation, &id).unwrap_or_else(|| core.promote(&id))
        })
    }

    /// Goes back to the generation from before a swap, as long as the probation lasts. A canary is withdrawn.
    ///
    /// # Errors
    /// [`ErrorKind::IllegalState`] if it is not on probation, and has no canary.
    pub fn roll_back(&self, instance: &str) -> Pending<()> {
        let id = instance.to_owned();
        self.operate("roll-back", move |core, operation| {
            const WHY: &str = "somebody asked for it";
            match core.refuse_canary(&id, WHY) {
                true => Ok(()),
                false => core.roll_back(operation, &id, WHY, None),
            }
        })
    }

    fn exchange(&self, instance: &str, wanted: Wanted) -> Pending<SwapReport> {
        let id = instance.to_owned();
        self.operate("swap", move |core, operation| core.swap(operation, &id, wanted))
    }
}
