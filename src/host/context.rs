//! The doors of the host, for one instance: each checks the grant and the limit, then asks the
//! core.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use hotshoe_abi::__stable::RString;
use hotshoe_abi::plain::Line;
use hotshoe_abi::{AbiBytes, AbiFuture, AbiPort, AbiStorage, ContextObject, context_text};
use semver::VersionReq;

use super::core::Core;
use super::guarded::Guarded;
use super::permissions::{Access, Asked, Permit};
use crate::bridge::{Scope, export_storage};
use crate::config::InstanceConfig;
use crate::contract::{Call, Error, ErrorKind, Namespaced, Request, Response, Result, ResultExt};
use crate::discover::Candidate;
use crate::metrics::Figures;
use crate::runtime::{Sign, nested};
use crate::services::{Limits, validate};

/// The host, as one instance sees it.
pub(crate) struct InstanceContext {
    core: Weak<Core>,
    pub(crate) instance: String,
    plugin: String,
    data_dir: PathBuf,
    /// The same, once it was asked for and therefore made.
    made: OnceLock<String>,
    /// What it may do, now; nothing once it has ended, or was given up.
    access: Arc<Access>,
    pub(crate) limits: Limits,
    pub(crate) figures: Figures,
    /// Given when the instance is being stopped.
    stopping: Sign,
}

impl InstanceContext {
    pub(super) fn new(
        core: &Arc<Core>,
        config: &InstanceConfig,
        candidate: &Candidate,
        data_dir: PathBuf,
    ) -> Self {
        let manifest = &candidate.manifest;
        let cap = core.config.plugins.security.permissions.clone();
        Self {
            core: Arc::downgrade(core),
            instance: config.id.clone(),
            plugin: manifest.id.clone(),
            data_dir,
            made: OnceLock::new(),
            access: core.permissions.open(Asked::new(config, manifest, cap)),
            limits: Limits::new(&config.limits),
            figures: Figures::default(),
            stopping: Sign::default(),
        }
    }

    /// Tells the instance that it is being stopped. Wakes what waits for that, which may be code of the
    /// plugin's: call it on a thread that may be lost.
    pub(super) fn begin_stop(&self) {
        self.stopping.give();
    }

    /// Closes every door: for an instance that has ended, or was given up and may still run.
    pub(super) fn end(&self) {
        self.access.end();
    }

    /// Fails unless `permission` is granted.
    pub(super) fn check(&self, permission: &str) -> Result<()> {
        self.access.check(permission)
    }

    /// For what is handed out under `permission`; fails unless it is granted.
    pub(super) fn permit(&self, permission: String) -> Result<Permit> {
        self.check(&permission)?;
        Ok(self.access.permit(permission))
    }

    /// What the manifest asks for, or the configuration grants or denies, to no effect.
    pub(super) fn warnings(&self) -> Vec<String> {
        let grants = self.access.grants();
        let unknown = grants
            .unknown()
            .into_iter()
            .map(|idle| format!("its manifest asks for the permission {idle}"));
        let idle = grants.idle().map(|(key, entry)| match validate([entry]).first() {
            Some(idle) => format!("`{key}` names {idle}"),
            None => format!(
                "`{key}` names \"{entry}\", which its manifest does not ask for; it asks for: {}",
                grants.declared()
            ),
        });
        unknown.chain(idle).collect()
    }

    /// What the manifest asks for and the operator does not grant.
    pub(super) fn refused(&self) -> Vec<String> {
        self.access.grants().refused().map(str::to_owned).collect()
    }

    fn core(&self) -> Result<Arc<Core>> {
        self.access.alive()?;
        self.core.upgrade().ok_or_else(|| Error::new(ErrorKind::Unavailable, "the host is gone"))
    }

    fn check_service(&self, name: &str) -> Result<()> {
        let permission = format!("service:{name}");
        self.check(&permission).map_err(|error| {
            if self.access.grants().asks_for(&permission) {
                return error;
            }
            error.with_help(format!(
                "require it in the plugin's manifest: requires = [service \"{name}\" = \"^1\"]"
            ))
        })
    }
}

