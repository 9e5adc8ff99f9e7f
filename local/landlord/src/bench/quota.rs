//! A share of a processor, as Lambda gives it by memory size: one at 1,769 MB.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>

use std::fs;
use std::io;
use std::path::PathBuf;

const ONE_PROCESSOR_MB: f64 = 1769.0;
/// Microseconds.
const PERIOD: f64 = 20_000.0;

/// A control group with a quota. Removed when it is dropped.
pub(super) struct Quota {
    group: PathBuf,
    share: f64,
}

impl Quota {
    /// The share of a function of so many MB. Fails where control groups can not be written.
    pub(super) fn of_lambda(memory_mb: u32) -> io::Result<Self> {
        let share = f64::from(memory_mb) / ONE_PROCESSOR_MB;
        let quota = (PERIOD * share) as u64;
        let name = format!("landlord-bench-{}-{memory_mb}", std::process::id());
        let second = PathBuf::from("/sys/fs/cgroup/cgroup.controllers").exists();
        let group = if second {
            PathBuf::from("/sys/fs/cgroup").join(name)
        } else {
            PathBuf::from("/sys/fs/cgroup/cpu").join(name)
        };
        fs::create_dir_all(&group)?;
        let made = Self { group, share };
        if second {
            fs::write(made.group.join("cpu.max"), format!("{quota} {PERIOD}"))?;
        } else {
            fs::write(made.group.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(made.group.join("cpu.cfs_quota_us"), quota.to_string())?;
        }
        Ok(made)
    }

    /// The file that processes join the group by.
    pub(super) fn processes(&self) -> String {
        self.group.join("cgroup.procs").display().to_string()
    }

    pub(super) fn percent(&self) -> f64 {
        self.share * 100.0
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // The kernel removes a group only when its last process is gone; the next run has
        // another name.
        let _ = fs::remove_dir(&self.group);
    }
}
