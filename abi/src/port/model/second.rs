//! A second target, which some of the calls go to: it is withdrawn, or takes the place of the first one.

use loom::thread;

use super::super::protocol::Passage;
use super::super::state::{
    SECOND,
    switch::{PAUSED, UNFENCED},
};
use super::super::sync::Ordering;
use super::exchange::{Begun, NEW, OLD, Port};
use super::{explore, explore_within, full, none};

/// What becomes of the second target.
#[derive(Clone, Copy, PartialEq)]
enum Second {
    Withdrawn,
    /// But somebody has looked who is inside before that.
    WithdrawnLate,
    Promoted,
    /// But for a moment it is neither the one nor the other.
    PromotedLate,
}

/// One call goes to the first target and one to the second, which is withdrawn, or put in the place of the first
/// one. What is over is freed once nobody is inside.
fn shared(switch: u32, caller: fn(), owner: fn(), becomes: Second) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        port.state.second.store(port.at(NEW), Ordering::Release);
        let callers = [0, SECOND].map(|ticket| {
            let port = port.clone();
            thread::spawn(move || {
                let own = usize::from(ticket == SECOND);
                let passage = match port.begin(own, caller) {
                    Begun::Inside => Passage::In,
                    Begun::Waits => port.go_in(),
                    Begun::Refused => panic!("it is not closed"),
                };
                if passage == Passage::In {
                    port.stay_with(own, ticket);
                }
                (own, ticket, passage)
            })
        });
        if switch & PAUSED != 0 {
            port.resume();
        }
        let no_second = || port.state.second.store(std::ptr::null_mut(), Ordering::SeqCst);
        let was_quiet = becomes == Second::WithdrawnLate && port.is_quiet(owner);
        let over = match becomes {
            Second::Withdrawn | Second::WithdrawnLate => {
                no_second();
                NEW
            }
            Second::Promoted => {
                port.lead_to(NEW);
                no_second();
                OLD
            }
            Second::PromotedLate => {
                no_second();
                port.lead_to(NEW);
                OLD
            }
        };
        let looks = becomes != Second::WithdrawnLate;
        let freed = was_quiet || looks && port.is_quiet(owner);
        if freed {
            port.free(over);
        }
        for caller in callers {
            let (own, ticket, passage) = caller.join().expect("a caller");
            if passage == Passage::Held {
                assert_eq!(port.go_in(), Passage::In, "nothing holds it any more");
                port.stay_with(own, ticket);
            }
        }
        assert!(freed || port.free_if_quiet(over, owner), "nobody is inside any more");
        assert_eq!(port.save(OLD) + port.save(NEW), 2, "what a call wrote is lost");
        if over == OLD {
            // SAFETY: nobody is inside.
            let written = port.targets[NEW].written[1].with(|written| unsafe { *written });
            assert_eq!(written, 1, "of two that are there in turn it gets to the new one");
        }
    }
}

#[test]
fn what_had_a_share_of_the_calls_is_freed_when_nobody_is_inside() {
    explore(shared(0, full, full, Second::Withdrawn));
}

#[test]
fn so_it_is_when_calls_were_held_that_are_of_its_share() {
    explore_within(3, shared(PAUSED, full, full, Second::Withdrawn));
}

#[test]
fn and_where_there_is_no_fence_for_all_threads() {
    explore(shared(UNFENCED, none, full, Second::Withdrawn));
}

#[test]
fn calls_of_its_share_get_to_it_while_it_takes_the_place_of_the_old_one() {
    explore(shared(0, full, full, Second::Promoted));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_had_a_share_needs_the_fence_of_callers_too() {
    explore(shared(0, none, full, Second::Withdrawn));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_had_a_share_needs_the_fence_of_the_owner_too() {
    explore(shared(0, full, none, Second::Withdrawn));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn that_nobody_was_inside_before_it_was_withdrawn_says_nothing() {
    explore(shared(0, full, full, Second::WithdrawnLate));
}

#[test]
#[should_panic(expected = "it gets to the new one")]
fn it_is_in_its_place_before_it_is_no_second_any_more() {
    explore(shared(0, full, full, Second::PromotedLate));
}
