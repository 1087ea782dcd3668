//! A plugin instance on its way out: [`Plugin`] behind the table that crosses.

use std::sync::Arc;

use hotshoe_abi::__stable::{ROption, RString};
use hotshoe_abi::{
    AbiBytes, AbiContext, AbiContributions, AbiFuture, AbiHealth, AbiPlugin, PluginObject,
    context_text,
};

use super::{Context, Contributions, Plugin};
use crate::bridge::{Scope, export_health};
use crate::contract::{Call, ErrorKind, Result, ResultExt};
use crate::settings::read;

pub(super) struct Instance<P> {
    plugin: Arc<P>,
    scope: Scope,
}

/// Parses the settings and makes an instance.
pub(super) async fn create<P: Plugin>(context: AbiContext, settings: RString) -> Result<AbiPlugin> {
    let scope = Scope::new(context.text(context_text::INSTANCE));
    let config = parse_settings::<P::Config>(&settings)?;
    let plugin =
        scope.wrap(async move { P::initialize(Context::new(context), config).await }).await?;
    Ok(AbiPlugin::new(Arc::new(Instance { plugin: Arc::new(plugin), scope })))
}

/// From JSON to the plugin's own type. What does not fit travels to the host as data: it knows file,
/// line and secrets.
fn parse_settings<C: serde::de::DeserializeOwned>(settings: &str) -> Result<C> {
    let settings: serde_json::Value = serde_json::from_str(settings)
        .describe_as(ErrorKind::InvalidConfig, "its settings are not JSON")?;
    read::read(&settings).map_err(|fault| fault.carry())
}

impl<P: Plugin> PluginObject for Instance<P> {
    fn contribute(&self, to: &AbiContributions) -> Result<()> {
        let mut contributions = Contributions::new(to, self.scope);
        self.scope.run(|| self.plugin.contribute(&mut contributions));
        contributions.finish()
    }

    fn start(&self) -> AbiFuture<'_, ()> {
        AbiFuture::new(self.scope.wrap(async move { self.plugin.start().await }))
    }

    fn stop(&self) -> AbiFuture<'_, ()> {
        AbiFuture::new(self.scope.wrap(async move { self.plugin.stop().await }))
    }

    fn health(&self) -> AbiFuture<'_, AbiHealth> {
        AbiFuture::new(
            self.scope.wrap(async move { self.plugin.health().await.map(export_health) }),
        )
    }

    fn execute<'a>(&'a self, call: &'a Call, input: RString) -> AbiFuture<'a, RString> {
        AbiFuture::new(self.scope.wrap(async move {
            let input = serde_json::from_str(&input)
                .describe_as(ErrorKind::InvalidInput, "the input is not JSON")?;
            let output = self.plugin.execute(call, input).await?;
            Ok(output.to_string().into())
        }))
    }

    fn metrics(&self) -> Result<RString> {
        let metrics = self.scope.run(|| self.plugin.metrics());
        Ok(serde_json::to_string(&metrics).describe("the metrics are not JSON")?.into())
    }

    fn save_state(&self) -> AbiFuture<'_, ROption<AbiBytes>> {
        AbiFuture::new(
            self.scope.wrap(async move {
                Ok(self.plugin.save_state().await?.map(AbiBytes::from).into())
            }),
        )
    }

    fn restore_state(&self, state: AbiBytes) -> AbiFuture<'_, ()> {
        AbiFuture::new(
            self.scope.wrap(async move { self.plugin.restore_state(state.into()).await }),
        )
    }
}
