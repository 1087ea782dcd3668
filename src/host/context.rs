//! The doors of the host, for one instance: each checks the grant and the limit, then asks the
//! core.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use async_channel::{Receiver, Sender};
use hotshoe_abi::__stable::RString;
use hotshoe_abi::{AbiBytes, AbiFuture, AbiStorage, ContextObject, RawExtension, context_text};
use semver::VersionReq;

use super::core::Core;
use crate::bridge::{Scope, export_storage};
use crate::config::InstanceConfig;
use crate::contract::{Call, Error, ErrorKind, Namespaced, Request, Response, Result, ResultExt};
use crate::discover::Candidate;
use crate::manifest::Target;
use crate::metrics::Figures;
use crate::services::{Grants, Limits};

/// The host, as one instance sees it.
pub(crate) struct InstanceContext {
    core: Weak<Core>,
    pub(crate) instance: String,
    plugin: String,
    data_dir: PathBuf,
    /// The same, once it was asked for and therefore made.
    made: OnceLock<String>,
    grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) figures: Figures,
    /// Services that the manifest asks for need no further permission.
    required: Vec<String>,
    /// Set when the instance has ended, or was given up: no door opens any more.
    ended: AtomicBool,
    /// Closed when the instance is being stopped.
    stopping: (Sender<()>, Receiver<()>),
}

impl InstanceContext {
    pub(super) fn new(
        core: &Arc<Core>,
        config: &InstanceConfig,
        candidate: &Candidate,
        data_dir: PathBuf,
    ) -> Self {
        let manifest = &candidate.manifest;
        let required =
            manifest.requires.iter().filter_map(|requirement| match &requirement.target {
                Target::Service(name) => Some(name.clone()),
                Target::Plugin(_) => None,
            });
        Self {
            core: Arc::downgrade(core),
            instance: config.id.clone(),
            plugin: manifest.id.clone(),
            data_dir,
            made: OnceLock::new(),
            grants: Grants::new(
                manifest.permissions.clone(),
                config.permissions.clone(),
                config.deny.clone(),
            ),
            limits: Limits::new(&config.limits),
            figures: Figures::default(),
            required: required.collect(),
            ended: AtomicBool::new(false),
            stopping: async_channel::bounded(1),
        }
    }

    /// Tells the instance that it is being stopped.
    pub(super) fn begin_stop(&self) {
        self.stopping.0.close();
    }

    /// Closes every door: for an instance that has ended, or was given up and may still run.
    pub(super) fn end(&self) {
        self.begin_stop();
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Fails unless `permission` is granted.
    pub(super) fn check(&self, permission: &str) -> Result<()> {
        self.grants.check(&self.instance, permission)
    }

    /// What the configuration grants or denies and the manifest never asks for.
    pub(super) fn warnings(&self) -> Vec<String> {
        let grants = &self.grants;
        grants
            .idle()
            .map(|(key, entry)| {
                format!(
                    "`{key}` names \"{entry}\", which its manifest does not ask for; it asks for: {}",
                    grants.declared()
                )
            })
            .collect()
    }

    /// What the manifest asks for and the operator does not grant.
    pub(super) fn refused(&self) -> impl Iterator<Item = &str> {
        self.grants.refused()
    }

    fn core(&self) -> Result<Arc<Core>> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "this instance has ended")
                .with_plugin(&self.instance));
        }
        self.core.upgrade().ok_or_else(|| Error::new(ErrorKind::Unavailable, "the host is gone"))
    }

    fn check_service(&self, name: &str) -> Result<()> {
        if self.required.iter().any(|required| required == name) {
            return Ok(());
        }
        self.check(&format!("service:{name}")).map_err(|error| {
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
        tracing::error!(path = %folder.display(), %error, "a plugin's folder cannot be made");
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
        self.grants.allow(permission)
    }

    fn settings(&self) -> Result<RString> {
        self.check("config.read")?;
        let settings = serde_json::Value::Object(self.core()?.config.application.clone());
        Ok(crate::config::redact(&settings).to_string().into())
    }

    fn storage(&self) -> Result<AbiStorage> {
        self.check("storage")?;
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
        Ok(export_storage(namespaced, Scope::new("")))
    }

    fn shared(&self, name: &str) -> Result<AbiStorage> {
        self.check(&format!("shared:{name}"))?;
        Ok(self.core()?.shared_map(name))
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
            self.core()?.execute(target, call, &input).await
        })
    }

    fn request(&self, request: Request) -> AbiFuture<'_, Response> {
        AbiFuture::new(async move {
            self.check("request")?;
            self.limits.call(&self.instance)?;
            let gateway = self.core()?.gateway.clone();
            gateway.handle(request).await
        })
    }

    fn service(&self, name: &str, wanted: &str) -> Result<RawExtension> {
        self.check_service(name)?;
        self.limits.call(&self.instance)?;
        self.core()?.services.find(name, &range(wanted)?)
    }

    fn services(&self, name: &str, wanted: &str) -> Result<Vec<RawExtension>> {
        self.check_service(name)?;
        self.limits.call(&self.instance)?;
        Ok(self.core()?.services.find_all(name, &range(wanted)?))
    }

    fn metric(&self, kind: u32, name: &str, value: f64) -> Result<()> {
        self.figures.report(kind, name, value, self.limits.figures)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.0.is_closed()
    }

    fn stopping(&self) -> AbiFuture<'_, ()> {
        AbiFuture::new(async move {
            let _ = self.stopping.1.recv().await;
            Ok(())
        })
    }
}
