//! Loaded plugins filter their log records by level before they send them; when the application
//! changes its level, they have to learn it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::PluginModuleRef;
use parking_lot::Mutex;

use super::core::Core;
use crate::load::current_level;

/// How long a change may take to reach plugins. `tracing` tells nobody that its level changed, so
/// somebody has to look.
const LOOK: Duration = Duration::from_secs(1);

/// The libraries that follow the application's level, by the address of the function that sets it: one
/// whose plugin failed is opened once more with each attempt.
#[derive(Default)]
pub(super) struct Followers(Arc<Mutex<HashMap<usize, PluginModuleRef>>>);

impl Core {
    /// Keeps a newly opened library's level at the application's.
    pub(super) fn follow_log_level(&self, module: PluginModuleRef) {
        let followers = self.followers.0.clone();
        let first = {
            let mut followers = followers.lock();
            if followers.insert(module.set_log_level() as usize, module).is_some() {
                return;
            }
            followers.len() == 1
        };
        if !first {
            return;
        }
        let (time, end) = (self.time.clone(), self.end.1.clone());
        let mut level = current_level();
        let _ = self.background.spawn("the host", async move {
            let over = || async {
                let _ = end.recv().await;
                true
            };
            let look = || async {
                time.after(LOOK).await;
                false
            };
            while !futures_lite::future::or(over(), look()).await {
                let now = current_level();
                if std::mem::replace(&mut level, now) != now {
                    // The libraries' code: not under the lock.
                    let all = followers.lock().clone();
                    all.values().for_each(|module| module.set_log_level()(now));
                }
            }
        });
    }
}
