//! The papers: what README.md and `docs/` tell people to type does what they say, and what they name exists.
//!
//! All `sh` blocks of a document run in one shell, in their order, against a server of their own. A command that ends in
//! a comment such as `# 201 submitted` promises that status, and an answer (head or body) in which those words occur; every
//! HTTP call is covered by such a promise. Two kinds of blocks are not run: those of cargo commands alone, which have built
//! what is tested here, and those marked `sh no-run: <reason>`.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiazai_tests::{Client, Folder, Options, Server, binary, shared};

/// Around the document's own commands: `curl` also takes notes, and `promise` compares them with what the document says.
const PREAMBLE: &str = r#"
set -Eeuo pipefail
: > "$NOTES/statuses"
trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: failed: $BASH_COMMAND" >&2' ERR
trap 'for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done' EXIT
curl() {
    local outcome=0
    command curl --dump-header "$NOTES/head" "$@" | tee "$NOTES/body" || outcome=$?
    sed -n 's/^HTTP\/[0-9.]* \([0-9]*\).*/\1/p' "$NOTES/head" | tail -n 1 >> "$NOTES/statuses"
    return $outcome
}
broken() { echo "$1: $2"; cat "$NOTES/head" "$NOTES/body"; echo; exit 1; } >&2
promise() {
    local line=$1 status=$2 found inner word; shift 2
    found=$(tail -n 1 "$NOTES/statuses")
    inner=$(sed '$d' "$NOTES/statuses" | grep -v '^2' || true)
    : > "$NOTES/statuses"
    [ -z "$inner" ] || broken "$line" "a call before this one was answered $inner"
    [ "$found" = "$status" ] || broken "$line" "promised $status, got ${found:-no answer}"
    for word in "$@"; do
        cat "$NOTES/head" "$NOTES/body" | grep -iF -- "$word" > "$NOTES/grep" || broken "$line" "promised $word in the answer"
    done
}
settled() { [ ! -s "$NOTES/statuses" ] || broken "$1" "a call without a promised status"; }
"#;

/// A fenced block: the line of its first fence (from 1), what stands behind the fence, its lines.
struct Block {
    line: usize,
    info: String,
    lines: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"))
}

