use std::sync::Mutex;

use futures_lite::future::block_on;

use super::*;
use crate::Config;
use crate::testing::{ALICE, ALICE_ONE_UID, BOB_SECRET, Memory, certificate};

type Log = Arc<Mutex<Vec<(String, String)>>>;

fn service(config: &Config) -> (Service, Log) {
    let log = Log::default();
    let seen = log.clone();
    let database = Database::new(Storage::new(Memory::default()), config).unwrap();
    let publish = move |_: &Call, topic: &str, payload: Vec<u8>| {
        let event: KeyEvent = serde_json::from_slice(&payload).unwrap();
        seen.lock().unwrap().push((topic.to_owned(), event.fingerprint));
        Ok(())
    };
    (Service::new(database, publish), log)
}

fn submit(service: &Service, material: &'static [u8]) -> Result<Submission> {
    block_on(service.submit(&Call::none(), Bytes::from_static(material))).map(|json| json.0)
}

#[test]
fn each_change_is_published_once_and_no_change_is_not() {
    let (service, log) = service(&Config::default());
    let fingerprint = certificate(ALICE).fingerprint().to_owned();
    assert_eq!(submit(&service, ALICE_ONE_UID).unwrap().added, [fingerprint.as_str()]);
    assert_eq!(submit(&service, ALICE).unwrap().updated, [fingerprint.as_str()]);
    assert_eq!(submit(&service, ALICE).unwrap().unchanged, [fingerprint.as_str()]);
    let expected = [(KEYS_ADDED, &fingerprint), (KEYS_CHANGED, &fingerprint)];
    let expected = expected.map(|(topic, fingerprint)| (topic.to_owned(), fingerprint.clone()));
    assert_eq!(*log.lock().unwrap(), expected);
    let stats = block_on(service.stats(&Call::none())).unwrap().0;
    assert_eq!((stats.certificates, stats.added, stats.updated, stats.unchanged), (1, 1, 1, 1));
}

#[test]
fn an_upload_that_cannot_be_read_is_the_clients_error() {
    let (service, log) = service(&Config { max_upload_bytes: 4096, ..Config::default() });
    assert!(submit(&service, b"hello").unwrap_err().is_invalid_input());
    let secret = submit(&service, BOB_SECRET).unwrap_err();
    assert!(secret.is_invalid_input());
    assert!(secret.message().contains("SECRET"), "{secret}");
    assert!(submit(&service, &[0x99; 5000]).unwrap_err().is_resource_limit());
    assert!(log.lock().unwrap().is_empty());
}

#[test]
fn a_search_term_that_cannot_be_used_is_the_clients_error() {
    let (service, _) = service(&Config::default());
    let lookup = |term: &str| block_on(service.lookup(&Call::none(), term.to_owned()));
    assert!(lookup("0xDEADBEEF").unwrap_err().is_invalid_input());
    assert!(lookup("nobody@example.org").unwrap().is_empty());
}

#[test]
fn an_event_that_cannot_be_published_does_not_undo_what_is_stored() {
    let database = Database::new(Storage::new(Memory::default()), &Config::default()).unwrap();
    let service = Service::new(database, |_, _, _| {
        Err(Error::new(ErrorKind::ResourceLimit, "too many events"))
    });
    assert_eq!(submit(&service, ALICE).unwrap().added.len(), 1);
    assert_eq!(service.0.counters.events_lost.get(), 1);
}
