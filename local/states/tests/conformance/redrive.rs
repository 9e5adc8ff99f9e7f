//! Going on after a failure, a time-out or a stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, answer, error, failure, later, machine, output, single, task};

/// A world in which a state named `Bad` fails until it is repaired.
fn broken() -> (Arc<World>, Arc<AtomicBool>) {
    let repaired = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&repaired);
    let world = World::with(move |request| {
        if request.state == "Bad" && !flag.load(Ordering::SeqCst) {
            return later(5, failure("Broken"));
        }
        answer(Ok(json!({"by": request.state, "got": request.arguments})))
    });
    (world, repaired)
}

#[tokio::test(start_paused = true)]
async fn a_redrive_enters_the_failed_state_with_its_input_and_variables() {
    let definition = machine(json!({
        "Good": task(json!({"Assign": {"kept": "{% $states.result.by %}"}, "Next": "Bad"})),
        "Bad": task(json!({"Output": ["{% $kept %}", "{% $states.input.by %}", "{% $states.context.Execution.RedriveCount %}"], "End": true})),
    }));
    let (world, repaired) = broken();
    let (_, _, checkpoint) = error(world.run(definition.clone(), json!({})).await);
    assert_eq!(checkpoint.state().as_deref(), Some("Bad"));
    let before = world.history.lock().unwrap().len() as u64;
    assert_eq!(checkpoint.last_event_id(), before);
    repaired.store(true, Ordering::SeqCst);
    let ended = world.start(&definition, json!({}), Some(checkpoint)).await;
    assert_eq!(output(ended), json!(["Good", "Good", 1]));
    assert_eq!(world.called(), ["Good", "Bad", "Bad"]);
    let events = world.events();
    assert_eq!(
        events[before as usize..],
        [
            "ExecutionRedriven",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let ids: Vec<u64> = world.history.lock().unwrap().iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_redriven_parallel_state_runs_only_the_branches_that_did_not_succeed() {
    let branch = |states: Value| {
        let first = states.as_object().unwrap().keys().next().unwrap().clone();
        json!({"StartAt": first, "States": states})
    };
    let definition = single(json!({
        "Type": "Parallel",
        "Branches": [
            branch(json!({"Done": task(json!({"End": true}))})),
            branch(json!({"Before": task(json!({"Next": "Bad"})), "Bad": task(json!({"End": true}))})),
            branch(json!({"Early": task(json!({"Next": "Pause"})), "Pause": {"Type": "Wait", "Seconds": 60, "Next": "Late"}, "Late": task(json!({"End": true}))})),
        ],
        "Output": "{% $states.result.by %}",
    }));
    let (world, repaired) = broken();
    let (_, _, checkpoint) = error(world.run(definition.clone(), json!({})).await);
    assert_eq!(world.called(), ["Done", "Before", "Bad", "Early"]);
    repaired.store(true, Ordering::SeqCst);
    let ended = world.start(&definition, json!({}), Some(checkpoint)).await;
    assert_eq!(output(ended), json!(["Done", "Bad", "Late"]));
    assert_eq!(world.called()[4..], ["Bad", "Late"]);
}

#[tokio::test(start_paused = true)]
async fn a_redriven_map_runs_only_the_items_that_did_not_succeed() {
    for mode in ["INLINE", "DISTRIBUTED"] {
        let repaired = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&repaired);
        let world = World::with(move |request| match request.arguments.as_u64() {
            Some(2) if !flag.load(Ordering::SeqCst) => later(5, failure("Broken")),
            _ => answer(Ok(request.arguments)),
        });
        let mut definition = single(json!({
            "Type": "Map",
            "Items": [1, 2, 3],
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": mode},
                "StartAt": "Each",
                "States": {"Each": task(json!({"End": true}))},
            },
        }));
        if mode == "DISTRIBUTED" {
            definition["States"]["Only"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] =
                json!("STANDARD");
        }
        let (_, _, checkpoint) = error(world.run(definition.clone(), json!({})).await);
        assert_eq!(world.called().len(), 3);
        repaired.store(true, Ordering::SeqCst);
        let ended = world.start(&definition, json!({}), Some(checkpoint)).await;
        assert_eq!(output(ended), json!([1, 2, 3]), "{mode}");
        assert_eq!(world.called().len(), 4, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redrive_reaches_through_nested_branches_and_iterations() {
    let definition = single(json!({
        "Type": "Map",
        "Items": ["x", "y"],
        "ItemProcessor": {"StartAt": "Both", "States": {"Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Good", "States": {"Good": task(json!({"End": true}))}},
                {"StartAt": "Bad", "States": {"Bad": task(json!({"End": true}))}},
            ],
            "Output": "{% $states.result.got & $states.context.Map.Item.Index %}",
            "End": true,
        }}},
    }));
    let (world, repaired) = broken();
    let (_, _, checkpoint) = error(world.run(definition.clone(), json!({})).await);
    let before = world.called();
    assert_eq!(before, ["Good", "Bad", "Good", "Bad"]);
    repaired.store(true, Ordering::SeqCst);
    let ended = world.start(&definition, json!({}), Some(checkpoint)).await;
    assert_eq!(output(ended), json!(["[\"x\",\"x\"]0", "[\"y\",\"y\"]1"]));
    assert_eq!(world.called()[4..], ["Bad", "Bad"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_closes_its_history_and_can_go_on() {
    let definition = machine(json!({
        "Good": task(json!({"Next": "Pause"})),
        "Pause": {"Type": "Wait", "Seconds": 3600, "Next": "After"},
        "After": task(json!({"End": true})),
    }));
    let (world, _) = broken();
    let mut running = world.start(&definition, json!({}), None);
    let progress = running.progress();
    tokio::select! {
        _ = &mut running => panic!("it should still wait"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    let checkpoint = progress.abort(Some("Stopped".into()), Some("by an operator".into()));
    drop(running);
    assert_eq!(world.events().last(), Some(&"ExecutionAborted"));
    assert_eq!(checkpoint.state().as_deref(), Some("Pause"));
    let ended = world.start(&definition, json!({}), Some(checkpoint)).await;
    assert_eq!(output(ended)["by"], json!("After"));
    assert_eq!(world.called(), ["Good", "After"]);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_has_ended_is_not_aborted_any_more() {
    let definition = single(json!({"Type": "Pass"}));
    let world = World::echo();
    let mut running = world.start(&definition, json!({}), None);
    let progress = running.progress();
    output((&mut running).await);
    progress.abort(None, None);
    assert_eq!(world.events().last(), Some(&"ExecutionSucceeded"));
}
