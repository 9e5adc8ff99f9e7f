//! The operators' commands, by the binary, against the local AWS over HTTP: what a person sees, and
//! what the exit status says.

use std::process::{Command, Output};

use local_aws::iam::{ADMIN_ACCESS_KEY, ADMIN_SECRET};
use local_aws::{Aws, Settings};
use serde_json::Value;
use tokio::net::TcpListener;

/// Where AWS answers.
struct Endpoint(String);

impl Endpoint {
    async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(local_aws::serve(Aws::new(Settings::default()), listener));
        Self(format!("http://{address}"))
    }

    /// Runs `landlord` as a user who has these keys, and nothing of this machine's configuration.
    fn landlord(&self, key: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_landlord"))
            .env_clear()
            .env("HOME", "/nonexistent")
            .env("AWS_ENDPOINT_URL", &self.0)
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", ADMIN_SECRET)
            .env("AWS_REGION", "eu-central-1")
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_is_thrown_seen_and_lifted() {
    let aws = Endpoint::open().await;
    let stop =
        |arguments: &[&str]| out(&aws.landlord(ADMIN_ACCESS_KEY, &[&["stop"], arguments].concat()));
    assert_eq!(stop(&["status"]), "nothing is stopped");
    stop(&["throw", "--reason", "wrong tenants are leaving", "--dry-run"]);
    assert_eq!(stop(&["status"]), "nothing is stopped");
    stop(&["throw", "--reason", "wrong tenants are leaving"]);
    let status: Value = serde_json::from_str(&stop(&["status", "--json"])).unwrap();
    assert_eq!(status["reason"], "wrong tenants are leaving");
    assert!(status["by"].as_str().unwrap().starts_with("arn:aws:"), "{status}");
    assert_eq!(stop(&["lift"]), "lifted: nothing is stopped");
    assert_eq!(stop(&["status"]), "nothing is stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_says_what_to_do_and_has_its_exit_status() {
    let aws = Endpoint::open().await;
    let stranger = aws.landlord("AKIASOMEBODYELSE0000", &["stop", "status"]);
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(1), "{said}");
    assert!(said.contains("could not read the switch"), "{said}");
    assert!(said.contains("log in again"), "{said}");
    let nobody = aws.landlord(ADMIN_ACCESS_KEY, &["stop", "status", "--profile", "nobody"]);
    assert_eq!(nobody.status.code(), Some(2));
    let no_reason = aws.landlord(ADMIN_ACCESS_KEY, &["stop", "throw"]);
    assert_eq!(no_reason.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_checked_offline_and_its_faults_are_told_with_their_lines() {
    let aws = Endpoint::open().await;
    let check = |folder: &std::path::Path, arguments: &[&str]| {
        let folder = folder.to_str().unwrap();
        aws.landlord(ADMIN_ACCESS_KEY, &[&["config", "check", folder], arguments].concat())
    };
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(out(&check(&root, &[])).starts_with("in order: 2 tiers, "));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("services")).unwrap();
    std::fs::write(folder.path().join("tiers.json"), "{\n\"tires\": {}}").unwrap();
    let refused = check(folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("tiers.json:2: tires: \"tires\" must not be there; tiers is meant?"),
        "{said}"
    );
    let refused = check(folder.path(), &["--json"]);
    assert_eq!(refused.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(document["faults"][0]["file"], "tiers.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_prints_what_it_finds_and_ends_with_three() {
    let aws = Endpoint::open().await;
    let folder = tempfile::tempdir().unwrap();
    let deployment = folder.path().join("ours.yaml");
    std::fs::write(&deployment, "EmailDomain: accounts.example.com\nParentId: r-root\n").unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let deployment = deployment.to_str().unwrap();
    let check = |more: &[&str]| {
        let arguments = [&["check", root, "--deployment", deployment], more].concat();
        aws.landlord(ADMIN_ACCESS_KEY, &arguments)
    };
    let found = check(&[]);
    let said = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(3), "{said}{}", String::from_utf8_lossy(&found.stderr));
    assert!(
        said.contains("NoTrail: CloudTrail's trails\n") && said.contains("what to do: "),
        "{said}"
    );
    assert!(said.trim_end().ends_with("2 findings"), "{said}");
    let accepted = ["--accept", "NoTrail", "--accept", "LambdaConcurrency", "--json"];
    let document: Value = serde_json::from_str(&out(&check(&accepted))).unwrap();
    assert_eq!(document["fit"], true);
    let policy: Value = serde_json::from_str(&out(&check(&["--policy"]))).unwrap();
    assert_eq!(policy["Statement"][0]["Effect"], "Allow");
    let nowhere = aws.landlord(ADMIN_ACCESS_KEY, &["check", "/nonexistent"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_and_the_manual_know_every_command() {
    let aws = Endpoint::open().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&aws.landlord(ADMIN_ACCESS_KEY, &["completions", shell]));
        assert!(script.contains("landlord") && script.contains("adopt"), "{script}");
    }
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("man1");
    assert_eq!(out(&aws.landlord(ADMIN_ACCESS_KEY, &["man", into.to_str().unwrap()])), "");
    let page = |name: &str| std::fs::read_to_string(into.join(name)).unwrap();
    assert!(page("landlord.1").contains("check"));
    assert!(page("landlord-stop-throw.1").contains("reason"));
    let refused = aws.landlord(ADMIN_ACCESS_KEY, &["man", "/proc/nowhere"]);
    assert_eq!(refused.status.code(), Some(1));
}
