//! One suite for all mounts: what a plugin does, and what its host does with it, is the same
//! whether the plugin is linked in, loaded from the workspace's build, loaded from a build of its
//! own, or loaded from one against a later hotshoe-abi; and whether the futures are polled by tokio,
//! by smol, or by a bare `block_on`; and whether its calls are bare, or watched over by everything that
//! can be configured, on its callers' threads or on its own.
//!
//! A behaviour is an `async fn` named as a sentence that takes a [`Stage`](stage::Stage).
//! `on_every_mount!` makes fourteen tests of it: `events::events_arrive_in_order::loaded_on_smol`.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/variants/mod.rs"]
mod variants;

mod journal;
mod stage;

/// The tests of each behaviour, on every mount and every executor.
macro_rules! on_every_mount {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::stage::{Executor, Mount, run};

            on_every_mount!(@inline super::$name);
            on_every_mount!(@each super::$name => on_lanes_on_tokio: OnLanes Tokio);
        }
    )*};
    (@inline $behaviour:path) => {
        on_every_mount!(@each $behaviour =>
            linked_on_tokio: Linked Tokio, linked_on_smol: Linked Smol,
            linked_on_block_on: Linked Bare, loaded_on_tokio: Loaded Tokio,
            loaded_on_smol: Loaded Smol, loaded_on_block_on: Loaded Bare,
            built_alone_on_tokio: Alone Tokio, built_alone_on_smol: Alone Smol,
            built_alone_on_block_on: Alone Bare, later_on_tokio: Later Tokio,
            later_on_smol: Later Smol, later_on_block_on: Later Bare,
            supervised_on_tokio: Supervised Tokio,
        );
    };
    (@each $behaviour:path => $($test:ident: $mount:ident $executor:ident),* $(,)?) => {$(
        #[test]
        fn $test() {
            run(Mount::$mount, Executor::$executor, $behaviour);
        }
    )*};
}

/// The same for behaviours that cannot be the same on a plugin's own threads; each says why.
macro_rules! on_every_mount_without_lanes {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::stage::{Executor, Mount, run};

            on_every_mount!(@inline super::$name);
        }
    )*};
}

/// The same for behaviours that need a file.
macro_rules! on_every_loaded_mount {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::stage::{Executor, Mount, run};

            on_every_mount!(@each super::$name =>
                loaded_on_tokio: Loaded Tokio, loaded_on_smol: Loaded Smol,
                loaded_on_block_on: Loaded Bare, built_alone_on_tokio: Alone Tokio,
                built_alone_on_smol: Alone Smol, built_alone_on_block_on: Alone Bare,
                later_on_tokio: Later Tokio, later_on_smol: Later Smol,
                later_on_block_on: Later Bare, supervised_on_tokio: Supervised Tokio,
                on_lanes_on_tokio: OnLanes Tokio,
            );
        }
    )*};
}

/// The tests of behaviours of lanes, which these configure themselves.
macro_rules! on_every_lane {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::stage::{Executor, Mount, run};

            on_every_mount!(@each super::$name =>
                linked_on_tokio: Linked Tokio, linked_on_block_on: Linked Bare,
                loaded_on_tokio: Loaded Tokio, loaded_on_block_on: Loaded Bare,
            );
        }
    )*};
}

mod bodies;
mod cancellation;
mod containment;
mod contributions;
mod defaults;
mod doors;
mod events;
mod failure_policy;
mod instances;
mod lanes;
mod lifecycle;
mod limits;
mod middleware;
mod permissions;
mod records;
mod requests;
mod revocation;
mod runtimes;
mod services;
mod state;
mod storage;
mod supervision;
mod switching;
mod tasks;
mod tower;
mod watching;
