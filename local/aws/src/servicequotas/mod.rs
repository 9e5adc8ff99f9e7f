//! Service Quotas: applied and default values, and requests that wait, are approved, denied or
//! end without a word.
//!
//! A world knows the quotas of [`KNOWN`] and those that [`Aws::define_quota`] adds. Limits as
//! AWS documents them: 20 active requests an account, 2 a Region, 1 a quota.

mod requests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Access, Aws, AwsError, Call, State};
pub use requests::QuotaDecision;
use requests::Request;

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct ServiceQuotas {
    defined: BTreeMap<(String, String), Quota>,
    /// Applied values by (account, Region, service code, quota code).
    applied: BTreeMap<Place, f64>,
    decisions: BTreeMap<(String, String, String), QuotaDecision>,
    /// By account, in the order in which they were made.
    requests: BTreeMap<String, Vec<Request>>,
}

type Place = (String, String, String, String);

/// A quota that AWS has.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// Its service's name, for people.
    pub service_name: String,
    /// Its name, for people.
    pub name: String,
    /// AWS's default value.
    pub default: f64,
    /// The value that new accounts start with, where it is lower than the default.
    pub new_accounts: Option<f64>,
    /// Whether it can be raised.
    pub adjustable: bool,
    /// Whether it counts for all Regions together: then only us-east-1 takes requests.
    pub global: bool,
}

/// How many accounts an organization may have: what applies is what it was given.
const ACCOUNTS: (&str, &str) = ("organizations", "L-E619E033");

/// Quotas that every world knows: service, code, names, default, new accounts' value, global.
type Known = (&'static str, &'static str, &'static str, &'static str, f64, Option<f64>, bool);
const KNOWN: [Known; 8] = [
    (
        ACCOUNTS.0,
        ACCOUNTS.1,
        "AWS Organizations",
        "Default maximum number of accounts",
        10.0,
        None,
        true,
    ),
    ("lambda", "L-B99A9384", "AWS Lambda", "Concurrent executions", 1000.0, Some(10.0), false),
    ("lambda", "L-2ACBD22F", "AWS Lambda", "Function and layer storage", 75.0, None, false),
    ("iam", "L-FE177D64", "AWS IAM", "Roles per account", 1000.0, None, true),
    ("iam", "L-E95E4862", "AWS IAM", "Customer managed policies in an account", 1500.0, None, true),
    ("vpc", "L-F678F1CE", "Amazon VPC", "VPCs per Region", 5.0, None, false),
    ("ec2", "L-1216C47A", "Amazon EC2", "Running On-Demand Standard instances", 5.0, None, false),
    (
        "monitoring",
        "L-21CB40A4",
        "Amazon CloudWatch",
        "Rate of DescribeAlarms requests",
        9.0,
        None,
        false,
    ),
];

impl Aws {
    /// Adds a quota that AWS has, or changes one.
    pub fn define_quota(&self, service_code: &str, quota_code: &str, quota: Quota) {
        let key = (service_code.to_owned(), quota_code.to_owned());
        self.lock().servicequotas.defined.insert(key, quota);
    }

    /// Says how AWS decides requests for a quota in an account; without it, they are approved.
    pub fn decide_quota(
        &self,
        account: &str,
        service_code: &str,
        quota_code: &str,
        decision: QuotaDecision,
    ) {
        let key = (account.to_owned(), service_code.to_owned(), quota_code.to_owned());
        self.lock().servicequotas.decisions.insert(key, decision);
    }

    /// Sets the value that applies in an account and Region, as if AWS had raised it.
    pub fn apply_quota(
        &self,
        (account, region): (&str, &str),
        service_code: &str,
        quota_code: &str,
        value: f64,
    ) {
        let place =
            (account.to_owned(), region.to_owned(), service_code.to_owned(), quota_code.to_owned());
        self.lock().servicequotas.applied.insert(place, value);
    }

    /// The value of a quota that holds in an account and Region, whether AWS tells it or not;
    /// nothing when AWS has no such quota.
    pub fn quota_value(
        &self,
        (account, region): (&str, &str),
        service_code: &str,
        quota_code: &str,
    ) -> Option<f64> {
        let state = self.lock();
        let quotas = &state.servicequotas;
        let quota = quotas.quota(service_code, quota_code)?;
        let region = if quota.global { "us-east-1" } else { region };
        let place =
            (account.to_owned(), region.to_owned(), service_code.to_owned(), quota_code.to_owned());
        Some(quotas.applied.get(&place).copied().or(quota.new_accounts).unwrap_or(quota.default))
    }
}

impl ServiceQuotas {
    fn quota(&self, service_code: &str, quota_code: &str) -> Option<Quota> {
        let key = (service_code.to_owned(), quota_code.to_owned());
        self.defined.get(&key).cloned().or_else(|| {
            KNOWN.iter().find(|row| row.0 == service_code && row.1 == quota_code).map(|row| Quota {
                service_name: row.2.to_owned(),
                name: row.3.to_owned(),
                default: row.4,
                new_accounts: row.5,
                adjustable: true,
                global: row.6,
            })
        })
    }

