//! Small things that the benchmarks and the drills both need.

/// Numbers that look like chance and are the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    /// `seed` is not zero, which would stay zero.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A process's share of the memory, in MiB: private pages, and shared ones divided by those who share them.
pub(crate) fn pss_mib(pid: u32) -> Result<f64, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss in smaps_rollup")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| "an odd Pss".to_owned())?;
    Ok(kib / 1024.0)
}
