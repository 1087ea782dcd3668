use proptest::prelude::*;

use super::*;

fn event(kind: EventKind, phase: Phase) -> Event {
    match kind {
        EventKind::Rediscovered => Event::Rediscovered,
        EventKind::Verified => Event::Verified,
        EventKind::Resolved => Event::Resolved,
        EventKind::Loaded => Event::Loaded,
        EventKind::Initialized => Event::Initialized,
        EventKind::Started => Event::Started,
        EventKind::Degraded => Event::Degraded,
        EventKind::Recovered => Event::Recovered,
        EventKind::StopRequested => Event::StopRequested,
        EventKind::Stopped => Event::Stopped,
        EventKind::Retired => Event::Retired,
        EventKind::Disabled => Event::Disabled,
        EventKind::Blocked => Event::Blocked { by: vec!["clock".into()] },
        EventKind::Failed => Event::Failed { phase, error: "boom".into() },
    }
}

fn failed(phase: Phase) -> State {
    State::Failed { phase, error: "boom".into() }
}

/// Every state, `Failed` in every phase.
fn all_states() -> Vec<State> {
    let mut states = vec![
        State::Discovered,
        State::Verified,
        State::Resolved,
        State::Loaded,
        State::Initialized,
        State::Active,
        State::Degraded,
        State::Stopping,
        State::Stopped,
        State::Retired,
        State::Disabled,
        State::Blocked { by: vec!["clock".into()] },
    ];
    states.extend(Phase::ALL.map(failed));
    states
}

fn any_event() -> impl Strategy<Value = Event> {
    let kinds = proptest::sample::select(EventKind::ALL.to_vec());
    let phases = proptest::sample::select(Phase::ALL.to_vec());
    (kinds, phases).prop_map(|(kind, phase)| event(kind, phase))
}

/// The states that follow directly.
fn next(state: &State) -> Vec<State> {
    let events = (EventKind::ALL.into_iter())
        .flat_map(|kind| Phase::ALL.into_iter().map(move |phase| event(kind, phase)));
    let mut states: Vec<State> = events.filter_map(|it| state.transition(it).ok()).collect();
    states.dedup();
    states
}

/// All states that can follow, however many events it takes.
fn reachable(from: &State) -> Vec<State> {
    let mut found = next(from);
    let mut at = 0;
    while let Some(state) = found.get(at) {
        for more in next(state) {
            if !found.contains(&more) {
                found.push(more);
            }
        }
        at += 1;
    }
    found
}

#[test]
fn the_usual_life_goes_from_discovered_to_retired() {
    let events = [
        Event::Verified,
        Event::Resolved,
        Event::Loaded,
        Event::Initialized,
        Event::Started,
        Event::Degraded,
        Event::Recovered,
        Event::StopRequested,
        Event::Stopped,
        Event::Retired,
    ];
    let last =
        events.into_iter().try_fold(State::Discovered, |state, event| state.transition(event));
    assert_eq!(last, Ok(State::Retired));
}

#[test]
fn legal_lists_exactly_the_events_that_lead_somewhere() {
    for state in all_states() {
        for kind in EventKind::ALL {
            let leads =
                Phase::ALL.iter().any(|&phase| state.transition(event(kind, phase)).is_ok());
            assert_eq!(leads, state.legal().any(|it| it == kind), "{state} {kind}");
        }
    }
}

#[test]
fn nothing_leaves_retired() {
    assert_eq!(next(&State::Retired), []);
    assert_eq!(State::Retired.legal().count(), 0);
    assert!(all_states().iter().all(|it| it.is_terminal() == next(it).is_empty()));
}

#[test]
fn every_state_but_the_last_can_reach_failed_and_retired_and_a_new_start() {
    for state in all_states().into_iter().filter(|state| !state.is_terminal()) {
        assert!(state.legal().any(|kind| kind == EventKind::Failed), "{state}");
        let later = reachable(&state);
        assert!(later.contains(&State::Retired), "{state}");
        assert!(later.contains(&State::Disabled), "{state}");
        assert!(later.contains(&State::Discovered), "{state}");
        assert!(later.contains(&State::Active), "{state}");
    }
}

#[test]
fn an_active_instance_cannot_be_disabled_without_being_stopped() {
    for state in [State::Loaded, State::Initialized, State::Active, State::Degraded] {
        assert!(state.transition(Event::Disabled).is_err());
        assert_eq!(state.transition(Event::StopRequested), Ok(State::Stopping));
    }
}

