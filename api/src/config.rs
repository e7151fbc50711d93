//! The configuration: read once from the environment, checked before anything starts.
//!
//! Two profiles. `demo` needs nothing: it makes its own keys, brings its own WeChat, and speaks to this machine only.
//! `production` refuses to start with anything missing or anything that belongs to the demo. All faults are told at
//! once, by the names of the variables and never with their values.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiazai_domain::audit;
use jiazai_domain::enrolment::retention::{PAPERS_KEPT_AT_LEAST_DAYS, PAPERS_KEPT_DAYS};
use jiazai_infra::db::DatabaseUrl;
use jiazai_infra::vault::Secret;

/// Keys that the demo makes for itself begin with this, so that production can tell them from real ones.
pub const DEMO_KEY_PREFIX: &str = "de30de30";
const WECHAT: &str = "https://api.weixin.qq.com";
pub const DEMO_APPID: &str = "wx0000000000de3000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Demo,
    Production,
}

/// The two keys of an installation, 64 hex characters each; in the demo those that were set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub jwt: Option<Secret>,
    pub data: Option<Secret>,
}

#[derive(Debug)]
pub struct Config {
    pub profile: Profile,
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub database: DatabaseUrl,
    pub redis_url: Option<String>,
    pub redis_prefix: Option<String>,
    /// What is missing in the demo is made, or found in the data directory.
    pub keys: Keys,
    pub wechat_appid: String,
    /// None in the demo, which makes one up.
    pub wechat_secret: Option<Secret>,
    pub wechat_base: Option<String>,
    /// Where the demo's WeChat simulator listens; none when `WECHAT_API_BASE` names another WeChat.
    pub simulator_listen: Option<SocketAddr>,
    pub limits_off: bool,
    pub trusted_proxies: Vec<IpAddr>,
    /// How long to go on taking requests after being asked to stop, while `/readyz` already says no.
    pub drain: Duration,
    /// An instance that only answers; others do the jobs.
    pub jobs_off: bool,
    pub files_url: Option<String>,
    /// A file of holidays and make-up days that replaces the compiled-in one.
    pub holidays: Option<PathBuf>,
    /// Template ids of the WeChat subscription messages, by our names for them.
    pub wechat_templates: BTreeMap<String, String>,
    /// Days that audit entries are kept.
    pub audit_keep_days: i64,
    /// How many days the papers of an enrolment round are kept after it is finished.
    pub papers_kept_days: i64,
    /// The demo's webhooks may go to this machine, without TLS.
    pub webhook_allow_loopback: bool,
    pub warnings: Vec<String>,
}

/// What is wrong with the configuration, all of it.
#[derive(Debug)]
pub struct Refused(pub Vec<String>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.join("\n"))
    }
}

impl std::error::Error for Refused {}

const KNOWN: &[&str] = &[
    "JIAZAI_APP_DIR",
    "JIAZAI_LISTEN",
    "JIAZAI_DATA_DIR",
    "JIAZAI_PROFILE",
    "JIAZAI_JWT_KEY",
    "JIAZAI_DATA_KEY",
    "JIAZAI_RATE_LIMIT",
    "JIAZAI_REDIS_PREFIX",
    "JIAZAI_TRUSTED_PROXIES",
    "JIAZAI_FILES_URL",
    "JIAZAI_DRAIN_S",
    "JIAZAI_HOLIDAYS",
    "JIAZAI_JOBS",
    "JIAZAI_WECHAT_TEMPLATES",
    "JIAZAI_WEBHOOK_ALLOW_LOOPBACK",
    "JIAZAI_AUDIT_KEEP_DAYS",
    "JIAZAI_PAPERS_KEPT_DAYS",
];

