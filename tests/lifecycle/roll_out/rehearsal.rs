//! A rehearsal: the way to the canaries and back, tried while nothing is at stake.

use super::*;

const REHEARSAL: &str = "landlord-tenant-baseline_rehearsal-1";

fn rehearsal(scene: &Scene) -> Value {
    json!({ "version": 1, "stackSet": scene.fleet.stack_set, "rehearse": true })
}

async fn ask(scene: &Scene, (service, operation): (&'static str, &str), input: Value) -> Value {
    scene.world.deployment.ask(service, operation, input).await.unwrap()
}

async fn template(scene: &Scene) -> String {
    let set = json!({ "StackSetName": scene.fleet.stack_set });
    let set = ask(scene, ("cloudformation", "DescribeStackSet"), set).await;
    set["StackSet"]["TemplateBody"].as_str().unwrap().to_owned()
}

async fn ids(scene: &Scene) -> Vec<String> {
    let set = json!({ "StackSetName": scene.fleet.stack_set });
    let listed = ask(scene, ("cloudformation", "ListStackSetOperations"), set).await;
    let rows = listed["Summaries"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["OperationId"].as_str().unwrap().to_owned()).collect()
}

/// One canary vetoes the way forth, the other one the way back.
#[tokio::test(start_paused = true)]
async fn a_rehearsal_goes_forth_and_back_tells_what_was_in_the_way_and_leaves_nothing() {
    let mut scene = found(21).await;
    let before = template(&scene).await;
    let (vetoes, takes) = (member(&scene, VETOES).clone(), member(&scene, "teak").clone());
    set_alarm(scene.world.aws(), &vetoes, "ALARM").await.unwrap();
    let input = rehearsal(&scene);
    scene.begin(REHEARSAL, &input).await.unwrap();
    let heard = scene.world.gather(HOUR, &["RolloutWaveFinished"], 1).await.unwrap();
    assert_eq!(heard[0].detail["stage"], "WAVE", "{:?}", heard[0].detail);
    set_alarm(scene.world.aws(), &takes, "ALARM").await.unwrap();
    assert!(scene.to_its_end(6 * HOUR).await.unwrap());
    let end = end(&mut scene).await;
    assert!(end.is("SUCCEEDED", "REHEARSED"), "{end:?}");
    let heard = scene.world.gather(MINUTE, &["RolloutRehearsed"], 1).await.unwrap();
    let told = &heard[0].detail;
    assert_eq!((&told["works"], &told["reason"]), (&json!(true), &Value::Null), "{told}");
    assert_eq!((&told["wentForth"], &told["cameBack"]), (&json!(1), &json!(1)), "{told}");
    assert!(told["forthSeconds"].as_i64() > Some(30), "{told}");
    assert!(told["backSeconds"].as_i64() > Some(30), "{told}");
    assert_eq!(told["inTheWay"][0]["account"], vetoes.account.as_str(), "{told}");
    assert_eq!(template(&scene).await, before, "the set is what it was");
    assert_eq!(versions(&scene).await, all("1"));
    let ids = ids(&scene).await;
    let forth: Vec<&String> = ids.iter().filter(|id| id.contains("-w0")).collect();
    assert!(forth.iter().all(|id| id.contains("w01of02a")), "new tenants don't wait: {ids:?}");
    nothing_runs(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_in_which_nobody_takes_the_mark_says_so() {
    let mut scene = found(22).await;
    let before = template(&scene).await;
    for tenant in [VETOES, "teak"] {
        let canary = member(&scene, tenant).clone();
        set_alarm(scene.world.aws(), &canary, "ALARM").await.unwrap();
    }
    let input = rehearsal(&scene);
    scene.begin(REHEARSAL, &input).await.unwrap();
    assert!(scene.to_its_end(12 * HOUR).await.unwrap());
    let end = end(&mut scene).await;
    assert_eq!((end.status.as_str(), end.reason.as_str()), ("FAILED", "TOO_MANY_VETOES"));
    let heard = scene.world.gather(MINUTE, &["RolloutRehearsed"], 1).await.unwrap();
    let told = &heard[0].detail;
    assert_eq!((&told["works"], &told["wentForth"]), (&json!(false), &json!(0)), "{told}");
    assert_eq!(template(&scene).await, before, "the set is what it was");
    nothing_runs(&scene).await;
}

/// Of the other rollout all waves have passed: it waits for one account that vetoes.
#[tokio::test(start_paused = true)]
async fn a_rehearsal_is_refused_while_another_rollout_is_not_over() {
    let mut scene = found(23).await;
    let vetoes = member(&scene, VETOES).clone();
    set_alarm(scene.world.aws(), &vetoes, "ALARM").await.unwrap();
    begin(&mut scene, Story::Forth).await;
    for _ in 0..720 {
        if ids(&scene).await.iter().any(|id| id.contains("-late-")) {
            break;
        }
        scene.world.aws().sleep(Duration::from_secs(10)).await;
    }
    let input = json!({
        "stateMachineArn": scene.world.deployment.output("RollOutStateMachineArn").unwrap(),
        "name": REHEARSAL, "input": rehearsal(&scene).to_string(),
    });
    let started = ask(&scene, ("states", "StartExecution"), input).await;
    scene.world.aws().sleep(10 * MINUTE).await;
    let described = json!({ "executionArn": started["executionArn"] });
    let described = ask(&scene, ("states", "DescribeExecution"), described).await;
    assert_eq!(described["status"], "FAILED");
    assert_eq!(described["error"], "AnotherRollout", "{described}");
    set_alarm(scene.world.aws(), &vetoes, "OK").await.unwrap();
    let end = follow(&mut scene, Story::Forth).await;
    assert_as_ever(&mut scene, Story::Forth, &end, "not disturbed").await;
}

async fn until_begun(scene: &Scene, part: &str) {
    while !ids(scene).await.iter().any(|id| id.contains(part)) {
        assert!(scene.runs().await.unwrap(), "it ended without an operation {part}");
        scene.world.aws().sleep(Duration::from_secs(10)).await;
    }
}

/// A rehearsal changes nothing, so one that was killed is in nobody's way: neither in that of a
/// change, nor in that of the next rehearsal. Redriven afterwards, it leaves the other's change alone.
#[tokio::test(start_paused = true)]
async fn a_rehearsal_that_was_killed_is_in_nobodys_way_and_takes_nothing_back_later() {
    for part in ["w01of02", "back01"] {
        let mut scene = found(25).await;
        let before = template(&scene).await;
        let input = rehearsal(&scene);
        scene.begin(REHEARSAL, &input).await.unwrap();
        until_begun(&scene, part).await;
        let killed = json!({ "executionArn": scene.execution() });
        // While it runs, it is in the way.
        let other = json!({
            "stateMachineArn": scene.world.deployment.output("RollOutStateMachineArn").unwrap(),
            "name": "landlord-tenant-baseline_rehearsal-2", "input": input.to_string(),
        });
        let second = ask(&scene, ("states", "StartExecution"), other).await;
        scene.world.aws().sleep(MINUTE).await;
        let described = json!({ "executionArn": second["executionArn"] });
        let described = ask(&scene, ("states", "DescribeExecution"), described).await;
        assert_eq!(described["error"], "AnotherRollout", "{part}: {described}");
        ask(&scene, ("states", "StopExecution"), killed.clone()).await;
        scene.world.aws().sleep(10 * MINUTE).await;

        scene.begin("landlord-tenant-baseline_rehearsal-3", &input).await.unwrap();
        assert!(scene.to_its_end(6 * HOUR).await.unwrap());
        assert!(end(&mut scene).await.is("SUCCEEDED", "REHEARSED"), "{part}");
        assert_eq!(template(&scene).await, before, "{part}: what was before the killed one");
        assert_eq!(versions(&scene).await, all("1"), "{part}");

        let scene = &mut scene;
        begin(scene, Story::Forth).await;
        let came_out = follow(scene, Story::Forth).await;
        assert_as_ever(scene, Story::Forth, &came_out, part).await;
        let after = template(scene).await;
        ask(scene, ("states", "RedriveExecution"), killed).await;
        nothing_runs_for(scene, 4 * HOUR).await;
        assert_eq!(template(scene).await, after, "{part}: the change was taken back");
        assert_eq!(versions(scene).await, all("2"), "{part}: the change was taken back");
    }
}

/// The same, and the change comes straight after the rehearsal that was killed in the middle.
#[tokio::test(start_paused = true)]
async fn a_change_goes_on_in_the_place_of_a_rehearsal_that_was_killed() {
    let mut scene = found(26).await;
    let input = rehearsal(&scene);
    scene.begin(REHEARSAL, &input).await.unwrap();
    until_begun(&scene, "w01of02").await;
    let killed = json!({ "executionArn": scene.execution() });
    ask(&scene, ("states", "StopExecution"), killed).await;
    begin(&mut scene, Story::Back).await;
    let came_out = follow(&mut scene, Story::Back).await;
    assert_as_ever(&mut scene, Story::Back, &came_out, "in its place").await;
    assert!(!template(&scene).await.contains("A rehearsal"), "back to what was before both");
}

async fn nothing_runs_for(scene: &Scene, time: Duration) {
    scene.world.aws().sleep(time).await;
    nothing_runs(scene).await;
}
