//! What the engine's process has used, as the kernel counts it.

/// Processor time of all its threads so far, in milliseconds, and its resident memory in KiB.
///
/// # Errors
/// A sentence when there is no such process.
pub fn used(pid: u32) -> Result<(f64, f64), String> {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}"))
            .map_err(|e| format!("process {pid}: {e}"))
    };
    let memory = read("status")?
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("process {pid} has no memory"))?;
    // Nanoseconds on a processor, thread by thread: `stat` counts in hundredths of a second only.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .map_err(|e| format!("process {pid}: {e}"))?;
    let nanoseconds: f64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum();
    Ok((nanoseconds / 1e6, memory))
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub descriptors: usize,
    pub threads: usize,
}

/// How many files and sockets the process has open, and how many threads it has.
///
/// # Errors
/// A sentence when there is no such process, or it is somebody else's.
pub fn held(pid: u32) -> Result<Held, String> {
    let count = |folder: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{folder}"))
            .map(Iterator::count)
            .map_err(|e| format!("process {pid}: {e}"))
    };
    Ok(Held {
        descriptors: count("fd")?,
        threads: count("task")?,
    })
}
