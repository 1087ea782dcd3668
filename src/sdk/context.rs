//! The host as a plugin sees it.

use std::future::Future;
use std::path::Path;

use bytes::Bytes;
use hotshoe_abi::{AbiContext, context_text, metric_kind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bridge::import_storage;
use crate::contract::{Call, Error, ErrorKind, Request, Response, Result, ResultExt, Storage};
use crate::extension::{ExtensionPoint, Handle};

/// The host as one plugin instance sees it. Cloning is one atomic increment.
///
/// Each door is guarded: what the plugin's manifest does not ask for, or the operator does not
/// grant, fails with [`ErrorKind::PermissionDenied`], naming the permission and what to do. What a
/// plugin asks of the host is limited, too: beyond, a door fails with
/// [`ErrorKind::ResourceLimit`].
///
/// | door | permission |
/// | --- | --- |
/// | [`storage`](Self::storage) | `storage` |
/// | [`shared`](Self::shared) | `shared:<name>` |
/// | [`publish`](Self::publish) | `events.publish:<topic>` |
/// | subscribing (a contribution) | `events.subscribe:<topic>` |
/// | [`execute`](Self::execute) | `execute:<instance>` |
/// | [`request`](Self::request) | `request` |
/// | [`service`](Self::service) | a `requires` entry in the manifest, or `service:<name>` |
/// | [`settings`](Self::settings) | `config.read` |
///
/// Calls through `execute` and `request` may be inside of each other, but not without end: from a
/// depth of 32 on they fail with [`ErrorKind::ResourceLimit`], because a stack that overflows ends the
/// process.
///
/// In a permission, `*` at the end stands for anything. Configuration, data folder, metrics and
/// the stop signal need none.
///
/// A permission can be revoked, and granted again, while the plugin runs. Then its door fails, and
/// so does each method of a [`Storage`] that came from it before; a subscription receives nothing.
#[derive(Clone, Debug)]
pub struct Context {
    raw: AbiContext,
}

impl Context {
    pub(crate) fn new(raw: AbiContext) -> Self {
        Self { raw }
    }

    /// The id of this instance: the plugin's id unless the configuration names it otherwise.
    pub fn instance(&self) -> &str {
        self.raw.text(context_text::INSTANCE)
    }

    /// The id of the plugin.
    pub fn plugin(&self) -> &str {
        self.raw.text(context_text::PLUGIN)
    }

    /// A folder of this instance's own, which survives restarts. It is made, for its owner only, when
    /// this is called first; if it cannot be, that is logged, and what is opened in it fails.
    pub fn data_dir(&self) -> &Path {
        Path::new(self.raw.text(context_text::DATA_DIR))
    }

    /// Whether a permission is granted at this moment.
    pub fn is_granted(&self, permission: &str) -> bool {
        self.raw.granted(permission)
    }

    /// A table of the application's own settings, such as `[server]`.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `config.read`; [`ErrorKind::InvalidConfig`] if the
    /// table is not what `T` expects.
    pub fn settings<T: DeserializeOwned>(&self, table: &str) -> Result<T> {
        let json = self.raw.settings()?;
        let mut all: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&json).describe("the host's settings are not JSON")?;
        let value = all.remove(table).unwrap_or_default();
        serde_json::from_value(value).describe_as(
            ErrorKind::InvalidConfig,
            format!("the application's settings `{table}` are not what was expected"),
        )
    }

    /// Storage of this instance's own, on the backend that the operator chose: a namespace that no
    /// other instance can reach.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `storage`. What it returns fails so, too, once the
    /// permission is revoked, and with [`ErrorKind::Unavailable`] once this instance has ended.
    pub fn storage(&self) -> Result<Storage> {
        Ok(import_storage(self.raw.storage()?))
    }

    /// A map in memory that plugins share, by name; gone when the host ends.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `shared:<name>`; what it returns fails as
    /// [`storage`](Self::storage) does.
    pub fn shared(&self, name: &str) -> Result<Storage> {
        Ok(import_storage(self.raw.shared(name)?))
    }

    /// Publishes an event; returns for how many subscriptions it was queued. Does not wait for
    /// them.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `events.publish:<topic>`,
    /// [`ErrorKind::ResourceLimit`] beyond the limit of events.
    pub fn publish(&self, call: &Call, topic: &str, payload: impl Into<Bytes>) -> Result<u64> {
        self.raw.publish(call, topic, payload.into().into())
    }

    /// Calls the generic entry of another plugin instance.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `execute:<instance>`, [`ErrorKind::NotFound`],
    /// [`ErrorKind::Timeout`] at the call's deadline, and whatever that plugin reports.
    pub async fn execute<O: DeserializeOwned>(
        &self,
        call: &Call,
        instance: &str,
        input: &impl Serialize,
    ) -> Result<O> {
        let input = serde_json::to_string(input).describe("the input is not JSON")?;
        let output = self.raw.execute(call, instance, input).await?;
        serde_json::from_str(&output).describe("the output is not what was expected")
    }

    /// Sends a request through the host's routes, as a client would.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] without `request`, and whatever the handler reports.
    pub fn request(&self, request: Request) -> impl Future<Output = Result<Response>> + Send + '_ {
        self.raw.request(request)
    }

    /// The service of an extension point, from whichever plugin provides it; the one that started
    /// first, if there are several.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nobody provides it in a compatible version,
    /// [`ErrorKind::PermissionDenied`] if the manifest does not require it,
    /// [`ErrorKind::Incompatible`] if its methods are not as declared here.
    pub fn service<X: ?Sized + ExtensionPoint>(&self) -> Result<Handle<X>> {
        Handle::new(self.raw.service(X::NAME, &compatible::<X>())?)
    }

    /// The services of an extension point, from every plugin that provides it.
    ///
    /// # Errors
    /// As for [`service`](Self::service), except that none is no error.
    pub fn services<X: ?Sized + ExtensionPoint>(&self) -> Result<Vec<Handle<X>>> {
        self.raw.services(X::NAME, &compatible::<X>())?.into_iter().map(Handle::new).collect()
    }

    /// Reports figures of this instance to the host.
    pub fn metrics(&self) -> Metrics<'_> {
        Metrics(&self.raw)
    }

    /// Whether this instance is being stopped.
    pub fn is_stopping(&self) -> bool {
        self.raw.is_stopping()
    }

    /// Waits until this instance is being stopped.
    ///
    /// # Errors
    /// None of its own; a panic of the host would come back as one.
    pub async fn stopping(&self) -> Result<()> {
        self.raw.stopping().await
    }
}

fn compatible<X: ?Sized + ExtensionPoint>() -> String {
    format!("^{}", X::VERSION)
}

/// Figures that a plugin reports to the host. Names are the plugin's own; the host adds the
/// instance.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a>(&'a AbiContext);

impl Metrics<'_> {
    /// Adds to a counter.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the instance already has as many figures as it may have.
    pub fn count(&self, name: &str, by: u64) -> Result<(), Error> {
        self.0.metric(metric_kind::COUNTER, name, by as f64)
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    pub fn gauge(&self, name: &str, value: f64) -> Result<(), Error> {
        self.0.metric(metric_kind::GAUGE, name, value)
    }

    /// Adds a sample to a histogram, in the unit that the name says.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    pub fn sample(&self, name: &str, value: f64) -> Result<(), Error> {
        self.0.metric(metric_kind::HISTOGRAM, name, value)
    }
}
