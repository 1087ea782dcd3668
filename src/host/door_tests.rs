//! Every door of the host, one after the other: none opens without its permission. A method that is
//! new in a trait that crosses fails here until it has a place in the table.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_lite::future::block_on;
use hotshoe_abi::{
    AbiEventHandler, AbiFuture, ContextObject, ContributeObject, Event, EventHandlerObject,
};

use super::collect::Collector;
use super::context::InstanceContext;
use super::core::Core;
use crate::bridge::import_storage;
use crate::config::InstanceConfig;
use crate::contract::{
    Batch, Call, Error, ErrorKind, MemoryStore, Precondition, Request, Result, Scan, Storage,
    StorageBackend,
};
use crate::discover::Candidate;
use crate::sdk::{Context, NoConfig, Plugin};
use crate::services::{NAMED, SINGLE, validate};

/// One door: the method, the permission that it needs, and the way through it.
type Door = (&'static str, &'static str, fn(&Rig) -> Result<()>);

const DOORS: [Door; 9] = [
    ("settings", "config.read", |rig| rig.context.settings().map(drop)),
    ("storage", "storage", |rig| rig.context.storage().map(drop)),
    ("shared", "shared:map", |rig| rig.context.shared("map").map(drop)),
    ("publish", "events.publish:topic", |rig| {
        rig.context.publish(&Call::none(), "topic", Bytes::new().into()).map(drop)
    }),
    ("execute", "execute:other", |rig| {
        block_on(rig.context.execute(&Call::none(), "other", "null".into())).map(drop)
    }),
    ("request", "request", |rig| {
        block_on(rig.context.request(Request::builder("GET", "/").build())).map(drop)
    }),
    ("service", "service:some", |rig| rig.context.service("some", "*").map(drop)),
    ("services", "service:some", |rig| rig.context.services("some", "*").map(drop)),
    ("event_handler", "events.subscribe:topic", |rig| {
        rig.collector().event_handler(AbiEventHandler::new(Arc::new(Deaf)), "topic")
    }),
];

/// The door that is no method of the context: it is passed by contributing.
const CONTRIBUTED: &str = "event_handler";

/// Methods of the context that need no permission: they reach nothing but the instance's own.
const OPEN: [&str; 5] = ["text", "granted", "metric", "is_stopping", "stopping"];

/// Contributions that need none: handlers and middleware get what clients send them, jobs nothing,
/// a service or backend has to be in the manifest.
const OFFERS: [&str; 5] = ["middleware", "handler", "task", "storage", "service"];

/// A way into storage that was handed out.
type Use = (&'static str, fn(&Storage) -> Result<()>);

const USES: [Use; 6] = [
    ("get", |storage| block_on(storage.get(&Call::none(), "k")).map(drop)),
    ("put", |storage| {
        block_on(storage.put(&Call::none(), "k", Bytes::new(), Precondition::Any)).map(drop)
    }),
    ("delete", |storage| block_on(storage.delete(&Call::none(), "k", Precondition::Any)).map(drop)),
    ("scan", |storage| block_on(storage.scan(&Call::none(), Scan::prefix(""))).map(drop)),
    ("commit", |storage| {
        block_on(storage.commit(&Call::none(), Batch::new().put("k", "v", Precondition::Any)))
            .map(drop)
    }),
    ("health", |storage| block_on(storage.health()).map(drop)),
];

struct Deaf;

impl EventHandlerObject for Deaf {
    fn handle(&self, _: Event) -> AbiFuture<'_, ()> {
        AbiFuture::ready(Ok(()))
    }
}

struct Nothing;

impl Plugin for Nothing {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

/// An instance `it` that asks for all doors, as its context is before it starts.
struct Rig {
    core: Arc<Core>,
    context: Arc<InstanceContext>,
    candidate: Arc<Candidate>,
}

impl Rig {
    fn new(declared: &[&str]) -> Self {
        let core = Arc::new(Core::bare());
        *core.storage.write() = Some(("backend".into(), Storage::new(MemoryStore::new())));
        let mut candidate = Candidate::linked(crate::plugin!(Nothing, id = "it")).unwrap();
        candidate.manifest.permissions = declared.iter().map(|door| (*door).to_owned()).collect();
        let candidate = Arc::new(candidate);
        let config = InstanceConfig::new("it");
        let context = InstanceContext::new(&core, &config, &candidate, PathBuf::new());
        let mut slot = super::slot::Slot::new(config, core.monitor.clone());
        slot.candidate = Some(candidate.clone());
        core.slots.write().insert("it".into(), Box::new(slot));
        Self { core, context: Arc::new(context), candidate }
    }

    /// One that asks for everything.
    fn with_all() -> Self {
        Self::new(&DOORS.map(|(_, permission, _)| permission))
    }

    fn collector(&self) -> Collector {
        Collector::new(self.context.clone(), self.candidate.clone())
    }

