//! Plans as text, for the environment of a twin binary:
//!
//! `mode[:errno]@n[+][:op,op...][~part of the path]`, where `+` means sticky:
//! `kill@17`, `fail:ENOSPC@3:write`, `fail_after:EIO@1:link`,
//! `fail:EIO@2+:sync_file`, `stop@9:link,sync_dir~log/`, `tear@1:write`, `pause@4`.

use rustix::io::Errno;

use super::plan::{Mode, OPS, OpFilter, Plan};

const ERRNOS: &[(&str, Errno)] = &[
    ("EACCES", Errno::ACCESS),
    ("EDQUOT", Errno::DQUOT),
    ("EEXIST", Errno::EXIST),
    ("EINTR", Errno::INTR),
    ("EIO", Errno::IO),
    ("ELOOP", Errno::LOOP),
    ("EMFILE", Errno::MFILE),
    ("ENFILE", Errno::NFILE),
    ("ENOENT", Errno::NOENT),
    ("ENOLCK", Errno::NOLCK),
    ("ENOSPC", Errno::NOSPC),
    ("ENOSYS", Errno::NOSYS),
    ("EOPNOTSUPP", Errno::OPNOTSUPP),
    ("EPERM", Errno::PERM),
    ("EROFS", Errno::ROFS),
    ("ESTALE", Errno::STALE),
    ("EXDEV", Errno::XDEV),
];

pub fn parse(text: &str) -> Result<Plan, String> {
    let (rest, path) = match text.split_once('~') {
        Some((rest, path)) => (rest, Some(path.to_owned())),
        None => (text, None),
    };
    let (mode, rest) = rest.split_once('@').ok_or_else(|| format!("{text}: no @n"))?;
    let (at, ops) = match rest.split_once(':') {
        Some((at, ops)) => (at, parse_ops(ops)?),
        None => (rest, OpFilter::All),
    };
    let sticky = at.ends_with('+');
    let digits = at.strip_suffix('+').unwrap_or(at);
    let at = digits.parse().map_err(|_| format!("{digits:?} is not a number"))?;
    if at == 0 {
        return Err("operations are counted from 1".to_owned());
    }
    Ok(Plan { at, ops, path, mode: parse_mode(mode)?, sticky })
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    match text.split_once(':') {
        None => match text {
            "tear" => Ok(Mode::Tear),
            "stop" => Ok(Mode::Stop),
            "kill" => Ok(Mode::Kill),
            "pause" => Ok(Mode::Pause),
            "fail" | "fail_after" => Err(format!("{text} needs an errno")),
            _ => Err(format!("{text:?} is not a mode")),
        },
        Some(("fail", errno)) => Ok(Mode::Fail(parse_errno(errno)?)),
        Some(("fail_after", errno)) => Ok(Mode::FailAfter(parse_errno(errno)?)),
        Some((mode, _)) => Err(format!("{mode:?} takes no errno")),
    }
}

fn parse_errno(text: &str) -> Result<i32, String> {
    let known = ERRNOS.iter().find(|(name, _)| *name == text);
    match known {
        Some((_, errno)) => Ok(errno.raw_os_error()),
        None => text.parse().map_err(|_| format!("{text:?} is not an errno known here")),
    }
}

fn parse_ops(text: &str) -> Result<OpFilter, String> {
    let known = |op: &str| match OPS.contains(&op) {
        true => Ok(op.to_owned()),
        false => Err(format!("{op:?} is not an operation")),
    };
    Ok(OpFilter::Only(text.split(',').map(known).collect::<Result<_, _>>()?))
}
