//! Starting and stopping the server.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as ActixApp, HttpServer};
use jiazai_domain::kernel::calendar::{Calendar, Calendars, OpeningHours};
use jiazai_domain::kernel::daybook::DayBook;
use jiazai_infra::cache::{Cache, CacheConfig, PATIENCE};
use jiazai_infra::clock::Clock;
use jiazai_infra::db::{DatabaseUrl, Db, DbError, Tx};
use jiazai_infra::files::Files;
use jiazai_infra::password::Passwords;
use jiazai_infra::settings;
use jiazai_infra::vault::{Secret, Vault, hex, random};
use jiazai_infra::webhooks::Transport;
use jiazai_infra::wechat::{Wechat, WechatConfig};
use wechat_simulator::{Options, SimClock, Template};

use crate::app::{self, App};
use crate::auth::{Identities, Tokens};
use crate::config::{Config, DEMO_KEY_PREFIX, Keys, Profile};
use crate::demo_app::DemoApp;
use crate::idempotency::Flights;
use crate::jobs::{self, Jobs};
use crate::metrics::Metrics;
use crate::notices::{FIELDS, TEMPLATES, Templates};
use crate::{demo, demo_app, files, manners};

/// Why the server did not start or did not stop well; one line for the operator.
#[derive(Debug)]
pub struct Failed(pub String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Requests in flight get this long to finish after the process was asked to stop.
const GRACE_S: u64 = 25;

const DEMO_KEYS: &str = "demo-keys";

/// What is kept here is nobody's business on a machine with other users.
fn make_private_folder(folder: &Path) -> Result<(), Failed> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| Failed(format!("{}: {e}", folder.display())))
}

/// Keeps a second server off the same SQLite file: each would believe its own memory of who has logged out. Command-line
/// tools take no lock; they only add.
fn lock(database: &DatabaseUrl) -> Result<Option<std::fs::File>, Failed> {
    let DatabaseUrl::Sqlite(path) = database else { return Ok(None) };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_private_folder(folder)?;
    }
    let beside = path.with_extension("lock");
    let file = std::fs::File::create(&beside).map_err(|e| Failed(format!("{}: {e}", beside.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(Failed(format!("another server is using {}", path.display()))),
    }
}

/// The demo's keys: made once and kept beside its data, so that sessions and sealed fields survive a restart.
fn demo_keys(data_dir: &Path) -> Result<(Secret, Secret), Failed> {
    let path = data_dir.join(DEMO_KEYS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) => {
            let key = || format!("{DEMO_KEY_PREFIX}{}", hex(&random::<28>()));
            let text = format!("{}\n{}\n", key(), key());
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)?.write_all(text.as_bytes())?;
            text
        }
    };
    match text.lines().collect::<Vec<_>>().as_slice() {
        [jwt, data] if jwt.len() == 64 && data.len() == 64 => Ok((Secret::new(*jwt), Secret::new(*data))),
        _ => Err(Failed(format!("{} is damaged; delete the data directory to start the demo anew", path.display()))),
    }
}

/// The keys that this configuration means: for tokens, and for data.
pub fn keys(config: &Config) -> Result<(Secret, Secret), Failed> {
    let Keys { jwt, data } = config.keys.clone();
    if let (Some(jwt), Some(data)) = (jwt.clone(), data.clone()) {
        return Ok((jwt, data));
    }
    make_private_folder(&config.data_dir)?;
    let keys = config.data_dir.join(DEMO_KEYS);
    if let DatabaseUrl::Sqlite(path) = &config.database
        && path.exists()
        && !keys.exists()
    {
        // New keys would open nothing in it.
        let (path, keys) = (path.display(), keys.display());
        return Err(Failed(format!("there is a database at {path} but no {keys}: put the keys back that belong to it")));
    }
    let (made_jwt, made_data) = demo_keys(&config.data_dir)?;
    Ok((jwt.unwrap_or(made_jwt), data.unwrap_or(made_data)))
}

/// The working calendars, with the operator's list of holidays if there is one.
pub fn calendars(config: &Config) -> Result<Calendars, Failed> {
    let Some(path) = &config.holidays else { return Ok(Calendars::compiled_in()) };
    let text = std::fs::read_to_string(path).map_err(|e| Failed(format!("JIAZAI_HOLIDAYS: {}: {e}", path.display())))?;
    let unreadable = |line, reason| Failed(format!("JIAZAI_HOLIDAYS: {}: line {line}: {reason}", path.display()));
    let book = DayBook::parse(&text).map_err(|fault| unreadable(fault.line, fault.reason))?;
    let hours = OpeningHours::parse("08:30-12:00,14:30-17:30").map_err(|fault| Failed(format!("{fault:?}")))?;
    let workdays = Calendar::workdays("workdays", hours, &book).map_err(|fault| Failed(format!("{fault:?}")))?;
    Ok(Calendars::new(vec![workdays]))
}

