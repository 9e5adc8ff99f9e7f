//! Requests for more: their limits, their way to a decision, their history.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{find, no_such};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

/// How AWS decides a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaDecision {
    /// PENDING, then CASE_OPENED, then APPROVED; the value applies.
    Approve,
    /// PENDING, then CASE_OPENED, then DENIED.
    Deny,
    /// PENDING, then CASE_OPENED, then CASE_CLOSED with the value applied: the status says nothing.
    CloseGranted,
    /// PENDING, then CASE_OPENED, then CASE_CLOSED without it.
    CloseRefused,
    /// NOT_APPROVED at once, without a case.
    NotApproved,
    /// It stays PENDING.
    Never,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    id: String,
    account: String,
    region: String,
    service: String,
    code: String,
    desired: f64,
    status: &'static str,
    created: Timestamp,
    updated: Timestamp,
    caller: String,
    case: Option<String>,
}

impl Request {
    fn active(&self) -> bool {
        matches!(self.status, "PENDING" | "CASE_OPENED")
    }
}

/// Limits of <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference_limits.html>.
const ACTIVE_AN_ACCOUNT: usize = 20;
const ACTIVE_A_REGION: usize = 2;

/// RequestServiceQuotaIncrease.
pub(super) fn request(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (id, case, now) =
        (aws.uuid().replace('-', ""), aws.random(|random| random.u32(..)), aws.now());
    let desired = desired(call)?;
    let (service, code) =
        (call.text("ServiceCode")?.to_owned(), call.text("QuotaCode")?.to_owned());
    let mut state = aws.lock();
    let quotas = &mut state.servicequotas;
    let quota = find(quotas, call)?;
    let illegal = |message: String| Err(AwsError::new("IllegalArgumentException", message));
    if !quota.adjustable {
        return illegal(format!("The quota {code} of {service} is not adjustable."));
    }
    if quota.global && call.region != "us-east-1" {
        return illegal(format!("The quota {code} of {service} is global: ask in us-east-1."));
    }
    let value = quotas.applied(call, &service, &code, &quota).unwrap_or(quota.default);
    if desired <= value {
        return illegal(format!("DesiredValue: {desired} is not above the current value {value}."));
    }
    let mine = || quotas.of(&call.account).iter().filter(|request| request.active());
    let in_region = |request: &&Request| request.region == call.region;
    let same = |request: &Request| request.service == service && request.code == code;
    if mine().filter(in_region).any(same) {
        return Err(AwsError::new(
            "ResourceAlreadyExistsException",
            "Only one open service quota increase request is allowed per quota.",
        ));
    }
    let exceeded = |message: String| Err(AwsError::new("QuotaExceededException", message));
    if mine().count() >= ACTIVE_AN_ACCOUNT {
        return exceeded(format!(
            "At most {ACTIVE_AN_ACCOUNT} requests may be active in an account."
        ));
    }
    if mine().filter(in_region).count() >= ACTIVE_A_REGION {
        return exceeded(format!("At most {ACTIVE_A_REGION} requests may be active in a Region."));
    }
    let decision_key = (call.account.clone(), service.clone(), code.clone());
    let decision = quotas.decisions.get(&decision_key).copied().unwrap_or(QuotaDecision::Approve);
    let request = Request {
        id: id.clone(),
        account: call.account.clone(),
        region: call.region.clone(),
        service,
        code,
        desired,
        status: if decision == QuotaDecision::NotApproved { "NOT_APPROVED" } else { "PENDING" },
        created: now,
        updated: now,
        caller: call.caller.arn.clone(),
        case: None,
    };
    let answer = json!({ "RequestedQuota": shown(&request, &quota.service_name, &quota.name, quota.global) });
    quotas.requests.entry(call.account.clone()).or_default().push(request);
    drop(state);
    if !matches!(decision, QuotaDecision::NotApproved | QuotaDecision::Never) {
        let (world, account) = (aws.clone(), call.account.clone());
        aws.spawn(async move { follow(&world, (&account, &id), case, decision).await });
    }
    Ok(answer)
}