/// Reads the configuration from variables (the process's, in production code) and the command line's two options.
pub fn read(vars: &BTreeMap<String, String>, listen: Option<&str>, data_dir: Option<PathBuf>) -> Result<Config, Refused> {
    let mut faults = Vec::new();
    let var = |name: &str| vars.get(name).map(String::as_str).map(str::trim).filter(|value| !value.is_empty());
    let profile = match var("JIAZAI_PROFILE") {
        None | Some("demo") => Profile::Demo,
        Some("production") => Profile::Production,
        Some(_) => {
            faults.push("JIAZAI_PROFILE must be demo or production".to_owned());
            Profile::Production
        }
    };
    let demo = profile == Profile::Demo;
    let address = |name: &str, text: &str, faults: &mut Vec<String>| {
        text.parse::<SocketAddr>().inspect_err(|_| faults.push(format!("{name} must be an address and a port such as 127.0.0.1:8080"))).ok()
    };
    let listen = address("JIAZAI_LISTEN (--listen)", listen.or(var("JIAZAI_LISTEN")).unwrap_or("127.0.0.1:8080"), &mut faults);
    let data_dir = data_dir.unwrap_or_else(|| PathBuf::from(var("JIAZAI_DATA_DIR").unwrap_or("data")));
    let database = match var("DATABASE_URL") {
        None => Some(DatabaseUrl::Sqlite(data_dir.join("jiazai.sqlite"))),
        Some(url) => DatabaseUrl::parse(url).inspect_err(|fault| faults.push(fault.clone())).ok(),
    };
    if let Some(url) = var("REDIS_URL")
        && !(url.starts_with("redis://") || url.starts_with("rediss://"))
    {
        faults.push("REDIS_URL must begin with redis:// or rediss://".to_owned());
    }
    let jwt = key("JIAZAI_JWT_KEY", var("JIAZAI_JWT_KEY"), profile, &mut faults);
    let data = key("JIAZAI_DATA_KEY", var("JIAZAI_DATA_KEY"), profile, &mut faults);
    if jwt.is_some() && jwt == data {
        faults.push("JIAZAI_JWT_KEY and JIAZAI_DATA_KEY must differ".to_owned());
    }
    let limits_off = match var("JIAZAI_RATE_LIMIT") {
        None | Some("on") => false,
        Some("off") => true,
        Some(_) => {
            faults.push("JIAZAI_RATE_LIMIT must be on or off".to_owned());
            false
        }
    };
    let jobs_off = match var("JIAZAI_JOBS") {
        None | Some("on") => false,
        Some("off") => true,
        Some(_) => {
            faults.push("JIAZAI_JOBS must be on or off".to_owned());
            false
        }
    };
    if var("JIAZAI_WEBHOOK_ALLOW_LOOPBACK").is_some_and(|value| value != "1" && value != "0") {
        faults.push("JIAZAI_WEBHOOK_ALLOW_LOOPBACK must be 1 or 0".to_owned());
    }
    let wechat_base = var("WECHAT_API_BASE").map(|base| base.trim_end_matches('/').to_owned());
    let mut simulator_listen = None;
    if demo {
        if let Some(listen) = listen
            && !listen.ip().is_loopback()
        {
            faults.push(
                "the demo profile listens on this machine only (127.0.0.1 or [::1]); set JIAZAI_PROFILE=production to serve others"
                    .to_owned(),
            );
        }
        if wechat_base.is_none() {
            simulator_listen = address("WECHAT_SIMULATOR_LISTEN", var("WECHAT_SIMULATOR_LISTEN").unwrap_or("127.0.0.1:8081"), &mut faults);
            if simulator_listen.is_some_and(|at| !at.ip().is_loopback()) {
                faults.push("WECHAT_SIMULATOR_LISTEN must be an address of this machine (127.0.0.1 or [::1])".to_owned());
            }
        }
    } else {
        for name in ["WECHAT_APPID", "WECHAT_SECRET"] {
            if var(name).is_none() {
                faults.push(format!("{name} is missing"));
            }
        }
        if var("WECHAT_APPID") == Some(DEMO_APPID) {
            faults.push("WECHAT_APPID is the demo's".to_owned());
        }
        if let Some(base) = &wechat_base
            && !is_public_https(base)
        {
            faults.push("WECHAT_API_BASE names a simulator or an address of this machine; leave it out to use WeChat itself".to_owned());
        }
        for name in ["WECHAT_SIMULATOR_LISTEN", "JIAZAI_WEBHOOK_ALLOW_LOOPBACK"] {
            if var(name).is_some_and(|value| value != "0") {
                faults.push(format!("{name} belongs to the demo profile"));
            }
        }
        if limits_off {
            faults.push("JIAZAI_RATE_LIMIT=off belongs to the demo profile".to_owned());
        }
    }
    let drain_s = var("JIAZAI_DRAIN_S").map_or(Ok(0), str::parse::<u64>).unwrap_or(u64::MAX);
    if drain_s > 60 {
        faults.push("JIAZAI_DRAIN_S must be a number of seconds from 0 to 60".to_owned());
    }
    let audit_keep_days = var("JIAZAI_AUDIT_KEEP_DAYS").map_or(Ok(audit::KEEP_DAYS), str::parse::<i64>).unwrap_or(0);
    if !(audit::KEEP_AT_LEAST_DAYS..=36_500).contains(&audit_keep_days) {
        // Six months are the law.
        faults.push(format!("JIAZAI_AUDIT_KEEP_DAYS must be a number of days from {} to 36500", audit::KEEP_AT_LEAST_DAYS));
    }
    let papers_kept_days = var("JIAZAI_PAPERS_KEPT_DAYS").map_or(Ok(PAPERS_KEPT_DAYS), str::parse::<i64>).unwrap_or(0);
    if !(PAPERS_KEPT_AT_LEAST_DAYS..=3650).contains(&papers_kept_days) {
        faults.push(format!("JIAZAI_PAPERS_KEPT_DAYS must be a number of days from {PAPERS_KEPT_AT_LEAST_DAYS} to 3650"));
    }
    let mut trusted_proxies = Vec::new();
    for text in var("JIAZAI_TRUSTED_PROXIES").unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(ip) => trusted_proxies.push(ip),
            Err(_) => faults.push("JIAZAI_TRUSTED_PROXIES must be addresses separated by commas".to_owned()),
        }
    }
    let mut wechat_templates = BTreeMap::new();
    for text in var("JIAZAI_WECHAT_TEMPLATES").unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match text.split_once('=') {
            Some((name, id)) if crate::notices::TEMPLATES.iter().any(|t| t.name == name.trim()) => {
                wechat_templates.insert(name.trim().to_owned(), id.trim().to_owned());
            }
            _ => faults.push(
                "JIAZAI_WECHAT_TEMPLATES must be name=template_id pairs separated by commas, with names from the operations guide"
                    .to_owned(),
            ),
        }
    }
    let warnings = vars
        .keys()
        .filter(|name| {
            name.starts_with("JIAZAI_") && !name.starts_with("JIAZAI_TEST_") && *name != "JIAZAI_BIN" && !KNOWN.contains(&name.as_str())
        })
        .map(|name| format!("{name} is not a setting of this program"))
        .collect();
    let (Some(listen), Some(database), true) = (listen, database, faults.is_empty()) else { return Err(Refused(faults)) };
    Ok(Config {
        profile,
        listen,
        data_dir,
        database,
        redis_url: var("REDIS_URL").map(str::to_owned),
        redis_prefix: var("JIAZAI_REDIS_PREFIX").map(str::to_owned),
        keys: Keys { jwt, data },
        wechat_appid: var("WECHAT_APPID").unwrap_or(DEMO_APPID).to_owned(),
        wechat_secret: var("WECHAT_SECRET").map(Secret::new),
        wechat_base: if demo { wechat_base } else { Some(wechat_base.unwrap_or_else(|| WECHAT.to_owned())) },
        simulator_listen,
        limits_off,
        trusted_proxies,
        drain: Duration::from_secs(drain_s),
        jobs_off,
        files_url: var("JIAZAI_FILES_URL").map(str::to_owned),
        holidays: var("JIAZAI_HOLIDAYS").map(PathBuf::from),
        wechat_templates,
        audit_keep_days,
        papers_kept_days,
        webhook_allow_loopback: demo && var("JIAZAI_WEBHOOK_ALLOW_LOOPBACK") == Some("1"),
        warnings,
    })
}

