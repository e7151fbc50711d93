//! What the kernel says about processes, and what this machine is.

use std::fs;

use crate::place::said;

/// The unit of /proc/PID/stat, fixed on all platforms that Linux still runs on.
const TICKS_PER_S: f64 = 100.0;

/// The numbers of /proc/PID/stat after the name, which may itself hold spaces: field 4 of the manual page is number 1.
fn stat(pid: &str) -> Result<Vec<f64>, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|e| e.to_string())?;
    let (_, rest) = text.rsplit_once(") ").ok_or("an odd stat")?;
    Ok(rest.split(' ').map(|field| field.trim().parse().unwrap_or(0.0)).collect())
}

/// User and system time of a process and all its threads, in seconds.
pub(super) fn cpu_s(pid: u32) -> Result<f64, String> {
    let stat = stat(&pid.to_string())?;
    Ok((stat[11] + stat[12]) / TICKS_PER_S)
}

/// Ours.
pub(super) fn own_cpu_s() -> Result<f64, String> {
    cpu_s(std::process::id())
}

/// That of the commands that we have run and waited for.
pub(super) fn commands_cpu_s() -> Result<f64, String> {
    let stat = stat("self")?;
    Ok((stat[13] + stat[14]) / TICKS_PER_S)
}

/// A process with its children, those included that have ended and been waited for.
pub(super) fn family_cpu_s(parent: u32) -> Result<f64, String> {
    let own = stat(&parent.to_string())?;
    let mut ticks: f64 = own[11..=14].iter().sum();
    for entry in fs::read_dir("/proc").map_err(|e| e.to_string())?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else { continue };
        // A process may end between the listing and the look.
        if let Ok(child) = stat(pid)
            && child[1] == f64::from(parent)
        {
            ticks += child[11] + child[12];
        }
    }
    Ok(ticks / TICKS_PER_S)
}

/// A few words about where the figures come from.
pub(super) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory_kib: f64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({cpu}), {:.0} GiB, Linux {}, {}, commit {}, {}",
        memory_kib / 1024.0 / 1024.0,
        kernel.trim(),
        said("rustc", &["--version"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
    )
}
