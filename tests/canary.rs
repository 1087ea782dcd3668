//! A share of the calls goes to a new generation first, and it is promoted or withdrawn by how they end.

use std::sync::Arc;

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::monitor::{EventStream, HostEventKind};
use hotshoe::replay::RecordOptions;
use hotshoe::{
    Call, Context, Contributions, Deferred, Error, ErrorKind, Handle, Middleware, Next, Plugin,
    PluginHost, Request, Response, Result, handler_fn,
};
use serde_json::{Value, json};

hotshoe::extension_point! {
    /// Tells who answers.
    pub trait Who: "who", "1.0.0" {
        /// At once.
        fn name(&self) -> Result<String>;
        /// After it was awaited.
        fn name_later(&self) -> Deferred<String>;
    }
}

/// Its settings.
#[derive(Clone, serde::Deserialize)]
struct Settings {
    name: String,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    has_more: bool,
}

/// It has no state: each of its generations can answer any call.
struct Door(Settings);

struct Knob(Settings);

impl Knob {
    fn name(&self) -> Result<String> {
        match self.0.fails {
            true => Err(Error::new(ErrorKind::Other, "it is one of the bad ones")),
            false => Ok(self.0.name.clone()),
        }
    }
}

impl Who for Knob {
    fn name(&self) -> Result<String> {
        self.name()
    }

    fn name_later(&self) -> Deferred<String> {
        let name = self.name();
        Deferred::new(async move {
            futures_lite::future::yield_now().await;
            name
        })
    }
}

/// Writes its name on what passes.
struct Stamp(String);

impl Middleware for Stamp {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        Ok(next.run(request).await?.with_header("x-stamp", &self.0))
    }
}

impl Plugin for Door {
    type Config = Settings;

    async fn initialize(_: Context, settings: Settings) -> Result<Self> {
        match &*settings.name {
            "unusable" => Err(Error::new(ErrorKind::Other, "it is one of the bad ones")),
            _ => Ok(Self(settings)),
        }
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let knob = Arc::new(Knob(self.0.clone()));
        to.service::<dyn Who, Knob>(knob.clone());
        to.middleware(Stamp(self.0.name.clone()));
        let named = handler_fn(move |_: Request| {
            let name = knob.name();
            async move { Ok(Response::text(200, name?)) }
        });
        to.handler("GET", "/name", named);
        if self.0.has_more {
            let more = handler_fn(async |_: Request| Ok(Response::text(200, "more")));
            to.handler("GET", "/more", more);
        }
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        Ok(json!(Knob(self.0.clone()).name()?))
    }
}

/// A host in which the generation `old` serves.
struct House {
    host: PluginHost,
    events: EventStream,
}

impl House {
    fn new(canary: &str) -> Self {
        let text = format!(
            "plugins.door.config = {{ name = 'old' }}\n\
             plugins.door.circuit_breaker = {{ failure_threshold = 3 }}\n\
             plugins.door.swap.canary = {canary}"
        );
        let door = hotshoe::plugin!(Door, id = "door", provides = [service "who" = "1.0.0"], state = "none");
        let host = PluginHost::builder()
            .config(Config::from_toml(&text, "canary.toml").unwrap())
            .register_plugin(door)
            .build()
            .unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        let events = host.events();
        Self { host, events }
    }

    /// One half of the calls, for as long as the test wants.
    fn half() -> Self {
        Self::new("{ share = 0.5, window = '1h' }")
    }

    fn begin(&self, settings: Value) -> hotshoe::SwapReport {
        let report = self.host.reconfigure("door", settings).wait().unwrap();
        assert!(report.canary.is_some(), "{report}");
        report
    }

    fn ask(&self, path: &str) -> Response {
        self.host.respond_blocking(Request::builder("GET", path).build())
    }

    fn service(&self) -> Handle<dyn Who> {
        self.host.service::<dyn Who>().unwrap()
    }

    fn execute(&self) -> Value {
        block_on(self.host.execute("door", &Call::none(), &json!(null))).result
    }

    /// The next of these that is told.
    fn told(&mut self, which: impl Fn(&HostEventKind) -> bool) -> String {
        loop {
            let event = self.events.recv().expect("the host is there");
            if which(&event.kind) {
                return event.to_string();
            }
        }
    }

    /// Of all calls none goes to another one.
    fn only(&self, name: &str) {
        let service = self.service();
        for _ in 0..40 {
            assert_eq!(service.name().unwrap(), name);
            assert_eq!(block_on(service.name_later()).unwrap(), name);
            let response = self.ask("/name");
            assert_eq!(response.header("x-stamp"), Some(name));
            assert_eq!(text(response), name);
            assert_eq!(self.execute(), name);
        }
    }
}

fn text(response: Response) -> String {
    String::from_utf8(response.into_body().into_full().unwrap().to_vec()).unwrap()
}

/// How many of 200 calls were answered by the old and by the new one.
fn shares(call: impl Fn() -> String) -> (usize, usize) {
    let names: Vec<String> = (0..200).map(|_| call()).collect();
    let of = |name: &str| names.iter().filter(|other| *other == name).count();
    let shares = (of("old"), of("new"));
    assert_eq!(shares.0 + shares.1, 200, "{names:?}");
    shares
}