fn key(name: &str, value: Option<&str>, profile: Profile, faults: &mut Vec<String>) -> Option<Secret> {
    let Some(value) = value else {
        if profile == Profile::Production {
            faults.push(format!("{name} is missing; make one with: openssl rand -hex 32"));
        }
        return None;
    };
    if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        faults.push(format!("{name} must be 64 hex characters; make one with: openssl rand -hex 32"));
        return None;
    }
    let first = value.as_bytes()[0];
    if profile == Profile::Production && (value.starts_with(DEMO_KEY_PREFIX) || value.bytes().all(|b| b == first)) {
        faults.push(format!("{name} is a demo key; make one with: openssl rand -hex 32"));
        return None;
    }
    Some(Secret::new(value.to_ascii_lowercase()))
}

/// Whether a base could be WeChat: https, and not an address of this machine or its network.
fn is_public_https(base: &str) -> bool {
    let Some(rest) = base.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
    !name.is_empty() && name != "localhost" && !name.ends_with(".localhost") && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config, Refused> {
        read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), None, None)
    }

    fn good() -> Vec<(&'static str, &'static str)> {
        vec![
            ("JIAZAI_PROFILE", "production"),
            ("JIAZAI_JWT_KEY", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
            ("JIAZAI_DATA_KEY", "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
            ("WECHAT_APPID", "wx1234567890abcdef"),
            ("WECHAT_SECRET", "s"),
        ]
    }

    #[test]
    fn the_demo_needs_nothing_and_speaks_to_this_machine_only() {
        let config = with(&[]).expect("a configuration");
        assert_eq!(config.profile, Profile::Demo);
        assert_eq!(config.database, DatabaseUrl::Sqlite(PathBuf::from("data/jiazai.sqlite")));
        assert!(with(&[("JIAZAI_LISTEN", "0.0.0.0:80")]).is_err());
        assert!(with(&[("WECHAT_SIMULATOR_LISTEN", "10.0.0.1:81")]).is_err());
    }

    #[test]
    fn production_names_everything_that_is_missing_at_once() {
        let Refused(faults) = with(&[("JIAZAI_PROFILE", "production"), ("DATABASE_URL", "mysql://x")]).expect_err("refused");
        let all = faults.join("\n");
        for name in ["JIAZAI_JWT_KEY", "JIAZAI_DATA_KEY", "WECHAT_APPID", "WECHAT_SECRET", "DATABASE_URL"] {
            assert!(all.contains(name), "{name} in {all}");
        }
        assert!(with(&good()).is_ok());
    }

    #[test]
    fn papers_of_children_are_kept_for_a_month_at_least_and_not_for_ever() {
        assert_eq!(with(&[]).expect("a configuration").papers_kept_days, PAPERS_KEPT_DAYS);
        assert_eq!(with(&[("JIAZAI_PAPERS_KEPT_DAYS", "90")]).expect("a configuration").papers_kept_days, 90);
        for days in ["0", "29", "3651", "forever"] {
            assert!(with(&[("JIAZAI_PAPERS_KEPT_DAYS", days)]).is_err(), "{days}");
        }
    }

    #[test]
    fn audit_entries_are_kept_for_six_months_at_least() {
        assert_eq!(with(&[]).expect("a configuration").audit_keep_days, audit::KEEP_DAYS);
        assert!(with(&[("JIAZAI_AUDIT_KEEP_DAYS", "400")]).is_ok());
        for days in ["0", "183", "-1", "forever"] {
            assert!(with(&[("JIAZAI_AUDIT_KEEP_DAYS", days)]).is_err(), "{days}");
        }
    }

    #[test]
    fn production_refuses_what_belongs_to_the_demo() {
        for (name, value) in [
            ("JIAZAI_JWT_KEY", "de30de30445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
            ("JIAZAI_DATA_KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
            ("WECHAT_API_BASE", "http://127.0.0.1:8081"),
            ("WECHAT_API_BASE", "https://localhost"),
            ("WECHAT_SIMULATOR_LISTEN", "127.0.0.1:8081"),
            ("JIAZAI_RATE_LIMIT", "off"),
            ("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1"),
            ("WECHAT_APPID", DEMO_APPID),
        ] {
            let mut vars = good();
            vars.push((name, value));
            assert!(with(&vars).is_err(), "{name}");
        }
    }
}
