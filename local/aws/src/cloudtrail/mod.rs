//! CloudTrail: trails, whether they log, and which events they select. Nothing is written into their
//! buckets: what matters here is whether a trail is there that would.
//!
//! A trail of all Regions is seen in each as a shadow of that in its home Region, and asked for there by
//! its ARN. <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::iam::{Asker, Context, Document, Verdict};
use crate::wire::timestamp;
use crate::{Access, Aws, AwsError, Call, State};

/// The most trails of a Region.
const MOST: usize = 5;

const SERVICE: &str = "cloudtrail.amazonaws.com";

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct CloudTrail {
    /// By ARN.
    trails: BTreeMap<String, Trail>,
}

#[derive(Debug, Clone)]
struct Trail {
    name: String,
    region: String,
    account: String,
    bucket: String,
    prefix: Option<String>,
    all_regions: bool,
    global_events: bool,
    validation: bool,
    selectors: Selectors,
    logging: bool,
    started: Option<Timestamp>,
    stopped: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum Selectors {
    Basic(Value),
    Advanced(Value),
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let resource = match call.opt_text("Name").or(call.opt_text("TrailName")) {
        Some(name) => arn(call, name),
        None => "*".to_owned(),
    };
    vec![Access::to(format!("cloudtrail:{}", call.operation), resource)]
}

/// A trail's ARN, by its name or its ARN.
fn arn(call: &Call, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:aws:cloudtrail:{}:{}:trail/{name}", call.region, call.account)
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let now = aws.now();
    let mut state = aws.lock();
    match call.operation.as_str() {
        "CreateTrail" => create(&mut state, call),
        "DescribeTrails" => Ok(describe(&state.cloudtrail, call)),
        "GetTrailStatus" => Ok(status(find(&state.cloudtrail, call, "Name")?)),
        "GetEventSelectors" => {
            let trail = find(&state.cloudtrail, call, "TrailName")?;
            Ok(selected(trail, &arn(call, call.text("TrailName")?)))
        }
        "PutEventSelectors" => put_selectors(&mut state.cloudtrail, call),
        "StartLogging" => {
            let trail = find_mut(&mut state.cloudtrail, call, "Name")?;
            (trail.logging, trail.started) = (true, Some(now));
            Ok(json!({}))
        }
        "StopLogging" => {
            let trail = find_mut(&mut state.cloudtrail, call, "Name")?;
            (trail.logging, trail.stopped) = (false, Some(now));
            Ok(json!({}))
        }
        "DeleteTrail" => {
            find_mut(&mut state.cloudtrail, call, "Name")?;
            state.cloudtrail.trails.remove(&arn(call, call.text("Name")?));
            Ok(json!({}))
        }
        other => Err(AwsError::unknown_operation("cloudtrail", other)),
    }
}

/// 3 to 128 letters, digits, periods, underscores and dashes, the first and the last a letter or digit.
fn checked_name(name: &str) -> Result<&str, AwsError> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (3..=128).contains(&name.len())
        && name.chars().all(allowed)
        && ends(name.chars().next())
        && ends(name.chars().last())
    {
        return Ok(name);
    }
    Err(AwsError::new(
        "InvalidTrailNameException",
        "Trail name must have 3 to 128 letters, digits, periods, underscores and dashes, and begin and \
         end with a letter or digit.",
    ))
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = checked_name(call.text("Name")?)?.to_owned();
    let (bucket, arn) = (call.text("S3BucketName")?.to_owned(), arn(call, &name));
    let prefix = call.opt_text("S3KeyPrefix").map(str::to_owned);
    let all_regions = call.opt_bool("IsMultiRegionTrail")?.unwrap_or(false);
    let global_events = call.opt_bool("IncludeGlobalServiceEvents")?.unwrap_or(true);
    if all_regions && !global_events {
        return Err(AwsError::new(
            "InvalidParameterCombinationException",
            "A multi-Region trail must include global service events.",
        ));
    }
    if state.cloudtrail.trails.contains_key(&arn) {
        let message = format!("Trail {name} already exists for customer: {}", call.account);
        return Err(AwsError::new("TrailAlreadyExistsException", message));
    }
    let here = |trail: &&Trail| trail.region == call.region && trail.account == call.account;
    if state.cloudtrail.trails.values().filter(here).count() >= MOST {
        return Err(AwsError::new(
            "MaximumNumberOfTrailsExceededException",
            format!("User: {} already has {MOST} trails in {}.", call.account, call.region),
        ));
    }
    may_write(state, call, &bucket, prefix.as_deref(), &arn)?;
    let trail = Trail {
        name,
        region: call.region.clone(),
        account: call.account.clone(),
        bucket,
        prefix,
        all_regions,
        global_events,
        validation: call.opt_bool("EnableLogFileValidation")?.unwrap_or(false),
        selectors: Selectors::Basic(json!([{
            "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
            "ExcludeManagementEventSources": [],
        }])),
        logging: false,
        started: None,
        stopped: None,
    };
    let mut answer = described(&arn, &trail);
    for of_lists in ["HomeRegion", "HasCustomEventSelectors", "HasInsightSelectors"] {
        answer.as_object_mut().and_then(|members| members.shift_remove(of_lists));
    }
    state.cloudtrail.trails.insert(arn, trail);
    Ok(answer)
}

