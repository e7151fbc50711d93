//! Everything the simulator knows, behind one lock that is held for microseconds and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::SimClock;
use crate::content::Content;
use crate::credential::Account;
use crate::envelope::AesKey;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::login::Login;
use crate::phone::Phone;
use crate::push::{Format, Pushes, Target};
use crate::story::Story;
use crate::subscribe::Subscriptions;
use crate::token::Tokens;
use crate::{Options, fields};

pub(crate) struct Simulator {
    pub(crate) account: Account,
    pub(crate) clock: SimClock,
    narrate: Option<fn(&str)>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) login: Login,
    pub(crate) phone: Phone,
    pub(crate) tokens: Tokens,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) content: Content,
    pub(crate) pushes: Pushes,
    pub(crate) story: Story,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
}

impl Simulator {
    /// # Errors
    /// A sentence that names what is wrong with the options.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let Options { appid, secret, templates, clock, push, narrate } = options;
        if appid.is_empty() || secret.is_empty() {
            return Err("appid and secret of the simulated mini-program must not be empty".into());
        }
        for template in &templates {
            if let Some(key) = template.fields.iter().find(|key| fields::Kind::of(key).is_none()) {
                return Err(format!("template {}: {key} is not a field key such as thing1 or phrase2", template.id));
            }
        }
        let target = push.map(|push| target(&push.url, &push.token, push.aes_key.as_deref(), push.xml)).transpose()?;
        let state = State {
            login: Login::new(),
            phone: Phone::new(),
            tokens: Tokens::new(),
            subscriptions: Subscriptions::new(templates),
            content: Content::new(),
            pushes: Pushes::new(target),
            story: Story::new(),
            faults: Faults::new(),
            journal: Journal::new(),
        };
        Ok(Self { account: Account { appid, secret }, clock, narrate, state: Mutex::new(state) })
    }

    /// Says what something means, to whoever listens and to whoever asks later. Takes the lock.
    pub(crate) fn tell(&self, meaning: &str) {
        self.state().story.tell(self.clock.now_ms(), meaning);
        if let Some(narrate) = self.narrate {
            narrate(meaning);
        }
    }

    /// A call that panicked has at worst left out a log entry, so a poisoned lock is taken as it is.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where pushes go, if it is somewhere.
///
/// # Errors
/// A sentence that names what is wrong with it.
pub(crate) fn target(url: &str, token: &str, aes_key: Option<&str>, xml: bool) -> Result<Target, String> {
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err("the push url must begin with http:// or https://".into());
    }
    if !(3..=32).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("the push token must be 3 to 32 letters and digits".into());
    }
    let key = aes_key.map(|text| AesKey::read(text).ok_or("the push aes_key must be the 43 characters of the console")).transpose()?;
    Ok(Target { url: url.to_owned(), token: token.to_owned(), key, format: if xml { Format::Xml } else { Format::Json } })
}