    /// The concurrent executions of Lambda that apply in the call's account and Region.
    pub(crate) fn concurrency(&self, call: &Call) -> u32 {
        let (service, code) = ("lambda", "L-B99A9384");
        let quota = self.quota(service, code);
        let value =
            quota.map(|quota| self.applied(call, service, code, &quota).unwrap_or(quota.default));
        value.and_then(|value| format!("{value:.0}").parse().ok()).unwrap_or_default()
    }

    /// All quotas of a service, by code.
    fn quotas(&self, service_code: &str) -> Vec<(String, Quota)> {
        let known = KNOWN.iter().filter(|row| row.0 == service_code).map(|row| row.1.to_owned());
        let defined = self.defined.keys().filter(|(service, _)| service == service_code);
        let mut codes: Vec<String> = known.chain(defined.map(|(_, code)| code.clone())).collect();
        codes.sort();
        codes.dedup();
        codes
            .into_iter()
            .filter_map(|code| Some((code.clone(), self.quota(service_code, &code)?)))
            .collect()
    }

    /// The value that applies; `None` where AWS has no applied value and the default holds.
    fn applied(&self, call: &Call, service_code: &str, code: &str, quota: &Quota) -> Option<f64> {
        let place = |region: &str| {
            (call.account.clone(), region.to_owned(), service_code.to_owned(), code.to_owned())
        };
        let region = if quota.global { "us-east-1" } else { &call.region };
        self.applied.get(&place(region)).copied().or(quota.new_accounts)
    }
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let resource = match (call.opt_text("ServiceCode"), call.opt_text("QuotaCode")) {
        (Some(service), Some(code)) if call.operation == "RequestServiceQuotaIncrease" => {
            format!("arn:aws:servicequotas:{}:{}:{service}/{code}", call.region, call.account)
        }
        _ => "*".to_owned(),
    };
    vec![Access::to(format!("servicequotas:{}", call.operation), resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "GetServiceQuota" | "GetAWSDefaultServiceQuota" => get(aws, call),
        "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" => list(aws, call),
        "RequestServiceQuotaIncrease" => requests::request(aws, call),
        "GetRequestedServiceQuotaChange" => requests::get(aws, call),
        "ListRequestedServiceQuotaChangeHistory"
        | "ListRequestedServiceQuotaChangeHistoryByQuota" => requests::history(aws, call),
        other => Err(AwsError::unknown_operation("servicequotas", other)),
    }
}

fn no_such(message: impl Into<String>) -> AwsError {
    AwsError::new("NoSuchResourceException", message)
}

fn find(quotas: &ServiceQuotas, call: &Call) -> Result<Quota, AwsError> {
    let (service, code) = (call.text("ServiceCode")?, call.text("QuotaCode")?);
    quotas.quota(service, code).ok_or_else(|| {
        no_such(format!(
            "The request failed because the specified quota {code} of {service} does not exist."
        ))
    })
}

fn shown(call: &Call, service: &str, code: &str, quota: &Quota, value: f64) -> Value {
    let region = if quota.global { "" } else { &call.region };
    json!({
        "ServiceCode": service,
        "ServiceName": quota.service_name,
        "QuotaArn": format!("arn:aws:servicequotas:{region}:{}:{service}/{code}", call.account),
        "QuotaCode": code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": quota.adjustable,
        "GlobalQuota": quota.global,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

/// The value that applies, in the service's own state where it is kept there.
fn applied(
    aws: &Aws,
    state: &State,
    call: &Call,
    (service, code): (&str, &str),
    quota: &Quota,
) -> Option<f64> {
    if (service, code) == ACCOUNTS {
        let limit = state.organizations.account_limit(aws);
        return u32::try_from(limit).ok().map(f64::from);
    }
    state.servicequotas.applied(call, service, code, quota)
}

fn get(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let quotas = &state.servicequotas;
    let quota = find(quotas, call)?;
    let (service, code) = (call.text("ServiceCode")?, call.text("QuotaCode")?);
    let value = if call.operation == "GetAWSDefaultServiceQuota" {
        quota.default
    } else {
        applied(aws, &state, call, (service, code), &quota).ok_or_else(|| {
            no_such(format!(
                "There is no applied value for the quota {code} of {service}; its default holds."
            ))
        })?
    };
    Ok(json!({ "Quota": shown(call, service, code, &quota, value) }))
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let service = call.text("ServiceCode")?;
    let state = aws.lock();
    let quotas = &state.servicequotas;
    let all = quotas.quotas(service);
    if all.is_empty() {
        return Err(no_such(format!("The service {service} does not exist.")));
    }
    let defaults = call.operation == "ListAWSDefaultServiceQuotas";
    let rows = all
        .iter()
        .map(|(code, quota)| {
            let applied = applied(aws, &state, call, (service, code), quota);
            let applied = applied.filter(|_| !defaults);
            shown(call, service, code, quota, applied.unwrap_or(quota.default))
        })
        .collect();
    requests::page(call, "Quotas", rows)
}
