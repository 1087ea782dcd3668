//! A zoo of broken plugins: each example is a library with one deliberate fault, for the tests that
//! show what a host survives.
//!
//! An example is a specimen: a plugin, and a last line that says `zoo::plugin!`. In its own library
//! that exports it. The same files are modules of this crate, too, where nothing is exported and
//! each is a plugin to be linked: a fault is played on both mounts from one source. Specimens whose
//! fault lies in the file are libraries only.

// In a specimen's own library `zoo::plugin!` is the macro below. Here the name `zoo` stands for
// hotshoe, whose `plugin!` exports nothing.
extern crate hotshoe as zoo;

use hotshoe::LinkedPlugin;

/// Exports a specimen: the plugin, then what its manifest says.
#[macro_export]
macro_rules! plugin {
    ($Plugin:ty, $($manifest:tt)*) => {{
        ::hotshoe::export_plugin!($Plugin, $($manifest)*);
        <$Plugin as ::hotshoe::ExportedPlugin>::PLUGIN
    }};
}

/// Writes the section that holds a library's manifest by hand, from these texts.
#[macro_export]
macro_rules! section {
    ($($text:expr),* $(,)?) => {
        const _: () = {
            const TEXTS: &[&str] = &[$($text),*];
            #[used]
            #[unsafe(link_section = ".hotshoe")]
            static SECTION: [u8; ::hotshoe::__private::len(TEXTS)] =
                ::hotshoe::__private::join(TEXTS);
        };
    };
}

/// A whole manifest: the plugin's id, the symbol of its entry, and further records.
#[macro_export]
macro_rules! manifest {
    ($id:literal, $symbol:literal $(, $record:literal)*) => {
        $crate::section!(
            $crate::FORMAT,
            $crate::BUILD,
            ::core::concat!(
                "panic\u{1f}true\u{1e}symbol\u{1f}", $symbol, "\u{1e}id\u{1f}", $id,
                "\u{1e}version\u{1f}1.0.0\u{1e}", $($record, "\u{1e}",)* "end\u{1e}"
            ),
        );
    };
}

/// Has a function run when the library is opened, before anything else of it.
#[macro_export]
macro_rules! before_main {
    ($function:path) => {
        #[used]
        #[unsafe(link_section = ".init_array")]
        static BEFORE_MAIN: extern "C" fn() = $function;
    };
}

/// The record that begins a manifest.
pub const FORMAT: &str = "hotshoe-manifest\u{1f}1\u{1e}";

/// What a manifest says of how its library was built: as a host of this build expects it.
pub const BUILD: &str = hotshoe::__private::BUILD_RECORDS;

/// For [`before_main!`]: writes the file that the variable `ZOO_TRACE` names.
pub extern "C" fn leave_a_trace() {
    if let Some(path) = std::env::var_os("ZOO_TRACE") {
        // Whoever looks for the file notices if it is not there.
        let _ = std::fs::write(path, "somebody was here");
    }
}

/// A specimen's plugin, to be linked; none if its fault lies in a file.
pub fn linked(specimen: &str) -> Option<LinkedPlugin> {
    LINKED.iter().find(|(name, _)| *name == specimen).map(|(_, plugin)| *plugin)
}

macro_rules! specimens {
    ($($name:ident,)*) => {
        #[path = "examples"]
        mod specimens {
            $(pub(crate) mod $name;)*
        }

        /// Every specimen that can be linked, by name.
        const LINKED: &[(&str, LinkedPlugin)] =
            &[$((stringify!($name), specimens::$name::PLUGIN)),*];
    };
}

specimens! {
    aborts,
    answers_a_gibibyte,
    blocks_in_a_handler,
    blocks_in_a_waker,
    blocks_in_drop,
    blocks_in_initialize,
    blocks_in_start,
    blocks_in_stop,
    blocks_in_the_background,
    calls_after_its_end,
    calls_back,
    calls_back_without_end,
    calls_from_its_own_thread,
    contributes_late,
    dropped_half_way,
    exits,
    fails_to_stop,
    floods_the_log,
    leaks_a_thread,
    never_ready,
    never_ready_in_start,
    overflows_the_stack,
    panics_in_a_body,
    panics_in_a_handler,
    panics_in_a_job,
    panics_in_a_log_record,
    panics_in_a_thread_local,
    panics_in_a_waker,
    panics_in_an_event_handler,
    panics_in_a_service,
    panics_in_contribute,
    panics_in_drop,
    panics_in_execute,
    panics_in_health,
    panics_in_initialize,
    panics_in_its_own_thread,
    panics_in_metrics,
    panics_in_middleware,
    panics_in_poll,
    panics_in_restore_state,
    panics_in_save_state,
    panics_in_settings,
    panics_in_start,
    panics_in_stop,
    panics_in_storage,
    panics_in_the_drop_of_a_future,
    panics_while_unwinding,
    panics_with_a_grenade,
    panics_with_a_novel,
    publishes_in_a_loop,
    segfaults,
    steady,
    streams_a_gibibyte,
}
