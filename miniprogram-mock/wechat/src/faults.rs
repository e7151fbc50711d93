//! Bad luck on order. The oldest fault for an API is taken first, one a call, so that a test can write a script:
//! "fail once with -1, then hang up, then be well".

use std::collections::VecDeque;

/// More would be a test that forgot to clean up.
pub(crate) const MOST_FAULTS: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Refuse with this errcode, and do nothing.
    Errcode(i64),
    /// Answer with this HTTP status, and do nothing.
    Status(u16),
    /// Do what was asked at once, but answer so many milliseconds late: what a client sees as a timeout has happened.
    Delay(u64),
    /// Do nothing and answer 200 with a page of HTML, as a captive proxy would.
    Garbage,
    /// Do nothing and hang up without a single byte; what was to be pushed is lost.
    Drop,
    /// Of what is pushed alone: once more than needed.
    Duplicate,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Errcode(_) => "errcode",
            Self::Status(_) => "status",
            Self::Delay(_) => "delay",
            Self::Garbage => "garbage",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
        }
    }
}

struct Planned {
    api: &'static str,
    fault: Fault,
    /// Calls it will still hit; `None` until it is deleted.
    left: Option<u32>,
}

pub(crate) struct Faults {
    planned: VecDeque<Planned>,
    last_id: u64,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { planned: VecDeque::new(), last_id: 0 }
    }

    /// `None` when there are too many already.
    pub(crate) fn plan(&mut self, api: &'static str, fault: Fault, times: Option<u32>) -> Option<String> {
        if self.planned.len() >= MOST_FAULTS {
            return None;
        }
        self.last_id += 1;
        self.planned.push_back(Planned { api, fault, left: times });
        Some(format!("fault_{}", self.last_id))
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
    }

    /// What would strike next.
    pub(crate) fn next(&self, api: &str) -> Option<Fault> {
        self.planned.iter().find(|planned| planned.api == api).map(|planned| planned.fault)
    }

    pub(crate) fn strike(&mut self, api: &str) -> Option<Fault> {
        let index = self.planned.iter().position(|planned| planned.api == api)?;
        let planned = &mut self.planned[index];
        let fault = planned.fault;
        if let Some(left) = &mut planned.left {
            *left -= 1;
            if *left == 0 {
                self.planned.remove(index);
            }
        }
        Some(fault)
    }
}
