//! The policy with which a check sees everything, and can change nothing.

use serde_json::{Value, json};

/// The calls of a check, as IAM calls them. They have no resources that could be named before the first
/// deploy, and read names and settings only; the gate's code is looked for in Landlord's own buckets.
pub const READS: [&str; 24] = [
    "cloudformation:DescribeStackSet",
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "iam:GetRole",
    "lambda:GetAccountSettings",
    "organizations:DescribeOrganization",
    "organizations:DescribeOrganizationalUnit",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListParents",
    "organizations:ListPolicies",
    "organizations:ListPoliciesForTarget",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
    "s3:GetObject",
    "s3:ListBucket",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "tag:GetResources",
];

/// The policy for a check of this stack.
pub fn policy(stack: &str) -> Value {
    let (of_code, others): (Vec<&str>, Vec<&str>) =
        READS.iter().partition(|action| action.starts_with("s3:"));
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LookBeforeADeploy",
                "Effect": "Allow",
                "Action": others,
                "Resource": "*",
            },
            {
                "Sid": "LookForTheGatesCode",
                "Effect": "Allow",
                "Action": of_code,
                "Resource": [
                    format!("arn:*:s3:::{stack}-artifacts-*"),
                    format!("arn:*:s3:::{stack}-artifacts-*/account-gate/*"),
                ],
            },
        ],
    })
}
