//! Threads of the host that run somebody else's code, from which one may not come back.
//!
//! What blocks such a thread takes it away from everybody. Nobody can stop it; but when every thread
//! of a crew has been inside of somebody's code for long, the crew gets one more, up to a limit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::become_own_thread;

/// How long a thread may be inside of one call before it counts as blocked: at least this long, and
/// less than twice as long.
const PATIENCE: Duration = Duration::from_millis(500);
/// So many threads are added at most.
const SPARE: usize = 32;

/// Threads that do the same work.
pub(crate) struct Crew<W> {
    name: &'static str,
    work: W,
    places: Mutex<Vec<Arc<Place>>>,
}

/// What threads do until there is no more of it.
pub(crate) trait Work: Send + Sync + 'static {
    /// Runs on each thread; returns when it is over. Says when it is inside of somebody's code.
    fn run(&self, place: &Arc<Place>);
    /// Whether there is none any more.
    fn is_over(&self) -> bool;
}

/// One thread, and whether it is inside of somebody's code.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Counts every way in and every way out: odd is inside.
    turns: AtomicU64,
    /// Whose code it is, if that is known.
    whose: Mutex<Option<Arc<str>>>,
}

/// While it lives, the thread is inside of somebody's code.
pub(crate) struct Inside<'a>(&'a Place);

impl Place {
    /// From here on it is somebody's code that runs.
    pub(crate) fn enter(&self, whose: Option<&Arc<str>>) -> Inside<'_> {
        *self.whose.lock() = whose.cloned();
        self.turns.fetch_add(1, Ordering::SeqCst);
        Inside(self)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::SeqCst);
    }
}

impl<W: Work> Crew<W> {
    /// Starts so many threads, and one that watches over them.
    pub(crate) fn start(name: &'static str, threads: usize, work: W) -> io::Result<()> {
        let crew = Arc::new(Self { name, work, places: Mutex::default() });
        for _ in 0..threads {
            crew.add()?;
        }
        let watch = std::thread::Builder::new().name(format!("{name}-watch"));
        watch.spawn(move || crew.watch(threads + SPARE)).map(drop)
    }

    fn add(self: &Arc<Self>) -> io::Result<()> {
        let place = Arc::new(Place::default());
        let (crew, own) = (self.clone(), place.clone());
        let mut places = self.places.lock();
        let thread = std::thread::Builder::new().name(format!("{}-{}", self.name, places.len()));
        thread.spawn(move || {
            become_own_thread();
            crew.work.run(&own);
        })?;
        places.push(place);
        Ok(())
    }

    /// Adds a thread whenever all of them are blocked.
    fn watch(self: &Arc<Self>, most: usize) {
        let mut before: Vec<u64> = Vec::new();
        loop {
            // Nobody wakes it: it looks again after a while.
            std::thread::sleep(PATIENCE);
            if self.work.is_over() {
                return;
            }
            let places = self.places.lock().clone();
            let now: Vec<u64> =
                places.iter().map(|place| place.turns.load(Ordering::SeqCst)).collect();
            let all_blocked = before == now && now.iter().all(|turns| turns % 2 == 1);
            before = now;
            if !all_blocked || places.len() >= most {
                continue;
            }
            let by: Vec<String> = places
                .iter()
                .filter_map(|place| place.whose.lock().as_ref().map(ToString::to_string))
                .collect();
            let added = self.add();
            tracing::warn!(
                threads = self.name,
                blocked = places.len(),
                by = by.join(", "),
                added = added.is_ok(),
                "threads that all plugins share do not come back from a plugin"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Each thread takes one turn, waits inside for the sign, and leaves.
    struct Turns {
        taken: std::sync::mpsc::Sender<()>,
        sign: Arc<Mutex<Receiver<()>>>,
        over: Arc<AtomicU64>,
    }

    impl Work for Turns {
        fn run(&self, place: &Arc<Place>) {
            let _inside = place.enter(Some(&"blocker".into()));
            self.taken.send(()).unwrap();
            let _ = self.sign.lock().recv();
        }

        fn is_over(&self) -> bool {
            self.over.load(Ordering::SeqCst) == 1
        }
    }

    #[test]
    fn a_crew_whose_threads_are_all_blocked_gets_another_one() {
        let ((taken, turns), (_sign, signed)) = (channel(), channel());
        let over = Arc::new(AtomicU64::new(0));
        let work = Turns { taken, sign: Arc::new(Mutex::new(signed)), over: over.clone() };
        Crew::start("test", 2, work).unwrap();
        for thread in 0..4 {
            let taken = turns.recv_timeout(Duration::from_secs(60));
            assert!(taken.is_ok(), "thread {thread} never came");
        }
        over.store(1, Ordering::SeqCst);
    }
}
