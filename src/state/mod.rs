//! State that outlives the host: what plugins with `state = "kept"` leave for their next start.
//!
//! It lies in one of two places: in the host's storage, if that is durable and has room for it, else in
//! a file. Both are looked at, and what was saved last counts: so a storage backend that is added, that
//! is taken away or that fails just then changes nothing. In each place the state before is kept beside
//! it.
//!
//! Whatever cannot be used is an error that says where it lies. Nothing is written over it: it is for
//! people to decide, and [`put_aside`](KeptState::put_aside) is what they can decide on.

mod envelope;
mod file;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use semver::Version;

use crate::contract::{Error, ErrorKind, Result, Storage};
use envelope::Envelope;
use file::Folder;
use stored::Stored;

/// So many states that could not be used are put aside in one place. Beyond that somebody should look
/// at them first.
const PUT_ASIDE: usize = 8;

/// The state of one instance, wherever it lies.
pub(crate) struct KeptState {
    plugin: String,
    version: Version,
    places: Vec<Place>,
}

/// One place where it may lie.
enum Place {
    Stored(Stored),
    Folder(Folder),
}

/// What was found.
pub(crate) struct Found {
    /// Where it lies, for people.
    pub(crate) at: String,
    /// The state, or why what lies there is none of this plugin.
    pub(crate) state: Result<Bytes>,
}

impl KeptState {
    /// That of an instance of this plugin: below this folder, and in this storage, if it is durable.
    pub(crate) fn new(
        instance: &str,
        plugin: &str,
        version: &Version,
        folder: &Path,
        storage: Option<(String, Storage)>,
    ) -> Self {
        let stored = storage.and_then(|(backend, storage)| Stored::new(instance, backend, storage));
        let folder = Place::Folder(Folder::new(folder.join(instance)));
        let places = stored.map(Place::Stored).into_iter().chain([folder]).collect();
        Self { plugin: plugin.to_owned(), version: version.clone(), places }
    }

    /// Where it may lie, for people.
    pub(crate) fn at(&self) -> String {
        let places: Vec<String> = self.places.iter().map(Place::to_string).collect();
        places.join(" or ")
    }

    /// What was saved last. Of something that cannot be used nobody knows when it was saved, so it is
    /// what is told of.
    ///
    /// # Errors
    /// If a place cannot be read: [`ErrorKind::Io`], and those of the storage.
    pub(crate) async fn load(&self) -> Result<Option<Found>> {
        let mut last: Option<(Envelope, String)> = None;
        for place in &self.places {
            let Some(bytes) = place.read().await? else { continue };
            let envelope = Envelope::decode(bytes);
            let envelope = match envelope.and_then(|envelope| self.of_this_plugin(envelope)) {
                Ok(envelope) => envelope,
                Err(error) => return Ok(Some(Found { at: place.to_string(), state: Err(error) })),
            };
            if last.as_ref().is_none_or(|(other, _)| other.saved < envelope.saved) {
                last = Some((envelope, place.to_string()));
            }
        }
        Ok(last.map(|(envelope, at)| Found { at, state: Ok(envelope.state) }))
    }

    /// Keeps this from now on; `None`: there is no state any more.
    ///
    /// # Errors
    /// If it could be written nowhere. What was there before is there still.
    pub(crate) async fn save(&self, state: Option<&[u8]>) -> Result<()> {
        let Some(state) = state else {
            for place in &self.places {
                place.clear().await?;
            }
            return Ok(());
        };
        // A clock may have been set back; what is saved now is the last all the same.
        let mut saved = now();
        for place in &self.places {
            if let Ok(Some(bytes)) = place.read().await
                && let Ok(before) = Envelope::decode(bytes)
            {
                saved = saved.max(before.saved.saturating_add(1));
            }
        }
        let bytes: Bytes = Envelope::encode(&self.plugin, &self.version, saved, state).into();
        let mut outcome = Ok(());
        for place in &self.places {
            if !place.has_room(bytes.len()) {
                continue;
            }
            outcome = place.write(bytes.clone()).await;
            match &outcome {
                Ok(()) => break,
                Err(error) => tracing::warn!(%place, %error, "a state cannot be kept here"),
            }
        }
        outcome
    }

    /// Moves what lies there out of the way, for people to look at; where it lies now.
    ///
    /// # Errors
    /// If a place cannot be written to, or if too much was put aside there already.
    pub(crate) async fn put_aside(&self) -> Result<Vec<String>> {
        let mut aside = Vec::new();
        for place in &self.places {
            aside.extend(place.put_aside().await?);
        }
        Ok(aside)
    }

    fn of_this_plugin(&self, envelope: Envelope) -> Result<Envelope> {
        if envelope.plugin == self.plugin {
            return Ok(envelope);
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a state of the plugin `{}` was expected, found one of `{}` {}",
                self.plugin, envelope.plugin, envelope.version
            ),
        ))
    }
}

impl Place {
    async fn read(&self) -> Result<Option<Bytes>> {
        match self {
            Self::Stored(stored) => stored.read().await,
            Self::Folder(folder) => folder.read(),
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        match self {
            Self::Stored(stored) => stored.has_room(bytes),
            Self::Folder(_) => true,
        }
    }

    async fn write(&self, bytes: Bytes) -> Result<()> {
        match self {
            Self::Stored(stored) => stored.write(bytes).await,
            Self::Folder(folder) => folder.write(&bytes),
        }
    }

    async fn clear(&self) -> Result<()> {
        match self {
            Self::Stored(stored) => stored.clear().await,
            Self::Folder(folder) => folder.clear(),
        }
    }

    async fn put_aside(&self) -> Result<Option<String>> {
        match self {
            Self::Stored(stored) => stored.put_aside().await,
            Self::Folder(folder) => folder.put_aside(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(stored) => stored.fmt(f),
            Self::Folder(folder) => folder.fmt(f),
        }
    }
}

/// There is no room for another state that could not be used.
fn too_many_aside(at: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::ResourceLimit,
        format!("{PUT_ASIDE} states that could not be used lie at {at} already"),
    )
    .with_help("look at them, and remove those that nobody needs any more")
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
