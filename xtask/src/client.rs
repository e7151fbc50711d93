//! The mini-program client: built for WeChat and for the browser, and driven in a browser against the server under test.

use std::path::Path;
use std::process::Command;

use crate::steps::{self, Step};
use crate::{launch, services};

const BROWSER: &str = "chromium";

/// Whether this machine can build and drive the client; installs the browser where that is ours to do.
pub(crate) fn ready() -> Result<(), String> {
    for program in ["node", "npm"] {
        if launch::find(program).is_none() {
            return Err(format!("{program} is missing (Node.js 20 or newer builds the client)"));
        }
    }
    if launch::find(BROWSER).is_some() {
        return Ok(());
    }
    services::install_packages(&[BROWSER])
}

/// Installs what the lock file names, builds both versions, runs the journeys. A step that fails ends it. Not `npm ci`: it wants
/// the packages of all platforms in the lock file, and a registry need not have them all.
pub(crate) fn run(root: &Path, server: &Path) -> Vec<Step> {
    let app = root.join("miniprogram-mock/app");
    let chores: [(&str, &[&str]); 4] = [
        ("client: npm install", &["install", "--no-save", "--no-fund", "--no-audit"]),
        ("client: build", &["run", "build"]),
        ("client: types", &["run", "check"]),
        ("client: journeys", &["test"]),
    ];
    let mut done = Vec::new();
    for (name, words) in chores {
        let mut npm = Command::new("npm");
        npm.args(words).current_dir(&app).env("JIAZAI_BIN", server);
        if let Some(browser) = launch::find(BROWSER) {
            npm.env("CHROMIUM", browser);
        }
        done.push(steps::run(name, &mut npm));
        if done.last().is_some_and(|step| !step.ok) {
            break;
        }
    }
    done
}
