//! A plugin that is updated while the server serves: `--watch`.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use hotshoe_openpgp_keys::Certificate;

use super::gpg::Gpg;
use super::next_build;
use super::server::{Answer, Server};

/// What a client that was idle may have at once; the bucket fills so slowly that no test sees it.
const LIMIT: u64 = 400;
/// The same in the next version.
const NEXT_LIMIT: u64 = LIMIT / 2;
/// Nobody waits for so long unless the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who has had this many requests, as the server tells it, and of how many.
fn used(answer: &Answer) -> (u64, u64) {
    let number = |name: &str| answer.header(name).and_then(|text| text.parse::<u64>().ok());
    let limit = number("ratelimit-limit").expect("it is told");
    (limit - number("ratelimit-remaining").expect("it is told"), limit)
}

/// Whoever ends, ended by a failure or not, ends all.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Asks for a key as a client of its own.
fn ask(server: &Server, key: &Certificate, client: &str) -> Answer {
    let path = format!("/pks/lookup?op=get&options=mr&search=0x{}", key.fingerprint());
    server.get_as(&path, client)
}

/// Each request that is made meanwhile is answered as it should be, by the old limit or by the new one; and
/// what clients have had, they have had.
#[test]
fn a_new_build_of_the_rate_limit_is_copied_in_while_gpg_and_others_use_the_server() {
    let Some(gpg) = Gpg::new() else { return };
    let next = fs::read(next_build::ratelimit()).expect("it was built");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("keyserver.toml");
    let own = "config.limit = \"6000/min\"";
    let text = include_str!("../../examples/keyserver/keyserver.toml");
    assert!(text.contains(own), "the example limits its clients");
    // All come from one address; so they say who they are.
    let limit = format!("config.limit = \"{LIMIT}/d\"\nconfig.trust_forwarded_for = true");
    fs::write(&config, text.replace(own, &limit)).expect("the configuration is written");
    let server = Server::start(&["--watch", "--config", &config.display().to_string()]);
    let keyring = super::debian_keyring();
    let key = &keyring[0];
    gpg.import(key.bytes());
    gpg.keyserver(&server, &["--send-keys", key.fingerprint()]);

    // One has had more than the next version allows, one all that this one allows.
    for (client, requests) in [("192.0.2.1", NEXT_LIMIT + 10), ("192.0.2.2", LIMIT)] {
        for number in 1..=requests {
            let answer = ask(&server, key, client);
            assert_eq!((answer.status, used(&answer)), (200, (number, LIMIT)));
        }
    }
    let begin = Instant::now();
    let (swapped, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Those who come for the first time are served, and those who are at their limit are not.
        scope.spawn(|| {
            let _ending = Ending(&over);
            let mut number = 0u16;
            while !over.load(SeqCst) && begin.elapsed() <= PATIENCE {
                number += 1;
                let [high, low] = number.to_be_bytes();
                let answer = ask(&server, key, &format!("198.18.{high}.{low}"));
                assert_eq!(answer.status, 200, "{}", answer.text());
                let (had, limit) = used(&answer);
                assert_eq!(had, 1);
                let is_next = limit == NEXT_LIMIT;
                assert!(is_next || limit == LIMIT, "{limit}");
                assert!(is_next || !swapped.load(SeqCst), "there is no way back");
                if is_next {
                    swapped.store(true, SeqCst);
                }
            }
        });
        scope.spawn(|| {
            let _ending = Ending(&over);
            while !over.load(SeqCst) && begin.elapsed() <= PATIENCE {
                let answer = ask(&server, key, "192.0.2.2");
                assert_eq!(answer.status, 429);
            }
        });
        scope.spawn(|| {
            let _ending = Ending(&over);
            // Some rounds before, and some after.
            let mut after = 0;
            let mut had = 0;
            while after < 3 && begin.elapsed() <= PATIENCE {
                after += u32::from(swapped.load(SeqCst));
                gpg.keyserver(&server, &["--refresh-keys"]);
                had += 1;
                let answer = ask(&server, key, "192.0.2.3");
                assert_eq!((answer.status, used(&answer).0), (200, had), "none is forgotten");
                if had == 1 {
                    // As `cp` does it: into the file that is there.
                    fs::write(server.plugin("ratelimit"), &next).expect("it is copied in");
                }
            }
        });
    });
    assert!(swapped.load(SeqCst), "it was swapped in");
    let answer = ask(&server, key, "192.0.2.1");
    assert_eq!(answer.status, 429, "it has had more than it may have by now");
    assert_eq!(used(&answer), (NEXT_LIMIT, NEXT_LIMIT));
    server.stop();
}
