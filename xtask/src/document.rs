//! The OpenAPI document as others use it: linted, made into clients that run, and held against the server by generated requests.

use std::path::Path;
use std::process::Command;

use crate::launch;
use crate::steps::{self, Step};

/// Gets the tools that this takes, from their registries; without them nothing can be said about the document.
pub(crate) fn ready(root: &Path) -> Result<(), String> {
    for program in ["node", "npm", "python3", "curl"] {
        if launch::find(program).is_none() {
            return Err(format!("{program} is missing"));
        }
    }
    let tools = check(root, "tools").status();
    if tools.is_ok_and(|status| status.success()) { Ok(()) } else { Err("npm or pip could not install the tools".into()) }
}

pub(crate) fn run(root: &Path, server: &Path) -> Vec<Step> {
    let parts = ["lint", "typescript", "python", "requests"];
    parts.iter().map(|part| steps::run(&format!("document: {part}"), check(root, part).env("JIAZAI_BIN", server))).collect()
}

fn check(root: &Path, part: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(root.join("tests/openapi/check.sh")).arg(part).current_dir(root);
    command
}
