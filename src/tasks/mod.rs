//! Jobs with an interval.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hotshoe_abi::{AbiTask, outcome};

use crate::contract::Call;
use crate::runtime::{Background, Job, Timekeeper};
use crate::supervise::Port;

/// A job of one instance.
pub(crate) struct Schedule {
    name: String,
    interval: Duration,
    job: Job,
    end: async_channel::Sender<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    runs: AtomicU64,
    failures: AtomicU64,
    skipped: AtomicU64,
}

impl Schedule {
    /// Runs `task` every `interval`, the first time after one interval.
    pub(crate) fn start(
        background: &Background,
        time: &Timekeeper,
        instance: &str,
        name: &str,
        interval: Duration,
        task: Port<Arc<AbiTask>>,
    ) -> Self {
        let (end, ended) = async_channel::bounded::<()>(1);
        let counts = Arc::new(Counts::default());
        let (time, owner) = (time.clone(), instance.to_owned());
        let own = name.to_owned();
        let counted = counts.clone();
        let name = own.clone();
        let job = background.spawn(instance, async move {
            let mut due = Instant::now() + interval;
            loop {
                let stop = async {
                    let _ = ended.recv().await;
                    true
                };
                let wait = async {
                    time.until(due).await;
                    false
                };
                if futures_lite::future::or(stop, wait).await {
                    return;
                }
                counted.runs.fetch_add(1, Ordering::Relaxed);
                let call = Call::builder().request_id(format!("task:{owner}:{name}")).build();
                if let Err(error) = task.ask(|task| task.run(call), outcome::of).await {
                    counted.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(plugin = owner, task = name, %error, "a periodic job failed");
                }
                // Keeps the rhythm; moments that passed during the run are skipped.
                let now = Instant::now();
                due += interval;
                while due <= now {
                    due += interval;
                    counted.skipped.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { name: own, interval, job, end, counts }
    }

    /// No further run; one that is going ends first: wait for it with [`ended`](Self::ended).
    pub(crate) fn end(&self) {
        self.end.close();
    }

    /// Waits until the last run has ended.
    pub(crate) async fn ended(&self) {
        self.job.ended().await;
    }

    /// The job's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often it runs.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Runs, failed runs, and runs skipped because the one before took too long.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.counts.runs, &self.counts.failures, &self.counts.skipped]
            .map(|count| count.load(Ordering::Relaxed))
    }
}
