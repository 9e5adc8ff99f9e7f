//! What others do meanwhile: people at the console, operators, AWS itself.

use std::sync::Arc;

use local_aws::{Call, Fault, Faults};
use simulation::rollout::fleet::red_or_green;

use super::*;

/// Lets the roll-out go on until an operation of it is at work whose id has this part.
async fn until_at_work(scene: &Scene, part: &str) -> String {
    until(scene, part, |status| status == "RUNNING").await
}

async fn until(scene: &Scene, part: &str, wanted: impl Fn(&str) -> bool) -> String {
    loop {
        for (id, status) in operations(scene).await {
            if id.contains(part) && wanted(&status) {
                return id;
            }
        }
        assert!(scene.runs().await.unwrap(), "it ended without an operation {part} that was seen");
        scene.world.aws().sleep(Duration::from_secs(5)).await;
    }
}

/// The set's operations with their status, newest first.
async fn operations(scene: &Scene) -> Vec<(String, String)> {
    let set = json!({ "StackSetName": scene.fleet.stack_set });
    let listed = ask(scene, ("cloudformation", "ListStackSetOperations"), set).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = listed["Summaries"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| (text(row, "OperationId"), text(row, "Status"))).collect()
}

async fn ask(scene: &Scene, (service, operation): (&'static str, &str), input: Value) -> Value {
    scene.world.deployment.ask(service, operation, input).await.unwrap()
}

/// Somebody updates one account's instance by hand.
async fn by_hand(scene: &Scene, id: &str, tenant: &str) {
    let input = json!({
        "StackSetName": scene.fleet.stack_set, "OperationId": id,
        "Accounts": [member(scene, tenant).account], "Regions": ["eu-central-1"],
    });
    ask(scene, ("cloudformation", "UpdateStackInstances"), input).await;
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_others_keep_busy_is_waited_for_and_their_operations_go_on() {
    let mut scene = found(7).await;
    begin(&mut scene, Story::Forth).await;
    for (number, part) in (1..).zip(["w01of03", "w02of03", "w03of03"]) {
        until_at_work(&scene, part).await;
        by_hand(&scene, &format!("console-{number}"), "acme").await;
    }
    let end = follow(&mut scene, Story::Forth).await;
    assert_as_ever(&mut scene, Story::Forth, &end, "busy").await;
    for (id, status) in operations(&scene).await {
        assert!(!id.starts_with("console") || status == "SUCCEEDED", "{id} {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_others_are_at_work_on_refuses_the_plan_and_is_left_alone() {
    let mut scene = found(7).await;
    by_hand(&scene, "console-0", "acme").await;
    // Lists lag: what began a moment ago is met by the first operation, and waited for.
    scene.world.aws().sleep(Duration::from_secs(10)).await;
    begin(&mut scene, Story::Forth).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert_eq!((end.status.as_str(), end.error.as_str()), ("FAILED", "PlanRefused"), "{end:?}");
    let ids: Vec<String> = operations(&scene).await.into_iter().map(|(id, _)| id).collect();
    assert!(!ids.iter().any(|id| id.starts_with("roll-")), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_somebody_stops_ends_the_roll_out_wherever_it_is() {
    for (story, part) in [
        (Story::Forth, "w01of03"),
        (Story::Forth, "w02of03"),
        (Story::Forth, "w03of03"),
        (Story::Back, "back01"),
    ] {
        let mut scene = found(8).await;
        begin(&mut scene, story).await;
        let id = until_at_work(&scene, part).await;
        let stop = json!({ "StackSetName": scene.fleet.stack_set, "OperationId": id });
        ask(&scene, ("cloudformation", "StopStackSetOperation"), stop).await;
        let end = follow(&mut scene, story).await;
        if story == Story::Forth {
            assert!(end.is("FAILED", "ROLLED_BACK"), "{part}: {end:?}");
            assert_eq!(end.reason, "OPERATION_STOPPED", "{part}");
            assert_eq!(versions(&scene).await, all("1"), "{part}");
        } else {
            assert!(end.is("FAILED", "ROLLBACK_FAILED"), "{part}: {end:?}");
        }
        nothing_runs(&scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_suspended_in_the_middle_is_left_out_and_holds_up_nobody() {
    for part in ["w01of03", "w02of03"] {
        let mut scene = found(9).await;
        begin(&mut scene, Story::Forth).await;
        until_at_work(&scene, part).await;
        for tenant in ["teak", "juniper", "globex"] {
            let account = member(&scene, tenant).account.clone();
            assert!(scene.world.aws().suspend_account(&account));
        }
        let end = follow(&mut scene, Story::Forth).await;
        assert!(end.is("SUCCEEDED", "SUCCEEDED"), "{part}: {end:?}");
        for tenant in ["acacia", "hudson", "acme"] {
            let member = member(&scene, tenant).clone();
            assert_eq!(version(&scene, &member).await, "2", "{part}: {tenant}");
        }
        nothing_runs(&scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_stack_is_withdrawn_in_the_middle_is_left_out() {
    let mut scene = found(10).await;
    begin(&mut scene, Story::Forth).await;
    until_at_work(&scene, "w01of03").await;
    let input = json!({
        "StackSetName": scene.fleet.stack_set, "OperationId": "withdrawal", "RetainStacks": false,
        "Accounts": [member(&scene, "acme").account], "Regions": ["eu-central-1"],
    });
    ask(&scene, ("cloudformation", "DeleteStackInstances"), input).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("SUCCEEDED", "SUCCEEDED"), "{end:?}");
    let globex = member(&scene, "globex").clone();
    assert_eq!(version(&scene, &globex).await, "2");
    nothing_runs(&scene).await;
}

/// Results and lists of the stack set are empty for the first looks.
struct Lagging(std::sync::Mutex<std::collections::BTreeMap<String, u32>>);

impl Faults for Lagging {
    fn fault(&self, call: &Call) -> Option<Fault> {
        if call.operation != "ListStackSetOperationResults" || call.caller.arn.contains("console") {
            return None;
        }
        let mut looks = self.0.lock().ok()?;
        let looks = looks.entry(call.input["OperationId"].to_string()).or_default();
        *looks += 1;
        (*looks <= 12).then(|| Fault::Answer(json!({ "Summaries": [] })))
    }
}

#[tokio::test(start_paused = true)]
async fn results_that_lag_behind_are_waited_for() {
    for story in [Story::Forth, Story::Back] {
        let mut scene = found(11).await;
        scene.world.aws().set_faults(Arc::new(Lagging(std::sync::Mutex::default())));
        begin(&mut scene, story).await;
        let end = follow(&mut scene, story).await;
        assert_as_ever(&mut scene, story, &end, "lagging").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_somebody_changes_is_left_as_it_is() {
    let mut scene = found(12).await;
    begin(&mut scene, Story::Forth).await;
    until_at_work(&scene, "w01of03").await;
    scene.world.aws().sleep(Duration::from_secs(20)).await;
    let template = simulation::rollout::changed(
        &crate::workspace::text("stacksets/tenant-baseline.yaml"),
        Change::Good,
    )
    .replace(r#""version":"2""#, r#""version":"9""#);
    let input = json!({
        "StackSetName": scene.fleet.stack_set, "TemplateBody": template, "OperationId": "console-9",
        "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Accounts": [member(&scene, "acme").account], "Regions": ["eu-central-1"],
    });
    ask(&scene, ("cloudformation", "UpdateStackSet"), input).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("FAILED", "LEFT"), "{end:?}");
    assert_eq!(end.reason, "DEFINITION_CHANGED");
    nothing_runs(&scene).await;
    let set = json!({ "StackSetName": scene.fleet.stack_set });
    let set = ask(&scene, ("cloudformation", "DescribeStackSet"), set).await;
    let is = set["StackSet"]["TemplateBody"].as_str().unwrap();
    assert!(is.contains(r#""version":"9""#), "somebody's change was overwritten");
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_killed_is_redriven_or_taken_over_and_held_to_until_then() {
    for take_over in [false, true] {
        let mut scene = found(13).await;
        begin(&mut scene, Story::Forth).await;
        until_at_work(&scene, "w02of03").await;
        let killed = json!({ "executionArn": scene.execution() });
        ask(&scene, ("states", "StopExecution"), killed.clone()).await;
        nothing_runs(&scene).await;
        let mut input: Value = {
            let described = scene.described().await.unwrap();
            serde_json::from_str(described["input"].as_str().unwrap()).unwrap()
        };
        if take_over {
            scene.begin("landlord-tenant-baseline_other", &input).await.unwrap();
            let end = follow(&mut scene, Story::Forth).await;
            assert_eq!(end.error, "AnotherRollout");
            input["takeOver"] = json!("landlord-tenant-baseline_change-2");
            scene.begin("landlord-tenant-baseline_next", &input).await.unwrap();
        } else {
            ask(&scene, ("states", "RedriveExecution"), killed).await;
        }
        let end = follow(&mut scene, Story::Forth).await;
        assert_as_ever(&mut scene, Story::Forth, &end, &format!("take over: {take_over}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_takes_the_change_back() {
    let mut scene = found(14).await;
    let mut plan = plan();
    plan["deadlineSeconds"] = json!(600);
    plan["waves"][1]["dwellSeconds"] = json!(900);
    scene.start(&plan, Change::Good).await.unwrap();
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("FAILED", "ROLLED_BACK"), "{end:?}");
    assert_eq!(end.reason, "STEP_FAILED");
    assert_eq!(versions(&scene).await, all("1"));
    nothing_runs(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn health_that_goes_red_in_the_second_wave_takes_the_change_back() {
    let mut scene = found(15).await;
    let settings = scene.world.aws().settings().clone();
    let here = (settings.management_account.as_str(), settings.home_region.as_str());
    red_or_green(scene.world.aws(), here, "checkout", "OK").await.unwrap();
    let mut plan = plan();
    plan["health"] = json!({ "alarmPrefixes": ["check"] });
    scene.start(&plan, Change::Good).await.unwrap();
    until_at_work(&scene, "w02of03").await;
    red_or_green(scene.world.aws(), here, "checkout", "ALARM").await.unwrap();
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("FAILED", "ROLLED_BACK"), "{end:?}");
    assert_eq!(end.reason, "UNHEALTHY");
    assert_eq!(versions(&scene).await, all("1"));
    nothing_runs(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_veto_is_retried_until_the_deadline_without_holding_up_anybody() {
    for clears in [true, false] {
        let mut scene = found(16).await;
        let vetoes = member(&scene, "teak").clone();
        set_alarm(scene.world.aws(), &vetoes, "ALARM").await.unwrap();
        begin(&mut scene, Story::Forth).await;
        // A veto is given at once: the operation may have ended when it is seen.
        until(&scene, "late", |_| true).await;
        if clears {
            set_alarm(scene.world.aws(), &vetoes, "OK").await.unwrap();
        }
        let end = follow(&mut scene, Story::Forth).await;
        if clears {
            assert_as_ever(&mut scene, Story::Forth, &end, "cleared").await;
        } else {
            assert!(end.is("SUCCEEDED", "INCOMPLETE"), "{end:?}");
            assert!(scene.elapsed() < 7 * HOUR, "the plan gives it six hours");
            assert_eq!(version(&scene, &vetoes).await, "1");
            nothing_runs(&scene).await;
        }
    }
}

/// Puts or takes away an operator's object.
async fn control(scene: &Scene, name: &str, there: bool) {
    let bucket = scene.world.deployment.output("RunsBucketName").unwrap();
    let key = format!("rollouts/landlord-tenant-baseline_change-2/control/{name}");
    if there {
        let input = json!({ "Bucket": bucket, "Key": key, "$body": "d2h5" });
        ask(scene, ("s3", "PutObject"), input).await;
    } else {
        ask(scene, ("s3", "DeleteObject"), json!({ "Bucket": bucket, "Key": key })).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_pauses_after_a_wave_and_resumes() {
    let mut scene = found(17).await;
    begin(&mut scene, Story::Forth).await;
    until_at_work(&scene, "w01of03").await;
    control(&scene, "pause", true).await;
    scene.world.aws().sleep(2 * HOUR).await;
    let ids = operations(&scene).await;
    assert!(ids.iter().all(|(id, _)| !id.contains("w02of03")), "{ids:?}");
    control(&scene, "pause", false).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert_as_ever(&mut scene, Story::Forth, &end, "paused").await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_stops_a_roll_out_and_chooses_to_go_back_or_to_leave() {
    for (name, part, outcome) in [
        ("stop", "w01of03", "ROLLED_BACK"),
        ("stop", "w02of03", "ROLLED_BACK"),
        ("stop-leave", "w02of03", "LEFT"),
    ] {
        let mut scene = found(18).await;
        begin(&mut scene, Story::Forth).await;
        until_at_work(&scene, part).await;
        control(&scene, name, true).await;
        let end = follow(&mut scene, Story::Forth).await;
        assert!(end.is("FAILED", outcome), "{name} in {part}: {end:?}");
        assert_eq!(end.reason, "STOP_REQUESTED");
        let acme = member(&scene, "acme").clone();
        assert_eq!(version(&scene, &acme).await, "1", "it never got the change");
        nothing_runs(&scene).await;
        let set = json!({ "StackSetName": scene.fleet.stack_set });
        let set = ask(&scene, ("cloudformation", "DescribeStackSet"), set).await;
        let is = set["StackSet"]["TemplateBody"].as_str().unwrap();
        assert!(is.contains(r#""version":"1""#), "new tenants would get the change");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_that_a_person_has_to_approve_waits_for_it_and_stops_when_refused() {
    for approved in [true, false] {
        let mut scene = found(19).await;
        let mut plan = plan();
        plan["waves"][1]["approval"] = json!(true);
        scene.start(&plan, Change::Good).await.unwrap();
        scene.world.aws().sleep(HOUR).await;
        let ids = operations(&scene).await;
        assert!(ids.iter().all(|(id, _)| !id.contains("w02of03")), "{ids:?}");
        if approved {
            scene.approve().await.unwrap();
            let end = follow(&mut scene, Story::Forth).await;
            assert_as_ever(&mut scene, Story::Forth, &end, "approved").await;
        } else {
            let told = scene.world.aws().published();
            let text = &told.last().unwrap().message;
            let token = text.rsplit_once("--task-token ").unwrap().1.trim().to_owned();
            let refusal = json!({ "taskToken": token, "error": "Refused", "cause": "not today" });
            ask(&scene, ("states", "SendTaskFailure"), refusal).await;
            let end = follow(&mut scene, Story::Forth).await;
            assert!(end.is("FAILED", "ROLLED_BACK"), "{end:?}");
            assert_eq!(end.reason, "STOP_REQUESTED");
            assert_eq!(versions(&scene).await, all("1"));
            nothing_runs(&scene).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_that_came_in_the_last_wave_are_taken_back_with_the_others() {
    let mut scene = found(20).await;
    let mut plan = plan();
    plan["waves"][2]["dwellSeconds"] = json!(14_400);
    scene.start(&plan, Change::Good).await.unwrap();
    until_at_work(&scene, "w03of03").await;
    let sign_up =
        |tenant: &str| json!({ "tenantId": tenant, "tenantName": "N", "tier": "standard" });
    scene.world.deployment.sign_up(&sign_up("newcomer")).await.unwrap();
    let ready = scene.world.gather(3 * HOUR, &["TenantReady"], 1).await.unwrap();
    let newcomer = ready[0].detail["accountId"].as_str().unwrap().to_owned();
    assert_eq!(scene.version(&newcomer, "eu-central-1").await.as_deref(), Some("2"));
    // Another one comes so late that it meets the stop.
    scene.world.deployment.sign_up(&sign_up("latecomer")).await.unwrap();
    scene.world.aws().sleep(2 * MINUTE).await;
    control(&scene, "stop", true).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("FAILED", "ROLLED_BACK"), "{end:?}");
    let ready = scene.world.gather(3 * HOUR, &["TenantReady"], 2).await.unwrap();
    assert_eq!(ready.len(), 2);
    for ready in ready {
        let account = ready.detail["accountId"].as_str().unwrap();
        let has = scene.version(account, "eu-central-1").await;
        assert_eq!(has.as_deref(), Some("1"), "{}", ready.detail["tenantId"]);
    }
    assert_eq!(versions(&scene).await, all("1"));
    nothing_runs(&scene).await;
}

/// They are enrolled in the second of three waves, with a template that is taken back then.
#[tokio::test(start_paused = true)]
async fn tenants_that_came_before_the_last_wave_are_counted_and_taken_back_with_the_others() {
    let mut scene = found(24).await;
    let mut plan = plan();
    plan["waves"][1]["dwellSeconds"] = json!(7_200);
    scene.start(&plan, Change::Good).await.unwrap();
    until_at_work(&scene, "w02of03").await;
    let sign_up =
        |tenant: &str| json!({ "tenantId": tenant, "tenantName": "N", "tier": "standard" });
    scene.world.deployment.sign_up(&sign_up("newcomer")).await.unwrap();
    let ready = scene.world.gather(HOUR, &["TenantReady"], 1).await.unwrap();
    let newcomer = ready[0].detail["accountId"].as_str().unwrap().to_owned();
    assert_eq!(scene.version(&newcomer, "eu-central-1").await.as_deref(), Some("2"));
    // The enrolment of another one is at work when the rollout stops.
    scene.world.deployment.sign_up(&sign_up("latecomer")).await.unwrap();
    let enrols = |status: &str| status == "RUNNING";
    let first = operations(&scene).await;
    loop {
        let now = operations(&scene).await;
        let new = now.iter().find(|(id, status)| {
            id.starts_with("enrol-") && enrols(status) && !first.iter().any(|(old, _)| old == id)
        });
        if new.is_some() {
            break;
        }
        scene.world.aws().sleep(Duration::from_secs(5)).await;
    }
    control(&scene, "stop", true).await;
    let end = follow(&mut scene, Story::Forth).await;
    assert!(end.is("FAILED", "ROLLED_BACK"), "{end:?}");
    let ready = scene.world.gather(3 * HOUR, &["TenantReady"], 2).await.unwrap();
    assert_eq!(ready.len(), 2);
    for ready in ready {
        let account = ready.detail["accountId"].as_str().unwrap();
        let has = scene.version(account, "eu-central-1").await;
        assert_eq!(has.as_deref(), Some("1"), "{}", ready.detail["tenantId"]);
    }
    assert_eq!(versions(&scene).await, all("1"));
    nothing_runs(&scene).await;
}
