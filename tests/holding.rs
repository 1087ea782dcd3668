//! What a plugin's objects hold, when they are dropped and on which thread, and what a host does
//! when that takes for ever, or comes back to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotshoe::config::Config;
use hotshoe::{
    Call, Context, Contributions, ErrorKind, Json, LinkedPlugin, NoConfig, Pending, Plugin,
    PluginHost, Request, RequestHandler, Response, Result, handler_fn,
};
use serde::{Deserialize, Serialize, Serializer};

fn host(plugins: impl IntoIterator<Item = LinkedPlugin>, config: &str) -> PluginHost {
    let config = Config::from_toml(config, "inline").unwrap_or_else(|error| panic!("{error}"));
    let builder = PluginHost::builder().config(config);
    let builder =
        plugins.into_iter().fold(builder, |builder, plugin| builder.register_plugin(plugin));
    builder.build().unwrap()
}

/// What `work` returns; it has to return.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(Duration::from_secs(20)) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("{what} never returned"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what} panicked"),
    }
}

/// Never ends being dropped.
struct Stuck;

impl Drop for Stuck {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

impl RequestHandler for Stuck {
    async fn handle(&self, _: Request) -> Result<Response> {
        Ok(Response::new(200))
    }
}

/// Contributes a handler that never ends being dropped.
struct StuckRoute;

impl Plugin for StuckRoute {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/stuck", Stuck);
    }
}

#[test]
fn a_handler_that_never_ends_being_dropped_does_not_stop_the_host_from_going_on() {
    let plugin = hotshoe::plugin!(StuckRoute, id = "stuck");
    let host = host([plugin], "[plugins.stuck]\nstop_timeout = \"200ms\"");
    host.start().wait().unwrap();
    let error = in_time("`disable`", move || {
        let error = host.disable("stuck").wait().unwrap_err();
        host.rescan().wait().unwrap();
        error
    });
    assert!(error.is_timeout(), "{error:#}");
}

/// Contributes two handlers of one route.
struct StuckConflict;

impl Plugin for StuckConflict {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/conflict", handler_fn(|_: Request| async { Ok(Response::new(200)) }));
        to.handler("GET", "/conflict", Stuck);
    }
}

#[test]
fn a_refused_handler_that_never_ends_being_dropped_does_not_stop_the_host_from_going_on() {
    let plugin = hotshoe::plugin!(StuckConflict, id = "stuck");
    let host = host([plugin], "[plugins.stuck]\nload_timeout = \"200ms\"");
    let report = in_time("`start`", move || host.start().wait().unwrap());
    assert!(!report.is_complete(), "{report}");
}

hotshoe::extension_point! {
    /// Nothing, from somebody.
    trait Nothing: "nothing", "1.0.0" {
        /// Nothing.
        fn nothing(&self) -> Result<()>;
    }
}

impl Nothing for Stuck {
    fn nothing(&self) -> Result<()> {
        Ok(())
    }
}

/// Provides a service that never ends being dropped.
struct StuckService;

impl Plugin for StuckService {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Nothing, _>(Stuck);
    }
}

#[test]
fn a_service_that_never_ends_being_dropped_does_not_stop_the_host_from_going_on() {
    let plugin =
        hotshoe::plugin!(StuckService, id = "stuck", provides = [service "nothing" = "1.0.0"]);
    let host = host([plugin], "[plugins.stuck]\nstop_timeout = \"200ms\"");
    host.start().wait().unwrap();
    let error = in_time("`disable`", move || {
        let error = host.disable("stuck").wait().unwrap_err();
        host.rescan().wait().unwrap();
        error
    });
    assert!(error.is_timeout(), "{error:#}");
}

/// A plugin that manages its own host, by a handler or by itself.
struct Manager {
    _own: Option<PluginHost>,
    routed: Mutex<Option<PluginHost>>,
}

static IN_HANDLER: Mutex<Option<PluginHost>> = Mutex::new(None);
static IN_PLUGIN: Mutex<Option<PluginHost>> = Mutex::new(None);

impl Plugin for Manager {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        let own = IN_PLUGIN.lock().unwrap().take();
        let routed = IN_HANDLER.lock().unwrap().take();
        Ok(Self { _own: own, routed: Mutex::new(routed) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let host = self.routed.lock().unwrap().take();
        to.handler(
            "GET",
            "/plugins",
            handler_fn(move |_: Request| {
                let count = host.as_ref().map_or(0, |host| host.plugins().len());
                async move { Ok(Response::text(200, count.to_string())) }
            }),
        );
    }
}

/// As an application would: it takes the host, and the last of its own handles is gone.
fn shut_down(host: PluginHost) -> Pending<()> {
    host.stop()
}

fn manage(slot: &'static Mutex<Option<PluginHost>>) {
    let host = host([hotshoe::plugin!(Manager, id = "manager")], "");
    *slot.lock().unwrap() = Some(host.clone());
    host.start().wait().unwrap();
    let begin = Instant::now();
    in_time("`stop`", move || shut_down(host).wait()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
}

#[test]
fn a_handler_may_hold_the_last_handle_of_its_host() {
    manage(&IN_HANDLER);
}

#[test]
fn a_plugin_may_hold_the_last_handle_of_its_host() {
    manage(&IN_PLUGIN);
}

#[test]
fn stopping_a_host_that_is_let_go_at_once_is_no_error() {
    let plugin = hotshoe::plugin!(Manager, id = "manager");
    for _ in 0..20 {
        let host = host([plugin], "");
        host.start().wait().unwrap();
        shut_down(host).wait().unwrap();
    }
}

/// Never stops.
struct Endless {
    context: Context,
}

static ENDLESS: Mutex<Option<Context>> = Mutex::new(None);

impl Plugin for Endless {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { context })
    }

