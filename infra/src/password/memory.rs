//! The 19 MiB that a hash works in, kept from one to the next.
//!
//! The allocator keeps what is freed on the thread that freed it, and blocking work runs on many threads: a day of log-ins would
//! leave ten times as much behind as is ever in use at once. What is kept here is bounded by how many hashes run at once, which the
//! gate bounds.

use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, Block, Params};

static SPARE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Hashes in memory of which nothing is left behind but zeros.
pub(super) fn digest(hasher: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<[u8; Params::DEFAULT_OUTPUT_LEN], argon2::Error> {
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut blocks = spare.unwrap_or_default();
    blocks.resize(hasher.params().block_count(), Block::new());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let done = hasher.hash_password_into_with_memory(password, salt, &mut out, &mut blocks);
    blocks.fill(Block::new());
    SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    done.map(|()| out)
}
