//! What excuses an instance, and what only says so.

use super::*;

/// An organization that says the same of every account.
fn organization(world: World, state: &'static str) -> World {
    world.on("DescribeAccount", move |request| {
        let paths = ["o-1/r-root/ou-root-general1/"];
        json!({"Account": {"Id": request["AccountId"], "State": state, "Paths": paths}})
            .to_string()
            .into()
    })
}

#[tokio::test]
async fn a_suspension_that_organizations_does_not_know_is_a_failure() {
    let set = Set::default();
    set.fate(0, &["ResourceStatusReason:account 000000000000 is suspended"]);
    set.fate(1, &["suspended"]);
    let world = organization(set.serve(planned(6, json!({}))), "ACTIVE");
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "STOP", "{done}");
    assert_eq!(done["reason"]["code"], "TOO_MANY_FAILURES", "{done}");
    assert_eq!(done["counts"]["suspended"], 0, "{done}");
    assert_eq!(done["counts"]["unclassified"], 2, "{done}");
}

#[tokio::test]
async fn a_veto_that_the_gates_result_does_not_know_is_a_failure() {
    let set = Set::default();
    set.fate(0, &["AccountGate check failed"]);
    set.fate(1, &["account gate: the owner says no"]);
    let world = set.serve(planned(6, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "TOO_MANY_FAILURES", "{done}");
    assert_eq!(done["counts"]["vetoed"], 0, "{done}");
}

#[tokio::test]
async fn accounts_that_are_suspended_are_left_out_and_asked_about_once() {
    let set = Set::default();
    for account in 0..4 {
        set.fate(account, &["suspended"]);
    }
    let world = organization(set.serve(planned(6, json!({}))), "SUSPENDED");
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["suspended"], 4, "{done}");
    let looks = world.calls_of("ListTagsForResource").len();
    assert_eq!(
        world.calls_of("DescribeAccount").len(),
        looks + 4,
        "beside the look at all of them"
    );
    let set = Set::default();
    set.fate(0, &["suspended"]);
    let world = set.serve(planned(6, json!({})));
    let gone = world.on("DescribeAccount", |request| {
        if request["AccountId"] == id(0).as_str() {
            return Reply::Refusal(400, "AccountNotFoundException");
        }
        json!({"Account": {"Paths": ["o-1/r-root/ou-root-general1/"]}}).to_string().into()
    });
    let done = deployed(&gone, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["counts"]["suspended"], 1, "{done}");
}

#[tokio::test]
async fn a_first_wave_in_which_no_account_took_the_change_stops_whatever_the_excuses_are() {
    let set = Set::default();
    for account in 0..2 {
        set.fate(account, &["suspended"]);
    }
    let world = organization(set.serve(planned(2, json!({}))), "CLOSED");
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "STOP", "{done}");
    assert_eq!(done["reason"]["code"], "NO_ACCOUNT_CHANGED", "{done}");
    // A later wave may be so: the change is known from an earlier one.
    let set = Set::default();
    for account in 0..2 {
        set.fate(account, &["suspended"]);
    }
    let world = organization(set.serve(planned(2, json!({}))), "CLOSED");
    let done = deployed(&world, request("WAVE", 2)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
}

#[tokio::test]
async fn throttles_of_organizations_are_waits_and_count_nothing() {
    let set = Set::default();
    set.fate(0, &["suspended"; 3]);
    let world = set.serve(planned(2, json!({}))).refuses(
        "DescribeAccount",
        400,
        "TooManyRequestsException",
    );
    let now: Timestamp = START.parse().unwrap();
    let mut request = request("WAVE", 1);
    let mut answers = Vec::new();
    for n in 0..4 {
        let answer =
            answer(&world, &request, now + SignedDuration::from_secs(n * 60)).await.unwrap();
        request["resume"] = answer["resume"].clone();
        answers.push(answer);
    }
    let last = answers.last().unwrap();
    assert_eq!(last["status"], "PENDING", "{last}");
    assert!(last["because"].as_str().unwrap().contains("TooManyRequests"), "{last}");
}

/// Writes down who had failed before the rollout was planned.
fn known(world: &World, accounts: std::ops::Range<usize>, reason: &str) {
    let known: Vec<Value> = accounts
        .map(|n| json!({"account": id(n), "region": "eu-central-1", "class": "failed", "reason": reason}))
        .collect();
    world.put(&format!("{FOLDER}/planning/known.json"), &json!(known).to_string());
}

