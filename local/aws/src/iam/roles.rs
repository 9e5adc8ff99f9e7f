//! Roles and managed policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::Document;
use crate::{AwsError, State};

/// A document with its text.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) document: Arc<Document>,
}

impl Stored {
    pub(super) fn identity(text: &str) -> Result<Self, AwsError> {
        Self::of(text, Document::identity(text))
    }

    pub(super) fn trust(text: &str) -> Result<Self, AwsError> {
        Self::of(text, Document::trust(text))
    }

    fn of(text: &str, document: Result<Document, super::Fault>) -> Result<Self, AwsError> {
        let document = document
            .map_err(|fault| AwsError::new("MalformedPolicyDocument", fault.to_string()))?;
        Ok(Self { text: text.to_owned(), document: Arc::new(document) })
    }
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) description: String,
    pub(super) trust: Stored,
    pub(super) inline: BTreeMap<String, Stored>,
    /// ARNs of managed policies.
    pub(super) attached: Vec<String>,
    pub(super) tags: IndexMap<String, String>,
    pub(super) longest_session: i64,
    pub(super) created: Timestamp,
}

/// A policy that customers manage.
#[derive(Debug, Clone)]
pub(super) struct Managed {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) description: String,
    pub(super) stored: Stored,
    pub(super) created: Timestamp,
}

const ADMINISTRATOR: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const LAMBDA_LOGS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#;
const LAMBDA_SQS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#;
const XRAY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["xray:PutTraceSegments","xray:PutTelemetryRecords","xray:GetSamplingRules","xray:GetSamplingTargets","xray:GetSamplingStatisticSummaries"],"Resource":"*"}]}"#;
const ORGANIZATIONS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:DeleteRole","iam:CreateServiceLinkedRole"],"Resource":"*"}]}"#;

/// The AWS managed policies that are known here, by what follows `arn:aws:iam::aws:policy`.
const AWS_MANAGED: &[(&str, &str)] = &[
    ("/AdministratorAccess", ADMINISTRATOR),
    ("/service-role/AWSLambdaBasicExecutionRole", LAMBDA_LOGS),
    ("/service-role/AWSLambdaSQSQueueExecutionRole", LAMBDA_SQS),
    ("/AWSXRayDaemonWriteAccess", XRAY),
    ("/AWSXrayWriteOnlyAccess", XRAY),
    ("/aws-service-role/AWSOrganizationsServiceTrustPolicy", ORGANIZATIONS),
];

/// An AWS managed policy, if it is known here.
pub(super) fn aws_managed(arn: &str) -> Option<Managed> {
    let name = arn.strip_prefix("arn:aws:iam::aws:policy")?;
    let (path_and_name, text) = AWS_MANAGED.iter().find(|(known, _)| *known == name)?;
    let (path, name) = path_and_name.rsplit_once('/')?;
    Some(Managed {
        name: name.to_owned(),
        path: format!("{path}/"),
        id: format!("ANPA{:0>17}", path_and_name.len()),
        arn: arn.to_owned(),
        description: String::new(),
        stored: Stored::identity(text).ok()?,
        created: Timestamp::UNIX_EPOCH,
    })
}

/// Roles by account and name, customers' policies by ARN.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) roles: BTreeMap<String, BTreeMap<String, Role>>,
    pub(super) policies: BTreeMap<String, Managed>,
    aws_managed: BTreeMap<String, Managed>,
}

impl Store {
    /// A role by account and name.
    pub(super) fn role(&self, account: &str, name: &str) -> Option<&Role> {
        self.roles.get(account)?.get(&name.to_ascii_lowercase())
    }

    pub(super) fn role_mut(&mut self, account: &str, name: &str) -> Result<&mut Role, AwsError> {
        self.roles
            .get_mut(account)
            .and_then(|roles| roles.get_mut(&name.to_ascii_lowercase()))
            .ok_or_else(|| no_role(name))
    }

    pub(super) fn insert(&mut self, account: &str, role: Role) {
        self.roles
            .entry(account.to_owned())
            .or_default()
            .insert(role.name.to_ascii_lowercase(), role);
    }

    /// A managed policy by ARN: a customer's, or AWS's own. The latter is remembered.
    pub(super) fn policy(&mut self, arn: &str) -> Option<&Managed> {
        if self.policies.contains_key(arn) {
            return self.policies.get(arn);
        }
        if !self.aws_managed.contains_key(arn) {
            self.aws_managed.insert(arn.to_owned(), aws_managed(arn)?);
        }
        self.aws_managed.get(arn)
    }

    /// All identity policies of a role, by name or ARN.
    pub(super) fn policies_of<'a>(
        &'a self,
        role: &'a Role,
    ) -> impl Iterator<Item = (&'a str, &'a Document)> {
        let inline =
            role.inline.iter().map(|(name, stored)| (name.as_str(), stored.document.as_ref()));
        let attached = role.attached.iter().filter_map(|arn| {
            let managed = self.policies.get(arn).or_else(|| self.aws_managed.get(arn))?;
            Some((arn.as_str(), managed.stored.document.as_ref()))
        });
        inline.chain(attached)
    }
}

pub(super) fn no_role(name: &str) -> AwsError {
    AwsError::new("NoSuchEntity", format!("The role with name {name} cannot be found.")).status(404)
}

/// The roles that a new account has: the management account's way in, and Organizations' own.
pub(crate) fn found_account(
    state: &mut State,
    account: &str,
    role: &str,
    management: &str,
    now: Timestamp,
) {
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    let own = "arn:aws:iam::aws:policy/aws-service-role/AWSOrganizationsServiceTrustPolicy";
    let roles = [
        (role, "/", format!("\"AWS\":\"arn:aws:iam::{management}:root\""), administrator),
        (
            "AWSServiceRoleForOrganizations",
            "/aws-service-role/organizations.amazonaws.com/",
            "\"Service\":\"organizations.amazonaws.com\"".to_owned(),
            own,
        ),
    ];
    for (name, path, principal, policy) in roles {
        let trust = format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\
             \"Principal\":{{{principal}}},\"Action\":\"sts:AssumeRole\"}}]}}"
        );
        let Ok(trust) = Stored::trust(&trust) else { continue };
        let store = &mut state.iam.store;
        // Named once, so that it is there when policies are evaluated.
        let known = store.policy(policy).is_some();
        debug_assert!(known, "{policy} is in the table");
        let role = Role {
            name: name.to_owned(),
            path: path.to_owned(),
            arn: format!("arn:aws:iam::{account}:role{path}{name}"),
            id: format!("AROA{account}{:05}", name.len()),
            description: String::new(),
            trust,
            inline: BTreeMap::new(),
            attached: vec![policy.to_owned()],
            tags: IndexMap::new(),
            longest_session: 3600,
            created: now,
        };
        store.insert(account, role);
    }
}
