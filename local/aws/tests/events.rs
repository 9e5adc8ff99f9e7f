//! Rules and patterns, as a caller of EventBridge sees them.

use serde_json::{Value, json};

use crate::world::World;

async fn refused(world: &World, operation: &str, input: Value) -> (String, String) {
    let error = world.admin("events", operation, input).await.unwrap_err();
    (error.code, error.message)
}

#[tokio::test(start_paused = true)]
async fn a_pattern_is_tried_on_a_whole_event_only() {
    let world = World::new().await;
    let mut event = json!({
        "id": "1", "account": "111122223333", "source": "s", "time": "2026-11-21T00:00:00Z",
        "region": "eu-central-1", "detail-type": "t", "detail": {"ip": "10.0.0.7"},
    });
    let pattern = json!({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}).to_string();
    let ask = |event: &Value| json!({"Event": event.to_string(), "EventPattern": pattern});
    let answer = world.admin("events", "TestEventPattern", ask(&event)).await.unwrap();
    assert_eq!(answer["Result"], true);
    event["detail"]["ip"] = json!("10.0.1.7");
    let answer = world.admin("events", "TestEventPattern", ask(&event)).await.unwrap();
    assert_eq!(answer["Result"], false);
    event.as_object_mut().unwrap().remove("region");
    let refused = refused(&world, "TestEventPattern", ask(&event)).await;
    assert_eq!(refused, ("ValidationException".into(), "Parameter Event is not valid.".into()));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_aws_refuses_is_refused_in_its_words() {
    let world = World::new().await;
    let pattern = json!({"source": ["s"]}).to_string();
    let put = |name: &str, description: usize| json!({"Name": name, "EventPattern": pattern, "Description": "d".repeat(description)});
    let (code, message) = refused(&world, "PutRule", put(&"a b".repeat(22), 513)).await;
    assert_eq!(code, "ValidationException");
    assert!(message.starts_with("3 validation errors detected: Value 'a ba b"), "{message}");
    for words in [
        r"at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+; ",
        "at 'name' failed to satisfy constraint: Member must have length less than or equal to 64; ",
        "at 'description' failed to satisfy constraint: Member must have length less than or equal to 512",
    ] {
        assert!(message.contains(words), "{message}");
    }
    let wrong = json!({"Name": "r", "EventPattern": "{\"source\":[{\"prefix\":1}]}"});
    assert_eq!(
        refused(&world, "PutRule", wrong).await,
        (
            "InvalidEventPatternException".into(),
            "Event pattern is not valid. Reason: prefix match pattern must be a string\n at \
             $.source"
                .into()
        )
    );
    assert_eq!(
        refused(&world, "DescribeRule", json!({"Name": "r"})).await.1,
        "Rule r does not exist on EventBus default."
    );
    world.admin("events", "PutRule", put("r", 512)).await.unwrap();
    let target = |id: &str, more: Value| {
        let mut target = json!({"Id": id, "Arn": "arn:aws:sqs:eu-central-1:111122223333:q"});
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"Rule": "r", "Targets": [target]})
    };
    let two = target("one", json!({"Input": "{}", "InputPath": "$.detail"}));
    assert_eq!(
        refused(&world, "PutTargets", two).await.1,
        "Only one of Input, InputPath, or InputTransformer must be provided for target one."
    );
    let (_, message) = refused(&world, "PutTargets", target("!", json!({}))).await;
    assert!(message.starts_with("1 validation error detected: Value '!' at 'targets.1.member.id'"));
}