fn desired(call: &Call) -> Result<f64, AwsError> {
    call.input
        .get("DesiredValue")
        .and_then(Value::as_f64)
        .filter(|value| (0.0..=1e10).contains(value))
        .ok_or_else(|| {
            AwsError::new("IllegalArgumentException", "DesiredValue: 0 to 10,000,000,000")
        })
}

/// An account's request from PENDING over CASE_OPENED to the decision.
async fn follow(aws: &Aws, which: (&str, &str), case: u32, decision: QuotaDecision) {
    let whole = aws.settings().durations.quota_decision;
    aws.sleep(whole / 3).await;
    change(aws, which, |request| {
        request.status = "CASE_OPENED";
        request.case = Some(format!("{case:010}"));
    });
    aws.sleep(whole - whole / 3).await;
    let (status, granted) = match decision {
        QuotaDecision::Deny => ("DENIED", false),
        QuotaDecision::CloseGranted => ("CASE_CLOSED", true),
        QuotaDecision::CloseRefused => ("CASE_CLOSED", false),
        _ => ("APPROVED", true),
    };
    change(aws, which, |request| request.status = status);
    if granted {
        let mut state = aws.lock();
        let quotas = &mut state.servicequotas;
        let (account, id) = which;
        if let Some(request) = quotas.of(account).iter().find(|request| request.id == id).cloned() {
            let place = (request.account, request.region, request.service, request.code);
            quotas.applied.insert(place, request.desired);
        }
    }
}

fn change(aws: &Aws, (account, id): (&str, &str), how: impl FnOnce(&mut Request)) {
    let now = aws.now();
    let mut state = aws.lock();
    let requests = state.servicequotas.requests.get_mut(account).into_iter().flatten();
    if let Some(request) = requests.into_iter().find(|request| request.id == id) {
        how(request);
        request.updated = now;
    }
}

fn shown(request: &Request, service_name: &str, quota_name: &str, global: bool) -> Value {
    json!({
        "Id": request.id,
        "CaseId": request.case,
        "ServiceCode": request.service,
        "ServiceName": service_name,
        "QuotaCode": request.code,
        "QuotaName": quota_name,
        "DesiredValue": request.desired,
        "Status": request.status,
        "Created": timestamp(request.created),
        "LastUpdated": timestamp(request.updated),
        "Requester": json!({ "accountId": request.account, "callerArn": request.caller }).to_string(),
        "QuotaArn": format!(
            "arn:aws:servicequotas:{}:{}:{}/{}",
            request.region, request.account, request.service, request.code
        ),
        "GlobalQuota": global,
        "Unit": "None",
    })
}

impl super::ServiceQuotas {
    /// An account's requests, the oldest first.
    fn of(&self, account: &str) -> &[Request] {
        self.requests.get(account).map_or(&[], Vec::as_slice)
    }
}

fn row(quotas: &super::ServiceQuotas, request: &Request) -> Value {
    match quotas.quota(&request.service, &request.code) {
        Some(quota) => shown(request, &quota.service_name, &quota.name, quota.global),
        None => shown(request, &request.service, &request.code, false),
    }
}

/// GetRequestedServiceQuotaChange.
pub(super) fn get(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("RequestId")?;
    let state = aws.lock();
    let quotas = &state.servicequotas;
    quotas
        .of(&call.account)
        .iter()
        .find(|request| request.id == id)
        .map(|request| json!({ "RequestedQuota": row(quotas, request) }))
        .ok_or_else(|| no_such(format!("The request {id} does not exist.")))
}

/// The account's requests in a Region, newest first, of one quota if one is named.
pub(super) fn history(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (service, code) = (call.opt_text("ServiceCode"), call.opt_text("QuotaCode"));
    let status = call.opt_text("Status");
    let state = aws.lock();
    let quotas = &state.servicequotas;
    let rows = quotas
        .of(&call.account)
        .iter()
        .rev()
        .filter(|request| {
            request.region == call.region
                && service.is_none_or(|service| request.service == service)
                && code.is_none_or(|code| request.code == code)
                && status.is_none_or(|status| request.status == status)
        })
        .map(|request| row(quotas, request))
        .collect();
    page(call, "RequestedQuotas", rows)
}

