//! Which work comes first where processors are few: outputs wait for the workers, the store's log and the clients of brokers.
//! What follows from rows that are stored already is waited for by nobody.

/// How much less than others this counts, as `nice` has it: about a tenth of what they get, where all processors are taken,
/// and whoever wakes up comes before it. It may not be next to nothing: logs that become no columnar files take room, and a
/// checkpoint that is long in the making holds memory. Nothing could raise it again: a process needs a right for that.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 10;

/// Has this thread give way to all others from here on; of a process that was split off, it as a whole.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call. Under Linux each thread has a priority of its own, and 0 names the one that calls. What
    // comes of it does not matter: it goes on as it was.
    unsafe {
        let now = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, now + NICE);
    }
}