/// Opens the database, brings it up to date where that is this process's business, and checks that it is ours. Blocks.
pub fn open_database(config: &Config, vault: &Vault, clock: Clock) -> Result<Db, Failed> {
    let db = Db::open(&config.database, clock)?;
    if db.is_sqlite() || config.profile == Profile::Demo {
        db.migrate()?;
    } else if db.needs_migration()? {
        return Err(Failed("the database schema is older than this program; run: jiazai migrate".to_owned()));
    }
    let mark = hex(&vault.derive("mark of the data key"));
    let production = config.profile == Profile::Production;
    let ours = db.write_blocking(move |tx| claim(tx, &mark))?;
    if !ours {
        return Err(Failed("JIAZAI_DATA_KEY is not the key that this database was made with".to_owned()));
    }
    let holds_demo = db.write_blocking(|tx| Ok::<_, DbError>(settings::get(tx, demo::MARK)?.is_some()))?;
    if production && holds_demo {
        return Err(Failed(
            "the database holds demo accounts with the default password; production needs a database of its own".to_owned(),
        ));
    }
    Ok(db)
}

/// Marks a new database as made with this key; false when another key has marked it.
fn claim(tx: &mut Tx, mark: &str) -> Result<bool, DbError> {
    match settings::get(tx, "data_key_mark")? {
        Some(known) => Ok(known == mark),
        None => {
            settings::insert(tx, "data_key_mark", mark)?;
            settings::insert(tx, "made_at", &tx.now().to_string())?;
            Ok(true)
        }
    }
}

/// Serves until the process is asked to stop.
pub async fn serve(config: Config) -> Result<(), Failed> {
    let started = std::time::Instant::now();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (jwt_key, data_key) = keys(&config)?;
    let offset = Arc::new(AtomicI64::new(0));
    let clock = if config.profile == Profile::Demo { Clock::shifted_by(offset.clone()) } else { Clock::system() };
    let vault = Arc::new(Vault::from_hex(data_key.expose())?);
    let calendars = calendars(&config)?;
    // The address first: a second server on the same data must fail before it touches the data.
    let listener = TcpListener::bind(config.listen).map_err(|e| Failed(format!("cannot listen on {}: {e}", config.listen)))?;
    let _lock = lock(&config.database)?;
    let is_demo = config.profile == Profile::Demo;
    let config = Arc::new(config);
    let opening = (config.clone(), vault.clone(), clock.clone(), calendars.clone());
    let db = tokio::task::spawn_blocking(move || {
        let (config, vault, clock, calendars) = opening;
        let db = open_database(&config, &vault, clock)?;
        if config.profile == Profile::Demo {
            demo::load(&db, &calendars)?;
        }
        Ok::<_, Failed>(db)
    })
    .await??;
    let (simulator, wechat_base) = simulator(&config, offset)?;
    let demo_app = is_demo.then(|| Data::new(DemoApp::new(simulator.is_some().then(|| wechat_base.clone()))));
    let metrics = Metrics::new()?;
    let cache = CacheConfig {
        redis_url: config.redis_url.clone(),
        prefix: config.redis_prefix.clone(),
        key: vault.derive("cache"),
        patience: PATIENCE,
    };
    let cache = Arc::new(Cache::open(cache, clock.clone())?);
    let secret = config.wechat_secret.clone().unwrap_or_else(|| Secret::new(DEMO_SECRET));
    let wechat = WechatConfig { appid: config.wechat_appid.clone(), secret, base: wechat_base.clone() };
    let mut templates = config.wechat_templates.clone();
    if is_demo {
        for kind in TEMPLATES {
            templates.entry(kind.name.to_owned()).or_insert_with(|| kind.demo_id.to_owned());
        }
    }
    let jwt_key = files::hash_bytes(jwt_key.expose()).ok_or_else(|| Failed("JIAZAI_JWT_KEY must be 64 hex characters".to_owned()))?;
    let app = Data::new(App {
        wechat: Wechat::new(wechat, cache.clone(), &metrics.registry)?,
        files: Files::open(&config.data_dir, config.files_url.as_deref(), vault.clone())?,
        cache,
        db,
        vault,
        clock,
        passwords: Passwords::default(),
        calendars,
        templates: Templates(templates),
        tokens: Tokens::new(&jwt_key),
        identities: Identities::default(),
        flights: Flights::default(),
        shown: Default::default(),
        maps: crate::registry::Maps::default(),
        jobs: Jobs::default(),
        hooks: Transport::new(config.webhook_allow_loopback)?,
        postman: crate::webhooks::Postman::default(),
        metrics,
        trusted_proxies: config.trusted_proxies.clone(),
        limits_off: config.limits_off,
        audit_keep_days: config.audit_keep_days,
        papers_kept_days: config.papers_kept_days,
        is_demo,
        serving: AtomicBool::new(true),
    });

    let shared = app.clone();
    let server = HttpServer::new(move || {
        let (app, demo_app) = (shared.clone(), demo_app.clone());
        ActixApp::new().wrap(from_fn(manners::polish)).configure(move |config| {
            if let Some(demo_app) = demo_app {
                demo_app::routes(config, demo_app);
            }
            app::configure(config, app);
        })
    })
    .workers(std::thread::available_parallelism().map_or(2, usize::from))
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .shutdown_timeout(GRACE_S)
    // Stopping is ours: the framework would drop requests in flight on SIGINT.
    .disable_signals()
    .listen(listener)?
    .run();

    let stopping = server.handle();
    // Whatever callers see is worked out when they look, so an instance without jobs is slower to tell and never wrong.
    let working = if config.jobs_off { tokio::spawn(async {}) } else { tokio::spawn(jobs::run(app.clone().into_inner())) };
    let to_stop = app.clone();
    let drain = config.drain;
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping: finishing the requests in flight");
        to_stop.serving.store(false, Ordering::Relaxed);
        to_stop.jobs.wake();
        // `/readyz` says no by now; whoever sends us requests gets this long to notice before the door is shut.
        tokio::time::sleep(drain).await;
        stopping.stop(true).await;
    });
    tracing::info!(listen = %config.listen, took_ms = started.elapsed().as_millis() as u64, "serving");
    if is_demo {
        hint(&config, &wechat_base);
    }
    server.await?;
    // The jobs end by themselves within a second or two; one that waits for WeChat is not waited for longer.
    let _ = tokio::time::timeout(Duration::from_secs(8), working).await;
    if let Some(simulator) = simulator {
        simulator.stop(false).await;
    }
    tracing::info!("stopped");
    Ok(())
}

