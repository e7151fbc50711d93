//! The commands of `jiazai`, without the parsing of their arguments.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiazai_domain::actor::{Grant, PrincipalId, PrincipalKind, Role};
use jiazai_domain::api_key::{ApiKey, ApiKeyDraft, PER_MINUTE, Scope};
use jiazai_infra::clock::Clock;
use jiazai_infra::db::{Db, DbError};
use jiazai_infra::vault::Vault;
use jiazai_infra::{api_key, community, identity, password};
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{self, Config, Profile};
use crate::serve::{self, Failed};
use crate::staff::{made_password, username};
use crate::{backup, import, openapi as document};

fn configuration(listen: Option<&str>, data_dir: Option<PathBuf>) -> Result<Config, Failed> {
    let vars: BTreeMap<String, String> =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    Ok(config::read(&vars, listen, data_dir)?)
}

/// Logs go to standard error: as lines for people in the demo, as JSON for machines in production. `RUST_LOG` takes levels,
/// alone or as `target=level`, separated by commas; what does not read as that is as if it were unset.
fn log(profile: Profile) {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(Level::INFO).with_target("actix_server", Level::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match profile {
        Profile::Production => lines.json().flatten_event(true).boxed(),
        Profile::Demo => lines.with_ansi(false).boxed(),
    };
    // A second subscriber in one process is a test's doing; the first one stays.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

pub fn serve(listen: Option<&str>, data_dir: Option<PathBuf>) -> Result<(), Failed> {
    let config = configuration(listen, data_dir)?;
    log(config.profile);
    actix_web::rt::System::new().block_on(serve::serve(config))
}

pub fn migrate(data_dir: Option<PathBuf>) -> Result<(), Failed> {
    let config = configuration(None, data_dir)?;
    let steps = Db::open(&config.database, Clock::system())?.migrate()?;
    println!("{steps} steps");
    Ok(())
}

/// The database and vault of an installation, for a command that works beside the server.
fn installation(config: &Config) -> Result<(Db, Vault), Failed> {
    let vault = Vault::from_hex(serve::keys(config)?.1.expose())?;
    let db = serve::open_database(config, &vault, Clock::system())?;
    Ok((db, vault))
}

pub fn create_staff(
    data_dir: Option<PathBuf>,
    name: &str,
    display_name: Option<&str>,
    roles: &[String],
    password_stdin: bool,
) -> Result<(), Failed> {
    let config = configuration(None, data_dir)?;
    let name =
        username(name).map_err(|_| Failed("the user name must be 2 to 64 letters, digits, dots, dashes or underscores".to_owned()))?;
    let (db, _) = installation(&config)?;
    let (secret, made) = if password_stdin {
        let mut typed = String::new();
        std::io::stdin().take(1024).read_to_string(&mut typed)?;
        (typed.trim_end_matches(['\r', '\n']).to_owned(), false)
    } else {
        (made_password(), true)
    };
    password::acceptable(&secret, &name).map_err(|weak| Failed(format!("the password is not good enough: {}", weak.code())))?;
    let hash = password::hash(&secret);
    let (shown, wanted) = (display_name.unwrap_or(&name).to_owned(), roles.to_vec());
    let account = name.clone();
    let id = db.write_blocking(move |tx| {
        let mut grants = Vec::new();
        for text in &wanted {
            let (role, place) = text.split_once('@').map_or((text.as_str(), None), |(role, place)| (role, Some(place)));
            let role: Role = role.parse().map_err(|()| Failed(format!("{role} is not a role")))?;
            let community = match place {
                None => None,
                Some(code) => {
                    Some(community::by_code(tx, code)?.ok_or_else(|| Failed(format!("there is no community with the code {code}")))?.id)
                }
            };
            grants.push(Grant { role, community });
        }
        let id: PrincipalId = tx.new_id();
        identity::insert_principal(tx, id, PrincipalKind::Staff, &shown)?;
        identity::insert_staff(tx, id, &account, &hash).map_err(|error| match error {
            DbError::Duplicate => Failed("the user name is taken".to_owned()),
            other => other.into(),
        })?;
        identity::replace_grants(tx, id, &grants)?;
        Ok::<_, Failed>(id)
    })?;
    println!("{id} {name}");
    if made {
        println!("password: {secret}");
    }
    Ok(())
}

/// `jiazai api-key create`: for whoever has the machine in hand.
pub fn create_api_key(
    data_dir: Option<PathBuf>,
    name: &str,
    scopes: &[String],
    community: Option<&str>,
    days: Option<u16>,
) -> Result<(), Failed> {
    let scopes = scopes
        .iter()
        .map(|text| {
            Scope::parse(text).ok_or_else(|| {
                let all = Scope::all().map(|scope| scope.to_string()).collect::<Vec<_>>().join(", ");
                Failed(format!("{text} is not a scope; there are {all}"))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let config = configuration(None, data_dir)?;
    let (db, vault) = installation(&config)?;
    let (name, wanted) = (name.to_owned(), community.map(str::to_owned));
    let (id, text) = db.write_blocking(move |tx| {
        let place = match wanted.as_deref() {
            None => None,
            Some(code) => {
                Some(community::by_code(tx, code)?.ok_or_else(|| Failed(format!("there is no community with the code {code}")))?.id)
            }
        };
        let now = tx.now();
        let draft = ApiKeyDraft {
            name: name.clone(),
            scopes: scopes.clone(),
            community: place,
            addresses: vec![],
            per_minute: PER_MINUTE,
            expires_at: days.map(|days| now.plus_seconds(86_400 * i64::from(days))),
        };
        let key = ApiKey::create(tx.new_id(), draft, None, now).map_err(|_| Failed("the key is not one that can be made".to_owned()))?;
        let text = api_key::insert(tx, &vault, &key)?;
        Ok::<_, Failed>((key.id, text))
    })?;
    println!("{id}\nkey: {text}");
    Ok(())
}

/// The committed document, found from the folder the command runs in.
const COMMITTED: &str = "openapi.yaml";

pub fn openapi(check: bool) -> Result<(), Failed> {
    if !check {
        print!("{}", document::yaml());
        return Ok(());
    }
    let committed = std::fs::read_to_string(COMMITTED).map_err(|e| Failed(format!("{COMMITTED}: {e}")))?;
    if committed == document::yaml() {
        return Ok(());
    }
    let line = committed.lines().zip(document::yaml().lines()).take_while(|(a, b)| a == b).count() + 1;
    Err(Failed(format!("{COMMITTED} differs from this program's document from line {line} on; run: cargo xtask openapi")))
}

/// A few hundred thousand receipts, twice; whatever is larger is no draw.
const LARGEST_DRAW: u64 = 64 << 20;

/// Needs neither database nor configuration: anybody may run it anywhere.
pub fn verify_draw(file: &Path) -> Result<(), Failed> {
    let unreadable = |e: std::io::Error| Failed(format!("{}: {e}", file.display()));
    let mut text = String::new();
    std::fs::File::open(file).map_err(unreadable)?.take(LARGEST_DRAW).read_to_string(&mut text).map_err(unreadable)?;
    let reasons = crate::enrolment::check_file(&text).map_err(|why| Failed(format!("{}: {why}", file.display())))?;
    if reasons.is_empty() {
        println!("valid");
        return Ok(());
    }
    Err(Failed(format!("invalid: {}", reasons.join("; "))))
}

pub fn backup(data_dir: Option<PathBuf>, to: &Path) -> Result<(), Failed> {
    backup::backup(&configuration(None, data_dir)?, to)
}

pub fn restore(data_dir: Option<PathBuf>, from: &Path) -> Result<(), Failed> {
    backup::restore(&configuration(None, data_dir)?, from)
}

pub fn import(
    data_dir: Option<PathBuf>,
    file: &Path,
    (kind, format): (&str, Option<&str>),
    community: &str,
    (dry_run, atomic): (bool, bool),
    by: Option<&str>,
) -> Result<(), Failed> {
    let config = configuration(None, data_dir)?;
    let (db, vault) = installation(&config)?;
    import::file(db, vault, import::Asked { file, kind, format, community, dry_run, atomic, by })
}

pub fn demo_data(data_dir: Option<PathBuf>, like: &str, community: Option<&str>, seed: u64) -> Result<(), Failed> {
    let config = configuration(None, data_dir)?;
    if config.profile == Profile::Production {
        return Err(Failed("demo data are for the demo; production registers people who exist".to_owned()));
    }
    let (db, vault) = installation(&config)?;
    import::demo(db, vault, like, community, seed)
}
