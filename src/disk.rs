//! What room there is on a disk.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The room on the disk of a folder, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiskRoom {
    /// What whoever runs this may still take.
    pub free: u64,
    pub total: u64,
}

impl DiskRoom {
    /// `None` where the system does not say.
    pub fn of(folder: &Path) -> Option<Self> {
        let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
        let mut found = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero, and the result is looked at only where the call says that it was filled in.
        let found = unsafe {
            if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
                return None;
            }
            found.assume_init()
        };
        let bytes = |blocks: libc::fsblkcnt_t| blocks.saturating_mul(found.f_frsize);
        Some(DiskRoom { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}
