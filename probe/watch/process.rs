//! What this process costs: the metrics that every exporter has.

use std::{fs, sync::atomic::AtomicU64};

use nix::sys::resource::{UsageWho, getrusage};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

/// At one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Process {
    /// Bytes of memory that are its own (`VmRSS`, proc(5)).
    resident: i64,
    /// Open descriptors.
    descriptors: i64,
    /// Processor time, in seconds.
    cpu: f64,
}

impl Process {
    /// Looks at this process; none where /proc is not there.
    pub(super) fn look() -> Option<Process> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        // The listing holds one open itself.
        let descriptors = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let cpu = [usage.user_time(), usage.system_time()].map(|time| {
            let (seconds, micros) = (time.tv_sec(), time.tv_usec());
            std::time::Duration::new(
                u64::try_from(seconds).unwrap_or_default(),
                u32::try_from(micros).unwrap_or_default() * 1000,
            )
        });
        Some(Process {
            resident: resident(&status)?,
            descriptors: i64::try_from(descriptors).ok()?,
            cpu: (cpu[0] + cpu[1]).as_secs_f64(),
        })
    }

    /// Registers it, with the start in seconds since 1970.
    pub(super) fn register(&self, registry: &mut Registry, started: f64) {
        let resident: Gauge = Gauge::default();
        resident.set(self.resident);
        let help = "Resident memory size in bytes";
        registry.register_with_unit("process_resident_memory", help, Unit::Bytes, resident);
        let descriptors: Gauge = Gauge::default();
        descriptors.set(self.descriptors);
        registry.register("process_open_fds", "Number of open file descriptors", descriptors);
        let cpu = Counter::<f64, AtomicU64>::default();
        cpu.inc_by(self.cpu);
        let help = "Total user and system CPU time spent in seconds";
        registry.register_with_unit("process_cpu", help, Unit::Seconds, cpu);
        let start = Gauge::<f64, AtomicU64>::default();
        start.set(started);
        let help = "Start time of the process since unix epoch in seconds";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, start);
    }
}

fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kilobytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5416 kB\n"), Some(5416 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let process = Process::look().expect("/proc");
        assert!(process.resident > 0 && process.descriptors >= 3 && process.cpu > 0.0);
    }
}
