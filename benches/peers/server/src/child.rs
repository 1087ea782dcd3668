//! One of the two servers, in a process of its own.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response as HttpResponse;
use axum::serve::ListenerExt;
use hotshoe::PluginHost;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::{Kind, compiled_in};

/// The plugins, in the folder where Cargo put them.
const PLUGINS: [&str; 5] =
    ["server_request_id", "server_access_log", "server_auth", "server_rate", "server_cors"];

const HANDLER: &str = "server_hello";

/// Serves until the process is ended; says on which port as soon as it does.
pub fn serve(kind: Kind) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let host = match kind {
        Kind::CompiledIn | Kind::HandlerCompiledIn => None,
        Kind::Plugins => Some(host(folder.path(), &PLUGINS)?),
        Kind::HandlerPlugin => Some(host(folder.path(), &[])?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        match &host {
            None => {
                let make = axum::ServiceExt::<Request>::into_make_service(compiled_in::service(
                    kind.has_middleware(),
                ));
                axum::serve(listener, make).await?;
            }
            Some(host) => {
                // One router each: the host's own, here.
                let service = ServiceExt::<Request>::map_response(
                    host.tower_service(),
                    |answer: HttpResponse<_>| answer.map(Body::new),
                );
                let make = axum::ServiceExt::<Request>::into_make_service(service);
                axum::serve(listener, make).await?;
            }
        }
        Ok(())
    })
}

/// Every plugin loaded, and supervised as it is by default.
fn host(folder: &Path, middlewares: &[&str]) -> anyhow::Result<PluginHost> {
    let program = std::env::current_exe()?;
    let built = program.parent().context("a program is in a folder")?;
    for name in middlewares.iter().chain([&HANDLER]) {
        let file =
            format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let found = [built.join("deps").join(&file), built.join(&file)];
        let found = found.iter().find(|path| path.exists());
        let found =
            found.with_context(|| format!("{file} was expected beside {}", program.display()))?;
        std::fs::copy(found, folder.join(&file))?;
    }
    let host = PluginHost::builder().directory(folder).build()?;
    let report = host.start().wait()?;
    anyhow::ensure!(report.is_complete(), "{report}");
    Ok(host)
}
