//! What is granted now, where doors look it up without a lock; and the book in which it is
//! recorded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};

use super::core::Core;
use crate::config::InstanceConfig;
use crate::contract::{Error, ErrorKind, Result};
use crate::events::Admission;
use crate::manifest::{Manifest, Target};
use crate::services::{Authority, Change, Grants, Permission, validate};

/// How many decisions the log keeps.
const KEPT: usize = 4096;

/// What one running instance may do, now.
pub(super) struct Access {
    instance: String,
    grants: RwLock<Arc<Grants>>,
    /// Set when the instance has ended, or was given up.
    ended: AtomicBool,
    /// Counts up after each change of the two above.
    changes: AtomicU64,
}

impl Access {
    fn new(instance: &str, grants: Grants) -> Self {
        Self {
            instance: instance.to_owned(),
            grants: RwLock::new(Arc::new(grants)),
            ended: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        }
    }

    pub(super) fn grants(&self) -> Arc<Grants> {
        self.grants.read().clone()
    }

    /// Whether `permission` is granted.
    pub(super) fn allow(&self, permission: &str) -> bool {
        self.grants.read().allow(permission)
    }

    /// Fails unless `permission` is granted.
    pub(super) fn check(&self, permission: &str) -> Result<()> {
        self.grants.read().check(&self.instance, permission)
    }

