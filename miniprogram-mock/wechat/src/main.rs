//! The simulator on its own: `wechat-simulator [--listen 127.0.0.1:8081] [--template ID:thing1,phrase2]…`.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use wechat_simulator::{Options, Push, SimClock, Template};

const USAGE: &str = "usage: wechat-simulator [--listen 127.0.0.1:8081] [--template ID:thing1,phrase2]... [--push URL] [--xml]
  WECHAT_APPID and WECHAT_SECRET name the mini-program; without --template every message is refused with 40037;
  --push wants WECHAT_PUSH_TOKEN, and with WECHAT_PUSH_AES_KEY events are sealed";

#[actix_web::main]
async fn main() -> ExitCode {
    let (listen, options) = match read_command_line() {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("{mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&listen, options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("wechat-simulator: {listen}: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn run(listen: &str, options: Options) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("WeChat simulator on http://{0}, help on http://{0}/_sim/", listener.local_addr()?);
    wechat_simulator::bind(listener, options)?.await
}

/// `None` when help was asked for.
fn read_command_line() -> Result<Option<(String, Options)>, String> {
    let mut listen = "127.0.0.1:8081".to_owned();
    let mut templates = Vec::new();
    let (mut push_url, mut xml) = (None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--listen" => listen = value()?,
            "--template" => templates.push(template(&value()?)?),
            "--push" => push_url = Some(value()?),
            "--xml" => xml = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    let clock = SimClock::new(Arc::new(AtomicI64::new(0)));
    let push = push_url
        .map(|url| Ok::<_, String>(Push { url, token: variable("WECHAT_PUSH_TOKEN")?, aes_key: variable("WECHAT_PUSH_AES_KEY").ok(), xml }))
        .transpose()?;
    let (appid, secret) = (variable("WECHAT_APPID")?, variable("WECHAT_SECRET")?);
    Ok(Some((listen, Options { appid, secret, templates, clock, push, narrate: Some(|words| println!("{words}")) })))
}

fn template(text: &str) -> Result<Template, String> {
    let (id, fields) = text.split_once(':').ok_or(format!("--template {text}: expected ID:key1,key2"))?;
    Ok(Template { id: id.to_owned(), fields: fields.split(',').map(str::to_owned).collect() })
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).ok_or(format!("{name} is not set"))
}
