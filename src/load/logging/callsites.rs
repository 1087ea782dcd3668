//! Callsites for records that were written elsewhere.
//!
//! `tracing` wants to know where a record comes from in metadata that lives for ever. A plugin's
//! metadata is its own, in code that one day is retired, so a copy is made, once for each content:
//! a plugin that is restarted, swapped or mounted twice finds the callsites that its predecessor
//! made, and nothing grows. Should a plugin invent names, [`MAX_SITES`] is the end of it.
//!
//! Every copy is registered with `tracing` like a callsite of the program. So the subscriber is
//! asked once what it thinks of it, filters that look at callsites (`EnvFilter`) see it, and the
//! answer is renewed when the subscriber changes.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use hotshoe_abi::AbiMetadata;
use parking_lot::RwLock;
use tracing::dispatcher::Dispatch;
use tracing::field::{Field, FieldSet};
use tracing::{Level, Metadata};
use tracing_core::callsite::{Callsite, Identifier, register};
use tracing_core::{Interest, Kind};

use crate::bridge::{MAX_FIELDS, level_filter};

/// The field that names the instance: the last one of each callsite.
const PLUGIN: &str = "plugin";
/// What a field of that name is called if it is the plugin's own.
const RENAMED: &str = "plugin.plugin";

/// How many callsites all plugins together may have. Some hundred bytes each; a large program has
/// some thousand. Records of further ones are dropped.
const MAX_SITES: usize = 65_536;

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

static SITES: RwLock<Sites> =
    RwLock::new(Sites { count: 0, by_hash: HashMap::with_hasher(BuildHasherDefault::new()) });

/// All callsites, by the hash of their content.
struct Sites {
    count: usize,
    by_hash: HashMap<u64, Vec<&'static Site>, BuildHasherDefault<DefaultHasher>>,
}

impl Sites {
    fn find(&self, hash: u64, key: &Key<'_>) -> Option<&'static Site> {
        self.by_hash.get(&hash)?.iter().copied().find(|site| key.is_of(site))
    }
}

/// The callsite with this content; `None` if there are too many.
pub(super) fn intern(metadata: &AbiMetadata<'_>, kind: Kind) -> Option<&'static Site> {
    let key = Key { metadata, is_span: kind == Kind::SPAN };
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(&key);
    if let Some(site) = SITES.read().find(hash, &key) {
        return Some(site);
    }
    let mut sites = SITES.write();
    if let Some(site) = sites.find(hash, &key) {
        return Some(site);
    }
    if sites.count >= MAX_SITES {
        return None;
    }
    let site = Site::leak(metadata, kind);
    sites.count += 1;
    sites.by_hash.entry(hash).or_default().push(site);
    drop(sites);
    // Asks the subscribers, and they may log. Until that is done, other threads find it `SOMETIMES`
    // interesting, which is always right.
    register(site);
    Some(site)
}

/// What makes two callsites the same.
struct Key<'a> {
    metadata: &'a AbiMetadata<'a>,
    is_span: bool,
}

impl Key<'_> {
    fn is_of(&self, site: &'static Site) -> bool {
        let (ours, theirs) = (site.metadata(), self.metadata);
        ours.is_span() == self.is_span
            && *ours.level() == level(theirs.level)
            && ours.line().unwrap_or_default() == theirs.line
            && ours.name() == theirs.name.as_str()
            && ours.target() == theirs.target.as_str()
            && ours.file().unwrap_or_default() == theirs.file.as_str()
            && ours.module_path().unwrap_or_default() == theirs.module.as_str()
            && site.own_fields().iter().map(Field::name).eq(field_names(theirs))
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let metadata = self.metadata;
        self.is_span.hash(state);
        level_filter(metadata.level).hash(state);
        metadata.line.hash(state);
        for text in [metadata.name, metadata.target, metadata.file, metadata.module] {
            text.as_str().hash(state);
        }
        field_names(metadata).for_each(|name| name.hash(state));
    }
}

/// The names of the plugin's fields that get a place here.
fn field_names<'a>(metadata: &AbiMetadata<'a>) -> impl Iterator<Item = &'a str> {
    metadata.fields.as_slice().iter().take(MAX_FIELDS - 1).map(|name| match name.as_str() {
        PLUGIN => RENAMED,
        name => name,
    })
}

fn level(number: u32) -> Level {
    level_filter(number).into_level().unwrap_or(Level::ERROR)
}

/// One callsite. `tracing` tells callsites apart by their addresses.
pub(super) struct Site {
    interest: AtomicU8,
    // Metadata and callsite point at each other, so one of them comes later.
    content: OnceLock<Content>,
}

struct Content {
    metadata: Metadata<'static>,
    fields: Box<[Field]>,
}

impl Site {
    fn leak(metadata: &AbiMetadata<'_>, kind: Kind) -> &'static Self {
        let site: &'static Self =
            Box::leak(Box::new(Self { interest: SOMETIMES.into(), content: OnceLock::new() }));
        let names: Vec<&'static str> = field_names(metadata).map(leak).chain([PLUGIN]).collect();
        let fields = FieldSet::new(names.leak(), Identifier(site));
        let metadata = Metadata::new(
            leak(&metadata.name),
            leak(&metadata.target),
            level(metadata.level),
            Some(metadata.file.as_str()).filter(|file| !file.is_empty()).map(leak),
            Some(metadata.line).filter(|line| *line != 0),
            Some(metadata.module.as_str()).filter(|module| !module.is_empty()).map(leak),
            fields,
            kind,
        );
        let fields = metadata.fields().iter().collect();
        site.content.get_or_init(|| Content { metadata, fields });
        site
    }

    fn content(&'static self) -> &'static Content {
        self.content.get().expect("set by `leak`, before anyone sees it")
    }

    pub(super) fn metadata(&'static self) -> &'static Metadata<'static> {
        &self.content().metadata
    }

    /// The plugin's fields; the field `plugin` comes after them.
    pub(super) fn own_fields(&'static self) -> &'static [Field] {
        let fields = &self.content().fields;
        &fields[..fields.len() - 1]
    }

    pub(super) fn plugin_field(&'static self) -> &'static Field {
        let fields = &self.content().fields;
        &fields[fields.len() - 1]
    }

    /// Whether `dispatch` wants what comes from here.
    pub(super) fn enabled(&'static self, dispatch: &Dispatch) -> bool {
        match self.interest.load(Ordering::Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => dispatch.enabled(self.metadata()),
        }
    }
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        let interest = if interest.is_never() {
            NEVER
        } else if interest.is_always() {
            ALWAYS
        } else {
            SOMETIMES
        };
        self.interest.store(interest, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        &self.content.get().expect("set by `leak`, before anyone sees it").metadata
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.into())
}