    async fn stop(&self) -> Result<()> {
        *ENDLESS.lock().unwrap() = Some(self.context.clone());
        std::future::pending().await
    }
}

#[test]
fn an_instance_that_was_given_up_while_stopping_finds_every_door_closed() {
    let plugin = hotshoe::plugin!(Endless, id = "endless", permissions = ["events.publish:*"]);
    let host = host([plugin], "[plugins.endless]\nstop_timeout = \"200ms\"");
    host.start().wait().unwrap();
    let error = host.disable("endless").wait().unwrap_err();
    assert!(error.is_timeout(), "{error:#}");
    let context = ENDLESS.lock().unwrap().clone().unwrap();
    let published = context.publish(&Call::none(), "ghosts", "boo");
    assert_eq!(published.unwrap_err().kind(), ErrorKind::Unavailable);
}

static PATIENT: AtomicBool = AtomicBool::new(false);

struct Patient;

impl Plugin for Patient {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn stop(&self) -> Result<()> {
        PATIENT.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_stop_may_take_longer_than_clocks_can_count() {
    let plugin = hotshoe::plugin!(Patient, id = "patient");
    let host = host([plugin], "[plugins.patient]\nstop_timeout = \"500000000000y\"");
    host.start().wait().unwrap();
    host.stop().wait().unwrap();
    assert!(PATIENT.load(Ordering::SeqCst), "`stop` was not called");
}

struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("words fail")
    }
}

impl<'de> Deserialize<'de> for Unspeakable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

hotshoe::extension_point! {
    /// Says something.
    trait Speaker: "speaker", "1.0.0" {
        /// Something.
        fn speak(&self) -> Result<Json<Unspeakable>>;
    }
}

impl Speaker for Unspeakable {
    fn speak(&self) -> Result<Json<Unspeakable>> {
        Ok(Json(Unspeakable))
    }
}

#[test]
fn a_panic_while_an_answer_is_written_is_an_error() {
    let host = PluginHost::builder().service::<dyn Speaker, _>(Unspeakable).build().unwrap();
    let Err(error) = host.service::<dyn Speaker>().unwrap().speak() else { panic!("it spoke") };
    assert!(error.is_panic(), "{error:#}");
}

static GONE: AtomicBool = AtomicBool::new(false);
static ANSWER: AtomicBool = AtomicBool::new(false);

struct Brief;

impl Drop for Brief {
    fn drop(&mut self) {
        GONE.store(true, Ordering::SeqCst);
    }
}

impl Plugin for Brief {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let own = self.clone();
        to.handler(
            "GET",
            "/brief",
            handler_fn(move |_: Request| {
                let _own = own.clone();
                async { Ok(Response::new(200)) }
            }),
        );
    }
}

struct Slow;

impl Plugin for Slow {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler(
            "GET",
            "/slow",
            handler_fn(|_: Request| async {
                while !ANSWER.load(Ordering::SeqCst) {
                    futures_lite::future::yield_now().await;
                }
                Ok(Response::new(200))
            }),
        );
    }
}

#[test]
fn a_stopped_plugin_is_dropped_while_others_still_answer() {
    let host =
        host([hotshoe::plugin!(Brief, id = "brief"), hotshoe::plugin!(Slow, id = "slow")], "");
    host.start().wait().unwrap();
    let other = host.clone();
    let answering = std::thread::spawn(move || {
        other.respond_blocking(Request::builder("GET", "/slow").build())
    });
    while host.plugin("slow").unwrap().in_flight == 0 {
        std::thread::yield_now();
    }
    host.disable("brief").wait().unwrap();
    let gone = GONE.load(Ordering::SeqCst);
    ANSWER.store(true, Ordering::SeqCst);
    answering.join().unwrap();
    assert!(gone, "`disable` has returned, and the instance is still there");
    host.stop().wait().unwrap();
}

static ALONE: AtomicBool = AtomicBool::new(true);

/// There can be only one at a time, as of whatever locks a file.
struct Single;

impl Drop for Single {
    fn drop(&mut self) {
        ALONE.store(true, Ordering::SeqCst);
    }
}

impl Plugin for Single {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        if ALONE.swap(false, Ordering::SeqCst) {
            return Ok(Self);
        }
        // Not dropped: the flag stays as it is.
        Err(hotshoe::Error::new(ErrorKind::Conflict, "another one is there"))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let own = self.clone();
        to.handler(
            "GET",
            "/single",
            handler_fn(move |_: Request| {
                let _own = own.clone();
                async { Ok(Response::new(200)) }
            }),
        );
    }
}

#[test]
fn an_instance_is_gone_before_its_successor_begins() {
    let host = host([hotshoe::plugin!(Single, id = "single")], "");
    host.start().wait().unwrap();
    for _ in 0..3 {
        host.restart("single").wait().unwrap();
        let response = host.respond_blocking(Request::builder("GET", "/single").build());
        assert_eq!(response.status(), 200);
    }
    host.stop().wait().unwrap();
}
