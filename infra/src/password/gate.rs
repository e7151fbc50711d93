//! A gate before heavy work: so many at once, so many waiting, the rest turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// More of this work is asked for than can be done; ask again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too much of this work at once")
    }
}

impl std::error::Error for Busy {}

#[derive(Debug)]
pub struct Gate {
    permits: Arc<Semaphore>,
    /// Waiting and running together.
    inside: AtomicUsize,
    limit: usize,
}

/// Counts a caller out again, also when its request is dropped while it waits.
struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.max(1);
        Self { permits: Arc::new(Semaphore::new(at_once)), inside: AtomicUsize::new(0), limit: at_once + waiting }
    }

    /// Runs blocking work on a thread made for it.
    ///
    /// A caller who goes away does not stop work that has begun: the permit goes along with the work, so that the
    /// number at once stays true.
    ///
    /// # Panics
    /// When `work` panics, as if it had run here.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let _inside = Inside(&self.inside);
        if before >= self.limit {
            return Err(Busy);
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        })
        .await;
        match done {
            Ok(result) => Ok(result),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Cancelled before it began: the runtime is shutting down.
                Err(_) => Err(Busy),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_finds_the_waiting_places_taken_is_turned_away() {
        let gate = Arc::new(Gate::new(1, 1));
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.run(move || (started.send(()), held.recv().is_ok()).1).await }
        });
        running.await.expect("the first one runs");
        let mut second = Box::pin(gate.run(|| 2));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        assert_eq!(gate.run(|| 3).await, Err(Busy));
        release.send(()).expect("the first one waits for this");
        assert_eq!(first.await.expect("no panic"), Ok(true));
        assert_eq!(second.await, Ok(2));
    }

    #[tokio::test]
    async fn who_stops_waiting_gives_the_place_back() {
        let gate = Gate::new(1, 0);
        let permit = Arc::clone(&gate.permits).acquire_owned().await.expect("open");
        let mut waiting = Box::pin(gate.run(|| 1));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(waiting);
        drop(permit);
        assert_eq!(gate.run(|| 2).await, Ok(2));
    }
}
