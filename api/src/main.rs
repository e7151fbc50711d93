//! `jiazai`: the server and everything that an operator does with it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiazai_api::cli;

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
    /// Print the OpenAPI document, or compare it with openapi.yaml
    Openapi {
        /// Exit 1 if openapi.yaml here is not the document of this program
        #[arg(long)]
        check: bool,
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
        Command::Openapi { check } => cli::openapi(check),
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
