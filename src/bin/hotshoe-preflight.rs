//! Tries a plugin's library for a host that does not do so itself; see [`hotshoe::preflight`].

fn main() -> std::process::ExitCode {
    hotshoe::preflight::hook();
    eprintln!(
        "hotshoe-preflight is started by hosts, to try a library: name it as `preflight_helper` in \
         [plugins.security]"
    );
    std::process::ExitCode::FAILURE
}