#[test]
fn a_share_of_the_calls_of_everything_goes_to_it_until_it_is_accepted() {
    let mut house = House::half();
    let service = house.service();
    let report = house.begin(json!({ "name": "new", "has_more": true }));
    assert_eq!((report.probation, report.state), (None, None));
    let ways: [&dyn Fn() -> String; 5] = [
        &|| service.name().unwrap(),
        &|| block_on(service.name_later()).unwrap(),
        &|| text(house.ask("/name")),
        &|| house.ask("/name").header("x-stamp").unwrap().to_owned(),
        &|| house.execute().as_str().unwrap().to_owned(),
    ];
    for way in ways {
        let (old, new) = shares(way);
        assert!((70..130).contains(&old), "{old} and {new}");
    }
    assert_eq!(house.ask("/more").status(), 404);
    house.host.promote("door").wait().unwrap();
    house.only("new");
    assert_eq!(text(house.ask("/more")), "more");
    assert_eq!(house.host.promote("door").wait().unwrap_err().kind(), ErrorKind::IllegalState);
    let told = house.told(|kind| matches!(kind, HostEventKind::CanaryBegun { .. }));
    assert!(told.contains("50%"), "{told}");
    house.told(|kind| matches!(kind, HostEventKind::Swapped { .. }));
    house.told(|kind| matches!(kind, HostEventKind::Promoted { .. }));
}

#[test]
fn it_is_withdrawn_when_somebody_does_not_want_it() {
    let mut house = House::half();
    house.begin(json!({ "name": "new" }));
    house.host.roll_back("door").wait().unwrap();
    house.only("old");
    house.told(|kind| matches!(kind, HostEventKind::SwapFailed { .. }));
    // Another one may be tried.
    house.begin(json!({ "name": "new" }));
    assert!(shares(|| house.execute().as_str().unwrap().to_owned()).1 > 0);
}

#[test]
fn one_that_errs_is_withdrawn_before_the_end_and_the_breaker_of_the_old_one_stays_closed() {
    let mut house = House::new("{ share = 0.5, window = '1h', min_calls = 10 }");
    let service = house.service();
    house.begin(json!({ "name": "new", "fails": true }));
    let failed = (0..400).filter(|_| service.name().is_err()).count();
    assert_eq!(failed, 10);
    let told = house.told(|kind| matches!(kind, HostEventKind::SwapFailed { .. }));
    assert!(told.contains("10 of its 10 calls failed"), "{told}");
    house.only("old");
    let events = std::iter::from_fn(|| house.events.try_next());
    assert_eq!(
        events.filter(|it| matches!(it.kind, HostEventKind::BreakerChanged { .. })).count(),
        0
    );
}

#[test]
fn one_with_nothing_against_it_is_promoted_at_the_end_and_then_on_probation() {
    let mut house = House::new("{ share = 0.5, window = '20ms' }");
    house.begin(json!({ "name": "new" }));
    house.told(|kind| matches!(kind, HostEventKind::Swapped { .. }));
    house.only("new");
    house.host.roll_back("door").wait().unwrap();
    house.only("old");
}

#[test]
fn one_that_does_not_come_up_gets_no_calls() {
    let house = House::half();
    house.host.reconfigure("door", json!({ "name": "unusable" })).wait().unwrap_err();
    house.only("old");
}

#[test]
fn while_it_lasts_nothing_else_is_swapped_in_and_nothing_is_recorded() {
    let house = House::half();
    let folder = tempfile::tempdir().unwrap();
    let options = |name| RecordOptions::new(folder.path().join(name));
    let recording = house.host.record("door", options("one")).unwrap();
    house.execute();
    house.begin(json!({ "name": "new" }));
    house.execute();
    let end = recording.finish().unwrap();
    assert_eq!((end.written, end.cut_short), (1, true));
    assert_eq!(
        house.host.record("door", options("two")).unwrap_err().kind(),
        ErrorKind::IllegalState
    );
    let other = house.host.reconfigure("door", json!({ "name": "other" })).wait().unwrap_err();
    assert_eq!(other.kind(), ErrorKind::IllegalState);
}

#[test]
fn a_restart_and_a_stop_withdraw_it() {
    let mut house = House::half();
    house.begin(json!({ "name": "new" }));
    house.host.restart("door").wait().unwrap();
    let told = house.told(|kind| matches!(kind, HostEventKind::SwapFailed { .. }));
    assert!(told.contains("stopped"), "{told}");
    house.only("old");
    house.begin(json!({ "name": "new" }));
    house.host.disable("door").wait().unwrap();
    house.host.enable("door").wait().unwrap();
    house.only("old");
    house.begin(json!({ "name": "new" }));
    house.host.stop().wait().unwrap();
}

#[test]
fn under_load_each_call_is_answered_once_whatever_becomes_of_it() {
    let house = House::new("{ share = 0.3, window = '1h' }");
    let (done, calls) = (std::sync::atomic::AtomicBool::new(false), 4);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..calls)
            .map(|_| {
                scope.spawn(|| {
                    let service = house.service();
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        service.name().unwrap();
                        block_on(service.name_later()).unwrap();
                    }
                })
            })
            .collect();
        for round in 0..20 {
            house.begin(json!({ "name": format!("new {round}") }));
            let end = match round % 3 {
                0 => house.host.roll_back("door"),
                _ => house.host.promote("door"),
            };
            end.wait().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
    house.only("new 19");
}
