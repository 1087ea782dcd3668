//! Publish and subscribe.
//!
//! Each subscription has a queue with a bound and a background job that delivers from it, one event
//! at a time, in order. Publishing puts a reference into every matching queue and returns; a full
//! queue drops the event for that subscription, counted and logged once in a while.

mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hotshoe_abi::{AbiEventHandler, outcome};
use parking_lot::RwLock;

use self::queue::{Offered, Queue};
use crate::contract::{Call, Event, EventParts};
use crate::runtime::{Background, Job};
use crate::supervise::Port;

/// The events of one host.
pub(crate) struct EventBus {
    background: Background,
    subscriptions: RwLock<Vec<Arc<Subscription>>>,
    sequence: AtomicU64,
}

/// Whether a subscription is to receive anything at the moment.
pub(crate) trait Admission: Send + Sync + 'static {
    /// Asked for each event.
    fn admits(&self) -> bool;
}

/// The admission in force; that of another generation of the instance takes its place.
type Admitting = RwLock<Box<dyn Admission>>;

/// One handler of one instance for one topic pattern.
pub(crate) struct Subscription {
    instance: String,
    topic: String,
    admission: Arc<Admitting>,
    queue: Arc<Queue>,
    dropped: AtomicU64,
    job: Job,
}

impl EventBus {
    pub(crate) fn new(background: Background) -> Self {
        Self { background, subscriptions: RwLock::default(), sequence: AtomicU64::new(0) }
    }

    /// Queues an event; for how many subscriptions.
    pub(crate) fn publish(&self, call: Call, source: &str, topic: &str, payload: Bytes) -> u64 {
        let event = Event::from(EventParts {
            topic: topic.to_owned(),
            source: source.to_owned(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            payload,
            call,
        });
        let mut queued = 0;
        for subscription in self.subscriptions.read().iter() {
            let wanted =
                matches(&subscription.topic, topic) && subscription.admission.read().admits();
            if wanted && subscription.offer(event.clone()) {
                queued += 1;
            }
        }
        queued
    }

    /// Delivers events to `handler` from now on, while it is admitted: neither what is published
    /// nor what is in the queue when it is not.
    pub(crate) fn subscribe(
        &self,
        instance: &str,
        topic: &str,
        handler: Port<Arc<AbiEventHandler>>,
        admission: impl Admission,
    ) -> Arc<Subscription> {
        let admission: Arc<Admitting> = Arc::new(RwLock::new(Box::new(admission)));
        let queue = Arc::new(Queue::default());
        let delivery = deliver(queue.clone(), handler, instance.to_owned(), admission.clone());
        let job = self.background.spawn(instance, delivery);
        let subscription = Arc::new(Subscription {
            instance: instance.to_owned(),
            topic: topic.to_owned(),
            admission,
            queue,
            dropped: AtomicU64::new(0),
            job,
        });
        self.subscriptions.write().push(subscription.clone());
        subscription
    }

    /// Ends a subscription. What is queued is still delivered: wait for it with
    /// [`Subscription::ended`].
    pub(crate) fn unsubscribe(&self, subscription: &Arc<Subscription>) {
        self.subscriptions.write().retain(|other| !Arc::ptr_eq(other, subscription));
        subscription.queue.close();
    }
}

impl Subscription {
    /// Waits until the last queued event was delivered, after the end of the subscription.
    pub(crate) async fn ended(&self) {
        self.job.ended().await;
    }

    /// The topics that it is for.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// From now on somebody else says whether it receives anything.
    pub(crate) fn admit(&self, admission: impl Admission) {
        *self.admission.write() = Box::new(admission);
    }

    /// How many events found the queue full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn offer(&self, event: Event) -> bool {
        match self.queue.offer(event) {
            Offered::Queued => return true,
            Offered::Closed => return false,
            Offered::Full => {}
        }
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(
                plugin = self.instance,
                topic = self.topic,
                dropped,
                "events are dropped: the handler is slower than they come"
            );
        }
        false
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue.close();
    }
}

async fn deliver(
    events: Arc<Queue>,
    handler: Port<Arc<AbiEventHandler>>,
    instance: String,
    admission: Arc<Admitting>,
) {
    while let Some(event) = events.next().await {
        if !admission.read().admits() {
            continue;
        }
        let topic = event.topic().to_owned();
        if let Err(error) = handler.ask(|handler| handler.handle(event), outcome::of).await {
            tracing::error!(plugin = instance, topic, %error, "an event handler failed");
        }
    }
}

/// Whether a subscription to `pattern` wants `topic`: the same, or all of it up to a final `*`.
fn matches(pattern: &str, topic: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => topic.starts_with(start),
        None => pattern == topic,
    }
}