#[test]
fn what_may_never_have_been_verified_has_no_short_cut_to_resolved() {
    for state in [State::Disabled, failed(Phase::Verify), failed(Phase::Retire)] {
        assert!(state.transition(Event::Resolved).is_err(), "{state}");
        assert_eq!(state.transition(Event::Rediscovered), Ok(State::Discovered));
    }
    assert_eq!(State::Stopped.transition(Event::Resolved), Ok(State::Resolved));
    assert_eq!(failed(Phase::Run).transition(Event::Resolved), Ok(State::Resolved));
}

#[test]
fn an_illegal_event_names_the_state_the_event_and_what_would_be_legal() {
    let error = State::Active.transition(Event::Loaded).expect_err("not legal");
    assert_eq!(
        error.to_string(),
        "event `loaded` cannot happen in state `active`; \
         expected `degraded`, `stop requested`, `failed`"
    );
    let error = State::Retired.transition(Event::Started).expect_err("not legal");
    assert_eq!(
        error.to_string(),
        "event `started` cannot happen in state `retired`; nothing can, so start a new instance"
    );
    let wrong = Event::Failed { phase: Phase::Stop, error: String::new() };
    let error = State::Initialized.transition(wrong).expect_err("not legal");
    assert_eq!(
        error.to_string(),
        "phase `stop` cannot fail in state `initialized`; expected `contribute`, `start`"
    );
    assert_eq!((error.state(), error.event()), (&State::Initialized, EventKind::Failed));
}

#[test]
fn states_project_to_the_four_statuses_and_error_is_read_as_failed() {
    let expected = [
        ("discovered", "loading"),
        ("verified", "loading"),
        ("resolved", "loading"),
        ("loaded", "loading"),
        ("initialized", "loading"),
        ("active", "active"),
        ("degraded", "active"),
        ("stopping", "inactive"),
        ("stopped", "inactive"),
        ("retired", "inactive"),
        ("disabled", "inactive"),
        ("blocked", "inactive"),
        ("failed", "failed"),
    ];
    let states = all_states();
    for (state, (name, status)) in states.iter().zip(expected) {
        assert_eq!((state.as_str(), state.status().as_str()), (name, status));
        let json = serde_json::to_string(&state.status()).expect("serialises");
        assert_eq!(json, format!("\"{status}\""));
    }
    let read: Status = serde_json::from_str("\"error\"").expect("an alias");
    assert_eq!(read, Status::Failed);
}

#[test]
fn states_and_phases_read_back_what_they_write() {
    for state in all_states() {
        let json = serde_json::to_string(&state).expect("serialises");
        assert_eq!(serde_json::from_str::<State>(&json).expect("reads"), state);
    }
    let json = serde_json::to_string(&failed(Phase::Load)).expect("serialises");
    assert_eq!(json, r#"{"state":"failed","phase":"load","error":"boom"}"#);
    for phase in Phase::ALL {
        let json = serde_json::to_string(&phase).expect("serialises");
        assert_eq!(json, format!("\"{phase}\""));
    }
}

#[test]
fn every_phase_of_seed_002_has_a_counterpart() {
    for name in [
        "PhaseLoad",
        "PhaseValidate",
        "PhaseDependencyResolve",
        "PhaseInitialize",
        "PhaseStart",
        "PhaseRunning",
        "PhaseShutdown",
        "PhaseUnload",
    ] {
        assert!(Phase::ALL.iter().any(|phase| phase.lifecycle_name() == name), "{name}");
    }
}

proptest! {
    #[test]
    fn an_instance_serves_only_after_all_steps_since_it_was_verified(
        events in proptest::collection::vec(any_event(), 0..400),
    ) {
        let mut state = State::Discovered;
        let mut verified = false;
        for event in events {
            let kind = event.kind();
            let Ok(after) = state.transition(event) else {
                continue; // Refused, and the state stays.
            };
            match &after {
                State::Discovered => verified = false,
                State::Verified => verified = true,
                State::Resolved | State::Loaded | State::Stopping => prop_assert!(verified),
                State::Initialized => prop_assert_eq!(&state, &State::Loaded),
                State::Active => prop_assert!(
                    matches!(state, State::Initialized | State::Degraded)
                ),
                State::Degraded => prop_assert_eq!(&state, &State::Active),
                State::Stopped => prop_assert_eq!(&state, &State::Stopping),
                State::Failed { phase, .. } => prop_assert!(state.phases().contains(phase)),
                State::Retired => prop_assert!(!state.is_serving()),
                _ => {}
            }
            prop_assert!(state.legal().any(|legal| legal == kind));
            prop_assert!(!state.is_terminal());
            state = after;
        }
    }
}
