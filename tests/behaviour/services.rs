//! Extension points: a trait of the application's own, implemented on the other side.

use bytes::Bytes;
use hotshoe::{Call, ErrorKind, Json};
use probe_api::other::{Differing, Early, Future, Unheard};
use probe_api::{Probe, Shape};

use crate::stage::{Stage, get, text};

async fn every_kind_of_argument_and_answer_crosses(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    assert_eq!(probe.who().unwrap(), "probe");
    probe.nothing().unwrap();
    assert_eq!(probe.unsigned(1, 20, 300, 4000, 50_000).unwrap(), 54_321);
    let most = u64::from(u8::MAX) + u64::from(u16::MAX) + u64::from(u32::MAX);
    assert_eq!(probe.unsigned(u8::MAX, u16::MAX, u32::MAX, 0, 0).unwrap(), most);
    assert_eq!(probe.unsigned(0, 0, 0, u64::MAX, 0).unwrap(), u64::MAX);
    assert_eq!(probe.signed(-1, -20, -300, -4000, -50_000).unwrap(), -54_321);
    assert_eq!(probe.signed(0, 0, 0, i64::MIN, 0).unwrap(), i64::MIN);
    assert_eq!(probe.floats(0.5, 1e300).unwrap(), 1e300 + 0.5);
    assert!(probe.floats(f32::NAN, 0.0).unwrap().is_nan());
    assert!(!probe.not(true).unwrap() && probe.not(false).unwrap());
    assert_eq!(probe.next_letter('ä').unwrap(), 'å');
    assert_eq!(probe.joined("grüß ", "Gött\0".to_owned()).unwrap(), "grüß Gött\0");
    assert_eq!(probe.joined("", String::new()).unwrap(), "");
    assert_eq!(probe.reversed(&[1, 2, 3]).unwrap(), [3, 2, 1]);
    assert!(probe.reversed(&[]).unwrap().is_empty());
    assert_eq!(probe.perhaps(Some(7), Some("th")).unwrap().as_deref(), Some("7th"));
    assert_eq!(probe.perhaps(Some(7), None).unwrap().as_deref(), Some("7"));
    assert_eq!(probe.perhaps(None, Some("th")).unwrap(), None);
    let words = vec!["one".to_owned(), String::new(), "three".to_owned()];
    assert_eq!(probe.lengths(words).unwrap(), [Some(3), None, Some(5)]);
    assert_eq!(probe.lengths(Vec::new()).unwrap(), []);
    let shape = Shape { name: "triangle".to_owned(), corners: vec![(1, 2), (-3, 4)], colour: None };
    let Json(mirrored) = probe.mirrored(Json(shape.clone())).unwrap();
    assert_eq!(mirrored, Shape { corners: vec![(-1, 2), (3, 4)], ..shape });
    let call = Call::builder().user("ada", ["admin", "writer"]).build();
    assert_eq!(probe.caller(&call).unwrap(), "ada as admin+writer");
    assert_eq!(probe.caller(&Call::none()).unwrap(), "nobody as ");
    assert_eq!(probe.later(21).await.unwrap(), 42);
}

async fn the_very_same_bytes_come_back(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let sent = Bytes::from(vec![7; 1000]).slice(10..500);
    let back = probe.same(sent.clone()).unwrap();
    assert_eq!(back.as_ptr(), sent.as_ptr());
    assert_eq!(back, sent);
    // They live as long as whoever holds them.
    drop(sent);
    assert_eq!(back[489], 7);
    assert_eq!(probe.same(Bytes::new()).unwrap().len(), 0);
    let fixed = Bytes::from_static(b"fixed");
    assert_eq!(probe.same(fixed.clone()).unwrap().as_ptr(), fixed.as_ptr());
}

async fn the_very_same_buffer_comes_back(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let sent = vec![7; 1000];
    let start = sent.as_ptr();
    let back = Vec::from(probe.same_buffer(sent.into()).unwrap());
    assert_eq!((back.as_ptr(), back), (start, vec![7; 1000]));
    let shared = Bytes::from(vec![8; 1000]);
    let back = probe.same_buffer(shared.clone().into()).unwrap();
    assert_eq!((back.as_ptr(), Bytes::from(back)), (shared.as_ptr(), shared));
    assert!(probe.same_buffer(Vec::new().into()).unwrap().is_empty());
    assert_eq!(probe.backwards(vec![1, 2, u64::MAX]).unwrap(), [u64::MAX, 2, 1]);
    assert!(probe.backwards(Vec::new()).unwrap().is_empty());
}

async fn a_direct_handle_calls_what_serves_without_being_counted(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let direct = probe.direct().unwrap();
    let before = host.metrics_of("probe").unwrap().request_count;
    assert_eq!(direct.who().unwrap(), "probe");
    assert_eq!(direct.clone().later(21).await.unwrap(), 42);
    assert!(direct.panic(Some("told to".to_owned())).unwrap_err().is_panic());
    assert!(direct.panic_later().await.unwrap_err().is_panic());
    assert_eq!(direct.version(), probe.version());
    assert_eq!(host.metrics_of("probe").unwrap().request_count, before);
    probe.nothing().unwrap();
    assert_eq!(host.metrics_of("probe").unwrap().request_count, before + 1);
}

async fn a_direct_handle_keeps_its_object_when_the_instance_is_stopped(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let direct = probe.direct().unwrap();
    host.stop().await.unwrap();
    assert!(probe.direct().unwrap_err().is_unavailable());
    drop((probe, host));
    assert_eq!(direct.unsigned(1, 2, 3, 4, 5).unwrap(), 15);
    assert_eq!(direct.later(2).await.unwrap(), 4);
}

