//! CloudTrail as the SDK sees it: what AWS documents of trails, held by tests.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::error::ProvideErrorMetadata as _;
use aws_sdk_cloudtrail::types::{EventSelector, ReadWriteType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local_aws::{Aws, Call};
use serde_json::{Value, json};

use crate::wire_clients::{admin, cloudtrail, settings};
use crate::world::{ACCOUNT, REGION};

const BUCKET: &str = "our-trail";

fn world() -> (Aws, Client, Client) {
    let aws = Aws::new(settings());
    let client = |region| cloudtrail(&aws, admin(), region);
    let (home, global) = (client(REGION), client("us-east-1"));
    (aws, home, global)
}

async fn s3(aws: &Aws, operation: &str, input: Value) {
    let place = (ACCOUNT, "us-east-1");
    let call = Call::by_service("console.amazonaws.com", "s3", operation, place, input);
    aws.perform(&call).await.unwrap();
}

/// A bucket that lets CloudTrail in.
async fn open_bucket(aws: &Aws) {
    s3(aws, "CreateBucket", json!({ "Bucket": BUCKET })).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::our-trail",
    }, {
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::our-trail/AWSLogs/{ACCOUNT}/*"),
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
    }]});
    let body = BASE64_STANDARD.encode(policy.to_string());
    s3(aws, "PutBucketPolicy", json!({ "Bucket": BUCKET, "$body": body })).await;
}

#[tokio::test(start_paused = true)]
async fn a_trail_needs_a_bucket_that_lets_it_in_and_logs_when_it_is_told_to() {
    let (aws, _, global) = world();
    let create = || global.create_trail().name("ours").s3_bucket_name(BUCKET).send();
    let code = |error: aws_sdk_cloudtrail::Error| error.code().unwrap().to_owned();
    let refused = create().await.unwrap_err();
    assert_eq!(code(refused.into()), "S3BucketDoesNotExistException");
    s3(&aws, "CreateBucket", json!({ "Bucket": "another" })).await;
    let refused = global.create_trail().name("ours").s3_bucket_name("another").send().await;
    assert_eq!(code(refused.unwrap_err().into()), "InsufficientS3BucketPolicyException");
    open_bucket(&aws).await;
    let made = create().await.unwrap();
    assert!(made.trail_arn().unwrap().ends_with(":trail/ours"));
    assert_eq!(code(create().await.unwrap_err().into()), "TrailAlreadyExistsException");
    let status = || async { global.get_trail_status().name("ours").send().await.unwrap() };
    assert_eq!(status().await.is_logging(), Some(false));
    global.start_logging().name("ours").send().await.unwrap();
    assert_eq!(status().await.is_logging(), Some(true));
    global.stop_logging().name("ours").send().await.unwrap();
    assert!(status().await.stop_logging_time().is_some());
    global.delete_trail().name("ours").send().await.unwrap();
    let gone = global.get_trail_status().name("ours").send().await.unwrap_err();
    assert_eq!(code(gone.into()), "TrailNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_trail_of_all_regions_is_a_shadow_elsewhere_and_changes_at_home() {
    let (aws, home, global) = world();
    open_bucket(&aws).await;
    let trail = home.create_trail().name("ours").s3_bucket_name(BUCKET).is_multi_region_trail(true);
    let arn = trail.send().await.unwrap().trail_arn.unwrap();
    home.create_trail().name("of-one").s3_bucket_name(BUCKET).send().await.unwrap();
    let seen = global.describe_trails().send().await.unwrap();
    let names: Vec<_> = seen.trail_list().iter().filter_map(|trail| trail.name()).collect();
    assert_eq!(names, ["ours"]);
    assert_eq!(seen.trail_list()[0].home_region(), Some(REGION));
    let own = global.describe_trails().include_shadow_trails(false).send().await.unwrap();
    assert!(own.trail_list().is_empty());
    let elsewhere = global.start_logging().name(&arn).send().await.unwrap_err();
    assert_eq!(elsewhere.code(), Some("InvalidHomeRegionException"));
    let selectors = home.get_event_selectors().trail_name(&arn).send().await.unwrap();
    assert_eq!(selectors.event_selectors()[0].include_management_events(), Some(true));
    let reads = EventSelector::builder().read_write_type(ReadWriteType::ReadOnly).build();
    home.put_event_selectors().trail_name("ours").event_selectors(reads).send().await.unwrap();
    let selectors = home.get_event_selectors().trail_name("ours").send().await.unwrap();
    assert_eq!(selectors.event_selectors()[0].read_write_type(), Some(&ReadWriteType::ReadOnly));
}
