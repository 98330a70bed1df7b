//! What a mount's type and options promise, read from mountinfo.

use std::path::{Path, PathBuf};

use crate::probe::Finding;

/// One finding for every option or type under `path` that breaks a promise the
/// lake stands on; a single good one when nothing does.
pub fn judge_mount(mountinfo: &str, path: &Path) -> Vec<Finding> {
    // Later lines are mounted over earlier ones.
    let mount =
        mountinfo.lines().filter_map(Mount::parse).filter(|m| path.starts_with(&m.point)).reduce(
            |best, m| match m.depth() >= best.depth() {
                true => m,
                false => best,
            },
        );
    let Some(mount) = mount else {
        let detail = format!("no mount of {} in the kernel's list", path.display());
        return vec![Finding::bad("mount", detail, "check that /proc is mounted")];
    };
    let mut findings = mount.broken_promises();
    if findings.is_empty() {
        let detail = match mount.kind {
            "tmpfs" | "ramfs" => format!("{}: kept in memory, lost with the power", mount.kind),
            kind => format!("{kind} on {}", mount.point.display()),
        };
        findings.push(Finding::good("mount", detail));
    }
    findings
}

struct Mount<'a> {
    point: PathBuf,
    kind: &'a str,
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/vda rw,barrier=0`
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ');
        let point = unescape(left.nth(4)?);
        let options = left.next()?;
        let mut right = right.split(' ');
        let kind = right.next()?;
        let more = right.nth(1).unwrap_or("");
        let mut options: Vec<&str> = options.split(',').chain(more.split(',')).collect();
        options.sort_unstable();
        options.dedup();
        Some(Mount { point, kind, options })
    }

    fn depth(&self) -> usize {
        self.point.components().count()
    }

    fn broken_promises(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut bad = |why: String, remedy: &str| {
            findings.push(Finding::bad("mount", why, remedy));
        };
        for &option in &self.options {
            if let Some((why, remedy)) = judge_option(self.kind, option) {
                bad(format!("{} with {option}: {why}", self.kind), remedy);
            }
        }
        if let Some(why) = judge_kind(self.kind) {
            bad(format!("{}: {why}", self.kind), "keep the lake on ext4, xfs, btrfs or zfs");
        }
        findings
    }
}

fn judge_option(kind: &str, option: &str) -> Option<(&'static str, &'static str)> {
    let network = kind == "nfs" || kind == "nfs4";
    match option {
        "ro" => Some(("nothing can be written", "mount it rw")),
        "nobarrier" | "barrier=0" => {
            Some(("what is synced may still be lost", "mount it with barriers"))
        }
        "volatile" if kind == "overlay" => {
            Some(("syncs do nothing", "mount it without volatile, or keep the lake elsewhere"))
        }
        "nolock" | "local_lock=all" | "local_lock=posix" if network => {
            Some(("locks are not seen by other machines", "mount it with local_lock=none"))
        }
        "soft" | "softerr" if network => {
            Some(("a slow server turns into lost writes", "mount it hard"))
        }
        "nocto" if network => {
            Some(("other machines' files are seen late", "mount it without nocto"))
        }
        "nobrl" if kind == "cifs" || kind == "smb3" => {
            Some(("locks are not seen by other machines", "mount it without nobrl"))
        }
        "localflock" | "noflock" if kind == "lustre" => {
            Some(("locks are not seen by other machines", "mount it with flock"))
        }
        _ => None,
    }
}

fn judge_kind(kind: &str) -> Option<&'static str> {
    match kind {
        "vfat" | "msdos" | "exfat" => Some("no hard links, and names do not keep their case"),
        "ntfs" | "ntfs3" | "fuseblk" | "hfs" | "hfsplus" => Some("names do not keep their case"),
        "9p" | "vboxsf" | "prl_fs" | "fuse.vmhgfs-fuse" => {
            Some("locks and syncs of a shared folder are not those of a disk")
        }
        "fuse.s3fs" | "fuse.goofys" | "fuse.rclone" | "fuse.gcsfuse" | "fuse.blobfuse2" => {
            Some("an object store has neither hard links nor locks")
        }
        _ => None,
    }
}

/// Space, tab, newline and backslash come as `\040` and the like.
fn unescape(field: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let raw = field.as_bytes();
    let mut bytes = Vec::with_capacity(raw.len());
    let mut i = 0;
    while i < raw.len() {
        let code = (raw[i] == b'\\').then(|| raw.get(i + 1..i + 4)).flatten();
        let byte = code
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                i += 4;
            }
            None => {
                bytes.push(raw[i]);
                i += 1;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 8:1 / /data rw,relatime shared:9 - xfs /dev/sda1 rw,attr2
31 30 0:44 / /data/net rw,relatime - nfs4 host:/export rw,vers=4.2,hard,local_lock=none
32 22 0:45 / /with\\040space rw - vfat /dev/sdb1 rw
";

    fn nfs(options: &str) -> String {
        format!("{LOCAL}40 22 0:50 / /lake rw,relatime - nfs host:/lake rw,{options}\n")
    }

    fn bad(mountinfo: &str, path: &str) -> Vec<String> {
        let findings = judge_mount(mountinfo, Path::new(path));
        assert!(!findings.is_empty());
        findings.into_iter().filter(|f| !f.ok).map(|f| f.detail).collect()
    }

    #[test]
    fn local_disks_and_a_well_mounted_nfs_pass() {
        for path in ["/", "/home/lake", "/data/lake", "/data/net/lake", "/datalake"] {
            assert_eq!(bad(LOCAL, path), [""; 0], "{path}");
        }
        let on = judge_mount(LOCAL, Path::new("/data/net/lake"));
        assert!(on[0].detail.contains("nfs4"), "{on:?}");
        // A name that merely starts like a mount point is not beneath it.
        let on = judge_mount(LOCAL, Path::new("/datalake"));
        assert!(on[0].detail.contains("ext4"), "{on:?}");
    }

    #[test]
    fn each_unsafe_option_is_named() {
        let options =
            ["nolock", "local_lock=all", "local_lock=posix", "soft", "softerr", "nocto", "ro"];
        for option in options {
            let found = bad(&nfs(&format!("vers=3,{option},proto=tcp")), "/lake/x");
            assert!(found.len() == 1 && found[0].contains(option), "{option}: {found:?}");
        }
        assert_eq!(bad(&nfs("vers=3,soft,nocto,nolock"), "/lake").len(), 3);
        assert_eq!(bad(&nfs("hard,lock,cto,softreval,local_lock=flock"), "/lake"), [""; 0]);
    }

    #[test]
    fn an_option_of_one_kind_means_nothing_to_another() {
        let text = "22 1 254:0 / / rw,soft,nolock - ext4 /dev/vda rw,nocto\n";
        assert_eq!(bad(text, "/lake"), [""; 0]);
        let text = "22 1 254:0 / / rw - ext4 /dev/vda rw,barrier=0\n";
        assert_eq!(bad(text, "/lake").len(), 1);
        let text = "22 1 0:9 / / rw - overlay overlay rw,lowerdir=/a,volatile\n";
        assert_eq!(bad(text, "/lake").len(), 1);
    }

    #[test]
    fn the_innermost_and_latest_mount_counts() {
        assert_eq!(bad(LOCAL, "/with space/lake").len(), 1);
        let over = format!("{LOCAL}50 30 0:60 / /data rw - exfat /dev/sdc rw\n");
        assert_eq!(bad(&over, "/data/lake").len(), 1);
        assert_eq!(bad(&over, "/data/net/lake"), [""; 0]);
        assert_eq!(bad("", "/lake").len(), 1);
        assert_eq!(bad("no such line\n1 2 - x\n", "/lake").len(), 1);
    }

    #[test]
    fn what_is_in_memory_is_said_to_be() {
        let text = "22 1 0:9 / / rw - tmpfs tmpfs rw\n";
        let findings = judge_mount(text, Path::new("/lake"));
        assert!(findings[0].ok && findings[0].detail.contains("lost"));
    }
}
