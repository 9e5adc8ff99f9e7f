//! Distributed Map states: readers, batches, child executions, writers.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{World, answer, error, failure, later, output, single, task};

fn distributed(fields: Value) -> Value {
    let mut state = json!({
        "Type": "Map",
        "Label": "Accounts",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Each",
            "States": {"Each": task(json!({"End": true}))},
        },
    });
    for (name, field) in fields.as_object().unwrap() {
        state[name] = field.clone();
    }
    single(state)
}

fn reader(input_type: &str) -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": input_type},
        "Arguments": {"Bucket": "runs", "Key": "{% $states.input.key %}"},
    })
}

fn put(world: &Arc<World>, name: &str, body: impl Into<Vec<u8>>) {
    world.objects.lock().unwrap().insert(name.to_owned(), body.into());
}

fn get(world: &Arc<World>, name: &str) -> Value {
    let objects = world.objects.lock().unwrap();
    let body = objects.get(name).unwrap_or_else(|| panic!("{name} of {:?}", objects.keys()));
    serde_json::from_slice(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_items_of_a_file_run_as_child_executions_within_the_concurrency() {
    let world = World::with(|request| later(10, Ok(json!(request.arguments["id"]))));
    let items: Vec<Value> = (0..1000).map(|id| json!({"id": id})).collect();
    put(&world, "runs/a/list.json", json!(items).to_string());
    let definition = distributed(json!({"ItemReader": reader("JSON"), "MaxConcurrency": 100}));
    let result = output(world.run(definition, json!({"key": "a/list.json"})).await);
    assert_eq!(result, json!((0..1000).collect::<Vec<_>>()));
    assert_eq!(world.elapsed(), 100_000);
    let children = world.children.lock().unwrap();
    assert_eq!(children.len(), 1000);
    let first = &children[0].execution;
    assert!(
        first.arn.starts_with("arn:aws:states:eu-west-1:111111111111:execution:sample/Accounts:"),
        "{}",
        first.arn
    );
    assert!(
        children[0]
            .map_run_arn
            .starts_with("arn:aws:states:eu-west-1:111111111111:mapRun:sample/Accounts:")
    );
    assert_eq!(
        world.events(),
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_of_one_item_gives_a_list_of_one() {
    for (input_type, body) in
        [("JSON", "[{\"id\":\"1\"}]"), ("JSONL", "{\"id\":\"1\"}\n"), ("CSV", "id\n1\n")]
    {
        let world = World::echo();
        put(&world, "runs/k", body);
        let mut item_reader = reader(input_type);
        if input_type == "CSV" {
            item_reader["ReaderConfig"]["CSVHeaderLocation"] = json!("FIRST_ROW");
        }
        let definition = distributed(json!({"ItemReader": item_reader}));
        assert_eq!(output(world.run(definition, json!({"key": "k"})).await), json!([{"id": "1"}]));
    }
}

#[tokio::test(start_paused = true)]
async fn listed_objects_are_items_up_to_the_most_wanted() {
    let world = World::echo();
    for name in ["runs/p/1", "runs/p/2", "runs/p/3", "runs/q/4"] {
        put(&world, name, "");
    }
    let definition = distributed(json!({
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "runs", "Prefix": "p/"},
            "ReaderConfig": {"MaxItems": 2},
        },
        "ItemSelector": {"key": "{% $states.context.Map.Item.Value.Key %}"},
    }));
    let result = output(world.run(definition, json!({})).await);
    assert_eq!(result, json!([{"key": "p/1"}, {"key": "p/2"}]));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_missing_or_wrong_is_an_item_reader_failure() {
    let world = World::echo();
    put(&world, "runs/object", "{}");
    for (key, says) in [("missing", "NoSuchKey"), ("object", "map over non-iterable node")] {
        let definition = distributed(json!({"ItemReader": reader("JSON")}));
        let (name, cause, _) = error(world.run(definition, json!({"key": key})).await);
        assert_eq!(name, "States.ItemReaderFailed");
        assert!(cause.contains(says), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_are_batched_by_number_and_by_bytes() {
    let world = World::echo();
    let definition = distributed(json!({
        "Items": [1, 2, 3, 4, 5],
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"run": "{% $states.input.run %}"}},
    }));
    let common = json!({"run": "r"});
    assert_eq!(
        output(world.run(definition, json!({"run": "r"})).await),
        json!([
            {"Items": [1, 2], "BatchInput": common},
            {"Items": [3, 4], "BatchInput": common},
            {"Items": [5], "BatchInput": common},
        ])
    );
    let definition = distributed(json!({
        "Items": ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"],
        "ItemBatcher": {"MaxInputBytesPerBatch": 40},
    }));
    assert_eq!(
        output(world.run(definition, json!({})).await),
        json!([{"Items": ["aaaaaaaaaa", "bbbbbbbbbb"]}, {"Items": ["cccccccccc"]}])
    );
}

#[tokio::test(start_paused = true)]
async fn more_failed_items_than_tolerated_fail_the_map_run() {
    let run = |fields: Value| async move {
        let world = World::with(|request| match request.arguments.as_u64() {
            Some(n) if n <= 2 => answer(failure("Broken")),
            _ => answer(Ok(request.arguments)),
        });
        let mut fields = fields;
        fields["Items"] = json!([1, 2, 3, 4]);
        let ended = world.run(distributed(fields), json!({})).await;
        (ended, world.events())
    };
    let (ended, _) = run(json!({"ToleratedFailurePercentage": 50})).await;
    assert_eq!(output(ended), json!([3, 4]));
    let (ended, events) = run(json!({})).await;
    assert_eq!(error(ended).0, "States.ExceedToleratedFailureThreshold");
    assert!(events.ends_with(&["MapRunFailed", "MapStateFailed", "ExecutionFailed"]));
}

#[tokio::test(start_paused = true)]
async fn results_are_written_with_a_manifest() {
    let world = World::with(|request| match request.arguments.as_u64() {
        Some(1) => answer(failure("Broken")),
        _ => answer(Ok(request.arguments)),
    });
    let definition = distributed(json!({
        "Items": [1, 2],
        "ToleratedFailureCount": 1,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": "runs", "Prefix": "out/"},
        },
    }));
    let result = output(world.run(definition, json!({})).await);
    let key = result["ResultWriterDetails"]["Key"].as_str().unwrap();
    assert!(key.starts_with("out/") && key.ends_with("/manifest.json"), "{key}");
    let manifest = get(&world, &format!("runs/{key}"));
    assert_eq!(manifest["MapRunArn"], result["MapRunArn"]);
    let file = |status: &str| {
        let key = manifest["ResultFiles"][status][0]["Key"].as_str().unwrap();
        get(&world, &format!("runs/{key}"))
    };
    assert_eq!(file("SUCCEEDED")[0]["Output"], json!("2"));
    assert_eq!(file("FAILED")[0]["Error"], json!("Broken"));
    assert_eq!(file("FAILED")[0]["Input"], json!("1"));
}

#[tokio::test(start_paused = true)]
async fn results_can_be_flattened_and_written_as_lines() {
    let world = World::echo();
    let definition = distributed(json!({
        "Items": [[1, 2], [3]],
        "ResultWriter": {"WriterConfig": {"Transformation": "FLATTEN"}},
    }));
    assert_eq!(output(world.run(definition, json!({})).await), json!([1, 2, 3]));
    let definition = distributed(json!({
        "Items": [[1, 2], [3]],
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": "runs"},
            "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
        },
    }));
    output(world.run(definition, json!({})).await);
    let objects = world.objects.lock().unwrap();
    let (_, lines) = objects.iter().find(|(name, _)| name.ends_with("SUCCEEDED_0.jsonl")).unwrap();
    assert_eq!(lines, b"[1,2]\n[3]\n");
}
