//! What happened in plain words, for people who watch: in Chinese and in English, one sentence for each thing that would have
//! meant something to somebody.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::journal::instant;

const KEPT: usize = 10_000;

pub(crate) struct Story(VecDeque<(i64, String)>);

impl Story {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn tell(&mut self, at_ms: i64, meaning: &str) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((at_ms, meaning.to_owned()));
    }

    /// Newest first.
    pub(crate) fn read(&self) -> Vec<Value> {
        self.0.iter().rev().map(|(at_ms, text)| json!({"at": instant(*at_ms), "text": text})).collect()
    }
}
