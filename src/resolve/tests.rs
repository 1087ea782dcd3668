use super::*;
use crate::manifest::{Provision, Requirement, Target};

/// `plugin clock ^1`, `service time ^1 optional`.
pub(super) fn requirement(text: &str) -> Requirement {
    let (text, optional) = match text.strip_suffix(" optional") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut words = text.splitn(3, ' ');
    let kind = words.next().expect("a kind");
    let name = words.next().expect("a name").to_owned();
    let range = words.next().expect("a range").parse().expect("a valid range");
    let target = match kind {
        "plugin" => Target::Plugin(name),
        _ => Target::Service(name),
    };
    Requirement { target, range, optional }
}

/// `time 1.0.0`
fn provision(text: &str) -> Provision {
    let (service, version) = text.split_once(' ').expect("service and version");
    Provision { service: service.to_owned(), version: version.parse().expect("a valid version") }
}

fn candidate(text: &str, requires: &[&str], provides: &[&str]) -> Candidate {
    let (plugin, version) = text.split_once(' ').expect("plugin and version");
    Candidate {
        provides: provides.iter().map(|text| provision(text)).collect(),
        requires: requires.iter().map(|text| requirement(text)).collect(),
        ..Candidate::new(
            plugin,
            version.parse().expect("a valid version"),
            format!("{plugin}-{version}.so"),
        )
    }
}

/// `clock`, `clock-2=clock`, `clock=clock ^1`
fn instance(text: &str) -> Instance {
    let (id, rest) = text.split_once('=').unwrap_or((text, text));
    let (plugin, pin) = match rest.split_once(' ') {
        Some((plugin, pin)) => (plugin, Some(pin.parse().expect("a valid pin"))),
        None => (rest, None),
    };
    Instance { range: pin, ..Instance::new(id, plugin) }
}

#[derive(Default)]
struct World {
    candidates: Vec<Candidate>,
    instances: Vec<Instance>,
    disabled: Vec<Disabled>,
    load_order: Vec<String>,
    host: Vec<Provision>,
}

impl World {
    fn new(instances: &[&str], candidates: Vec<Candidate>) -> Self {
        Self {
            instances: instances.iter().map(|text| instance(text)).collect(),
            candidates,
            ..Self::default()
        }
    }

    fn load_order(mut self, ids: &[&str]) -> Self {
        self.load_order = ids.iter().map(|&id| id.to_owned()).collect();
        self
    }

    fn need(mut self, from: &str, to: &str) -> Self {
        for instance in self.instances.iter_mut().filter(|it| it.id == from) {
            instance.needs.push(Need { instance: to.into(), reason: "the storage backend".into() });
        }
        self
    }

    fn disabled(mut self, instance: &str, plugin: &str) -> Self {
        self.disabled.push(Disabled { instance: instance.into(), plugin: plugin.into() });
        self
    }

    fn host(mut self, text: &str) -> Self {
        self.host.push(provision(text));
        self
    }

    fn resolve(&self) -> Resolution {
        resolve(Request {
            candidates: &self.candidates,
            instances: &self.instances,
            disabled: &self.disabled,
            load_order: &self.load_order,
            host: &self.host,
        })
    }

    /// `a 1.0.0, b 1.0.0 | c 1.0.0`: levels separated by bars.
    fn plan(&self) -> String {
        let plan = self.resolve().plan;
        let step = |step: &Step| {
            let version = &self.candidates[step.candidate].version;
            format!("{} {version}", step.instance)
        };
        let level = |level: &Vec<Step>| level.iter().map(step).collect::<Vec<_>>().join(", ");
        plan.levels.iter().map(level).collect::<Vec<_>>().join(" | ")
    }

    fn report(&self) -> String {
        let report = self.resolve().report;
        for problem in &report.problems {
            assert!(problem.to_string().lines().count() <= 6, "{problem}");
        }
        report.to_string()
    }
}

