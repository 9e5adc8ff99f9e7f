//! Reasons that AWS is known to give, and what imitates them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn failed(reason: &str) -> Class {
    classify(Told { status: "FAILED", reason, ..Told::default() }).unwrap()
}

#[test]
fn reasons_that_aws_is_known_to_give_have_their_class() {
    for (reason, class) in [
        ("Rate exceeded (Service: AWSLambda; Status Code: 429)", Class::Transient),
        ("Resource handler returned message: \"Rate exceeded\"", Class::Transient),
        ("ResourceLogicalId:Role, ResourceStatusReason:Internal Failure", Class::Transient),
        (
            "Stack:arn:aws:x is in UPDATE_IN_PROGRESS state and can not be updated.",
            Class::Transient,
        ),
        ("Resource handler returned message: \"Bucket name is taken\"", Class::Failed),
        ("The following resource(s) failed to update: [Key].", Class::Failed),
        ("ResourceStatusReason: UPDATE_FAILED", Class::Failed),
        (
            "Stack:arn:aws:x is in UPDATE_ROLLBACK_FAILED state and can not be updated.",
            Class::Failed,
        ),
        (
            "Account 1 should have 'AWSCloudFormationStackSetExecutionRole' role with trust \
             relationship to Role 'AWSCloudFormationStackSetAdministrationRole'.",
            Class::RoleMissing,
        ),
        (
            "No export named network-vpc found. Rollback requested by user.",
            Class::MissingDependency,
        ),
        (
            "Parameters: [/shared/vpc] cannot be found. (Service: Ssm, Status Code: 400)",
            Class::MissingDependency,
        ),
        (
            "The AWS Access Key Id needs a subscription for the service (Service: Emr, Status \
             Code: 403, SubscriptionRequiredException)",
            Class::NotYet,
        ),
        (
            "ResourceLogicalId:Vpc, ResourceType:AWS::EC2::VPC, ResourceStatusReason:You are not \
             subscribed to this service. Please go to http://aws.amazon.com to subscribe. \
             (OptInRequired)",
            Class::NotYet,
        ),
        ("Your account must be verified before you can add new resources.", Class::NotYet),
        ("Account is pending verification", Class::NotYet),
        ("Something that nobody has seen before", Class::Unclassified),
        ("", Class::Unclassified),
    ] {
        assert_eq!(failed(reason), class, "{reason}");
    }
}

#[test]
fn words_alone_excuse_nothing() {
    for reason in [
        "Account 222222222222 is suspended",
        "SKIPPED_SUSPENDED_ACCOUNT",
        "ResourceLogicalId:X, ResourceStatusReason:the subscription is suspended.",
        "AccountGate check failed",
        "ResourceLogicalId:X, ResourceStatusReason:account gate said no.",
        "Cancelled since failure tolerance has exceeded",
        "ResourceLogicalId:X, ResourceStatusReason:the job was cancelled.",
    ] {
        let class = failed(reason);
        assert!(class.policy().is_failure(), "{reason} is {class:?}");
        let told = Told { status: "FAILED", reason, account: Account::Active, ..Told::default() };
        assert!(classify(told).unwrap().policy().is_failure(), "{reason}");
    }
}

#[test]
fn a_claim_of_suspension_asks_organizations_and_its_word_decides() {
    let claim = |account| Told {
        status: "FAILED",
        reason: "Account 222222222222 is suspended",
        account,
        ..Told::default()
    };
    assert!(needs_witness(claim(Account::NotAsked)));
    assert!(!needs_witness(claim(Account::Active)), "asked once is enough");
    let skipped = Told { status: "CANCELLED", ..claim(Account::NotAsked) };
    assert!(needs_witness(skipped), "AWS skips what is suspended");
    assert_eq!(classify(claim(Account::NotActive)), Some(Class::Suspended));
    assert_eq!(classify(claim(Account::Active)), Some(Class::Unclassified));
    let role = Told {
        reason: "Account 1 should have 'R' role with trust relationship to Role 'A'",
        ..claim(Account::NotActive)
    };
    assert_eq!(classify(role), Some(Class::Suspended), "a closed account's role cannot be taken");
    let defect = Told {
        reason: "The following resource(s) failed to update: [Key].",
        ..claim(Account::NotAsked)
    };
    assert!(!needs_witness(defect));
}

#[test]
fn a_gate_that_said_no_is_a_veto_whatever_the_reason() {
    let told = Told { status: "FAILED", gate: "FAILED", reason: "?", ..Told::default() };
    assert_eq!(classify(told), Some(Class::Vetoed));
}

#[test]
fn what_is_not_settled_has_no_class() {
    for status in ["PENDING", "RUNNING", ""] {
        assert_eq!(classify(Told { status, ..Told::default() }), None);
    }
    let cancelled = Told { status: "CANCELLED", ..Told::default() };
    assert_eq!(classify(cancelled), Some(Class::Cancelled));
}

#[test]
fn a_gate_that_is_missing_or_forbidden_is_a_hole_and_one_without_work_is_none() {
    let skipped = |gate_reason| {
        is_gate_hole(Told { status: "SUCCEEDED", gate: "SKIPPED", gate_reason, ..Told::default() })
    };
    assert!(skipped(
        "Function not found: arn:aws:lambda:eu-west-1:1:function:AWSCloudFormationStackSetAccountGate"
    ));
    assert!(skipped("AWSCloudFormationStackSetAccountGate function not found"));
    assert!(skipped("User: x is not authorized to perform: lambda:InvokeFunction"));
    assert!(!skipped("No action is necessary on the stack"));
    assert!(!skipped(""));
}