/// CloudTrail has to be let into its bucket by the bucket's policy.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html>
fn may_write(
    state: &State,
    call: &Call,
    bucket: &str,
    prefix: Option<&str>,
    trail: &str,
) -> Result<(), AwsError> {
    if state.s3.owner(bucket).is_none() {
        let message = format!("S3 bucket {bucket} does not exist!");
        return Err(AwsError::new("S3BucketDoesNotExistException", message));
    }
    let refused = || {
        let message = format!("Incorrect S3 bucket policy is detected for bucket: {bucket}");
        AwsError::new("InsufficientS3BucketPolicyException", message)
    };
    let policy = state.s3.policy(bucket).ok_or_else(refused)?;
    let policy = Document::resource(&policy).map_err(|_| refused())?;
    let mut context = Context::default();
    context.add("aws:SourceArn", trail.to_owned());
    context.add("aws:SourceAccount", call.account.clone());
    context.add("s3:x-amz-acl", "bucket-owner-full-control".to_owned());
    let asker = Asker { account: "", arns: &[], service: Some(SERVICE) };
    let root = format!("arn:aws:s3:::{bucket}");
    let prefix = prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let logs = format!("{root}/{prefix}AWSLogs/{}/CloudTrail/log", call.account);
    for (action, resource) in [("s3:GetBucketAcl", &root), ("s3:PutObject", &logs)] {
        if policy.verdict_for(&asker, action, resource, &context) != Verdict::Allows {
            return Err(refused());
        }
    }
    Ok(())
}

fn described(arn: &str, trail: &Trail) -> Value {
    json!({
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "S3KeyPrefix": trail.prefix,
        "IncludeGlobalServiceEvents": trail.global_events,
        "IsMultiRegionTrail": trail.all_regions,
        "HomeRegion": trail.region,
        "TrailARN": arn,
        "LogFileValidationEnabled": trail.validation,
        "HasCustomEventSelectors": matches!(trail.selectors, Selectors::Advanced(_)),
        "HasInsightSelectors": false,
        "IsOrganizationTrail": false,
    })
}

/// Those of this Region and, unless they are not wanted, the shadows of others.
fn describe(cloudtrail: &CloudTrail, call: &Call) -> Value {
    let wanted: Vec<String> =
        call.texts("trailNameList").iter().map(|name| arn(call, name)).collect();
    let shadows = call.opt_bool("includeShadowTrails").ok().flatten().unwrap_or(true);
    let trails = cloudtrail.trails.iter().filter(|(id, trail)| {
        let here = trail.region == call.region;
        trail.account == call.account
            && (here || trail.all_regions && (shadows || wanted.contains(id)))
            && (wanted.is_empty() || wanted.contains(id))
    });
    json!({ "trailList": trails.map(|(id, trail)| described(id, trail)).collect::<Vec<_>>() })
}

fn unknown(call: &Call, arn: &str) -> AwsError {
    let message = format!("Unknown trail: {arn} for the user: {}", call.account);
    AwsError::new("TrailNotFoundException", message)
}

fn find<'a>(cloudtrail: &'a CloudTrail, call: &Call, member: &str) -> Result<&'a Trail, AwsError> {
    let arn = arn(call, call.text(member)?);
    let own = cloudtrail.trails.get(&arn).filter(|trail| trail.account == call.account);
    own.ok_or_else(|| unknown(call, &arn))
}

/// The trail, which changes in its home Region only.
fn find_mut<'a>(
    cloudtrail: &'a mut CloudTrail,
    call: &Call,
    member: &str,
) -> Result<&'a mut Trail, AwsError> {
    let arn = arn(call, call.text(member)?);
    let own = cloudtrail.trails.get_mut(&arn).filter(|trail| trail.account == call.account);
    let trail = own.ok_or_else(|| unknown(call, &arn))?;
    if trail.region != call.region {
        let message = format!("The home Region of the trail {arn} is {}.", trail.region);
        return Err(AwsError::new("InvalidHomeRegionException", message));
    }
    Ok(trail)
}

fn status(trail: &Trail) -> Value {
    json!({
        "IsLogging": trail.logging,
        "StartLoggingTime": trail.started.map(timestamp),
        "StopLoggingTime": trail.stopped.map(timestamp),
    })
}

fn selected(trail: &Trail, arn: &str) -> Value {
    match &trail.selectors {
        Selectors::Basic(selectors) => json!({ "TrailARN": arn, "EventSelectors": selectors }),
        Selectors::Advanced(selectors) => {
            json!({ "TrailARN": arn, "AdvancedEventSelectors": selectors })
        }
    }
}

fn put_selectors(cloudtrail: &mut CloudTrail, call: &Call) -> Result<Value, AwsError> {
    let arn = arn(call, call.text("TrailName")?);
    let (basic, advanced) = (call.list("EventSelectors"), call.list("AdvancedEventSelectors"));
    let selectors = match (basic, advanced) {
        ([], []) | ([_, ..], [_, ..]) => {
            return Err(AwsError::new(
                "InvalidEventSelectorsException",
                "Either EventSelectors or AdvancedEventSelectors have to be given.",
            ));
        }
        (basic, []) => Selectors::Basic(json!(basic)),
        ([], advanced) => Selectors::Advanced(json!(advanced)),
    };
    let trail = find_mut(cloudtrail, call, "TrailName")?;
    trail.selectors = selectors;
    Ok(selected(trail, &arn))
}
