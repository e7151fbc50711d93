//! `jiazai`: the server and everything that an operator does with it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiazai_api::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "jiazai", version, about = "家在: the backend that a neighbourhood runs on")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the data is kept [default: data]
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what happens without a command, too)
    Serve {
        /// Address and port [default: 127.0.0.1:8080]
        #[arg(long)]
        listen: Option<String>,
    },
    /// Bring the database schema up to date
    Migrate,
    /// Accounts of administrators
    Admin {
        #[command(subcommand)]
        command: Admin,
    },
    /// Keys for programs
    ApiKey {
        #[command(subcommand)]
        command: Keys,
    },
    /// Print the OpenAPI document, or compare it with openapi.yaml
    Openapi {
        /// Exit 1 if openapi.yaml here is not the document of this program
        #[arg(long)]
        check: bool,
    },
    /// Take a file of homes or people into a community's registry
    Import {
        /// CSV (UTF-8 or GBK), or one JSON object a line
        file: PathBuf,
        /// registry or people
        #[arg(long)]
        kind: String,
        /// The community's code
        #[arg(long)]
        community: String,
        /// csv or ndjson [default: by the file's name]
        #[arg(long)]
        format: Option<String>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// All rows or none
        #[arg(long)]
        atomic: bool,
        /// In whose name: a member of staff [default: the eldest platform administrator]
        #[arg(long)]
        by: Option<String>,
    },
    /// Fill a community with people who do not exist
    DemoData {
        /// 供电, 明珠, 市南 or 凤湖
        #[arg(long)]
        like: String,
        /// The community's code; one that is not there is founded [default: gongdian, mingzhu, shinan or fenghu]
        #[arg(long)]
        community_code: Option<String>,
        /// Other people for another number
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Compute a school draw anew from its document and say whether it is as it was published; exit 1 if it is not
    VerifyDraw {
        /// The document as `GET /enrolment-draws/{id}` serves it
        file: PathBuf,
    },
    /// The audit log and its chain
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// The same as `audit verify`
    VerifyAudit {
        /// Anchors that were kept elsewhere, one a line
        #[arg(long)]
        anchors: Option<PathBuf>,
    },
    /// Copy database and files into a new folder
    Backup {
        /// A folder that does not exist yet
        to: PathBuf,
    },
    /// Put a backup in the place of an empty installation
    Restore {
        /// A folder that `backup` has made
        from: PathBuf,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Look through the chain; exit 1 if it is broken
    Verify {
        /// Anchors that were kept elsewhere, one a line
        #[arg(long)]
        anchors: Option<PathBuf>,
    },
    /// Print the end of the chain, to be kept somewhere else
    Anchor,
}

#[derive(Subcommand)]
enum Admin {
    /// Create an account for staff
    CreateStaff {
        username: String,
        /// What people read
        #[arg(long)]
        display_name: Option<String>,
        /// A role, perhaps with a community's code: platform_admin, or dispatcher@dongtu. Repeat it for several
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// Read the password from standard input; otherwise one is made and printed
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Make a key and print it, this once
    Create {
        /// Who uses it and for what
        name: String,
        /// What it may do: repair:read, people:export, … Repeat it for several
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// The community's code [default: all communities]
        #[arg(long)]
        community: Option<String>,
        /// Days until it expires [default: never]
        #[arg(long)]
        days: Option<u16>,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let data_dir = arguments.data_dir;
    let outcome = match arguments.command.unwrap_or(Command::Serve { listen: None }) {
        Command::Serve { listen } => cli::serve(listen.as_deref(), data_dir),
        Command::Migrate => cli::migrate(data_dir),
        Command::Admin { command: Admin::CreateStaff { username, display_name, roles, password_stdin } } => {
            cli::create_staff(data_dir, &username, display_name.as_deref(), &roles, password_stdin)
        }
        Command::ApiKey { command: Keys::Create { name, scopes, community, days } } => {
            cli::create_api_key(data_dir, &name, &scopes, community.as_deref(), days)
        }
        Command::Openapi { check } => cli::openapi(check),
        Command::Import { file, kind, community, format, dry_run, atomic, by } => {
            cli::import(data_dir, &file, (&kind, format.as_deref()), &community, (dry_run, atomic), by.as_deref())
        }
        Command::DemoData { like, community_code, seed } => cli::demo_data(data_dir, &like, community_code.as_deref(), seed),
        Command::VerifyDraw { file } => cli::verify_draw(&file),
        Command::Audit { command: Audit::Verify { anchors } } | Command::VerifyAudit { anchors } => {
            cli::verify_audit(data_dir, anchors.as_deref())
        }
        Command::Audit { command: Audit::Anchor } => cli::audit_anchor(data_dir),
        Command::Backup { to } => cli::backup(data_dir, &to),
        Command::Restore { from } => cli::restore(data_dir, &from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("jiazai: {failed}");
            ExitCode::FAILURE
        }
    }
}
