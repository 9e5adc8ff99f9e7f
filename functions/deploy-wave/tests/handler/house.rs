//! Before each operation its accounts are looked at again: a plan is a file.

use super::*;

/// Organizations, in which these accounts are no tenant's.
fn with_others(world: World, others: &'static [usize]) -> World {
    world.on("ListTagsForResource", move |request| {
        let is_other = others.iter().any(|n| request["ResourceId"] == id(*n).as_str());
        let key = if is_other { "owner" } else { "landlord:tenant" };
        json!({"Tags": [{"Key": key, "Value": "x"}]}).to_string().into()
    })
}

#[tokio::test]
async fn an_account_that_is_no_tenants_is_never_named_in_an_operation() {
    for others in [&[1][..], &[2, 3]] {
        let set = Set::default();
        let world = with_others(set.serve(planned(4, json!({}))), others);
        let end = deployed(&world, request("WAVE", 1)).await.unwrap();
        let named: Vec<String> = set.ids().iter().flat_map(|it| set.accounts_of(it)).collect();
        let expected = (0..4).filter(|n| !others.contains(n)).map(id);
        assert_eq!(named, expected.collect::<Vec<_>>());
        assert_eq!(
            (&end["verdict"], &end["counts"]["suspended"]),
            (&json!("GO"), &json!(others.len()))
        );
        let result = world.file(end["resultKey"].as_str().unwrap());
        let why = result["standing"]["open"][0]["reason"].as_str().unwrap().to_owned();
        assert!(why.contains("no tag landlord:tenant"), "{why}");
    }
}

#[tokio::test]
async fn a_first_operation_without_a_tenant_stops_the_rollout_before_it_touches_anything() {
    let set = Set::default();
    let world = with_others(set.serve(planned(2, json!({}))), &[0, 1]);
    let end = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!((&end["verdict"], set.ids().len()), (&json!("STOP"), 0), "{end}");
}

#[tokio::test]
async fn a_stack_set_that_nobody_named_is_not_touched_whatever_a_file_says() {
    let set = Set::default();
    let world = set
        .serve(planned(2, json!({})))
        .on("GetParameter", |_| json!({"Parameter": {"Value": "{}"}}).to_string().into());
    let mut forged = request("WAVE", 1);
    forged["rollout"]["stackSet"] = json!("landlord-artifacts");
    let error = answer(&world, &forged, START.parse().unwrap()).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(error.error_message.contains("RolloutStackSets"), "{}", error.error_message);
    assert!(set.ids().is_empty());
}

/// The machine asks in the dwell time for nothing: what comes after it must be known before.
#[tokio::test]
async fn while_the_last_operation_works_the_next_waves_first_accounts_are_looked_at_once() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({})));
    let looks = || world.calls_of("ListTagsForResource").len();
    deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(looks(), 2 + 2, "its own two, and two of the next wave");
    deployed(&world, request("WAVE", 2)).await.unwrap();
    assert_eq!(looks(), 4);
}

#[tokio::test]
async fn what_was_seen_more_than_an_hour_before_its_wave_is_looked_at_again() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({})));
    let looks = || world.calls_of("ListTagsForResource").len();
    deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(looks(), 4);
    let later: Timestamp = START.parse().unwrap();
    let later = later + SignedDuration::from_mins(61);
    answer(&world, &request("WAVE", 2), later).await.unwrap();
    assert_eq!(looks(), 6);
}
