//! The calls, all in the tenant account's own credentials: Service Quotas serves nobody else's.

use aws_sdk_servicequotas::types::{RequestedServiceQuotaChange, ServiceQuota};
use jiff::Timestamp;
use lambda_kit::client;
use lambda_kit::sdk::Credentials;
use lifecycle::{AccountId, RegionName, WantedQuota};
use serde_json::json;

use crate::decide::{Answer, Observed, Request};
use crate::error::{Error, QuotaName, Stop, shut, stop, words};
use crate::handler::App;

const SERVICE: &str = "servicequotas";
const PAGE: i32 = 100;

/// What came of asking for an increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is asked for, now or already.
    Open,
    /// AWS takes no more requests for now.
    Full,
}

/// The tenant account's role, narrowed to what quotas need.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    app: &'a App,
    account_id: &'a AccountId,
    credentials: Credentials,
}

impl<'a> Session<'a> {
    /// Assumes the role in the account.
    pub(crate) async fn open(app: &'a App, account_id: &'a AccountId) -> Result<Self, Stop> {
        let partition = partition(app.wire.region());
        let policy = session_policy(partition, account_id);
        let name = "landlord-request-quotas";
        let credentials = app.operator.assume(account_id, partition, name, &policy).await;
        let credentials = credentials.map_err(|trouble| shut(account_id, trouble))?;
        Ok(Self { app, account_id, credentials })
    }

    /// Service Quotas in one Region.
    pub(crate) fn in_region(&self, region: &RegionName) -> Quotas<'_> {
        let wire = self.app.wire.assumed(self.credentials.clone(), region.as_str());
        Quotas {
            client: client!(aws_sdk_servicequotas, wire),
            lambda: client!(aws_sdk_lambda, wire),
            account_id: self.account_id,
        }
    }
}

/// The partition that a Region belongs to.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn session_policy(partition: &str, account_id: &AccountId) -> String {
    // The first request in an account makes Service Quotas' service-linked role.
    let linked_role = format!(
        "arn:{partition}:iam::{account_id}:role/aws-service-role/servicequotas.amazonaws.com/*"
    );
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "servicequotas:GetServiceQuota",
                    "servicequotas:GetAWSDefaultServiceQuota",
                    "servicequotas:ListRequestedServiceQuotaChangeHistory",
                    "servicequotas:RequestServiceQuotaIncrease",
                    "lambda:GetAccountSettings"
                ],
                "Resource": "*"
            },
            {
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": linked_role,
                "Condition": {
                    "StringEquals": {"iam:AWSServiceName": "servicequotas.amazonaws.com"}
                }
            }
        ]
    })
    .to_string()
}

/// Service Quotas of one account in one Region.
#[derive(Debug)]
pub(crate) struct Quotas<'a> {
    client: aws_sdk_servicequotas::Client,
    lambda: aws_sdk_lambda::Client,
    account_id: &'a AccountId,
}

/// Concurrent executions of Lambda: new accounts have fewer than AWS's default, and Service Quotas
/// may not know it.
const LAMBDA_CONCURRENCY: (&str, &str) = ("lambda", "L-B99A9384");

