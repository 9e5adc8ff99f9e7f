//! Tenants that are enrolled while a rollout has the set.

use super::*;

/// The set's log, newest first: ids, each with its status; a minute between two of them.
fn log(rows: &[(String, &str)]) -> Reply {
    let start: Timestamp = START.parse().unwrap();
    let rows: String = rows
        .iter()
        .rev()
        .zip(0_i64..)
        .map(|((id, status), minute)| {
            let at = start + SignedDuration::from_mins(minute - 1);
            format!(
                "<member><OperationId>{id}</OperationId><Status>{status}</Status>\
                 <CreationTimestamp>{at}</CreationTimestamp></member>"
            )
        })
        .collect();
    xml("ListStackSetOperations", &format!("<Summaries>{rows}</Summaries>")).into()
}

/// Instances: account, status, detailed status, last operation.
fn instances(rows: &[(usize, &str, &str, &str)]) -> Reply {
    let rows: String = rows
        .iter()
        .map(|(account, status, detailed, last)| {
            format!(
                "<member><Account>{}</Account><Region>eu-central-1</Region><Status>{status}\
                 </Status><StackInstanceStatus><DetailedStatus>{detailed}</DetailedStatus>\
                 </StackInstanceStatus><LastOperationId>{last}</LastOperationId></member>",
                id(*account)
            )
        })
        .collect();
    xml("ListStackInstances", &format!("<Summaries>{rows}</Summaries>")).into()
}

fn enrolled(set: &Set, operation: &str, accounts: &[usize]) {
    let accounts = accounts.iter().map(|n| id(*n)).collect();
    set.started.lock().unwrap().push((operation.to_owned(), accounts));
    set.looks.lock().unwrap().insert(operation.to_owned(), 9);
}

#[tokio::test]
async fn who_was_enrolled_with_its_template_is_recorded() {
    let set = Set::default();
    enrolled(&set, "enrol-2", &[7, 8]);
    let world = set.serve(planned(2, json!({}))).on("ListStackSetOperations", |_| {
        log(&[
            ("enrol-3".to_owned(), "RUNNING"),
            ("enrol-2".to_owned(), "SUCCEEDED"),
            (operation("w01of02", 0, 0), "SUCCEEDED"),
            ("enrol-1".to_owned(), "SUCCEEDED"),
        ])
    });
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["succeeded"], 2, "the wave counts its own");
    let joined = world.file(&format!("{FOLDER}/joined.json"));
    assert_eq!(joined["operations"], json!(["enrol-2"]), "what has ended, and had the template");
    assert_eq!(joined["standing"]["succeeded"], 2);
}

#[tokio::test]
async fn the_same_error_in_new_tenants_stops_it_and_one_of_them_does_not() {
    for (failing, verdict) in [(&[7, 8, 9][..], "STOP"), (&[7][..], "GO")] {
        let set = Set::default();
        enrolled(&set, "enrol-2", &[7, 8, 9]);
        for account in failing {
            set.fate(*account, &["CREATE_FAILED: no such thing"; 3]);
        }
        let world = set.serve(planned(2, json!({}))).on("ListStackSetOperations", |_| {
            log(&[
                ("enrol-2".to_owned(), "FAILED"),
                (operation("w01of02", 0, 0), "SUCCEEDED"),
                ("enrol-1".to_owned(), "SUCCEEDED"),
            ])
        });
        let done = deployed(&world, request("WAVE", 1)).await.unwrap();
        assert_eq!(done["verdict"], verdict, "{done}");
        if verdict == "STOP" {
            assert_eq!(done["reason"]["code"], "SAME_ERROR");
            assert!(done["reason"]["text"].as_str().unwrap().contains("new tenants"), "{done}");
        }
    }
}

#[tokio::test]
async fn who_was_enrolled_meanwhile_goes_back_once_their_enrolment_has_ended() {
    let set = Set::default();
    let asked = Arc::new(Mutex::new(0));
    let world = set
        .serve(planned(2, json!({})))
        .on("AssumeRole", |_| assume_role_answer("ASIATENANT").into())
        .on("PutParameter", |_| json!({ "Version": 1 }).to_string().into())
        .on("DescribeStackSet", |_| {
            let body = "<StackSet><TemplateBody>old</TemplateBody><Parameters><member>\
                        <ParameterKey>A</ParameterKey><ParameterValue>0</ParameterValue></member>\
                        </Parameters></StackSet>";
            xml("DescribeStackSet", body).into()
        })
        .on("ListStackSetOperations", move |_| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            // The last enrolment with the new template was on its way when the old one was put back.
            let status = if *asked < 3 { "RUNNING" } else { "SUCCEEDED" };
            log(&[
                ("enrol-4".to_owned(), "SUCCEEDED"),
                (operation("back01", 0, 0), "SUCCEEDED"),
                ("enrol-3".to_owned(), status),
                ("enrol-2".to_owned(), "SUCCEEDED"),
                (operation("w01of02", 0, 0), "SUCCEEDED"),
                ("enrol-1".to_owned(), "SUCCEEDED"),
            ])
        })
        .on("ListStackInstances", |_| {
            instances(&[
                (0, "CURRENT", "SUCCEEDED", &operation("back01", 0, 0)),
                (1, "OUTDATED", "SUCCEEDED", "enrol-1"),
                (5, "OUTDATED", "SUCCEEDED", "enrol-2"),
                (6, "OUTDATED", "FAILED", "enrol-3"),
                (7, "OUTDATED", "SUCCEEDED", "enrol-3"),
                (8, "CURRENT", "SUCCEEDED", "enrol-4"),
            ])
        });
    let done = deployed(&world, request("BACK", 0)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(set.ids(), [operation("back00", 0, 0)]);
    assert_eq!(set.accounts_of(&operation("back00", 0, 0)), [id(5), id(7)]);
    assert_eq!(done["counts"]["succeeded"], 2);
    assert_eq!(world.calls_of("UpdateStackSet").len(), 0, "the old template is there already");
}

#[tokio::test]
async fn where_nobody_was_enrolled_meanwhile_nobody_is_looked_for() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({}))).on("ListStackSetOperations", |_| {
        log(&[(operation("back01", 0, 0), "SUCCEEDED"), (operation("w01of02", 0, 0), "SUCCEEDED")])
    });
    let done = deployed(&world, request("BACK", 0)).await.unwrap();
    assert_eq!((&done["verdict"], &done["operations"]), (&json!("GO"), &json!(0)), "{done}");
    assert_eq!(world.calls_of("ListStackInstances").len(), 0);
}