    /// Fails if the instance has ended.
    pub(super) fn alive(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "this instance has ended")
                .with_plugin(&self.instance));
        }
        Ok(())
    }

    /// Takes everything away, also what was handed out.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// For what is handed out under `permission`, and must be refused once that is revoked.
    pub(super) fn permit(self: &Arc<Self>, permission: String) -> Permit {
        Permit { access: self.clone(), permission, seen: AtomicU64::new(u64::MAX) }
    }

    fn change(&self, change: Change) {
        Arc::make_mut(&mut self.grants.write()).change(change);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

/// One permission of one instance that is looked at again and again. While nothing changes, that
/// costs two loads.
pub(super) struct Permit {
    access: Arc<Access>,
    permission: String,
    /// The last answer (the lowest bit), and after how many changes it was given.
    seen: AtomicU64,
}

impl Permit {
    /// Whether the permission is granted and the instance has not ended.
    pub(super) fn holds(&self) -> bool {
        let now = self.access.changes.load(Ordering::Acquire) << 1;
        // Whoever kept an answer for `now` had seen what changed up to then, so its order with the
        // rest does not matter.
        let seen = self.seen.load(Ordering::Relaxed);
        if seen & !1 == now {
            return seen & 1 == 1;
        }
        let holds = self.check_anew().is_ok();
        self.seen.store(now | u64::from(holds), Ordering::Relaxed);
        holds
    }

    /// The same, with the reason.
    pub(super) fn check(&self) -> Result<()> {
        if self.holds() { Ok(()) } else { self.check_anew() }
    }

    fn check_anew(&self) -> Result<()> {
        self.access.alive()?;
        self.access.check(&self.permission)
    }
}

impl Admission for Arc<Permit> {
    fn admits(&self) -> bool {
        self.holds()
    }
}

/// All decisions about permissions, for as long as the host lives.
#[derive(Default)]
pub(crate) struct PermissionBook {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    instances: BTreeMap<String, Page>,
    /// Oldest first.
    log: VecDeque<Permission>,
}

/// What is known of one instance.
#[derive(Default)]
struct Page {
    /// What holds of what was changed at run time.
    changes: Vec<Change>,
    /// What was last decided.
    records: Vec<Permission>,
    /// Those of the generations that run, or last ran.
    accesses: Vec<Weak<Access>>,
}

impl Page {
    /// Brings the records up to date; those that are new. What was not decided again keeps its
    /// time.
    fn renew(&mut self, asked: &Asked) -> Vec<Permission> {
        let mut records =
            asked.with(&self.changes).records(&asked.instance, &asked.file, SystemTime::now());
        let mut new = Vec::new();
        for record in &mut records {
            let same = |old: &&Permission| {
                (&old.permission, old.state, &old.by)
                    == (&record.permission, record.state, &record.by)
            };
            match self.records.iter().find(same) {
                // The time is that of the change.
                Some(_) if matches!(record.by, Authority::Person { .. }) => {}
                Some(old) => record.at = old.at,
                None => new.push(record.clone()),
            }
        }
        self.records = records;
        new
    }
}

/// What an instance's configuration and manifest make of its permissions.
pub(super) struct Asked {
    pub(super) instance: String,
    /// Where it is configured.
    file: String,
    grants: Grants,
}

impl PermissionBook {
    /// Begins a run of an instance: what was changed at run time holds for it, too.
    pub(super) fn open(&self, asked: Asked) -> Arc<Access> {
        let mut inner = self.inner.lock();
        inner.record(&asked);
        let page = inner.instances.entry(asked.instance.clone()).or_default();
        let access = Arc::new(Access::new(&asked.instance, asked.with(&page.changes)));
        page.accesses.retain(|access| access.strong_count() > 0);
        page.accesses.push(Arc::downgrade(&access));
        access
    }

    /// A record for each permission.
    pub(super) fn records(&self, asked: &Asked) -> Vec<Permission> {
        self.inner.lock().record(asked)
    }

    fn allow(&self, asked: &Asked, permission: &str) -> bool {
        let inner = self.inner.lock();
        let page = inner.instances.get(&asked.instance);
        let changes = page.map(|page| page.changes.as_slice()).unwrap_or_default();
        asked.with(changes).allow(permission)
    }

    /// Every decision, oldest first.
    pub(super) fn log(&self) -> Vec<Permission> {
        self.inner.lock().log.iter().cloned().collect()
    }

    /// Takes in what somebody decides now.
    ///
    /// # Errors
    /// If there is nothing to decide; see [`Grants::check_change`].
    fn change(&self, asked: &Asked, change: &Change) -> Result<()> {
        asked.grants.check_change(&asked.instance, change)?;
        let mut inner = self.inner.lock();
        // What was decided before comes first in the log.
        inner.record(asked);
        let page = inner.instances.entry(asked.instance.clone()).or_default();
        let mut grants = asked.with(&page.changes);
        grants.change(change.clone());
        page.changes = grants.changes().to_vec();
        // What this changes is said by the change itself.
        page.renew(asked);
        for access in page.accesses.iter().filter_map(Weak::upgrade) {
            access.change(change.clone());
        }
        inner.note(Permission::changed(&asked.instance, change));
        Ok(())
    }
}

impl Inner {
    /// Brings the records of an instance up to date, and notes what is new.
    fn record(&mut self, asked: &Asked) -> Vec<Permission> {
        let page = self.instances.entry(asked.instance.clone()).or_default();
        let new = page.renew(asked);
        let records = page.records.clone();
        new.into_iter().for_each(|record| self.note(record));
        records
    }

    fn note(&mut self, decision: Permission) {
        if self.log.len() == KEPT {
            // No manifest, however much it asks for, drives out what people decided.
            let by_nobody = |old: &Permission| !matches!(old.by, Authority::Person { .. });
            self.log.remove(self.log.iter().position(by_nobody).unwrap_or(0));
        }
        self.log.push_back(decision);
    }
}

impl Asked {
    /// What this manifest asks for and that configuration grants, under the policy `cap`.
    pub(super) fn new(
        config: &InstanceConfig,
        manifest: &Manifest,
        cap: Option<Vec<String>>,
    ) -> Self {
        let required = manifest.requires.iter().filter_map(|required| match &required.target {
            Target::Service(name) => Some(name.as_str()),
            Target::Plugin(_) => None,
        });
        let (granted, denied) = (config.permissions.clone(), config.deny.clone());
        let grants = Grants::new(manifest.permissions.clone(), granted, denied)
            .requiring(required)
            .capped(cap);
        Self { instance: config.id.clone(), file: config.file(), grants }
    }

    fn with(&self, changes: &[Change]) -> Grants {
        let mut grants = self.grants.clone();
        changes.iter().for_each(|change| grants.change(change.clone()));
        grants
    }
}

impl Core {
    /// What is asked for by an instance whose manifest is known.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`].
    fn asked(&self, instance: &str) -> Result<Asked> {
        let slots = self.slots.read();
        let slot = slots.get(instance).ok_or_else(|| self.unknown(instance, slots.keys()))?;
        let candidate = slot.candidate.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "what it asks for is not known: it was not found")
                .with_plugin(instance)
                .with_help(format!("`explain(\"{instance}\")` tells why"))
        })?;
        let cap = self.config.plugins.security.permissions.clone();
        Ok(Asked::new(&slot.config, &candidate.manifest, cap))
    }

    /// Whether an instance that is to start with this manifest will have a permission.
    pub(super) fn may(
        &self,
        config: &InstanceConfig,
        manifest: &Manifest,
        permission: &str,
    ) -> bool {
        let cap = self.config.plugins.security.permissions.clone();
        self.permissions.allow(&Asked::new(config, manifest, cap), permission)
    }

    pub(super) fn permissions(&self, instance: &str) -> Result<Vec<Permission>> {
        Ok(self.permissions.records(&self.asked(instance)?))
    }

    /// Grants or revokes a permission, in force when this returns.
    pub(super) fn change_permission(
        &self,
        instance: &str,
        permission: &str,
        granted: bool,
        by: &str,
    ) -> Result<()> {
        if by.trim().is_empty() || by.contains(char::is_control) {
            let message = format!(
                "the name of whoever decides about the permission `{permission}` was expected, \
                 found {by:?}"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_plugin(instance)
                .with_help("name them in one line, for the record"));
        }
        let change = Change {
            permission: permission.to_owned(),
            granted,
            by: by.to_owned(),
            at: SystemTime::now(),
        };
        self.permissions.change(&self.asked(instance)?, &change)?;
        // Here, where no lock is held.
        if granted {
            tracing::info!(target: "hotshoe::permissions", plugin = instance, permission, by, "granted");
        } else {
            tracing::info!(target: "hotshoe::permissions", plugin = instance, permission, by, "revoked");
        }
        Ok(())
    }

    /// Logs what the policy allows and no door knows: then it only looks as if it allowed it.
    pub(super) fn warn_of_idle_policy(&self) {
        let cap = self.config.plugins.security.permissions.iter().flatten();
        for idle in validate(cap.map(String::as_str)) {
            tracing::warn!("`[plugins.security] permissions` names {idle}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asked(instance: &str, declared: &[&str], denied: &[&str]) -> Asked {
        let list = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let grants = Grants::new(list(declared), None, list(denied));
        Asked { instance: instance.to_owned(), file: "app.toml".to_owned(), grants }
    }

    fn change(permission: &str, granted: bool) -> Change {
        change_at(0, permission, granted)
    }

    fn change_at(second: u64, permission: &str, granted: bool) -> Change {
        Change {
            permission: permission.to_owned(),
            granted,
            by: "ada".to_owned(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
        }
    }

    fn told(log: &[Permission]) -> Vec<String> {
        let told = |entry: &Permission| {
            format!("{} {} {} by {}", entry.instance, entry.permission, entry.state, entry.by)
        };
        log.iter().map(told).collect()
    }

    #[test]
    fn each_decision_is_logged_once_in_its_order() {
        let book = PermissionBook::default();
        let mail = || asked("mail", &["request", "storage"], &["storage"]);
        book.open(mail());
        book.change(&mail(), &change("request", false)).unwrap();
        // A restart decides nothing anew.
        book.open(mail());
        book.records(&mail());
        book.change(&mail(), &change("storage", true)).unwrap();
        // A new version asks for more.
        book.open(asked("mail", &["request", "storage", "config.read"], &["storage"]));
        assert_eq!(
            told(&book.log()),
            [
                "mail request granted by the manifest",
                "mail storage refused by `plugins.mail.deny` in app.toml",
                "mail request refused by ada",
                "mail storage granted by ada",
                "mail config.read granted by the manifest",
            ]
        );
    }

    #[test]
    fn a_record_keeps_the_time_of_its_decision() {
        let book = PermissionBook::default();
        let mail = || asked("mail", &["request", "storage"], &[]);
        book.open(mail());
        let first = book.records(&mail());
        let decide = |second| {
            let change = change_at(second, "request", false);
            book.change(&mail(), &change).unwrap();
            change.at
        };
        let at = decide(1);
        let second = book.records(&mail());
        assert_eq!(second[0].at, at);
        assert_eq!(second[1], first[1], "nobody decided about that");
        book.open(mail());
        assert_eq!(book.records(&mail()), second);
        // The same decision once more is one more decision.
        let at = decide(2);
        assert_eq!(book.records(&mail())[0].at, at);
        assert_eq!(book.log().len(), 4);
    }

    #[test]
    fn a_change_reaches_all_generations_of_the_instance_that_are_there() {
        let book = PermissionBook::default();
        let mail = || asked("mail", &["request"], &[]);
        let other = book.open(asked("other", &["request"], &[]));
        let access = book.open(mail());
        let permit = access.permit("request".to_owned());
        assert!(permit.holds());
        book.change(&mail(), &change("*", false)).unwrap();
        assert!(!permit.holds() && !access.allow("request"));
        assert!(other.allow("request"), "it is another instance");
        let successor = book.open(mail());
        assert!(!successor.allow("request"));
        book.change(&mail(), &change("request", true)).unwrap();
        assert!(successor.allow("request"));
        // It may take over again.
        assert!(access.allow("request"));
        access.end();
        assert!(!permit.holds(), "once it has ended it gets nothing any more");
    }

    #[test]
    fn the_log_lets_the_oldest_go() {
        let book = PermissionBook::default();
        let mail = asked("mail", &["request"], &[]);
        for at in 0..KEPT {
            book.change(&mail, &change("request", at % 2 == 0)).unwrap();
        }
        let log = book.log();
        assert_eq!(log.len(), KEPT);
        assert_eq!(told(&log[..1]), ["mail request granted by ada"]);
    }

    #[test]
    fn no_manifest_drives_a_decision_of_a_person_out_of_the_log() {
        let book = PermissionBook::default();
        book.change(&asked("mail", &["request"], &[]), &change("request", false)).unwrap();
        let many: Vec<String> = (0..2 * KEPT).map(|at| format!("shared:{at}")).collect();
        book.open(asked("flood", &many.iter().map(String::as_str).collect::<Vec<_>>(), &[]));
        let log = book.log();
        assert_eq!(log.len(), KEPT);
        assert_eq!(told(&log[..1]), ["mail request refused by ada"]);
    }

    #[test]
    fn whoever_looks_while_it_changes_sees_no_old_answer_for_long() {
        let access = Arc::new(Access::new("mail", asked("mail", &["request"], &[]).grants));
        let permit = Arc::new(access.permit("request".to_owned()));
        let looking: Vec<_> = (0..2)
            .map(|_| {
                let permit = permit.clone();
                std::thread::spawn(move || (0..20_000).filter(|_| permit.holds()).count())
            })
            .collect();
        for at in 0..2_000 {
            let granted = at % 2 == 0;
            access.change(change("request", granted));
            assert_eq!(permit.holds(), granted);
        }
        for thread in looking {
            thread.join().unwrap();
        }
        access.end();
        assert!(!permit.holds());
    }
}
