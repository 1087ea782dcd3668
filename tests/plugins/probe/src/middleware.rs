//! Two middleware: one for all paths with a priority from the settings, one for a few paths.

use std::sync::Arc;

use hotshoe::{Contributions, Middleware, Next, Request, Response, Result};

use crate::notes::{Notes, PanicOnDrop};
use crate::{Probe, broken};

pub(crate) fn contribute(probe: &Arc<Probe>, to: &mut Contributions<'_>) {
    let prefix = &probe.config.prefix;
    // The later link first: it is the priority that puts them in order.
    to.middleware(Link {
        name: "inner",
        notes: probe.notes.clone(),
        priority: 10,
        paths: vec![format!("{prefix}/inside/*"), format!("{prefix}/inside-too")],
    });
    to.middleware(Link {
        name: "outer",
        notes: probe.notes.clone(),
        priority: probe.config.priority,
        paths: vec!["*".to_owned()],
    });
}

/// Leaves its name on the way in and on the way out; does what a header named after it says.
struct Link {
    name: &'static str,
    notes: Notes,
    priority: i32,
    paths: Vec<String>,
}

impl Middleware for Link {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        let name = format!("{}.{}", self.notes.instance(), self.name);
        request.append_header("x-order", &name);
        let told = request.header(&format!("x-{}", self.name)).unwrap_or_default().to_owned();
        match told.as_str() {
            "answer" => return Ok(Response::text(418, "answered on the way")),
            "panic" => panic!("a middleware was told to panic"),
            "error" => return Err(broken("a middleware")),
            "never" => return self.notes.never("middleware").await,
            "rewrite" => request.set_target("/rewritten", Some("by=middleware")),
            "user" => {
                let call = request.call().edit().user("ada", ["admin", "writer"]).build();
                request.set_call(call);
            }
            "body" => request.set_body("another body"),
            _ => {}
        }
        let _grenade = (told == "drop-panic").then(|| PanicOnDrop("a middleware"));
        let mut response = match next.run(request).await {
            Err(error) if told == "recover" => {
                Response::text(299, format!("recovered: {}", error.kind().as_str()))
            }
            other => other?,
        };
        if told == "panic-after" {
            panic!("a middleware was told to panic on the way out");
        }
        response.append_header("x-order", &name);
        response.set_metadata("last", &name);
        Ok(response)
    }

    fn priority(&self) -> i32 {
        self.priority
    }

    fn paths(&self) -> Vec<String> {
        self.paths.clone()
    }
}