    fn change(&self, permission: &str, granted: bool) {
        self.core.change_permission("it", permission, granted, "ada").unwrap();
    }
}

fn is_refused(outcome: Result<()>, permission: &str) -> bool {
    match outcome {
        Err(error) if error.is_permission_denied() => {
            assert_eq!(error.plugin(), Some("it"));
            let what = format!("the permission `{permission}` is needed");
            assert!(error.message().starts_with(&what), "{error}");
            true
        }
        // What lies behind the door is not there.
        _ => false,
    }
}

#[test]
fn no_door_opens_without_its_permission() {
    for (method, permission, open) in DOORS {
        // All others are of no use.
        let others: Vec<&str> =
            DOORS.iter().map(|(_, other, _)| *other).filter(|other| *other != permission).collect();
        assert!(is_refused(open(&Rig::new(&others)), permission), "`{method}` is open");
        let only = Rig::new(&[permission]);
        assert!(!is_refused(open(&only), permission), "`{method}` stays closed");
        assert!(only.context.granted(permission));
    }
}

#[test]
fn every_door_is_closed_by_a_revocation_and_opened_by_a_grant() {
    for (method, permission, open) in DOORS {
        let rig = Rig::with_all();
        assert!(!is_refused(open(&rig), permission), "`{method}`");
        for revoked in [permission, "*"] {
            rig.change(revoked, false);
            assert!(is_refused(open(&rig), permission), "`{method}` without `{revoked}`");
            assert!(!rig.context.granted(permission));
            rig.change(permission, true);
            assert!(!is_refused(open(&rig), permission), "`{method}` again");
        }
    }
}

#[test]
fn no_door_of_the_context_opens_for_an_instance_that_has_ended() {
    let rig = Rig::with_all();
    rig.context.end();
    for (method, _, open) in DOORS.iter().filter(|(method, ..)| *method != CONTRIBUTED) {
        let error = open(&rig).expect_err(method);
        assert_eq!(error.message(), "this instance has ended", "`{method}`");
    }
}

#[test]
fn storage_that_was_handed_out_is_refused_at_each_method_once_it_is_revoked() {
    for (permission, hand_out) in [
        ("storage", (|rig| rig.context.storage().map(import_storage)) as fn(&Rig) -> _),
        ("shared:map", |rig| rig.context.shared("map").map(import_storage)),
    ] {
        let rig = Rig::with_all();
        let storage: Storage = hand_out(&rig).unwrap();
        let each = |expected: &str| {
            for (method, through) in USES {
                let told = through(&storage).map_err(|error: Error| error.message().to_owned());
                let told = told.map_or_else(|message| message, |()| "fine".into());
                assert_eq!(told, expected, "`{method}` of `{permission}`");
            }
        };
        each("fine");
        rig.change(permission, false);
        each(&format!("the permission `{permission}` is needed, ada revoked it"));
        rig.change(permission, true);
        each("fine");
        // Another instance's end, or another permission, is none of its business.
        rig.change("request", false);
        each("fine");
        rig.context.end();
        each("this instance has ended");
        rig.change(permission, true);
        each("this instance has ended");
        assert_eq!(through_kind(&storage), ErrorKind::Unavailable);
    }
}

fn through_kind(storage: &Storage) -> ErrorKind {
    block_on(storage.get(&Call::none(), "k")).unwrap_err().kind()
}

#[test]
fn every_method_that_crosses_has_its_place_in_these_tables() {
    let context = methods(include_str!("../../abi/src/services.rs"), "ContextObject");
    let doors = DOORS.iter().map(|(method, ..)| *method).filter(|method| *method != CONTRIBUTED);
    let placed: BTreeSet<&str> = doors.chain(OPEN).collect();
    assert_eq!(placed, context, "which permission does a new method need?");

    let contribute = methods(include_str!("../../abi/src/contribute.rs"), "ContributeObject");
    let placed: BTreeSet<&str> = OFFERS.into_iter().chain([CONTRIBUTED]).collect();
    assert_eq!(placed, contribute, "which permission does a new contribution need?");

    let storage = methods(include_str!("../../abi/src/storage.rs"), "StorageObject");
    let mut placed: BTreeSet<&str> = USES.iter().map(|(method, _)| *method).collect();
    placed.insert("capability");
    assert_eq!(placed, storage, "is a new method refused after a revocation?");
}

/// The names of a trait's methods.
fn methods<'t>(text: &'t str, name: &str) -> BTreeSet<&'t str> {
    let (_, rest) = text.split_once(&format!("pub trait {name}")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let names = body.lines().filter_map(|line| line.strip_prefix("    fn "));
    names.map(|name| name.split(['(', '<']).next().unwrap_or_default()).collect()
}

#[test]
fn the_permissions_of_all_doors_are_known_and_no_others() {
    assert_eq!(validate(DOORS.map(|(_, permission, _)| permission)), []);
    let used: BTreeSet<&str> = DOORS
        .iter()
        .map(|(_, permission, _)| permission.split(':').next().unwrap_or_default())
        .collect();
    let known = SINGLE.iter().copied().chain(NAMED.iter().map(|(door, _)| *door));
    assert_eq!(used, known.collect());
}
