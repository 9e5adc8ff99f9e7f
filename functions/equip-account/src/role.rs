//! The operator role as it has to be: who may assume it, and what it may do. What the functions do
//! in an account is here, and nothing else; each narrows it further with a session policy.

use lifecycle::gate::{GATE_FUNCTION, OVERRIDE_PARAMETER};
use lifecycle::{AccountId, RegionName};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::config::Config;

/// Below it are Landlord's roles, in every account.
pub(crate) const PATH: &str = "/landlord/";
/// The name of its one policy.
pub(crate) const POLICY: &str = "operate";
/// The tag on the role that says which unknown roles operators have heard of.
pub(crate) const REPORTED: &str = "landlord:reported";

/// The role that an account has to have.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) account: AccountId,
    pub(crate) partition: &'static str,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) trust: Value,
    pub(crate) policy: Value,
}

impl Wanted {
    pub(crate) fn of(region: &str, account: &AccountId, config: &Config) -> Self {
        let partition = region.parse::<RegionName>().map_or("aws", |region| region.partition());
        let name = config.operator.to_string();
        let owner = config.principals.split(':').nth(4).unwrap_or_default();
        Self {
            arn: format!("arn:{partition}:iam::{account}:role{PATH}{name}"),
            trust: trust(partition, owner, &config.principals),
            policy: policy(partition, account),
            account: account.clone(),
            partition,
            name,
        }
    }

    /// A session of the role of StackSets that reaches this role, and the list of the others.
    pub(crate) fn session_policy(&self) -> String {
        json!({"Version": "2012-10-17", "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:TagRole",
                    "iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
                    "iam:ListRolePolicies",
                    "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies",
                ],
                "Resource": self.arn,
            },
            {
                "Effect": "Allow",
                "Action": "iam:GetRole",
                "Resource": format!("arn:{}:iam::{}:role/*", self.partition, self.account),
            },
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"},
        ]})
        .to_string()
    }
}

/// Landlord's functions, by a pattern: their roles have names that CloudFormation chose. The
/// organization's policy narrows it to those that need it.
fn trust(partition: &str, owner: &str, principals: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "LandlordFunctions",
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:{partition}:iam::{owner}:root")},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:PrincipalArn": principals}},
    }]})
}

fn policy(partition: &str, account: &AccountId) -> Value {
    let parameter = |name: &str| format!("arn:{partition}:ssm:*:{account}:parameter{name}");
    json!({"Version": "2012-10-17", "Statement": [
        {
            "Sid": "LabelAccount",
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:PutParameter"],
            "Resource": parameter("/landlord/tenant"),
        },
        {
            "Sid": "OpenGate",
            "Effect": "Allow",
            "Action": "ssm:PutParameter",
            "Resource": parameter(OVERRIDE_PARAMETER),
        },
        {
            "Sid": "AskGate",
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": format!("arn:{partition}:lambda:*:{account}:function:{GATE_FUNCTION}"),
        },
        {
            "Sid": "ReadWhyAStackFailed",
            "Effect": "Allow",
            "Action": "cloudformation:DescribeStackEvents",
            "Resource": format!("arn:{partition}:cloudformation:*:{account}:stack/*"),
        },
        {
            "Sid": "AskForQuotas",
            "Effect": "Allow",
            "Action": [
                "servicequotas:GetServiceQuota",
                "servicequotas:GetAWSDefaultServiceQuota",
                "servicequotas:ListRequestedServiceQuotaChangeHistory",
                "servicequotas:RequestServiceQuotaIncrease",
                "lambda:GetAccountSettings",
            ],
            "Resource": "*",
        },
        {
            "Sid": "MakeTheRoleOfQuotas",
            "Effect": "Allow",
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": format!(
                "arn:{partition}:iam::{account}:role/aws-service-role/servicequotas.amazonaws.com/*"
            ),
            "Condition": {"StringEquals": {"iam:AWSServiceName": "servicequotas.amazonaws.com"}},
        },
    ]})
}

/// Whether a document that IAM gives, percent-encoded, says the same as one of ours.
pub(crate) fn says(document: Option<&str>, wanted: &Value) -> bool {
    let text = document.map(|text| percent_decode_str(text).decode_utf8_lossy());
    let read = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    read.as_ref() == Some(wanted)
}
