//! What guards a path must not be open while it is exchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hotshoe::{
    Context, Contributions, Error, ErrorKind, Middleware, Next, NoConfig, Plugin, PluginHost,
    Request, Response, Result, handler_fn,
};

/// Lets nobody in.
struct Guard;

/// Whether the guard's next start fails.
static FAILS: AtomicBool = AtomicBool::new(false);

impl Plugin for Guard {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        if FAILS.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Other, "the guard is ill"));
        }
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
        to.handler("GET", "/guard", handler_fn(|_: Request| async { Ok(Response::new(204)) }));
    }
}

impl Middleware for Guard {
    async fn handle(&self, _: Request, _: Next) -> Result<Response> {
        Ok(Response::new(403))
    }

    fn paths(&self) -> Vec<String> {
        vec!["/secret".into()]
    }
}

/// What is guarded.
struct Secret;

impl Plugin for Secret {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/secret", handler_fn(|_: Request| async { Ok(Response::new(200)) }));
    }
}

fn get(host: &PluginHost, path: &str) -> u16 {
    host.respond_blocking(Request::builder("GET", path).build()).status()
}

#[test]
fn a_guarded_path_is_never_open_while_its_guard_is_exchanged() {
    let host = PluginHost::builder()
        .register_plugin(hotshoe::plugin!(Guard, id = "guard"))
        .register_plugin(hotshoe::plugin!(Secret, id = "secret"))
        .build()
        .unwrap();
    assert!(host.start().wait().unwrap().is_complete());
    assert_eq!(get(&host, "/secret"), 403);

    let over = Arc::new(AtomicBool::new(false));
    let asking = std::thread::spawn({
        let (host, over) = (host.clone(), over.clone());
        move || {
            let mut answers = std::collections::BTreeSet::new();
            while !over.load(Ordering::SeqCst) {
                answers.insert(get(&host, "/secret"));
            }
            answers
        }
    });
    for _ in 0..50 {
        host.restart("guard").wait().unwrap();
    }
    over.store(true, Ordering::SeqCst);
    let answers = asking.join().unwrap();
    assert!(!answers.contains(&200), "{answers:?}");

    FAILS.store(true, Ordering::SeqCst);
    assert!(host.restart("guard").wait().unwrap_err().message().contains("the guard is ill"));
    assert_eq!(get(&host, "/secret"), 503, "closed, because its guard should be there");
    assert_eq!(get(&host, "/guard"), 503, "not now, rather than not here");

    FAILS.store(false, Ordering::SeqCst);
    host.enable("guard").wait().unwrap();
    assert_eq!((get(&host, "/secret"), get(&host, "/guard")), (403, 204));

    host.disable("guard").wait().unwrap();
    assert_eq!(get(&host, "/secret"), 200, "open, because its operator says so");
    assert_eq!(get(&host, "/guard"), 404);
    host.stop().wait().unwrap();
}
