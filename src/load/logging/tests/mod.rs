//! Both sides in one process: a plugin's bridge wired to a host's log.

mod attach;
mod events;
mod levels;
mod recorder;
mod spans;