impl Quotas<'_> {
    /// Every request of the last 90 days in the Region: the answers, and how many are open.
    pub(crate) async fn requests(&self) -> Result<Vec<Request>, Stop> {
        let mut requests = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .client
                .list_requested_service_quota_change_history()
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| {
                    let call = "ListRequestedServiceQuotaChangeHistory";
                    stop(SERVICE, call, self.account_id, &error)
                })?;
            requests.extend(page.requested_quotas().iter().filter_map(request));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(requests);
            }
        }
    }

    /// The value that applies in the account: the service's own word where there is one, else that
    /// of Service Quotas, or AWS's default when the account has no value of its own. A value that
    /// can't be read is no value.
    pub(crate) async fn observe(&self, quota: &WantedQuota) -> Result<Observed, Stop> {
        let applied = self
            .client
            .get_service_quota()
            .service_code(quota.service_code.as_str())
            .quota_code(quota.quota_code.as_str())
            .send()
            .await;
        let observed = match applied {
            Ok(answer) => read(&answer.quota)?,
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_no_such_resource_exception() => {
                    self.default_of(quota).await?
                }
                Some(service) if service.is_illegal_argument_exception() => {
                    return Err(self.unknown(quota, words(&error)));
                }
                _ => return Err(stop(SERVICE, "GetServiceQuota", self.account_id, &error)),
            },
        };
        if (quota.service_code.as_str(), quota.quota_code.as_str()) == LAMBDA_CONCURRENCY {
            let value = self.concurrency().await?;
            return Ok(Observed { value, ..observed });
        }
        Ok(observed)
    }

    /// How many executions Lambda allows the account at a time, by its own word.
    async fn concurrency(&self) -> Result<f64, Stop> {
        let settings = self
            .lambda
            .get_account_settings()
            .send()
            .await
            .map_err(|error| stop("lambda", "GetAccountSettings", self.account_id, &error))?;
        let limit = settings.account_limit().map(|limit| limit.concurrent_executions());
        limit
            .map(f64::from)
            .ok_or_else(|| Stop::Later("lambda GetAccountSettings gives no limit".to_owned()))
    }

    async fn default_of(&self, quota: &WantedQuota) -> Result<Observed, Stop> {
        let answer = self
            .client
            .get_aws_default_service_quota()
            .service_code(quota.service_code.as_str())
            .quota_code(quota.quota_code.as_str())
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(service)
                    if service.is_no_such_resource_exception()
                        || service.is_illegal_argument_exception() =>
                {
                    self.unknown(quota, words(&error))
                }
                _ => stop(SERVICE, "GetAWSDefaultServiceQuota", self.account_id, &error),
            })?;
        read(&answer.quota)
    }

    /// Asks for the desired value. AWS keeps one open request for each quota, so a request that
    /// is sent twice, by the SDK or by a repeated call, is still one.
    pub(crate) async fn ask(&self, quota: &WantedQuota) -> Result<Asked, Stop> {
        let answer = self
            .client
            .request_service_quota_increase()
            .service_code(quota.service_code.as_str())
            .quota_code(quota.quota_code.as_str())
            .desired_value(quota.desired.get())
            .send()
            .await;
        let Err(error) = answer else { return Ok(Asked::Open) };
        match error.as_service_error() {
            Some(service) if service.is_resource_already_exists_exception() => Ok(Asked::Open),
            Some(service) if service.is_quota_exceeded_exception() => Ok(Asked::Full),
            Some(service)
                if service.is_no_such_resource_exception()
                    || service.is_illegal_argument_exception() =>
            {
                Err(self.unknown(quota, words(&error)))
            }
            _ => Err(stop(SERVICE, "RequestServiceQuotaIncrease", self.account_id, &error)),
        }
    }

    fn unknown(&self, quota: &WantedQuota, message: String) -> Stop {
        let account_id = self.account_id.clone();
        Stop::Failed(Error::QuotaUnknown { quota: QuotaName::of(quota), account_id, message })
    }
}

/// A quota's value. Service Quotas may answer without one, and say why.
fn read(quota: &Option<ServiceQuota>) -> Result<Observed, Stop> {
    let unread = |why: String| Stop::Later(format!("{SERVICE} gives no value: {why}"));
    let quota = quota.as_ref().ok_or_else(|| unread("no quota in the answer".to_owned()))?;
    if let Some(reason) = quota.error_reason() {
        let code = reason.error_code().map_or("no code", |code| code.as_str());
        return Err(unread(format!("{code}: {}", reason.error_message().unwrap_or("no words"))));
    }
    let value = quota.value().ok_or_else(|| unread("no reason given".to_owned()))?;
    Ok(Observed { value, adjustable: quota.adjustable() })
}

fn request(change: &RequestedServiceQuotaChange) -> Option<Request> {
    let at = |time: Option<&aws_smithy_types::DateTime>| {
        time.and_then(|time| Timestamp::from_second(time.secs()).ok())
    };
    let status = change.status()?.as_str();
    Some(Request {
        service_code: change.service_code()?.to_owned(),
        quota_code: change.quota_code()?.to_owned(),
        desired: change.desired_value()?,
        answer: Answer::of(status),
        status: status.to_owned(),
        created: at(change.created()),
        updated: at(change.last_updated()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_its_partition() {
        assert_eq!(partition("eu-central-1"), "aws");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
    }
}