#[tokio::test]
async fn what_failed_the_same_way_before_is_counted_apart_and_aws_has_room_for_it() {
    let set = Set::default();
    for account in 0..4 {
        set.fate(account, &["CREATE_FAILED: bucket 12 is taken"]);
    }
    let world = set.serve(planned(6, json!({})));
    known(&world, 0..4, "CREATE_FAILED: bucket 99 is taken");
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["knownOffenders"], 4, "{done}");
    assert_eq!(done["counts"]["failed"], 0, "{done}");
    let update = &world.calls_of("UpdateStackSet")[0];
    assert_eq!(update["OperationPreferences.FailureToleranceCount"], "8", "1 + 5 + 2 known");

    // In another way, they count.
    let set = Set::default();
    for account in 0..4 {
        set.fate(account, &["CREATE_FAILED: the new queue is refused"]);
    }
    let world = set.serve(planned(6, json!({})));
    known(&world, 0..4, "CREATE_FAILED: bucket 99 is taken");
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "TOO_MANY_FAILURES", "{done}");
}

#[tokio::test]
async fn the_same_error_is_a_share_of_the_wave_with_a_floor() {
    let preferences = json!({"maxConcurrentCount": 20, "failureTolerancePercentage": 100});
    let wave = json!({"preferences": preferences, "sameErrorPercentage": 10,
                      "operationAccounts": 40});
    let stops = async |failing: usize| {
        let set = Set::default();
        for account in 0..failing {
            set.fate(account, &["CREATE_FAILED: Bucket is taken"]);
        }
        let world = set.serve(planned(40, wave.clone()));
        deployed(&world, request("WAVE", 1)).await.unwrap()["reason"]["code"].clone()
    };
    assert_eq!(stops(3).await, Value::Null, "three tenants stop no wave of forty");
    assert_eq!(stops(4).await, "SAME_ERROR");
}

#[tokio::test]
async fn a_stop_names_account_region_resource_and_awss_words() {
    let event = |id: &str, kind: &str, status: &str, why: &str| {
        format!(
            "<member><StackId>s</StackId><EventId>e</EventId><StackName>base</StackName>\
             <LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{why}</ResourceStatusReason></member>"
        )
    };
    // Newest first, and an older change behind the present one.
    let events = [
        event("base", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_COMPLETE", ""),
        event("Topic", "AWS::SNS::Topic", "UPDATE_FAILED", "Resource update cancelled"),
        event("Queue", "AWS::SQS::Queue", "UPDATE_FAILED", "its name is taken"),
        event("base", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Old", "AWS::S3::Bucket", "CREATE_FAILED", "long ago"),
    ];
    let body = format!("<StackEvents>{}</StackEvents>", events.concat());
    let failing = || {
        let set = Set::default();
        for account in 0..4 {
            set.fate(account, &["The following resource(s) failed to update: [Queue, Topic]."]);
        }
        set.serve(planned(
            6,
            json!({"preferences": {"maxConcurrentCount": 4}, "operationAccounts": 4}),
        ))
        .on("DescribeStackInstance", |_| {
            let stack = "<StackInstance><StackId>arn:aws:cloudformation:eu-central-1:1:stack/base/1\
                             </StackId></StackInstance>";
            xml("DescribeStackInstance", stack).into()
        })
    };
    let world = failing()
        .on("AssumeRole", |_| assume_role_answer("AKIATENANT").into())
        .on("DescribeStackEvents", move |_| xml("DescribeStackEvents", &body).into());
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    let text = done["reason"]["text"].as_str().unwrap();
    let named = "000000000000 in eu-central-1: Queue (AWS::SQS::Queue): its name is taken";
    assert!(text.contains(named), "{text}");
    assert_eq!(text.matches(" in eu-central-1: ").count(), 2, "each failure once: {text}");
    assert!(!text.contains("cancelled") && !text.contains("long ago"), "{text}");
    let policy = &world.calls_of("AssumeRole")[0]["Policy"];
    assert!(policy.as_str().unwrap().contains("cloudformation:DescribeStackEvents"), "{policy}");

    // Where the account does not let Landlord in, StackSets' words have to do.
    let world = failing()
        .on("AssumeRole", |_| Reply::Refusal(403, "AccessDenied"))
        .on("Invoke", |_| equipped().into());
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    let text = done["reason"]["text"].as_str().unwrap();
    assert!(text.contains("000000000000 in eu-central-1: The following resource(s)"), "{text}");
}
