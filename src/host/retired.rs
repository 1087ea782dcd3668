//! What swaps have left behind in memory: told, and bounded.

use std::path::PathBuf;
use std::time::SystemTime;

use hotshoe_abi::plain::Line;
use serde::Serialize;

use super::core::Core;
use super::mappings::Mappings;
use super::public::PluginHost;
use crate::config::Sha256;
use crate::contract::{Error, ErrorKind, Result};

/// A library that nobody uses any more, because its instances have gone on to other builds.
///
/// Native code is never unloaded: destructors of thread-local values, and references that live for
/// good, would lead into nothing. So what a swap leaves behind keeps its memory until the program
/// ends, and is counted; `max_retired` (see [`PluginsConfig`](crate::config::PluginsConfig)) bounds it.
///
/// The same bytes in another file do not cost that again: what is open already is used again, with
/// the statics that it has, and is not retired any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetiredLibrary {
    /// The plugin's id.
    pub plugin: String,
    /// Its version.
    pub version: semver::Version,
    /// The file that it came from, which may hold something else by now.
    pub path: PathBuf,
    /// SHA-256 of the bytes; none of what was mapped from disk.
    pub digest: Option<Sha256>,
    /// The instances that used it.
    pub instances: Vec<String>,
    /// When it was opened.
    pub opened: SystemTime,
    /// Since when nobody uses it.
    pub retired: SystemTime,
    /// Bytes of the sealed copy in memory that it was loaded from, all of which stay there; none of
    /// what was mapped from disk.
    pub copy: Option<u64>,
    /// What it has mapped; none on other systems than Linux, and where the system does not tell.
    pub memory: Option<LibraryMemory>,
}

/// What a library has mapped of its file, written pages included. Memory that it allocated is not in it,
/// nor are its variables that are zero at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LibraryMemory {
    /// Bytes that are in memory now. Those of a copy are also counted as the copy's.
    pub resident: u64,
    /// Bytes among them that no other process shares.
    pub private: u64,
}

impl RetiredLibrary {
    /// The most that is known of what it keeps in memory.
    fn bytes(&self) -> u64 {
        self.copy.unwrap_or(0).max(self.memory.map_or(0, |memory| memory.resident))
    }
}

impl PluginHost {
    /// Libraries that are open and that nobody uses any more, since their instances have gone on to
    /// other builds; those that were opened first in front. See [`RetiredLibrary`]. Reading what they
    /// have of the memory takes some milliseconds in a large program.
    pub fn retired(&self) -> Vec<RetiredLibrary> {
        self.core().retired()
    }
}

impl Core {
    /// Libraries that nobody uses any more.
    pub(super) fn retired(&self) -> Vec<RetiredLibrary> {
        let retired = self.libraries.retired();
        let mappings = if retired.is_empty() { None } else { Mappings::read() };
        let with_memory = |(mut library, code): (RetiredLibrary, usize)| {
            let mapped = mappings.as_ref().and_then(|all| all.of_code_at(code));
            library.memory = mapped
                .map(|mapped| LibraryMemory { resident: mapped.resident, private: mapped.private });
            library
        };
        retired
            .into_iter()
            .map(|retired| (retired.library, retired.code))
            .map(with_memory)
            .collect()
    }

    /// Whether a swap may leave one more library behind.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`]: what is retired, how much memory that is, and what to do.
    pub(super) fn may_retire_one_more(&self) -> Result<()> {
        let most = self.config.plugins.max_retired;
        if self.libraries.count_retired() < most as usize {
            return Ok(());
        }
        Err(too_many(&self.retired(), most))
    }
}

fn too_many(retired: &[RetiredLibrary], most: u32) -> Error {
    /// Of so many the versions are named.
    const SHOWN: usize = 6;

    let kib = retired.iter().map(RetiredLibrary::bytes).sum::<u64>().div_ceil(1024);
    let mut message = format!(
        "at most {most} retired libraries were expected (`max_retired`); there are {}, of {kib} KiB, and \
         this would be one more",
        retired.len(),
    );
    let newest = retired.iter().rev().take(SHOWN);
    let names: Vec<String> = newest
        .map(|library| Line(format!("{} {}", library.plugin, library.version)).to_string())
        .collect();
    if !names.is_empty() {
        message.push_str(&format!("; the latest: {}", names.join(", ")));
    }
    Error::new(ErrorKind::ResourceLimit, message).with_help(
        "restart the program when it suits, which gives their memory back; or raise `max_retired` \
         in [plugins], if there is enough",
    )
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::host::libraries::{InUse, User};
    use crate::manifest::Manifest;
    use crate::sdk::{Context, NoConfig, Plugin};
    use crate::verify::LibraryFile;

    struct Nothing;

    impl Plugin for Nothing {
        type Config = NoConfig;

        async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
            Ok(Self)
        }
    }

    /// Lets `it` go from build to build.
    fn go_on(core: &Core, folder: &std::path::Path, builds: Range<u64>) -> Option<InUse> {
        let plugin = crate::plugin!(Nothing, id = "it", version = "1.2.3");
        let manifest = Manifest::parse(plugin.manifest_text()).unwrap();
        let mut used = None;
        for start in builds {
            let path = folder.join(format!("lib{start}.so"));
            std::fs::write(&path, "1234").unwrap();
            let user = User { instance: "it".into(), start };
            let file = LibraryFile::mapped_from(&path);
            used = Some(core.libraries.keep(&file, &manifest, plugin.module(), user));
        }
        used
    }

    #[test]
    fn as_many_may_be_retired_as_the_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut core = Core::bare();
        core.config.plugins.max_retired = 2;
        let used = go_on(&core, folder.path(), 0..2);
        assert!(core.may_retire_one_more().is_ok());
        drop(used);
        let _used = go_on(&core, folder.path(), 2..3);
        let error = core.may_retire_one_more().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceLimit);
        let text = format!("{error:#}");
        for part in
            ["at most 2", "there are 2, of", "it 1.2.3, it 1.2.3", "restart", "`max_retired`"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn with_none_allowed_there_is_nothing_to_name() {
        let mut core = Core::bare();
        core.config.plugins.max_retired = 0;
        let error = core.may_retire_one_more().unwrap_err();
        assert_eq!(
            error.message(),
            "at most 0 retired libraries were expected (`max_retired`); there are 0, of 0 KiB, and this \
             would be one more"
        );
    }

    #[test]
    fn what_is_retired_is_told_with_its_memory() {
        let folder = tempfile::tempdir().unwrap();
        let core = Core::bare();
        assert!(core.retired().is_empty());
        let _used = go_on(&core, folder.path(), 0..2);
        let [retired] = &core.retired()[..] else { panic!("one was expected") };
        assert_eq!((retired.plugin.as_str(), &*retired.instances), ("it", &["it".to_owned()][..]));
        assert!(retired.path.ends_with("lib0.so"));
        assert!(retired.opened <= retired.retired);
        assert_eq!((retired.digest, retired.copy), (None, None), "it is mapped from disk");
        // Its code is in this program.
        #[cfg(target_os = "linux")]
        assert!(retired.memory.unwrap().resident > 0);
        assert!(serde_json::to_string(retired).unwrap().contains(r#""version":"1.2.3""#));
    }
}
