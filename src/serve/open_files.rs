//! How many files and connections the system lets a process have open at once: those who connect must leave enough for the
//! files of a run.

use std::mem::MaybeUninit;

/// What is wanted, where the system allows it: many give a process 1,024 unless it asks.
const WANTED: libc::rlim_t = 65_536;

fn limits() -> Option<libc::rlimit> {
    let mut limits = MaybeUninit::uninit();
    // SAFETY: it is written whole where it says that it was done, and nothing else is.
    let said = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limits.as_mut_ptr()) };
    // SAFETY: as said.
    (said == 0).then(|| unsafe { limits.assume_init() })
}

/// Asks for more, as far as nobody has to be asked for it.
pub fn raise() {
    let Some(libc::rlimit { rlim_cur: now, rlim_max: most }) = limits() else { return };
    let raised = libc::rlimit { rlim_cur: most.min(WANTED), rlim_max: most };
    if raised.rlim_cur > now {
        // SAFETY: it is read, and nothing is written.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } != 0 {
            tracing::debug!("{}", std::io::Error::last_os_error());
        }
    }
}

/// How many may be open.
pub fn may_be_open() -> usize {
    let now = limits().map_or(libc::rlim_t::MAX, |limits| limits.rlim_cur);
    usize::try_from(now).unwrap_or(usize::MAX)
}
