//! A stand-in for the WeChat platform, for tests, demonstrations and benchmarks.
//!
//! It speaks WeChat's own paths over real HTTP and tries to be as strict and as odd as the original, because a client
//! that was only ever tested against a friendly server meets the oddities in production. Beside WeChat's paths it has
//! `/_sim/…`, where a test plays the parts nobody can automate: the phone, the user's thumb, bad luck, and time.
//!
//! Vocabulary:
//! - *login code* (`js_code`): what `wx.login` gives the front end; *phone code*: what the phone-number button gives it.
//!   Two separate code spaces, both good for five minutes and one use.
//! - *access token*: what the server itself needs for every call except the exchange of a login code.
//! - *credit*: one tap on "allow" for one message template buys one message.
//! - *refusal*: WeChat's `{errcode, errmsg}`, which arrives as HTTP 200.
//!
//! - *push*: the way back, when the platform tells the developer's server what became of something.
//!
//! One file is one API; `gateway` is the door they all share (length check, faults, request log). Deliberately missing
//! so far: links, session key checks, payment. Each is one more file and one more line in `gateway::Api`.

mod clock;
mod codes;
mod console;
mod content;
mod control;
mod credential;
mod envelope;
mod faults;
mod fields;
mod gateway;
mod journal;
mod login;
mod mini_code;
mod phone;
mod push;
mod random;
mod refusal;
mod state;
mod story;
mod subscribe;
mod token;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

pub use clock::SimClock;

/// What the mini-program's owner would have set up in WeChat's console, and the clock to live by.
#[derive(Clone)]
pub struct Options {
    /// `wx` and 16 hex digits in reality; any non-empty text is taken.
    pub appid: String,
    pub secret: String,
    /// The message templates that exist. A send that names any other is refused with 40037, so an empty list means that
    /// no message can be sent at all.
    pub templates: Vec<Template>,
    pub clock: SimClock,
    /// Where events are pushed to; nowhere until `/_sim/push` says so, if this is nothing.
    pub push: Option<Push>,
    /// Is told in plain words what happens, for people who watch.
    pub narrate: Option<fn(&str)>,
}

/// What the console knows of the developer's server 消息推送配置.
#[derive(Clone)]
pub struct Push {
    pub url: String,
    /// 3 to 32 letters and digits.
    pub token: String,
    /// `EncodingAESKey`, 43 characters, for secure mode; plain mode without.
    pub aes_key: Option<String>,
    /// XML instead of JSON.
    pub xml: bool,
}

/// A subscription message template, as the console shows it.
#[derive(Clone, Debug)]
pub struct Template {
    pub id: String,
    /// The keys in order: a type and a number, such as `thing1`, `phrase2`, `character_string3`. All are required in
    /// every message, and each type has its own rule (see the table in the README).
    pub fields: Vec<String>,
}

/// Prepares the simulator on a socket that the caller has bound; the caller spawns the server and stops it by its
/// handle. No signal is handled here: the simulator often lives inside another server's process.
///
/// # Errors
/// `InvalidInput` when appid or secret is empty, a template has a field of an unknown type, or the push cannot be set up;
/// otherwise what the operating system says about the socket.
pub fn bind(listener: TcpListener, options: Options) -> io::Result<Server> {
    let simulator = web::Data::new(state::Simulator::new(options).map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?);
    let server = HttpServer::new(move || App::new().app_data(simulator.clone()).default_service(web::to(gateway::door)))
        // One worker: every call takes the same lock for a few microseconds, more threads would only wait for it.
        .workers(1)
        // Longer than the pools of usual clients keep a connection in doubt, so that a test never races a closing one.
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(2)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}
