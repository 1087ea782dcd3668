//! The plugin puts its file where the host and its settings say.

use hotshoe::testing::{FakeHost, block_on};
use hotshoe::{HealthStatus, Plugin};
use storage_sqlite::{Config, SqliteStorage};

#[test]
fn it_keeps_its_file_in_the_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::new("secrets").data_dir(directory.path());
    let config = serde_json::from_str(r#"{ "path": "deep/secrets.db" }"#).unwrap();
    block_on(async {
        let plugin = SqliteStorage::initialize(host.context(), config).await.unwrap();
        assert_eq!(plugin.health().await.unwrap().status, HealthStatus::Healthy);
        assert!(directory.path().join("deep/secrets.db").exists());
        plugin.stop().await.unwrap();
    });
}

#[test]
fn a_path_out_of_the_data_directory_is_a_wrong_setting() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::new("secrets").data_dir(directory.path().join("data"));
    let config = Config { path: "../elsewhere.db".into(), ..Config::default() };
    let error = block_on(SqliteStorage::initialize(host.context(), config)).err().unwrap();
    assert!(error.is_invalid_config(), "{error:?}");
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}
