//! The plugins in a directory.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use hotshoe_abi::plain::Line;

use super::Candidate;
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::verify::{Verdict, Verifier};

/// Of the files that hold one and the same plugin, so many are named beside the first.
const NAMED: usize = 2;

/// What a directory holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Plugins that can be mounted, by file name.
    pub(crate) candidates: Vec<Candidate>,
    /// Files that mean to be plugins and are not, with the reason.
    pub(crate) refused: Vec<(PathBuf, Error)>,
    /// Files that are something else, with the reason; each is reported once and ignored.
    pub(crate) ignored: Vec<(PathBuf, String)>,
}

/// Looks at every library file of `directory`, in the order of their names.
///
/// # Errors
/// [`ErrorKind::Io`] if the directory cannot be read.
pub(crate) fn scan(directory: &Path, verifier: &Verifier) -> Result<Found> {
    let unreadable = |error: std::io::Error| {
        let help = if error.kind() == std::io::ErrorKind::NotFound {
            "create it, or correct `[plugins] directory`"
        } else {
            "check its permissions, or correct `[plugins] directory`"
        };
        Err::<(), _>(error)
            .describe_as(ErrorKind::Io, "the plugin directory cannot be read")
            .unwrap_err()
            .with_path(directory)
            .with_help(help)
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_library(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(look_at_all(&paths, verifier))
}

/// On all cores: where every byte counts, that takes longer than all else of a start.
fn look_at_all(paths: &[PathBuf], verifier: &Verifier) -> Found {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = paths.len().div_ceil(cores).max(1);
    let look = |paths: &[PathBuf]| {
        let mut found = Found::default();
        paths.iter().for_each(|path| look_at(path.clone(), verifier, &mut found));
        found
    };
    let mut shares = paths.chunks(share);
    let own = shares.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = shares
            .map(|share| {
                let thread = std::thread::Builder::new().name("hotshoe-verify".into());
                (share, thread.spawn_scoped(scope, move || look(share)))
            })
            .collect();
        let mut found = look(own);
        for (share, thread) in others {
            let more = match thread.map(ScopedJoinHandle::join) {
                Ok(Ok(more)) => more,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // There are no more threads: one does.
                Err(_) => look(share),
            };
            found.candidates.extend(more.candidates);
            found.refused.extend(more.refused);
            found.ignored.extend(more.ignored);
        }
        found
    })
}

/// Whether this is the name of a library. None begins with a dot: so tools call files that they have
/// not finished.
pub(super) fn is_library(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|found| found == std::env::consts::DLL_EXTENSION)
}

/// Looks at one file.
pub(crate) fn look_at(path: PathBuf, verifier: &Verifier, found: &mut Found) {
    match verifier.verify(&path) {
        Ok(Verdict::Plugin(verified)) => found.candidates.push((*verified).into()),
        Ok(Verdict::NoPlugin(reason)) => found.ignored.push((path, reason)),
        Err(error) => found.refused.push((path, error)),
    }
}

/// Files with the same id and version: nobody can say which one was meant, so none is. For all that was
/// found at once: of three files, two in one directory must not leave the third.
pub(crate) fn refuse_duplicates(found: &mut Found) {
    let mut by_name: BTreeMap<(String, String), Vec<Candidate>> = BTreeMap::new();
    for candidate in found.candidates.drain(..) {
        let name = (candidate.manifest.id.clone(), candidate.manifest.version.to_string());
        by_name.entry(name).or_default().push(candidate);
    }
    for ((id, version), candidates) in by_name {
        if candidates.len() == 1 {
            found.candidates.extend(candidates);
            continue;
        }
        let paths: Vec<&Path> = candidates.iter().filter_map(|c| c.source.path()).collect();
        let Some((first, others)) = paths.split_first() else { continue };
        let mut also: Vec<String> =
            others.iter().take(NAMED).map(|path| Line(path.display()).to_string()).collect();
        if others.len() > NAMED {
            also.push(format!("and {} more", others.len() - NAMED));
        }
        let error = Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "one file for version {version} was expected, there are {}; also {}",
                paths.len(),
                also.join(", ")
            ),
        )
        .with_plugin(&id)
        .with_phase("discover")
        .with_path(first)
        .with_help("keep one of them; to run it twice, name two instances in the configuration");
        found.refused.push((first.to_path_buf(), error));
    }
}
