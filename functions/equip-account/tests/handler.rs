//! `equip-account` through its public API: real SDK clients, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use equip_account::{App, Config, ERROR_NAMES, handle};
use lambda_kit::Diagnostic;
use scripted_wire::{Exchange, Script, Seen, assume_role_answer, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/equip.json");
const OURS: &str = "arn:aws:iam::123456789012:role/landlord/landlord-operator";
const GATE: &str = "arn:aws:iam::123456789012:role/landlord/StackSet-x-AccountGateRole-Y";
const MINE: &str = "arn:aws:iam::123456789012:role/landlord/mine";

async fn answer(script: Vec<Exchange>) -> (Result<Value, Diagnostic>, Vec<Seen>) {
    let script = Script::new(script);
    let config = Config::load(&|name| {
        let value = match name {
            "ACCOUNT_ROLE_NAME" => "Execution",
            "OPERATOR_ROLE_NAME" => "landlord-operator",
            "OPERATOR_PRINCIPALS" => "arn:aws:iam::111122223333:role/landlord/landlord-*",
            "ACCOUNT_ROLES" => "arn:*:iam::*:role/landlord/StackSet-*-AccountGateRole-*",
            "TOPIC_ARN" => "arn:aws:sns:eu-central-1:111122223333:failures",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let app = App::new(&script.wire("eu-central-1"), config.unwrap());
    let request = serde_json::from_str::<Value>(REQUEST).unwrap();
    let answer = lambda_kit::call(&app, &handle, request).await;
    (answer, script.played())
}

fn xml(name: &str, inner: &str) -> String {
    format!(
        "<{name}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{name}Result>{inner}\
         </{name}Result></{name}Response>"
    )
}

fn iam(name: &str, inner: &str) -> Exchange {
    call(name, json!({})).answers_text(&xml(name, inner))
}

fn assumes() -> Exchange {
    call("AssumeRole", json!({"RoleArn": "arn:aws:iam::123456789012:role/Execution"}))
        .answers_text(&assume_role_answer("ASIATENANT"))
}

fn has_none() -> Exchange {
    call("GetRole", json!({"RoleName": "landlord-operator"})).refuses_in_xml(404, "NoSuchEntity")
}

fn role(arn: &str, trust: &str, tags: &str) -> String {
    let (path, name) = arn.split_once(":role").unwrap().1.rsplit_once('/').unwrap();
    let trust = trust.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<Path>{path}/</Path><RoleName>{name}</RoleName><RoleId>AROA</RoleId><Arn>{arn}</Arn>\
         <CreateDate>2026-01-01T00:00:00Z</CreateDate>\
         <AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument><Tags>{tags}</Tags>"
    )
}

fn has(trust: &str, tags: &str) -> Exchange {
    iam("GetRole", &format!("<Role>{}</Role>", role(OURS, trust, tags)))
}

fn lists(arns: &[&str]) -> Exchange {
    let roles: String =
        arns.iter().map(|arn| format!("<member>{}</member>", role(arn, "{}", ""))).collect();
    let inner = format!("<Roles>{roles}</Roles><IsTruncated>false</IsTruncated>");
    call("ListRoles", json!({"PathPrefix": "/landlord/"})).answers_text(&xml("ListRoles", &inner))
}

fn has_no_other_policies() -> [Exchange; 2] {
    [
        iam("ListRolePolicies", "<PolicyNames><member>operate</member></PolicyNames>"),
        iam("ListAttachedRolePolicies", "<AttachedPolicies></AttachedPolicies>"),
    ]
}

fn allows(policy: &str) -> Exchange {
    let policy = policy.replace('"', "&quot;");
    let inner = format!(
        "<RoleName>landlord-operator</RoleName><PolicyName>operate</PolicyName>\
         <PolicyDocument>{policy}</PolicyDocument>"
    );
    iam("GetRolePolicy", &inner)
}

/// Trust and policy as they are made in an account without the role.
async fn made() -> (String, String) {
    let script =
        vec![assumes(), has_none(), iam("CreateRole", &created()), puts(), lists(&[OURS, GATE])];
    let (answer, seen) = answer(script).await;
    assert_eq!(
        answer.unwrap(),
        json!({"status": "DONE", "accountId": "123456789012", "made": true, "unknownRoles": []})
    );
    let text = |index: usize, name: &str| seen[index].field(name).as_str().unwrap().to_owned();
    assert_eq!(text(2, "Path"), "/landlord/");
    assert_eq!(seen[2].access_key, "ASIATENANT");
    (text(2, "AssumeRolePolicyDocument"), text(3, "PolicyDocument"))
}

fn created() -> String {
    format!("<Role>{}</Role>", role(OURS, "{}", ""))
}

fn puts() -> Exchange {
    iam("PutRolePolicy", "")
}

#[tokio::test(start_paused = true)]
async fn an_account_without_the_role_gets_one_that_trusts_landlord_and_may_little() {
    let (trust, policy) = made().await;
    let trust: Value = serde_json::from_str(&trust).unwrap();
    assert_eq!(trust["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::111122223333:root");
    assert_eq!(
        trust["Statement"][0]["Condition"]["ArnLike"]["aws:PrincipalArn"],
        "arn:aws:iam::111122223333:role/landlord/landlord-*"
    );
    for word in ["s3:", "dynamodb:", "iam:Put", "iam:CreateRole\"", "\"*:*\"", "\"lambda:*\""] {
        assert!(!policy.contains(word), "{word}: {policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_session_reaches_this_role_and_no_other() {
    let script = vec![assumes(), has_none(), iam("CreateRole", &created()), puts(), lists(&[OURS])];
    let (_, seen) = answer(script).await;
    let policy: Value = serde_json::from_str(seen[0].field("Policy").as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], OURS);
    for statement in &policy["Statement"].as_array().unwrap()[1..] {
        let text = statement["Action"].as_str().unwrap();
        assert!(text.starts_with("iam:Get") || text.starts_with("iam:List"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_as_it_should_be_is_left_alone() {
    let (trust, policy) = made().await;
    let mut script = vec![assumes(), has(&trust, "")];
    script.extend(has_no_other_policies());
    script.extend([allows(&policy), lists(&[OURS, GATE])]);
    let (answer, _) = answer(script).await;
    assert_eq!(answer.unwrap()["made"], false);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_prepared_is_mended() {
    let (_, policy) = made().await;
    let other = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#;
    let script = vec![
        assumes(),
        has(other, ""),
        iam("UpdateAssumeRolePolicy", ""),
        iam("ListRolePolicies", "<PolicyNames><member>all</member></PolicyNames>"),
        call("DeleteRolePolicy", json!({"PolicyName": "all"}))
            .answers_text(&xml("DeleteRolePolicy", "")),
        iam(
            "ListAttachedRolePolicies",
            "<AttachedPolicies><member><PolicyName>A</PolicyName>\
             <PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member>\
             </AttachedPolicies>",
        ),
        call(
            "DetachRolePolicy",
            json!({"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        )
        .answers_text(&xml("DetachRolePolicy", "")),
        allows("{}"),
        puts(),
        lists(&[OURS]),
    ];
    let (answer, seen) = answer(script).await;
    assert_eq!(answer.unwrap()["status"], "DONE");
    let put = seen.iter().find(|call| call.call == "PutRolePolicy").unwrap();
    assert_eq!(put.field("PolicyDocument"), policy.as_str());
}

#[tokio::test(start_paused = true)]
async fn unknown_roles_are_told_once() {
    let (trust, policy) = made().await;
    let script = |tags: &str| {
        let mut script = vec![assumes(), has(&trust, tags)];
        script.extend(has_no_other_policies());
        script.extend([allows(&policy), lists(&[OURS, MINE, GATE])]);
        script
    };
    let mut first = script("");
    first.push(
        call("Publish", json!({"TopicArn": "arn:aws:sns:eu-central-1:111122223333:failures"}))
            .answers_text(
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                 <MessageId>1</MessageId></PublishResult></PublishResponse>",
            ),
    );
    first.push(iam("TagRole", ""));
    let (told, seen) = answer(first).await;
    assert_eq!(told.unwrap()["unknownRoles"], json!([MINE]));
    let notice = seen.iter().find(|call| call.call == "Publish").unwrap();
    assert_eq!(notice.access_key, "AKIAFUNCTION");
    assert!(notice.field("Message").as_str().unwrap().contains(MINE));
    let tag = seen.last().unwrap();
    let value = tag.field("Tags.member.1.Value").as_str().unwrap();
    let tags = format!("<member><Key>landlord:reported</Key><Value>{value}</Value></member>");
    let (again, _) = answer(script(&tags)).await;
    assert_eq!(again.unwrap()["unknownRoles"], json!([MINE]), "and nobody is told again");
}

#[tokio::test(start_paused = true)]
async fn two_calls_at_once_make_one_role() {
    let exists = call("CreateRole", json!({})).refuses_in_xml(409, "EntityAlreadyExists");
    let script = vec![assumes(), has_none(), exists, puts(), lists(&[OURS])];
    assert_eq!(answer(script).await.0.unwrap()["status"], "DONE");
}

#[tokio::test(start_paused = true)]
async fn throttles_and_iams_lag_are_waited_for() {
    let throttled = || call("AssumeRole", json!({})).refuses_in_xml(400, "Throttling");
    let scripts = [
        vec![throttled(), throttled(), throttled()],
        vec![
            assumes(),
            has_none(),
            iam("CreateRole", &created()),
            call("PutRolePolicy", json!({})).refuses_in_xml(404, "NoSuchEntity"),
        ],
    ];
    for script in scripts {
        let (answer, _) = answer(script).await;
        assert_eq!(answer.unwrap()["status"], "PENDING");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_named() {
    let taken = role("arn:aws:iam::123456789012:role/landlord-operator", "{}", "");
    let scripts = [
        (vec![call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied")], "AccessDenied"),
        (
            vec![assumes(), iam("GetRole", &format!("<Role>{taken}</Role>"))],
            "OperatorRoleNameTaken",
        ),
        (
            vec![assumes(), call("GetRole", json!({})).refuses_in_xml(400, "SomethingNew")],
            "AwsRefused",
        ),
    ];
    for (script, name) in scripts {
        let error = answer(script).await.0.unwrap_err();
        assert_eq!(error.error_type, name, "{}", error.error_message);
        assert!(error.error_message.contains("123456789012"), "{}", error.error_message);
        assert!(ERROR_NAMES.contains(&name));
    }
}
