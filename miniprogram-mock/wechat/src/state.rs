//! Everything the simulator knows, behind one lock that is held for microseconds and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::SimClock;
use crate::credential::Account;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::login::Login;
use crate::phone::Phone;
use crate::subscribe::Subscriptions;
use crate::token::Tokens;
use crate::{Options, fields};

pub(crate) struct Simulator {
    pub(crate) account: Account,
    pub(crate) clock: SimClock,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) login: Login,
    pub(crate) phone: Phone,
    pub(crate) tokens: Tokens,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
}

impl Simulator {
    /// # Errors
    /// A sentence that names what is wrong with the options.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let Options { appid, secret, templates, clock } = options;
        if appid.is_empty() || secret.is_empty() {
            return Err("appid and secret of the simulated mini-program must not be empty".into());
        }
        for template in &templates {
            if let Some(key) = template.fields.iter().find(|key| fields::Kind::of(key).is_none()) {
                return Err(format!("template {}: {key} is not a field key such as thing1 or phrase2", template.id));
            }
        }
        let state = State {
            login: Login::new(),
            phone: Phone::new(),
            tokens: Tokens::new(),
            subscriptions: Subscriptions::new(templates),
            faults: Faults::new(),
            journal: Journal::new(),
        };
        Ok(Self { account: Account { appid, secret }, clock, state: Mutex::new(state) })
    }

    /// A call that panicked has at worst left out a log entry, so a poisoned lock is taken as it is.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