#[test]
fn nothing_gives_an_empty_plan_and_nothing_to_tell() {
    let empty = World::default();
    assert!(empty.resolve().plan.is_empty());
    assert_eq!(empty.report(), "Everything resolves.");
}

#[test]
fn dependencies_come_first_and_independents_share_a_level() {
    let world = World::new(
        &["web", "store", "clock", "audit"],
        vec![
            candidate("web 1.0.0", &["plugin store ^1", "service time ^1"], &[]),
            candidate("store 1.2.0", &["service time ^1"], &[]),
            candidate("clock 2.0.0", &[], &["time 1.1.0"]),
            candidate("audit 1.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "audit 1.0.0, clock 2.0.0 | store 1.2.0 | web 1.0.0");
    assert_eq!(world.report(), "Everything resolves.");
    let plan = world.resolve().plan;
    let web = plan.step("web").expect("planned");
    assert_eq!(web.depends_on.iter().map(|id| &**id).collect::<Vec<_>>(), ["clock", "store"]);
    let stop: Vec<_> = plan.stop_order().map(|step| &*step.instance).collect();
    assert_eq!(stop, ["web", "store", "clock", "audit"]);
}

#[test]
fn a_step_waits_for_all_that_satisfy_it_but_one_is_enough() {
    let both = vec![
        candidate("web 1.0.0", &["service time ^1"], &[]),
        candidate("clock 1.0.0", &[], &["time 1.0.0"]),
        candidate("ntp 1.0.0", &["plugin net ^1"], &["time 1.5.0"]),
    ];
    let mut world = World::new(&["web", "clock", "ntp"], both);
    assert_eq!(world.plan(), "clock 1.0.0 | web 1.0.0", "ntp cannot start, clock can");
    world.candidates.push(candidate("net 1.0.0", &[], &[]));
    world.instances.push(instance("net"));
    assert_eq!(world.plan(), "clock 1.0.0, net 1.0.0 | ntp 1.0.0 | web 1.0.0");
}

#[test]
fn the_host_satisfies_services_without_an_edge() {
    let world = World::new(&["web"], vec![candidate("web 1.0.0", &["service time ^1"], &[])]);
    assert_eq!(world.plan(), "");
    assert_eq!(world.host("time 1.0.0").plan(), "web 1.0.0");
}

#[test]
fn an_instance_does_not_satisfy_itself_but_another_of_its_plugin_does() {
    let cache = || vec![candidate("cache 1.0.0", &["service cache ^1"], &["cache 1.0.0"])];
    assert_eq!(World::new(&["cache"], cache()).plan(), "");
    let world = World::new(&["cache"], cache()).host("cache 1.0.0");
    assert_eq!(world.plan(), "cache 1.0.0");
    let report = World::new(&["cache"], cache()).report();
    assert!(report.contains("found: only the instance itself, which does not count"), "{report}");
}

#[test]
fn instances_of_one_plugin_choose_their_versions_each_for_itself() {
    let world = World::new(
        &["old=store ^1", "new=store", "web"],
        vec![
            candidate("store 1.0.0", &[], &[]),
            candidate("store 1.5.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
            candidate("web 1.0.0", &["plugin store ^1"], &[]),
        ],
    );
    assert_eq!(world.plan(), "new 2.0.0, old 1.5.0 | web 1.0.0");
}

#[test]
fn needs_order_instances_whatever_their_versions() {
    let pair = || vec![candidate("a 1.0.0", &[], &[]), candidate("s 1.0.0", &[], &[])];
    let world = World::new(&["a", "s"], pair()).need("a", "s");
    assert_eq!(world.plan(), "s 1.0.0 | a 1.0.0");
    let world = World::new(&["a", "s"], pair()).need("a", "s").need("s", "s");
    assert_eq!(world.plan(), "");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 1, notices: 0

    problem: These instances wait for each other: s -> s
      found: `s` needs instance `s` (the storage backend)
      help: make one of these requirements optional, or disable one of the instances.

    blocked: `a` waits for `s`, which cannot start.
    ");
}

#[test]
fn releases_are_preferred_to_pre_releases_unless_only_those_will_do() {
    let versions = || {
        vec![
            candidate("a 1.0.0", &[], &[]),
            candidate("a 2.0.0-rc.1", &[], &[]),
            candidate("a 2.0.0-rc.2", &[], &[]),
            candidate("b 1.0.0", &["plugin a >=2.0.0-rc.1"], &[]),
        ]
    };
    assert_eq!(World::new(&["a"], versions()).plan(), "a 1.0.0");
    assert_eq!(World::new(&["a=a >=2.0.0-alpha"], versions()).plan(), "a 2.0.0-rc.2");
    assert_eq!(World::new(&["a", "b"], versions()).plan(), "a 2.0.0-rc.2 | b 1.0.0");
}

#[test]
fn a_target_is_lowered_for_its_asker_and_the_report_says_so() {
    let world = World::new(
        &["web", "store"],
        vec![
            candidate("web 1.0.0", &["plugin store ^1"], &[]),
            candidate("store 1.0.0", &[], &[]),
            candidate("store 1.4.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "store 1.4.0 | web 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 0, blocked: 0, notices: 1

    notice: `store` runs store 1.4.0 instead of 2.0.0, because `web` requires plugin `store` ^1.
    ");
}

#[test]
fn an_asker_is_lowered_when_its_best_version_requires_what_is_not_there() {
    let world = World::new(
        &["web", "store"],
        vec![
            candidate("web 2.0.0", &["plugin store ^2"], &[]),
            candidate("web 1.0.0", &["plugin store ^1"], &[]),
            candidate("store 1.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "store 1.0.0 | web 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 0, blocked: 0, notices: 1

    notice: `web` runs web 1.0.0 instead of 2.0.0, because 2.0.0 requires plugin `store` ^2, which cannot be had.
    ");
}

#[test]
fn a_dependent_is_lowered_when_what_its_best_version_requires_cannot_start() {
    let world = World::new(
        &["app", "store"],
        vec![
            candidate("app 2.0.0", &["plugin store ^1"], &[]),
            candidate("app 1.0.0", &[], &[]),
            candidate("store 1.0.0", &["plugin disk ^1"], &[]),
        ],
    );
    assert_eq!(world.plan(), "app 1.0.0");
}

#[test]
fn versions_are_found_through_a_chain_of_choices() {
    // Only the lowest of each fits, and each reveals the next.
    let world = World::new(
        &["a", "b", "c", "d"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1"], &[]),
            candidate("b 2.0.0", &["plugin c ^2"], &[]),
            candidate("b 1.0.0", &["plugin c ^1"], &[]),
            candidate("c 2.0.0", &["plugin d ^2"], &[]),
            candidate("c 1.0.0", &["plugin d ^1"], &[]),
            candidate("d 2.0.0", &[], &[]),
            candidate("d 1.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "d 1.0.0 | c 1.0.0 | b 1.0.0 | a 1.0.0");
}

#[test]
fn an_unsolvable_conflict_leaves_others_their_solution() {
    let world = World::new(
        &["a", "b", "store", "web", "lib"],
        vec![
            candidate("a 1.0.0", &["plugin store ^1"], &[]),
            candidate("b 1.0.0", &["plugin store ^2"], &[]),
            candidate("store 1.0.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
            candidate("web 1.0.0", &["plugin lib ^1"], &[]),
            candidate("lib 1.0.0", &[], &[]),
            candidate("lib 2.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "lib 1.0.0, store 2.0.0 | b 1.0.0, web 1.0.0");
}

#[test]
fn a_conflict_names_both_sides_their_ranges_and_what_is_there() {
    let world = World::new(
        &["a", "b", "store", "after"],
        vec![
            candidate("a 1.0.0", &["plugin store ^1"], &[]),
            candidate("b 3.0.0", &["plugin store ^2"], &[]),
            candidate("store 1.0.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
            candidate("after 1.0.0", &["plugin a ^1"], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 1, notices: 0

    problem: `a` (a 1.0.0) and `b` (b 3.0.0) require different versions of plugin `store`.
      found: `b` requires ^2 and gets it, `a` requires ^1 and cannot start
      found: store 2.0.0 (store-2.0.0.so), store 1.0.0 (store-1.0.0.so)
      help: add a second instance of plugin `store` pinned to ^1, or use a version of `a` or `b` that agrees with the other.

    blocked: `after` waits for `a`, which cannot start.
    ");
    insta::assert_snapshot!(world.resolve().report.explain("after").expect("blocked"), @r"
    `after` waits for `a`, which cannot start.
    `a` (a 1.0.0) and `b` (b 3.0.0) require different versions of plugin `store`.
      found: `b` requires ^2 and gets it, `a` requires ^1 and cannot start
      found: store 2.0.0 (store-2.0.0.so), store 1.0.0 (store-1.0.0.so)
      help: add a second instance of plugin `store` pinned to ^1, or use a version of `a` or `b` that agrees with the other.
    ");
    assert_eq!(world.resolve().report.explain("b"), None);
    // What the message advises works.
    let mut advised = world;
    advised.instances.push(instance("store-1=store ^1"));
    assert_eq!(advised.plan(), "store 2.0.0, store-1 1.0.0 | a 1.0.0, b 3.0.0 | after 1.0.0");
}

#[test]
fn a_missing_plugin_is_told_with_the_versions_there_are() {
    let world = World::new(
        &["web", "store"],
        vec![
            candidate("web 1.0.0", &["plugin store ^3"], &[]),
            candidate("store 1.0.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
            candidate("store 3.0.0-rc.1", &[], &[]),
            candidate("store 0.9.0", &[], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) requires plugin `store` ^3, which is not there.
      found: store 2.0.0 (store-2.0.0.so) is out of range
      found: store 1.0.0 (store-1.0.0.so) is out of range
      found: store 0.9.0 (store-0.9.0.so) is out of range
      found: 1 more
      help: install plugin `store` ^3 and enable it, or a version of `web` that accepts what is there.
    ");
}

#[test]
fn a_missing_plugin_is_told_with_similar_names() {
    let world = World::new(
        &["web", "storage-sqlite"],
        vec![
            candidate("web 1.0.0", &["plugin storage-sqlit ^1"], &[]),
            candidate("storage-sqlite 1.0.0", &[], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) requires plugin `storage-sqlit` ^1, which is not there.
      found: `storage-sqlite` has a similar name
      help: install plugin `storage-sqlit` ^1 and enable it, or correct the name if `storage-sqlite` was meant.
    ");
}

#[test]
fn a_missing_service_is_told_with_the_disabled_and_the_unconfigured() {
    let world = World::new(
        &["web"],
        vec![
            candidate("web 1.0.0", &["service kv ^1"], &[]),
            candidate("sqlite 1.0.0", &[], &["kv 1.3.0"]),
            candidate("files 2.0.0", &[], &["kv 1.0.0"]),
            candidate("redis 2.0.0", &[], &["kv 2.0.0"]),
        ],
    )
    .disabled("storage-sqlite", "sqlite");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) requires service `kv` ^1, which is not there.
      found: instance `storage-sqlite` of plugin `sqlite` is present but disabled
      found: files 2.0.0 with kv 1.0.0 (files-2.0.0.so) is present, but no instance of it is configured
      found: redis 2.0.0 with kv 2.0.0 (redis-2.0.0.so) is out of range
      help: enable `storage-sqlite`, or disable `web`.
    ");
}

#[test]
fn a_missing_instance_is_told_with_the_disabled_one() {
    let world = World::new(&["web"], vec![candidate("web 1.0.0", &[], &[])])
        .need("web", "store")
        .disabled("store", "sqlite");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) needs instance `store` (the storage backend), which is not there.
      found: instance `store` of plugin `sqlite` is present but disabled
      help: enable `store`, or disable `web`.
    ");
}

#[test]
fn a_pin_in_the_way_is_named() {
    let world = World::new(
        &["web", "store=store =1.0.0"],
        vec![
            candidate("web 1.0.0", &["plugin store ^2"], &[]),
            candidate("store 1.0.0", &[], &[]),
            candidate("store 2.0.0", &[], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) requires plugin `store` ^2, which is not there.
      found: store 2.0.0 (store-2.0.0.so) is present, but instance `store` is pinned to =1.0.0
      found: store 1.0.0 (store-1.0.0.so) is out of range
      help: widen the pin of `store`, or add another instance.
    ");
}

#[test]
fn an_indirect_conflict_is_told_as_kept_from_a_fitting_version() {
    let world = World::new(
        &["web", "store"],
        vec![
            candidate("web 1.0.0", &["plugin store ^1"], &[]),
            candidate("store 2.0.0", &[], &[]),
            candidate("store 1.0.0", &["plugin disk ^1"], &[]),
        ],
    );
    assert_eq!(world.plan(), "store 2.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 0, notices: 0

    problem: `web` (web 1.0.0) requires plugin `store` ^1, which is not there.
      found: store 1.0.0 (store-1.0.0.so) is present, but requires plugin `disk` ^1
      found: store 2.0.0 (store-2.0.0.so) is out of range
      help: provide plugin `disk` ^1, and store 1.0.0 will do.
    ");
}

#[test]
fn a_cycle_through_a_version_that_is_not_chosen_is_none() {
    // `b` 2.0.0 would ask back, but what `a` asks for is 1.0.0, which is hopeless.
    let world = World::new(
        &["a", "b"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1"], &[]),
            candidate("b 2.0.0", &["plugin a ^1"], &[]),
            candidate("b 1.0.0", &["plugin disk ^1"], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 1, notices: 0

    problem: `a` (a 1.0.0) requires plugin `b` ^1, which is not there.
      found: b 1.0.0 (b-1.0.0.so) is present, but requires plugin `disk` ^1
      found: b 2.0.0 (b-2.0.0.so) is out of range
      help: provide plugin `disk` ^1, and b 1.0.0 will do.

    blocked: `b` waits for `a`, which cannot start.
    ");
}

#[test]
fn a_plugin_that_is_not_there_or_not_within_the_pin_is_told() {
    let world = World::new(
        &["x=stroage", "y=storage ^2", "z=zzz", "w"],
        vec![
            candidate("storage 1.0.0", &[], &[]),
            candidate("w 1.0.0", &["plugin storage ^2"], &[]),
        ],
    );
    insta::assert_snapshot!(world.report(), @r"
    problems: 3, blocked: 1, notices: 0

    problem: `x` is an instance of plugin `stroage`, which is not there.
      found: plugins with similar names: storage
      help: put its library into a plugin directory (or name it in `linked`, if it is compiled in), correct its id, or disable `x`.

    problem: `y` pins plugin `storage` to ^2, which is not there.
      found: storage 1.0.0 (storage-1.0.0.so)
      help: install plugin `storage` ^2, or change the pin.

    problem: `z` is an instance of plugin `zzz`, which is not there.
      help: put its library into a plugin directory (or name it in `linked`, if it is compiled in), correct its id, or disable `z`.

    blocked: `w` waits for `y`, which cannot start.
    ");
}

#[test]
fn an_id_given_twice_starts_none_of_them() {
    let world = World::new(
        &["a", "a=b", "c"],
        vec![
            candidate("a 1.0.0", &[], &[]),
            candidate("b 1.0.0", &[], &[]),
            candidate("c 1.0.0", &[], &[]),
        ],
    )
    .need("c", "a");
    assert_eq!(world.plan(), "");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 1, notices: 0

    problem: 2 instances have the id `a`; none is started.
      help: give each instance an id of its own.

    blocked: `c` waits for `a`, which cannot start.
    ");
}

#[test]
fn a_cycle_is_told_as_a_path_and_only_its_dependents_are_blocked() {
    let world = World::new(
        &["a", "b", "c", "after", "free"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1"], &[]),
            candidate("b 1.0.0", &["service c ^1"], &[]),
            candidate("c 1.0.0", &["plugin a >=0.5"], &["c 1.0.0"]),
            candidate("after 1.0.0", &["plugin c *", "plugin free *"], &[]),
            candidate("free 1.0.0", &[], &[]),
        ],
    );
    assert_eq!(world.plan(), "free 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 1, blocked: 1, notices: 0

    problem: These instances wait for each other: a -> b -> c -> a
      found: `a` requires plugin `b` ^1
      found: `b` requires service `c` ^1
      found: `c` requires plugin `a` >=0.5
      help: make one of these requirements optional, or disable one of the instances.

    blocked: `after` waits for `c`, which cannot start.
    ");
}

#[test]
fn an_optional_edge_in_a_cycle_is_dropped_with_a_notice() {
    let world = World::new(
        &["a", "b", "c"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1 optional"], &[]),
            candidate("b 1.0.0", &["plugin c ^1"], &[]),
            candidate("c 1.0.0", &["plugin a ^1"], &[]),
        ],
    );
    assert_eq!(world.plan(), "a 1.0.0 | c 1.0.0 | b 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 0, blocked: 0, notices: 1

    notice: `a` optionally requires plugin `b` ^1, but does not wait for `b`: that breaks a cycle.
    ");
}

#[test]
fn a_surplus_provider_that_depends_on_its_asker_is_not_waited_for() {
    let world = World::new(
        &["a", "b", "c"],
        vec![
            candidate("a 1.0.0", &["service s ^1"], &[]),
            candidate("b 1.0.0", &["plugin a ^1"], &["s 1.0.0"]),
            candidate("c 1.0.0", &[], &["s 1.0.0"]),
        ],
    );
    assert_eq!(world.plan(), "c 1.0.0 | a 1.0.0 | b 1.0.0");
}

#[test]
fn optional_requirements_order_when_met_and_are_told_when_out_of_range() {
    let world = World::new(
        &["a", "b", "c"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1 optional", "plugin z ^1 optional"], &[]),
            candidate("b 1.0.0", &[], &[]),
            candidate("c 1.0.0", &["plugin b ^2 optional"], &[]),
        ],
    );
    assert_eq!(world.plan(), "b 1.0.0, c 1.0.0 | a 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 0, blocked: 0, notices: 1

    notice: `c` optionally requires plugin `b` ^2 and does without: b 1.0.0 (b-1.0.0.so) is out of range.
    ");
}

#[test]
fn the_load_order_breaks_ties_and_never_a_dependency() {
    let world = World::new(
        &["a", "b", "c", "d"],
        vec![
            candidate("a 1.0.0", &["plugin b ^1"], &[]),
            candidate("b 1.0.0", &["plugin c ^1"], &[]),
            candidate("c 1.0.0", &[], &[]),
            candidate("d 1.0.0", &[], &[]),
        ],
    )
    .load_order(&["a", "d", "c", "clocks"]);
    assert_eq!(world.plan(), "d 1.0.0, c 1.0.0 | b 1.0.0 | a 1.0.0");
    insta::assert_snapshot!(world.report(), @r"
    problems: 0, blocked: 0, notices: 2

    notice: the load order puts `a` before `c`, but `a` depends on it (a -> b -> c); the dependency wins.
    notice: the load order names `clocks`, but there is no such instance; remove it.
    ");
}

#[test]
fn a_search_without_end_is_cut_short_and_says_so() {
    // Ten pigeons, nine holes: needs exponential time to refute by backtracking.
    let holes = 9;
    let mut candidates = Vec::new();
    let mut instances = Vec::new();
    for pigeon in 0..=holes {
        let name = format!("pigeon{pigeon}");
        instances.push(instance(&name));
        for hole in 0..holes {
            let wants = format!("plugin hole{hole} ={}.0.0", pigeon + 1);
            candidates.push(candidate(&format!("{name} {hole}.0.0"), &[&wants], &[]));
        }
    }
    for hole in 0..holes {
        let name = format!("hole{hole}");
        instances.push(instance(&name));
        for pigeon in 0..=holes {
            candidates.push(candidate(&format!("{name} {}.0.0", pigeon + 1), &[], &[]));
        }
    }
    let world = World { candidates, instances, ..World::default() };
    let resolution = world.resolve();
    let cut = |notice: &Notice| matches!(notice, Notice::SearchLimit { .. });
    assert!(resolution.report.notices.iter().any(cut), "{}", resolution.report);
    // Nine of ten have a hole; the best found is used.
    assert_eq!(resolution.plan.start_order().count(), 2 * holes);
}

#[test]
fn a_large_conflict_is_settled_but_for_the_one_that_cannot_be_had() {
    // All are linked through `hub`; each needs its library lowered, and two want
    // different versions of the same one.
    let count = 12_000;
    let mut candidates = vec![candidate("hub 1.0.0", &[], &[]), candidate("hub 2.0.0", &[], &[])];
    let mut instances = vec![instance("hub")];
    for at in 0..count {
        let lib = format!("plugin lib{at} ^1");
        candidates.push(candidate(&format!("app{at} 1.0.0"), &[&lib], &[]));
        candidates.push(candidate(&format!("lib{at} 2.0.0"), &["plugin hub *"], &[]));
        candidates.push(candidate(&format!("lib{at} 1.0.0"), &["plugin hub *"], &[]));
        instances.extend([instance(&format!("app{at}")), instance(&format!("lib{at}"))]);
    }
    candidates.push(candidate("odd 1.0.0", &["plugin lib7 ^2"], &[]));
    instances.push(instance("odd"));
    let world = World { candidates, instances, ..World::default() };
    let Resolution { plan, report } = world.resolve();
    assert_eq!(plan.start_order().count(), 2 * count + 1, "all but one");
    let told = report.explain("app7").expect("refused");
    assert!(told.contains("`odd` requires ^2 and gets it"), "{told}");
    let cut = |notice: &Notice| matches!(notice, Notice::SearchLimit { .. });
    assert!(!report.notices.iter().any(cut), "progress is free");
}

#[test]
fn long_chains_and_rings_neither_overflow_nor_print_without_end() {
    let ring = |count: usize, closed: bool| {
        let candidates = (0..count).map(|at| {
            let next = format!("plugin p{} *", (at + 1) % count);
            let requires: &[&str] = if closed || at + 1 < count { &[&next] } else { &[] };
            candidate(&format!("p{at} 1.0.0"), requires, &[])
        });
        World {
            candidates: candidates.collect(),
            instances: (0..count).map(|at| instance(&format!("p{at}"))).collect(),
            ..World::default()
        }
    };
    assert_eq!(ring(20_000, false).resolve().plan.levels.len(), 20_000);
    let world = ring(20_000, true);
    assert!(world.resolve().plan.is_empty());
    assert!(world.report().len() < 1_000);
}

#[test]
fn the_outcome_serialises() {
    let world = World::new(&["a"], vec![candidate("a 1.0.0", &["plugin b ^1"], &[])]);
    let json = serde_json::to_string(&world.resolve()).expect("serialises");
    assert!(json.contains(r#""kind":"missing""#), "{json}");
}
