//! The services that applications commonly offer, as plugins meet them.

use std::sync::Arc;

use hotshoe::standard::{Cache, Caller, Identity, MemoryCache};
use hotshoe::{
    Context, Contributions, Deferred, Handle, Json, Middleware, Next, NoConfig, Plugin, PluginHost,
    Request, Response, Result, handler_fn,
};

/// The application's own way to know people.
struct Names;

impl Identity for Names {
    fn authenticate(&self, credentials: String) -> Deferred<Option<Json<Caller>>> {
        Deferred::new(async move {
            Ok(credentials.strip_prefix("name ").map(|name| Json(Caller::new(name, ["reader"]))))
        })
    }
}

/// Says who is calling, and remembers how often it asked.
struct Door {
    identity: Handle<dyn Identity>,
    cache: Handle<dyn Cache>,
}

impl Plugin for Door {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { identity: context.service()?, cache: context.service()? })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
        to.handler(
            "GET",
            "/who",
            handler_fn(|request: Request| async move {
                let call = request.call();
                let who = call.user_id().unwrap_or("nobody");
                Ok(Response::text(200, format!("{who} {}", call.has_role("reader"))))
            }),
        );
    }
}

impl Middleware for Door {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        let Some(credentials) = request.header("authorization").map(ToOwned::to_owned) else {
            return next.run(request).await;
        };
        let key = format!("door/{credentials}");
        let known = self.cache.get(&key)?.and_then(|json| serde_json::from_slice(&json).ok());
        let caller: Option<Caller> = match known {
            Some(caller) => Some(caller),
            None => self.identity.authenticate(credentials).await?.map(|Json(caller)| caller),
        };
        let Some(caller) = caller else { return Ok(Response::new(401)) };
        self.cache.put(
            &key,
            serde_json::to_vec(&caller).unwrap_or_default().into(),
            Some(60_000),
        )?;
        let call = request.call().edit().user(caller.user_id, caller.roles).build();
        request.set_call(call);
        next.run(request).await
    }
}

#[test]
fn a_plugin_asks_the_application_who_is_calling_and_caches_the_answer() {
    let cache = Arc::new(MemoryCache::new(1 << 20));
    let door = hotshoe::plugin!(
        Door,
        id = "door",
        requires = [service "identity" = "^1", service "cache" = "^1"],
    );
    let host = PluginHost::builder()
        .service::<dyn Identity, _>(Names)
        .service::<dyn Cache, MemoryCache>(cache.clone())
        .register_plugin(door)
        .build()
        .unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    let ask = |credentials: Option<&str>| {
        let mut request = Request::builder("GET", "/who");
        if let Some(credentials) = credentials {
            request = request.header("authorization", credentials);
        }
        let response = host.respond_blocking(request.build());
        let status = response.status();
        let body = response.into_body().into_full().expect("one buffer");
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    assert_eq!(ask(None), (200, "nobody false".into()));
    assert_eq!(ask(Some("name ada")), (200, "ada true".into()));
    assert_eq!(ask(Some("secret")).0, 401);
    assert!(cache.get("door/name ada").unwrap().is_some(), "the application sees the same cache");
    cache.put("door/name ada", br#"{"user_id":"eve"}"#.as_slice().into(), None).unwrap();
    assert_eq!(ask(Some("name ada")), (200, "eve false".into()));
    host.stop().wait().unwrap();
}
