//! Core dumps of this process, which would write its secrets to a disk: they are turned off.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Turns core dumps of this process off. On Linux no other process of the user can read the memory of this
/// process either, for example with a debugger.
///
/// # Errors
///
/// The system refuses one of the two changes.
pub(crate) fn turn_off() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Linux ignores the limit where a program takes the core dumps (`man 5 core`, "Piping core dumps to a
    // program").
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    #[test]
    fn this_process_leaves_no_core_dump() {
        turn_off().expect("every process may lower its limits");
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().expect("Linux has the attribute"), DumpableBehavior::NotDumpable);
    }
}