/// One page of at most 100 rows.
pub(super) fn page(call: &Call, member: &str, rows: Vec<Value>) -> Result<Value, AwsError> {
    let size = match call.opt_int("MaxResults")? {
        None => 100,
        Some(size @ 1..=100) => size as usize,
        Some(size) => {
            return Err(AwsError::new(
                "IllegalArgumentException",
                format!("MaxResults: {size} is not 1 to 100"),
            ));
        }
    };
    let start: usize = match call.opt_text("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            AwsError::new(
                "InvalidPaginationTokenException",
                format!("NextToken: \"{token}\" is not valid"),
            )
        })?,
    };
    let more = rows.len() > start + size;
    let page: Vec<Value> = rows.into_iter().skip(start).take(size).collect();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(page));
    if more {
        answer.insert("NextToken".to_owned(), json!((start + size).to_string()));
    }
    Ok(Value::Object(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    async fn ask(aws: &Aws, operation: &str, mut input: Value) -> Result<Value, AwsError> {
        input["ServiceCode"] = json!("vpc");
        if !operation.ends_with("History") {
            input["QuotaCode"] = json!("L-F678F1CE");
        }
        in_region(aws, "eu-central-1", operation, input).await
    }

    async fn in_region(
        aws: &Aws,
        region: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let place = ("222233334444", region);
        aws.perform(&Call::by_service(
            "test.amazonaws.com",
            "servicequotas",
            operation,
            place,
            input,
        ))
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn an_approved_request_applies_and_a_second_one_waits_for_it() {
        let aws = Aws::new(Settings::default());
        let none = ask(&aws, "GetServiceQuota", json!({})).await.unwrap_err();
        assert_eq!(none.code, "NoSuchResourceException", "the default holds");
        let want = json!({ "DesiredValue": 20.0 });
        let made = ask(&aws, "RequestServiceQuotaIncrease", want.clone()).await.unwrap();
        assert_eq!(made["RequestedQuota"]["Status"], "PENDING");
        let again = ask(&aws, "RequestServiceQuotaIncrease", want).await.unwrap_err();
        assert_eq!(again.code, "ResourceAlreadyExistsException");
        aws.sleep(aws.settings().durations.quota_decision * 2).await;
        let now = ask(&aws, "GetServiceQuota", json!({})).await.unwrap();
        assert_eq!(now["Quota"]["Value"], 20.0);
        let all = ask(&aws, "ListRequestedServiceQuotaChangeHistory", json!({})).await.unwrap();
        assert_eq!(all["RequestedQuotas"][0]["Status"], "APPROVED");
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_takes_two_requests_at_a_time() {
        let aws = Aws::new(Settings::default());
        for (service, code, fits) in [
            ("vpc", "L-F678F1CE", true),
            ("ec2", "L-1216C47A", true),
            ("lambda", "L-B99A9384", false),
        ] {
            let input = json!({ "ServiceCode": service, "QuotaCode": code, "DesiredValue": 5000 });
            let made = in_region(&aws, "eu-central-1", "RequestServiceQuotaIncrease", input).await;
            assert_eq!(made.is_ok(), fits, "{made:?}");
            assert!(fits || made.is_err_and(|error| error.code == "QuotaExceededException"));
        }
    }

    #[tokio::test]
    async fn global_quotas_are_asked_for_in_us_east_1() {
        let aws = Aws::new(Settings::default());
        let input =
            json!({ "ServiceCode": "iam", "QuotaCode": "L-FE177D64", "DesiredValue": 2000 });
        let refused =
            in_region(&aws, "eu-central-1", "RequestServiceQuotaIncrease", input.clone()).await;
        assert!(refused.unwrap_err().message.contains("us-east-1"));
        assert!(in_region(&aws, "us-east-1", "RequestServiceQuotaIncrease", input).await.is_ok());
    }
}
