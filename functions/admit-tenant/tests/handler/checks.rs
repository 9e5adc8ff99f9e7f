//! A common cause stops at the door: what AWS lacks of a tier is found before anybody is admitted.

use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

use crate::support::*;

/// Where the signup went; nothing when it was admitted.
async fn held(aws: &Aws) -> Option<String> {
    assert_eq!(call(aws, one(&signup())).await.unwrap(), answered());
    let sends = aws.calls_of("SendMessage");
    assert_eq!(sends.len() + aws.calls_of("StartExecution").len(), 1, "held or admitted");
    Some(sends.first()?.field("MessageGroupId").as_str().unwrap().to_owned())
}

fn notice(aws: &Aws) -> String {
    let told = aws.calls_of("Publish");
    assert_eq!(told.len(), 1, "operators are told");
    told[0].field("Message").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_aws_lacks_of_a_tier_holds_it_and_is_told_with_the_next_step() {
    type Say = fn() -> Reply;
    let missing_set: Say = || error(404, "StackSetNotFoundException");
    let moves: Say =
        || stack_set("SERVICE_MANAGED", "<AutoDeployment><Enabled>true</Enabled></AutoDeployment>");
    let missing_quota: Say = || error(400, "NoSuchResourceException");
    let global: Say = || quota(true, true);
    let no_unit: Say = || error(400, "OrganizationalUnitNotFoundException");
    let other_role: Say = || {
        let arn = "arn:aws:iam::111122223333:role/Other";
        stack_set("SELF_MANAGED", &format!("<AdministrationRoleARN>{arn}</AdministrationRoleARN>"))
    };
    let no_role: Say =
        || stack_set("SELF_MANAGED", "<ExecutionRoleName>Special</ExecutionRoleName>");
    for (operation, say, word) in [
        ("DescribeStackSet", missing_set, "landlord-tenant-baseline"),
        ("DescribeStackSet", moves, "AutoDeployment"),
        ("DescribeOrganizationalUnit", no_unit, "ou-root-general0"),
        ("DescribeStackSet", other_role, "role/Other"),
        ("DescribeStackSet", no_role, "Special"),
        ("GetAWSDefaultServiceQuota", missing_quota, "L-B99A9384"),
        ("GetAWSDefaultServiceQuota", global, "global: true"),
    ] {
        let aws = empty().always(operation, move |_| say());
        assert_eq!(held(&aws).await.as_deref(), Some("held-standard"), "{word}");
        let text = notice(&aws);
        assert!(text.contains(word) && text.contains("Mend it"), "{text}");
        assert!(aws.calls_of("GetResources").is_empty(), "before room is even counted");
    }
    let fixed = "<AutoDeployment><Enabled>false</Enabled></AutoDeployment>";
    let aws = empty().always("DescribeStackSet", move |_| stack_set("SERVICE_MANAGED", fixed));
    assert_eq!(held(&aws).await, None);
    let ours = format!(
        "<AdministrationRoleARN>{ADMINISTRATION}</AdministrationRoleARN>\
         <ExecutionRoleName>Execution</ExecutionRoleName>"
    );
    let aws = empty().always("DescribeStackSet", move |_| stack_set("SELF_MANAGED", &ours));
    assert_eq!(held(&aws).await, None);
}

#[tokio::test]
async fn a_notice_is_told_once_and_a_check_that_passed_is_not_made_again() {
    let told = empty()
        .always("DescribeStackSet", |_| error(404, "StackSetNotFoundException"))
        .always("GetObject", |call| {
            if key(call).contains("-told-") {
                Reply::Text("{}".into())
            } else {
                error(404, "NoSuchKey")
            }
        });
    assert_eq!(held(&told).await.as_deref(), Some("held-standard"));
    assert!(told.calls_of("Publish").is_empty(), "it was told before");

    let passed = json!({"checkedAt": "2026-11-21T11:00:00Z", "verdict": {}}).to_string();
    let known = empty().always("GetObject", move |call| {
        if key(call).contains("checks/") {
            Reply::Text(passed.clone())
        } else {
            error(404, "NoSuchKey")
        }
    });
    assert_eq!(held(&known).await, None);
    assert!(known.calls_of("DescribeStackSet").is_empty());

    let aws = empty();
    assert_eq!(held(&aws).await, None);
    let written = aws.calls_of("PutObject");
    assert!(key(&written[0]).contains("checks/"), "{}", key(&written[0]));
    // Long ago does not count.
    let old = json!({"checkedAt": "2026-11-20T11:59:59Z", "verdict": {}}).to_string();
    let aws = empty().always("GetObject", move |call| {
        if key(call).contains("checks/") {
            Reply::Text(old.clone())
        } else {
            error(404, "NoSuchKey")
        }
    });
    assert_eq!(held(&aws).await, None);
    assert_eq!(aws.calls_of("DescribeStackSet").len(), 1);
}

#[tokio::test]
async fn a_wish_that_cannot_be_is_told_and_holds_nobody() {
    let mut tiers: Value = serde_json::from_str(include_str!("../../events/tiers.json")).unwrap();
    tiers["tiers"]["standard"]["quotas"][0].as_object_mut().unwrap().remove("required");
    let tiers = tiers.to_string();
    let aws = empty()
        .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": tiers}})))
        .always("GetAWSDefaultServiceQuota", |_| error(400, "NoSuchResourceException"));
    assert_eq!(held(&aws).await, None);
    assert!(notice(&aws).contains("hold nobody back"));
}

#[tokio::test(start_paused = true)]
async fn trouble_while_checking_is_no_fault() {
    for (operation, code) in [
        ("DescribeStackSet", "Throttling"),
        ("DescribeOrganizationalUnit", "TooManyRequestsException"),
        ("GetAWSDefaultServiceQuota", "TooManyRequestsException"),
        ("GetAWSDefaultServiceQuota", "AccessDeniedException"),
    ] {
        let aws = empty().always(operation, move |_| error(400, code));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits(), "{code}");
        assert!(aws.calls_of("Publish").is_empty());
    }
}

#[tokio::test]
async fn a_large_tier_is_checked_over_several_looks() {
    let mut tiers: Value = serde_json::from_str(include_str!("../../events/tiers.json")).unwrap();
    let set = |n: usize| json!({"stackSet": format!("set-{n}"), "regions": ["eu-central-1"]});
    tiers["tiers"]["standard"]["baseline"] = (0..41).map(set).collect();
    let tiers = tiers.to_string();
    let aws = empty()
        .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": tiers}})));
    let calls = call_often(&aws, one(&signup()), 3).await;
    assert_eq!(calls, [waits(), waits(), answered()]);
    assert_eq!(aws.calls_of("DescribeStackSet").len(), 41, "each is asked once");
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_does_not_come_through_is_told_at_the_next_look() {
    let aws = empty()
        .always("DescribeStackSet", |_| error(404, "StackSetNotFoundException"))
        .on("Publish", error(403, "AuthorizationError"));
    let answers = call_often(&aws, one(&signup()), 2).await;
    assert_eq!(answers, [answered(), answered()], "held, not waiting at the head");
    assert_eq!(aws.calls_of("Publish").len(), 2);
    let notes = aws.calls_of("PutObject");
    assert_eq!(notes.len(), 1, "noted when it was told");
    assert_eq!(notes[0].field("ifNoneMatch"), "*");
}
