//! What a thief tries.

use serde_json::{Value, json};

use super::scene::{MANAGEMENT, REGION, Scene};

/// One call.
pub(crate) struct One {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) input: Value,
}

impl One {
    pub(crate) fn new(service: &'static str, operation: &'static str, input: Value) -> Self {
        Self { service, operation, input }
    }
}

/// How a harm is done.
pub(crate) enum Attempt {
    /// These calls, all of which have to go through.
    Calls(Vec<One>),
    /// The execution role of an account, without a session policy, and with it one more call.
    Enter { account: String, then: One },
    /// An operation of a stack set, that has to end with a stack in the account.
    Deploy { call: One, set: &'static str, account: String },
}

/// What must not happen.
pub(crate) struct Harm {
    /// As the table says it.
    pub(crate) name: &'static str,
    /// Whether the world is another one afterwards.
    pub(crate) spoils: bool,
    pub(crate) attempt: fn(&Scene) -> Attempt,
}

/// A harm after which the world can be used again.
const fn harmless(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Harm {
    Harm { name, spoils: false, attempt }
}

/// A harm that changes what others begin with.
const fn lasting(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Harm {
    Harm { name, spoils: true, attempt }
}

fn call(service: &'static str, operation: &'static str, input: Value) -> Attempt {
    Attempt::Calls(vec![One::new(service, operation, input)])
}

fn close(scene: &Scene, who: &str) -> Attempt {
    call("organizations", "CloseAccount", json!({ "AccountId": scene.accounts[who] }))
}

fn tag(scene: &Scene, who: &str, key: &str, value: &str) -> Attempt {
    let tags = json!([{ "Key": key, "Value": value }]);
    let input = json!({ "ResourceId": scene.accounts[who], "Tags": tags });
    call("organizations", "TagResource", input)
}

fn untag(scene: &Scene, who: &str, key: &str) -> Attempt {
    let input = json!({ "ResourceId": scene.accounts[who], "TagKeys": [key] });
    call("organizations", "UntagResource", input)
}

fn move_to(scene: &Scene, who: &str, from: &str, to: &str) -> Attempt {
    let input = json!({
        "AccountId": scene.accounts[who],
        "SourceParentId": scene.units[from],
        "DestinationParentId": scene.units[to],
    });
    call("organizations", "MoveAccount", input)
}

/// Without a tenant that exists: what matters is who may say it.
fn say(scene: &Scene, source: &str, what: &str) -> Attempt {
    let bus = format!("arn:aws:events:{REGION}:{MANAGEMENT}:event-bus/{}", scene.things["bus"]);
    let entry = json!({
        "Source": source, "DetailType": what, "Detail": "{\"tenantId\":\"nobody\"}",
        "EventBusName": bus,
    });
    call("events", "PutEvents", json!({ "Entries": [entry] }))
}

fn read_in(scene: &Scene, who: &str) -> Attempt {
    let then = One::new("ssm", "GetParameter", json!({ "Name": "/product/secret" }));
    Attempt::Enter { account: scene.accounts[who].clone(), then }
}

fn deploy(scene: &Scene, set: &'static str, who: &str) -> Attempt {
    let account = scene.accounts[who].clone();
    let input = json!({ "StackSetName": set, "Accounts": [account], "Regions": [REGION] });
    Attempt::Deploy {
        call: One::new("cloudformation", "CreateStackInstances", input),
        set,
        account,
    }
}

fn changed(set: &str) -> One {
    let template = "Resources: {R: {Type: AWS::SQS::Queue}}";
    let input = json!({ "StackSetName": set, "TemplateBody": template });
    One::new("cloudformation", "UpdateStackSet", input)
}

fn change(set: &str) -> Attempt {
    Attempt::Calls(vec![changed(set)])
}

fn start(scene: &Scene, machine: &str) -> Attempt {
    let input = json!({ "stateMachineArn": scene.things[machine], "input": "{}" });
    call("states", "StartExecution", input)
}

fn queue(scene: &Scene, name: &str, operation: &'static str) -> Attempt {
    let mut input = json!({ "QueueUrl": scene.things[name] });
    if operation == "SendMessage" {
        input["MessageBody"] = "{}".into();
        if name != "undelivered" {
            input["MessageGroupId"] = "x".into();
            input["MessageDeduplicationId"] = "x".into();
        }
    }
    call("sqs", operation, input)
}

fn put(scene: &Scene, key: &str) -> Attempt {
    let input = json!({ "Bucket": scene.things["bucket"], "Key": key, "$body": "" });
    call("s3", "PutObject", input)
}

fn delete(scene: &Scene, key: &str) -> Attempt {
    call("s3", "DeleteObject", json!({ "Bucket": scene.things["bucket"], "Key": key }))
}

fn parameter(name: &str) -> Attempt {
    let input = json!({ "Name": name, "Value": "{}", "Type": "String", "Overwrite": true });
    call("ssm", "PutParameter", input)
}

const LATER: &str = "2035-01-01T00:00:00Z";
const BEFORE: &str = "2025-01-01T00:00:00Z";
const SIGNUPS: &str = "saas.signup";
const OURS: &str = "landlord";
const BASELINE: &str = "landlord-tenant-baseline";

/// All of it.
pub(crate) const HARMS: &[Harm] = &[
    lasting("close a live tenant's account", |s| close(s, "live")),
    lasting("close an account that cools off", |s| close(s, "cooling")),
    lasting("close an account that is due and not emptied", |s| close(s, "due")),
    lasting("close an account that is due and emptied", |s| close(s, "emptied")),
    lasting("close an internal account", |s| close(s, "internal")),
    lasting("make the management account a tenant's", |s| {
        tag(s, "management", "landlord:tenant", "x")
    }),
    lasting("make an internal account a tenant's", |s| tag(s, "internal", "landlord:tenant", "x")),
    lasting("make a tenant's account another tenant's", |s| tag(s, "live", "landlord:tenant", "x")),
    lasting("write a live tenant's retire-after", |s| {
        tag(s, "live", "landlord:retire-after", BEFORE)
    }),
    lasting("the same, in capitals", |s| tag(s, "live", "Landlord:Retire-After", BEFORE)),
    lasting("cut short a cooling-off", |s| tag(s, "cooling", "landlord:retire-after", BEFORE)),
    lasting("say that a live tenant's account is emptied", |s| {
        tag(s, "live", "landlord:withdrawn-at", BEFORE)
    }),
    lasting("say it of an account that cools off", |s| {
        tag(s, "cooling", "landlord:withdrawn-at", BEFORE)
    }),
    lasting("the same, in other capitals", |s| tag(s, "cooling", "LANDLORD:Withdrawn-At", BEFORE)),
    lasting("say that a live tenant left in the future", |s| {
        tag(s, "live", "landlord:lifecycle-at", LATER)
    }),
    lasting("take a tenant's mark away", |s| untag(s, "live", "landlord:tenant")),
    lasting("take a hold away", |s| untag(s, "due", "landlord:hold")),
    lasting("take a protection away", |s| untag(s, "due", "landlord:protected")),
    lasting("quarantine a live tenant", |s| move_to(s, "live", "General", "Retiring")),
    lasting("suspend a live tenant", |s| move_to(s, "live", "General", "Suspended")),
    lasting("take an account out of quarantine", |s| move_to(s, "cooling", "Retiring", "General")),
    lasting("suspend an account that cools off", |s| {
        move_to(s, "cooling", "Retiring", "Suspended")
    }),
    lasting("take a suspended account back", |s| move_to(s, "emptied", "Suspended", "Retiring")),
    lasting("let an account live without its baseline", |s| {
        move_to(s, "waiting", "Onboarding", "General")
    }),
    lasting("quarantine an internal account", |s| move_to(s, "internal", "Internal", "Onboarding")),
    lasting("make accounts", |_| {
        let input = json!({ "AccountName": "x", "Email": "x@example.com" });
        call("organizations", "CreateAccount", input)
    }),
    lasting("lift a policy of the organization", |s| {
        let input = json!({ "PolicyId": s.things["policy"], "TargetId": s.units["Retiring"] });
        call("organizations", "DetachPolicy", input)
    }),
    harmless("sign a tenant up", |s| say(s, SIGNUPS, "TenantSignedUp")),
    harmless("change a tenant", |s| say(s, SIGNUPS, "TenantChanged")),
    harmless("say that a tenant left", |s| say(s, SIGNUPS, "TenantOffboarded")),
    harmless("say that a tenant came back", |s| say(s, SIGNUPS, "TenantReinstated")),
    harmless("announce TenantAdmitted", |s| say(s, OURS, "TenantAdmitted")),
    harmless("announce TenantRejected", |s| say(s, OURS, "TenantRejected")),
    harmless("announce TenantReady", |s| say(s, OURS, "TenantReady")),
    harmless("announce TenantOnboardingFailed", |s| say(s, OURS, "TenantOnboardingFailed")),
    harmless("announce TenantWaiting", |s| say(s, OURS, "TenantWaiting")),
    harmless("announce TenantUpdated", |s| say(s, OURS, "TenantUpdated")),
    harmless("announce TenantChangeFailed", |s| say(s, OURS, "TenantChangeFailed")),
    harmless("announce TenantRetiring", |s| say(s, OURS, "TenantRetiring")),
    harmless("announce TenantRestored", |s| say(s, OURS, "TenantRestored")),
    harmless("announce TenantRetired", |s| say(s, OURS, "TenantRetired")),
    harmless("announce TenantAccountClosed", |s| say(s, OURS, "TenantAccountClosed")),
    harmless("announce RetirementSweepFinished", |s| say(s, OURS, "RetirementSweepFinished")),
    harmless("announce FleetAuditFinished", |s| say(s, OURS, "FleetAuditFinished")),
    harmless("announce RolloutFinished", |s| say(s, OURS, "RolloutFinished")),
    harmless("announce what nobody announces", |s| say(s, OURS, "Whatever")),
    harmless("read a live tenant's data", |s| read_in(s, "live")),
    harmless("read the data of a tenant that has left", |s| read_in(s, "due")),
    harmless("read an internal account's data", |s| read_in(s, "internal")),
    harmless("open a live tenant's gate", |s| {
        let input = json!({
            "Name": "/landlord/gate/override", "Value": "{}", "Type": "String", "Overwrite": true,
        });
        let then = One::new("ssm", "PutParameter", input);
        Attempt::Enter { account: s.accounts["live"].clone(), then }
    }),
    harmless("enter an account that stands in the root", |s| read_in(s, "new")),
    lasting("deploy to an internal account", |s| deploy(s, "theirs", "internal")),
    lasting("change what an internal account has by a stack set", |s| {
        let account = s.accounts["internal"].clone();
        Attempt::Deploy { call: changed("shared"), set: "shared", account }
    }),
    lasting("deploy another team's stack set to a tenant", |s| deploy(s, "theirs", "live")),
    lasting("deploy the baseline to a tenant", |s| deploy(s, BASELINE, "waiting")),
    lasting("change another team's stack set", |_| change("theirs")),
    lasting("change the baseline of all tenants", |_| change(BASELINE)),
    lasting("change what the gate's buckets hold", |_| change("landlord-artifacts")),
    lasting("take a live tenant's stacks away", |s| {
        let input = json!({
            "StackSetName": BASELINE, "Accounts": [s.accounts["live"]], "Regions": [REGION],
            "RetainStacks": false,
        });
        call("cloudformation", "DeleteStackInstances", input)
    }),
    lasting("make a stack set", |_| {
        let template = "Resources: {R: {Type: AWS::SQS::Queue}}";
        let input = json!({ "StackSetName": "new", "TemplateBody": template });
        call("cloudformation", "CreateStackSet", input)
    }),
    lasting("delete a stack set", |_| {
        call("cloudformation", "DeleteStackSet", json!({ "StackSetName": "theirs" }))
    }),
    harmless("start an onboarding", |s| start(s, "onboard")),
    harmless("start an offboarding", |s| start(s, "offboard")),
    harmless("start a change", |s| start(s, "converge")),
    harmless("start a sweep", |s| start(s, "sweep")),
    harmless("start a rollout", |s| start(s, "roll-out")),
    harmless("start the following of quotas", |s| start(s, "quotas")),
    harmless("close by close-account", |_| {
        let function =
            format!("arn:aws:lambda:{REGION}:{MANAGEMENT}:function:landlord-close-account");
        // "{}"
        call("lambda", "Invoke", json!({ "FunctionName": function, "$body": "e30=" }))
    }),
    harmless("drop the signups that wait", |s| queue(s, "waiting", "PurgeQueue")),
    harmless("drop the newest signups", |s| queue(s, "signups", "PurgeQueue")),
    harmless("read signups", |s| queue(s, "signups", "ReceiveMessage")),
    harmless("put a signup past the bus", |s| queue(s, "signups", "SendMessage")),
    harmless("put a dead letter", |s| queue(s, "dead-letters", "SendMessage")),
    harmless("put an undelivered event", |s| queue(s, "undelivered", "SendMessage")),
    harmless("drop the undelivered events", |s| queue(s, "undelivered", "PurgeQueue")),
    harmless("tell operators what is not so", |s| {
        call("sns", "Publish", json!({ "TopicArn": s.things["topic"], "Message": "x" }))
    }),
    harmless("listen to what operators are told", |s| {
        let input = json!({
            "TopicArn": s.things["topic"], "Protocol": "email", "Endpoint": "x@example.com",
        });
        call("sns", "Subscribe", input)
    }),
    harmless("throw or lift the stop switch", |_| parameter("/landlord/stop")),
    harmless("let offboardings go on that are held", |_| parameter("/landlord/offboardings")),
    harmless("lift the brake on offboardings", |s| put(s, "brakes/offboardings.json")),
    harmless("change the tiers", |_| parameter("/landlord/tiers")),
    harmless("write a tenant's record", |s| put(s, "tenants/live.json")),
    harmless("delete a tenant's record", |s| delete(s, "tenants/live.json")),
    harmless("write a sweep's report", |s| put(s, "sweeps/s/report.json")),
    harmless("delete a sweep's report", |s| delete(s, "sweeps/s/report.json")),
    harmless("write the list of accounts to be closed", |s| put(s, "sweeps/s/closing.jsonl")),
    harmless("write what came of a closing", |s| put(s, "sweeps/s/outcomes/x.json")),
    harmless("write an audit's report", |s| put(s, "audits/a/report.json")),
    harmless("take the sweeps' lock", |s| put(s, "retirements/lock.json")),
    harmless("change a rollout's plan", |s| put(s, "rollouts/r/plan.json")),
    harmless("change what a rollout goes back to", |s| put(s, "rollouts/r/previous-template")),
    harmless("bring a template", |s| put(s, "templates/new.yaml")),
    harmless("write what was announced", |s| put(s, "announced/onboard/0-SUCCEEDED")),
    lasting("open the bucket of runs", |s| {
        call("s3", "DeleteBucketPolicy", json!({ "Bucket": s.things["bucket"] }))
    }),
    lasting("give a role more", |_| {
        let everything = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\
                          \"Action\":\"*\",\"Resource\":\"*\"}]}";
        let input = json!({
            "RoleName": "AWSCloudFormationStackSetAdministrationRole", "PolicyName": "x",
            "PolicyDocument": everything,
        });
        call("iam", "PutRolePolicy", input)
    }),
    lasting("run code of its own with a role of Landlord's", |s| {
        let input = json!({
            "FunctionName": "x", "Role": s.things["role"],
            "Code": { "S3Bucket": "b", "S3Key": "k" },
        });
        call("lambda", "CreateFunction", input)
    }),
];
