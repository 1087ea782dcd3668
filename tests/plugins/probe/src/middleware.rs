//! Two middleware: one for all paths with a priority from the settings, one for a few paths.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use hotshoe::{Contributions, ErrorKind, Middleware, Next, Request, Response, Result};

use crate::handlers::of_kind;
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

/// Polls a future once, whatever comes of it.
async fn once(mut future: Pin<&mut (impl Future + Send)>) {
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
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
        // All links of this name, or this one.
        let told = [self.name, &name].map(|name| request.header(&format!("x-{name}")));
        let told = told.into_iter().flatten().next().unwrap_or_default().to_owned();
        match told.as_str() {
            "answer" => return Ok(Response::text(418, "answered on the way")),
            "panic" => panic!("a middleware was told to panic"),
            "error" => return Err(broken("a middleware")),
            "never" => return self.notes.never("middleware").await,
            "drop-next" => {
                drop(next);
                return self.notes.never("middleware").await;
            }
            "fail" => return Ok(Response::text(500, "failed on the way")),
            "refuse" => return Err(of_kind(ErrorKind::PermissionDenied.as_str())),
            "limit" => return Err(of_kind(ErrorKind::ResourceLimit.as_str())),
            "blocked" => {
                self.notes.add("middleware blocked");
                self.notes.blocked_until("middleware")?;
            }
            "blocked-after-passing-on" => {
                // What comes after it is at work elsewhere meanwhile.
                let mut rest = Box::pin(next.run(request));
                once(rest.as_mut()).await;
                self.notes.add("middleware blocked");
                self.notes.blocked_until("middleware")?;
                return rest.await;
            }
            "drop-rest" => {
                let mut rest = Box::pin(next.run(request));
                once(rest.as_mut()).await;
                self.notes.released("rest").await?;
                drop(rest);
                return self.notes.never("middleware").await;
            }
            "where" => {
                // As the system knows it: a library's own std does not know threads of others.
                let thread = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
                self.notes.add(&format!("{name} on {}", thread.trim_end()));
            }
            "held" => {
                self.notes.add("middleware held");
                self.notes.released("middleware").await?;
            }
            "forget" | "abandon" | "lose-patience" => {
                let mut rest = Box::pin(next.run(request));
                once(rest.as_mut()).await;
                match told.as_str() {
                    "forget" => return self.notes.never("middleware").await,
                    "abandon" => return Err(broken("a middleware")),
                    _ => return Err(of_kind(ErrorKind::Timeout.as_str())),
                }
            }
            "rewrite" => request.set_target("/rewritten", Some("by=middleware")),
            "user" => {
                let call = request.call().edit().user("ada", ["admin", "writer"]).build();
                request.set_call(call);
            }
            "body" => request.set_body("another body"),
            _ => {}
        }
        let _grenade = (told == "drop-panic").then(|| PanicOnDrop("a middleware"));
        let answer = next.run(request).await;
        let mut response = match (told.as_str(), answer) {
            ("recover", Err(error)) => {
                Response::text(299, format!("recovered: {}", error.kind().as_str()))
            }
            ("panic-after", _) => panic!("a middleware was told to panic on the way out"),
            ("error-after", _) => return Err(broken("a middleware")),
            ("never-after", _) => return self.notes.never("middleware").await,
            (_, answer) => answer?,
        };
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