async fn an_error_arrives_with_every_field(stage: Stage) {
    let host = stage.probe().await;
    let error = host.service::<dyn Probe>().unwrap().fail().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.message(), "expected peace, found none");
    assert_eq!(error.help(), Some("make peace"));
    assert_eq!(error.plugin(), Some("somebody"));
    assert_eq!(error.phase(), Some("run"));
    assert_eq!(error.path(), Some("/some/file"));
    assert_eq!(error.causes().collect::<Vec<_>>(), ["the cause below"]);
    // One from the other side can be changed on this one.
    let error = error.with_help("or war").with_plugin("nobody");
    assert_eq!((error.help(), error.plugin()), (Some("or war"), Some("nobody")));
}

async fn deferred_answers_may_be_awaited_side_by_side_and_elsewhere(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let (one, two) = futures_lite::future::zip(probe.later(1), probe.later(2)).await;
    assert_eq!((one.unwrap(), two.unwrap()), (2, 4));
    let answer = probe.later(3);
    drop(probe);
    let elsewhere = std::thread::spawn(move || futures_lite::future::block_on(answer));
    assert_eq!(elsewhere.join().unwrap().unwrap(), 6);
}

async fn an_earlier_declaration_finds_a_later_provider(stage: Stage) {
    let host = stage.probe().await;
    let early = host.service::<dyn Early>().unwrap();
    assert_eq!(early.who().unwrap(), "probe");
    early.nothing().unwrap();
    assert_eq!(early.version(), "1.2.0");
    assert_eq!(format!("{early:?}"), "Handle(probe 1.2.0)");
}

async fn a_differing_declaration_is_refused_and_names_the_difference(stage: Stage) {
    let host = stage.probe().await;
    let error = host.service::<dyn Differing>().unwrap_err();
    assert!(error.is_incompatible());
    let text = format!("{error:#}");
    assert!(text.contains("method 2 was expected to be `nothing(u32)->()`"), "{text}");
    assert!(text.contains("found `nothing()->()`"), "{text}");
    assert!(text.contains("this side has version 1.1.0, the provider 1.2.0"), "{text}");
    assert!(host.services::<dyn Differing>().is_err());
}

async fn a_version_or_a_service_that_nobody_provides_is_not_found(stage: Stage) {
    let host = stage.probe().await;
    let error = host.service::<dyn Future>().unwrap_err();
    assert!(error.is_not_found());
    assert!(error.message().contains("`probe` was expected in ^2.0.0"), "{error}");
    assert!(error.message().contains("found: 1.2.0 by `probe`"), "{error}");
    let error = host.service::<dyn Unheard>().unwrap_err();
    assert!(error.message().contains("nobody provides it"), "{error}");
    assert!(host.services::<dyn Future>().unwrap().is_empty());
}

async fn a_handle_is_refused_once_its_provider_has_stopped(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let copy = probe.clone();
    host.stop().await.unwrap();
    drop(probe);
    let refused = copy.who().unwrap_err();
    assert!(refused.is_unavailable(), "{refused:#}");
    assert_eq!(refused.plugin(), Some("probe"));
    drop(host);
    assert!(copy.later(4).await.unwrap_err().is_unavailable());
}

async fn a_handle_leads_to_the_successor_after_a_restart(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    assert_eq!(probe.later(3).await.unwrap(), 6);
    host.restart("probe").await.unwrap();
    assert_eq!(probe.who().unwrap(), "probe");
    host.disable("probe").await.unwrap();
    assert!(probe.who().unwrap_err().is_unavailable());
    host.enable("probe").await.unwrap();
    assert_eq!(probe.later(4).await.unwrap(), 8);
    assert_eq!(host.metrics_of("probe").unwrap().error_count, 0);
}

async fn a_service_goes_and_comes_with_its_provider(stage: Stage) {
    let host = stage.probe().await;
    host.disable("probe").await.unwrap();
    assert!(host.service::<dyn Probe>().unwrap_err().is_not_found());
    host.enable("probe").await.unwrap();
    host.service::<dyn Probe>().unwrap().nothing().unwrap();
}

async fn several_providers_are_found_in_the_order_of_their_start(stage: Stage) {
    for order in [["probe", "second"], ["second", "probe"]] {
        let stage = Stage::like(&stage);
        let config = format!(
            "
            plugins.load_order = {order:?}
            plugins.storage = 'none'
            plugins.probe.enabled = true
            plugins.second.plugin = 'probe'
            plugins.second.config.prefix = '/second'"
        );
        let (host, _) = stage.start(&["probe"], &config).await;
        let all = host.services::<dyn Probe>().unwrap();
        let names: Vec<String> = all.iter().map(|probe| probe.who().unwrap()).collect();
        assert_eq!(names, order);
        assert_eq!(host.service::<dyn Probe>().unwrap().who().unwrap(), order[0]);
    }
}

async fn a_plugin_uses_anothers_service_while_it_answers(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

on_every_mount! {
    every_kind_of_argument_and_answer_crosses,
    the_very_same_bytes_come_back,
    the_very_same_buffer_comes_back,
    a_direct_handle_calls_what_serves_without_being_counted,
    a_direct_handle_keeps_its_object_when_the_instance_is_stopped,
    an_error_arrives_with_every_field,
    deferred_answers_may_be_awaited_side_by_side_and_elsewhere,
    an_earlier_declaration_finds_a_later_provider,
    a_differing_declaration_is_refused_and_names_the_difference,
    a_version_or_a_service_that_nobody_provides_is_not_found,
    a_handle_is_refused_once_its_provider_has_stopped,
    a_handle_leads_to_the_successor_after_a_restart,
    a_service_goes_and_comes_with_its_provider,
    several_providers_are_found_in_the_order_of_their_start,
    a_plugin_uses_anothers_service_while_it_answers,
}