/// Makes the folder, for its owner only; most plugins never ask for theirs.
fn make(folder: &Path) -> String {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if let Err(error) = builder.create(folder) {
        tracing::error!(path = %Line(folder.display()), %error, "a plugin's folder cannot be made");
    }
    folder.display().to_string()
}

fn range(text: &str) -> Result<VersionReq> {
    VersionReq::parse(text)
        .describe_as(ErrorKind::InvalidInput, format!("`{text}` is no version range"))
}

impl ContextObject for InstanceContext {
    fn text(&self, field: u32) -> &str {
        match field {
            context_text::INSTANCE => &self.instance,
            context_text::PLUGIN => &self.plugin,
            context_text::DATA_DIR => self.made.get_or_init(|| make(&self.data_dir)),
            _ => "",
        }
    }

    fn granted(&self, permission: &str) -> bool {
        self.access.allow(permission)
    }

    fn settings(&self) -> Result<RString> {
        self.check("config.read")?;
        let settings = serde_json::Value::Object(self.core()?.config.application.clone());
        Ok(crate::config::redact(&settings).to_string().into())
    }

    fn storage(&self) -> Result<AbiStorage> {
        let permit = self.permit("storage".to_owned())?;
        let core = self.core()?;
        let storage = core.storage.read();
        let Some((_, backend)) = storage.as_ref() else {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "storage was asked for, and no storage backend is active",
            )
            .with_plugin(&self.instance)
            .with_help(
                "mount one, such as storage-sqlite, and name it in `[plugins] storage` if there \
                 are several",
            ));
        };
        let namespaced = Namespaced::new(backend.clone(), &self.instance)?;
        Ok(export_storage(Guarded::new(namespaced, permit), Scope::new("")))
    }

    fn shared(&self, name: &str) -> Result<AbiStorage> {
        let permit = self.permit(format!("shared:{name}"))?;
        let map = self.core()?.shared_map(name);
        Ok(export_storage(Guarded::new(map, permit), Scope::new("")))
    }

    fn publish(&self, call: &Call, topic: &str, payload: AbiBytes) -> Result<u64> {
        self.check(&format!("events.publish:{topic}"))?;
        self.limits.event(&self.instance)?;
        Ok(self.core()?.events.publish(call.clone(), &self.instance, topic, payload.into()))
    }

    fn execute<'a>(
        &'a self,
        call: &'a Call,
        target: &'a str,
        input: RString,
    ) -> AbiFuture<'a, RString> {
        AbiFuture::new(async move {
            self.check(&format!("execute:{target}"))?;
            self.limits.call(&self.instance)?;
            nested(self.core()?.execute(target, call, &input)).await
        })
    }

    fn request(&self, request: Request) -> AbiFuture<'_, Response> {
        AbiFuture::new(async move {
            self.check("request")?;
            self.limits.call(&self.instance)?;
            let gateway = self.core()?.gateway.clone();
            nested(gateway.handle(request)).await
        })
    }

    fn service(&self, name: &str, wanted: &str) -> Result<AbiPort> {
        self.check_service(name)?;
        self.limits.call(&self.instance)?;
        self.core()?.services.find(name, &range(wanted)?)
    }

    fn services(&self, name: &str, wanted: &str) -> Result<Vec<AbiPort>> {
        self.check_service(name)?;
        self.limits.call(&self.instance)?;
        Ok(self.core()?.services.find_all(name, &range(wanted)?))
    }

    fn metric(&self, kind: u32, name: &str, value: f64) -> Result<()> {
        self.figures.report(kind, name, value, self.limits.figures)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_given()
    }

    fn stopping(&self) -> AbiFuture<'_, ()> {
        AbiFuture::new(async move {
            self.stopping.given().await;
            Ok(())
        })
    }
}