const DEMO_SECRET: &str = "demo-secret-of-the-simulator";

/// Starts the WeChat simulator beside the demo, and says where WeChat is.
fn simulator(config: &Config, offset: Arc<AtomicI64>) -> Result<(Option<actix_web::dev::ServerHandle>, String), Failed> {
    if let Some(base) = &config.wechat_base {
        return Ok((None, base.clone()));
    }
    let at = config.simulator_listen.ok_or_else(|| Failed("WECHAT_API_BASE is missing".to_owned()))?;
    let listener = TcpListener::bind(at).map_err(|e| Failed(format!("cannot listen on {at} (WECHAT_SIMULATOR_LISTEN): {e}")))?;
    let at = listener.local_addr()?;
    let template = |id: &str| Template { id: id.to_owned(), fields: FIELDS.iter().map(|field| (*field).to_owned()).collect() };
    let ids = TEMPLATES.iter().map(|kind| config.wechat_templates.get(kind.name).map_or(kind.demo_id, String::as_str));
    let options = Options {
        appid: config.wechat_appid.clone(),
        secret: config.wechat_secret.as_ref().map_or(DEMO_SECRET, Secret::expose).to_owned(),
        templates: ids.map(template).collect(),
        clock: SimClock::new(offset),
    };
    let server = wechat_simulator::bind(listener, options)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((Some(handle), format!("http://{at}")))
}

fn hint(config: &Config, wechat: &str) {
    let base = format!("http://{}", config.listen);
    let mut out = std::io::stdout();
    // Nobody may be reading.
    let _ = writeln!(
        out,
        "家在 jiazai demo: {base}/app/  ·  {base}/docs  ·  WeChat simulator 微信模拟器: {wechat}/_sim/\n\
         staff 工作人员:  curl {base}/api/v1/auth/staff/login --json '{{\"username\":\"dispatcher\",\"password\":\"{}\"}}'\n\
         resident 居民:   curl {wechat}/_sim/login-codes --json '{{}}'  and then  curl {base}/api/v1/auth/wechat/login --json '{{\"code\":\"…\"}}'",
        demo::PASSWORD
    );
    let _ = out.flush();
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        // Without handlers the system's default ends the process at once, which is all that can be done then.
        _ => std::future::pending().await,
    }
}
