//! The black-box suite's tools: a real server, people who use it, and a judge who reads every answer.
//!
//! A [`Server`] is the real binary on free ports with a folder and a database of its own. [`Anon`], [`Resident`] and
//! [`Staff`] are its callers; the type says who asks. Every [`Reply`] is held against the served OpenAPI document and the
//! manners of the API before a test sees it, so a test only says what is particular to it. [`Sim`] is the platform
//! simulator beside the server: it hands out log-in codes, breaks things on request and moves the clock.
//!
//! Nothing here retries and nothing sleeps to be safe: [`eventually`] polls for what happens in the background.

mod backend;
mod command;
mod document;
mod enrolment;
mod folder;
mod http;
mod people;
mod proxy;
mod read;
mod receiver;
mod registry;
mod repair;
pub mod season;
mod server;
mod sim;
mod volunteer;

pub use backend::{fresh_storage, is_postgres, redis_content};
pub use command::{Outcome, begin, refused_start, run, run_in};
pub use document::{Document, Operation};
pub use enrolment::Drafted;
pub use folder::Folder;
pub use http::{Call, Client, Reply, raw};
pub use people::{Anon, Bearer, PASSWORD, Resident, Staff};
pub use proxy::Proxy;
pub use read::{actions, faults, items, pairs, string, text, words};
pub use receiver::{Letter, Manner, Receiver};
pub use registry::{Registry, fresh_id_number, id_number};
pub use repair::{CategoryDraft, Repair};
pub use season::Family;
pub use serde_json::{Value, json};
pub use server::{DATA_KEY, Options, Server, TOKEN_KEY, Wires, binary, shared};
pub use sim::Sim;
pub use volunteer::{Volunteering, instant};

use std::time::{Duration, Instant};

/// Waits for something that happens in the background; panics after `seconds` without it.
#[track_caller]
pub fn eventually<T>(what: &str, seconds: u64, look: impl FnMut() -> Option<T>) -> T {
    within(seconds, look).unwrap_or_else(|| panic!("{what}: not within {seconds} s"))
}

/// The same for those who go on without it.
pub fn within<T>(seconds: u64, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let patience = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Runs the same thing `count` times at once and gives all answers. The threads start together, behind one barrier.
pub fn at_once<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let (barrier, act) = (&barrier, &act);
        let threads: Vec<_> = (0..count)
            .map(|n| {
                scope.spawn(move || {
                    barrier.wait();
                    act(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a parallel caller panicked, see above")).collect()
    })
}

/// The smallest picture there is: one white pixel, as PNG.
pub const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90\x77\x53\xde\x00\x00\x00\x0c\x49\x44\x41\x54\x78\xda\x63\xf8\xff\xff\x3f\x00\x05\xfe\x02\xfe\x33\x12\x95\x14\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A word that no other call in this run has given: for names and keys that must not meet.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
