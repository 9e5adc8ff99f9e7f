//! Who takes the change late, and what is held until somebody takes it at all.

use super::*;

#[tokio::test]
async fn who_joined_after_the_plan_and_before_the_first_operation_is_a_late_comer() {
    let set = Set::default();
    let lists = |status: &'static str, detailed: &'static str| {
        move |_: &Value| -> Reply {
            let rows =
                [(0, "OUTDATED", "SUCCEEDED"), (7, status, detailed), (8, "CURRENT", "SUCCEEDED")];
            let rows = rows.map(|(n, status, detailed)| {
                format!(
                    "<member><Account>{}</Account><Region>eu-central-1</Region>\
                     <Status>{status}</Status><StackInstanceStatus><DetailedStatus>{detailed}\
                     </DetailedStatus></StackInstanceStatus></member>",
                    id(n)
                )
            });
            let rows = format!("<Summaries>{}</Summaries>", rows.concat());
            xml("ListStackInstances", &rows).into()
        }
    };
    let known = json!([{"account": id(0), "region": "eu-central-1"}]).to_string();
    let before = format!("{FOLDER}/planning/instances-000.json");
    let world =
        set.serve(planned(1, json!({}))).on("ListStackInstances", lists("OUTDATED", "SUCCEEDED"));
    world.put(&before, &known);
    deployed(&world, request("WAVE", 1)).await.unwrap();
    let late = deployed(&world, request("LATE", 0)).await.unwrap();
    assert_eq!(late["verdict"], "GO", "{late}");
    assert_eq!(set.accounts_of(&operation("late", 0, 0)), [id(7)], "who was known is left out");
    assert_eq!(late["counts"]["succeeded"], 1);

    // An enrolment is at work on it, or failed there: whoever enrols it goes on with it.
    for detailed in ["RUNNING", "PENDING", "FAILED"] {
        let set = Set::default();
        let world =
            set.serve(planned(1, json!({}))).on("ListStackInstances", lists("OUTDATED", detailed));
        world.put(&before, &known);
        let late = deployed(&world, request("LATE", 0)).await.unwrap();
        assert_eq!(
            (&late["verdict"], &late["operations"]),
            (&json!("GO"), &json!(0)),
            "{detailed}"
        );
    }
}

#[tokio::test]
async fn a_roll_out_in_one_wave_is_proven_at_its_end() {
    let current = |_: &Value| -> Reply {
        let row = format!(
            "<member><Account>{}</Account><Region>eu-central-1</Region><Status>CURRENT</Status>\
             <StackInstanceStatus><DetailedStatus>SUCCEEDED</DetailedStatus>\
             </StackInstanceStatus></member>",
            id(0)
        );
        xml("ListStackInstances", &format!("<Summaries>{row}</Summaries>")).into()
    };
    let set = Set::default();
    let world = set.serve(planned(2, json!({}))).on("ListStackInstances", current);
    let mut plan = world.file(&format!("{FOLDER}/plan.json"));
    plan["waves"][1]["accounts"] = json!(0);
    world.put(&format!("{FOLDER}/plan.json"), &plan.to_string());
    deployed(&world, request("WAVE", 1)).await.unwrap();
    let under_way = |ids: &[String]| {
        lifecycle::rollout::under_way(ids.iter().rev().map(String::as_str)).is_some()
    };
    assert!(under_way(&set.ids()), "it has the set: {:?}", set.ids());
    let late = deployed(&world, request("LATE", 0)).await.unwrap();
    assert_eq!(late["verdict"], "GO", "{late}");
    assert_eq!(late["counts"]["succeeded"], 0, "nobody is counted twice");
    assert!(!under_way(&set.ids()), "and leaves it: {:?}", set.ids());

    // A gate that says no to the mark makes its instance outdated: it is asked until it opens.
    let marked = Set::default();
    let world = marked.serve(planned(2, json!({}))).on("ListStackInstances", current);
    world.put(&format!("{FOLDER}/plan.json"), &plan.to_string());
    deployed(&world, request("WAVE", 1)).await.unwrap();
    marked.fate(0, &["vetoed"; 4]);
    let late = deployed(&world, request("LATE", 0)).await.unwrap();
    assert_eq!(late["counts"]["vetoed"], 0, "{late}");
    assert!(late["operations"].as_u64() > Some(1), "{late}");
}

#[tokio::test]
async fn a_wave_is_held_until_somebody_in_it_has_taken_the_change() {
    let set = Set::default();
    set.fate(0, &["vetoed"; 4]);
    set.fate(1, &["vetoed"; 3]);
    let world = set.serve(planned(2, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    let counts = &done["counts"];
    assert_eq!((&counts["succeeded"], &counts["vetoed"]), (&json!(1), &json!(1)), "{done}");
    assert!(set.ids().len() > 1, "{:?}", set.ids());
    assert!(set.ids().iter().all(|id| id.contains("w01of02")), "{:?}", set.ids());

    // A change that is bad everywhere fails when the first gate opens, and in the first wave.
    let set = Set::default();
    set.fate(0, &["vetoed", "vetoed", "CREATE_FAILED: one", "CREATE_FAILED: one"]);
    set.fate(1, &["vetoed", "vetoed", "CREATE_FAILED: two", "CREATE_FAILED: two"]);
    let world = set.serve(planned(2, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "TOO_MANY_FAILURES", "{done}");

    let set = Set::default();
    set.fate(0, &["vetoed"; 200]);
    let world = set.serve(planned(1, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "STOP", "{done}");
    assert_eq!(done["reason"]["code"], "TOO_MANY_VETOES", "{done}");
}

#[tokio::test]
async fn an_account_that_stays_vetoed_ends_with_the_plans_time() {
    let set = Set::default();
    set.fate(0, &["vetoed"; 100]);
    let world = set.serve(planned(2, json!({})));
    deployed(&world, request("WAVE", 1)).await.unwrap();
    let late = deployed(&world, request("LATE", 0)).await.unwrap();
    assert_eq!(late["verdict"], "GO");
    assert_eq!(late["counts"]["vetoed"], 1);
}