/// README.md and everything in `docs/`, by path from the root.
fn documents() -> Vec<String> {
    let mut all = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    for folder in ["docs", "docs/decisions"] {
        let files = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
        let names = files.map(|file| file.expect("a readable folder").file_name().to_string_lossy().into_owned());
        all.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    all
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(_), true) => open = false,
            (Some(info), false) => {
                blocks.push(Block { line: index + 1, info: info.trim().to_owned(), lines: vec![] });
                open = true;
            }
            (None, true) => blocks.last_mut().expect("a block is open").lines.push(line.to_owned()),
            (None, false) => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

impl Block {
    /// Only commands of cargo, perhaps with variables before them.
    fn is_cargo(&self) -> bool {
        let mut commands = self.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'));
        commands.all(|line| line.split_whitespace().find(|word| !word.contains('=')) == Some("cargo"))
    }

    fn runs(&self, document: &str) -> bool {
        let mut words = self.info.splitn(2, ' ');
        let (language, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let at = format!("{document}:{}", self.line);
        assert!(!matches!(language, "bash" | "shell" | "console" | "zsh"), "{at}: write ```sh, which is run");
        if language != "sh" || self.is_cargo() {
            return false;
        }
        if let Some(reason) = rest.strip_prefix("no-run:") {
            assert!(reason.trim().len() > 10, "{at}: say why this is not run");
            return false;
        }
        assert!(rest.is_empty(), "{at}: {rest} is not known here");
        true
    }
}

/// `command   # 201 words` as the status and the words; the command stays in front.
fn promised(line: &str) -> Option<(&str, &str)> {
    let (command, comment) = line.rsplit_once(" # ")?;
    let status = comment.split(' ').next()?;
    (status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit())).then_some((command, comment))
}

/// The script of a document: each command stands on the line on which it stands in the document.
fn script(document: &str, text: &str) -> String {
    let mut lines = vec![String::new(); text.lines().count()];
    for block in blocks(text).iter().filter(|block| block.runs(document)) {
        for (offset, line) in block.lines.iter().enumerate() {
            let at = block.line + offset;
            lines[at] = match promised(line) {
                Some((command, comment)) => format!("{command}; promise {document}:{} {comment}", at + 1),
                None => line.clone(),
            };
        }
        lines[block.line + block.lines.len()] = format!("settled {document}:{}", block.line);
    }
    lines.join("\n") + "\n"
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Runs a document's commands; `addresses` replace those that people type.
#[track_caller]
fn run(document: &str, addresses: &[(&str, String)]) {
    let text = read(document);
    let home = Folder::new("docs");
    let dir = home.path();
    let (work, bin, notes) = (dir.join("work"), dir.join("bin"), dir.join("notes"));
    for folder in [&work, &bin, &notes] {
        fs::create_dir_all(folder).expect("the temporary folder is writable");
    }
    std::os::unix::fs::symlink(binary(), bin.join("jiazai")).expect("a link to the server");
    let mut commands = script(document, &text);
    for (typed, address) in addresses {
        commands = commands.replace(typed, address);
    }
    let (preamble, body) = (dir.join("preamble"), dir.join(document.replace('/', "-")));
    fs::write(&preamble, PREAMBLE).expect("writable");
    fs::write(&body, commands).expect("writable");
    let output = dir.join("output");
    let log = fs::File::create(&output).expect("writable");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash")
        .args(["-c", "source \"$0\"; source \"$1\""])
        .args([&preamble, &body])
        .env_clear()
        .envs([("PATH", path.as_str()), ("LC_ALL", "C.UTF-8"), ("RUST_LOG", "warn")])
        .env("HOME", &work)
        .env("NOTES", &notes)
        .current_dir(&work)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a handle can be copied"))
        .stderr(log)
        .spawn()
        .expect("bash runs");
    let patience = Instant::now() + Duration::from_secs(300);
    let status = loop {
        if let Some(status) = shell.try_wait().expect("the shell can be asked") {
            break Some(status);
        }
        if Instant::now() > patience {
            let _ = shell.kill();
            let _ = shell.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = fs::read_to_string(&output).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "{document}: {status:?}\n{said}");
}

fn at_server(document: &str) {
    let server = Server::start(Options::default().limited());
    let sim = server.sim().base().trim_start_matches("http://").to_owned();
    run(document, &[("127.0.0.1:8080", server.address()), ("127.0.0.1:8081", sim)]);
}

#[test]
fn the_readme_can_be_followed() {
    at_server("README.md");
}

#[test]
fn the_api_guide_can_be_followed() {
    at_server("docs/api.md");
}

/// It starts servers of its own, on SQLite, as the document says.
#[test]
fn the_operations_guide_can_be_followed() {
    run("docs/operations.md", &["127.0.0.1:8090", "127.0.0.1:8091"].map(|typed| (typed, format!("127.0.0.1:{}", free_port()))));
}

/// It fills a demonstration of its own, which takes a while.
#[test]
fn the_registry_guide_can_be_followed() {
    run("docs/registry.md", &["127.0.0.1:8090", "127.0.0.1:8091"].map(|typed| (typed, format!("127.0.0.1:{}", free_port()))));
}

#[test]
fn no_other_document_has_commands_that_nobody_tries() {
    for document in
        documents().iter().filter(|d| !["README.md", "docs/api.md", "docs/operations.md", "docs/registry.md"].contains(&d.as_str()))
    {
        for block in blocks(&read(document)) {
            assert!(!block.runs(document), "{document}:{}: commands belong where a test runs them", block.line);
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let folder = root().join(&document).parent().expect("a folder").to_owned();
        for part in read(&document).split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://");
            assert!(outside || folder.join(target).exists(), "{document}: there is no {target}");
        }
    }
}

/// What stands between single backticks, outside of blocks.
fn words(text: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut open = false;
    for line in text.lines() {
        if line.starts_with("```") {
            open = !open;
        } else if !open {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn operations_that_are_named_exist() {
    let known: BTreeSet<(String, String)> =
        shared().document().operations().iter().map(|o| (o.method.clone(), o.path.trim_start_matches("/api/v1").to_owned())).collect();
    let mut named = 0;
    for document in documents() {
        for word in words(&read(&document)) {
            let Some((method, path)) = word.split_once(' ') else { continue };
            if !matches!(method, "GET" | "POST" | "PUT" | "DELETE") || !path.starts_with('/') || path.starts_with("/_sim/") {
                continue;
            }
            let path = path.split(['?', ' ']).next().unwrap_or_default().trim_start_matches("/api/v1").to_owned();
            assert!(known.contains(&(method.to_owned(), path)), "{document}: there is no {word}");
            named += 1;
        }
    }
    assert!(named > 10, "the documents name operations");
}

#[test]
fn the_list_of_problems_is_whole_and_right() {
    let mut listed = BTreeSet::new();
    for line in read("docs/api.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, code, status, title, ..] = cells.as_slice() else { continue };
        let Some(code) = code.strip_prefix('`').and_then(|code| code.strip_suffix('`')) else { continue };
        let Ok(status) = status.parse::<u16>() else { continue };
        let kind = shared().anon().plain("GET", &format!("/problems/{code}")).expect(200);
        assert_eq!((kind["status"].as_u64(), kind["title_en"].as_str()), (Some(status.into()), Some(*title)), "{code}");
        listed.insert(code.to_owned());
    }
    for operation in shared().document().operations() {
        for (status, response) in operation.json["responses"].as_object().into_iter().flatten() {
            let told = words(response["description"].as_str().unwrap_or_default());
            for code in told.into_iter().filter(|_| status.starts_with(['4', '5'])) {
                assert!(listed.contains(&code), "docs/api.md does not list {code} ({})", operation.id);
            }
        }
    }
}

#[test]
fn every_metric_and_every_variable_is_explained() {
    let guide: BTreeSet<String> = words(&read("docs/operations.md")).into_iter().collect();
    let explained = |name: &str| guide.iter().any(|word| word.split(['=', '{', ' ']).next() == Some(name));
    let metrics = shared().anon().plain("GET", "/metrics").send().expect(200).text();
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next()) {
        assert!(explained(name), "docs/operations.md does not explain the metric {name}");
    }
    // The one place that reads the environment.
    let source = fs::read_to_string(root().join("api/src/config.rs")).expect("the configuration's source");
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    for name in program.split('"').skip(1).step_by(2) {
        let is_name = name.len() > 4 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let of_tests = name == "JIAZAI_BIN" || name.starts_with("JIAZAI_TEST_") || name == "JIAZAI_";
        assert!(!is_name || of_tests || explained(name), "docs/operations.md does not explain {name}");
    }
}

#[test]
fn diagrams_show_only_what_the_machine_can_do() {
    let machine = shared().anon().get("/meta/state-machines").header("Accept", "text/vnd.mermaid").send().expect(200).text();
    let mut edges = 0;
    for document in documents() {
        for block in blocks(&read(&document)).iter().filter(|b| b.info == "mermaid" && b.lines.iter().any(|l| l.contains("stateDiagram"))) {
            for line in block.lines.iter().map(|line| line.trim()).filter(|line| line.contains(" --> ")) {
                let real = machine.lines().any(|known| known.trim() == line || known.trim().starts_with(&format!("{line} (")));
                assert!(real, "{document}:{}: the machine has no {line}", block.line);
                edges += 1;
            }
        }
    }
    assert!(edges > 10, "a diagram of the repair ticket");
}
