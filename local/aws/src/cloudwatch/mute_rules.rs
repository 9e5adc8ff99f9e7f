//! Alarm mute rules: which alarms' actions are silent, and when. Rules whose schedule is one
//! moment (`at(…)`) are followed by the clock; a recurring one (`cron(…)`) is refused here.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAlarmMuteRule.html>

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Value, json};

use crate::wire::timestamp;
use crate::{AwsError, Call};

/// The rules of an account and Region, by name.
pub(super) type Rules = BTreeMap<String, Rule>;

#[derive(Debug, Clone)]
pub(super) struct Rule {
    alarms: Vec<String>,
    schedule: Value,
    description: Option<String>,
    from: Timestamp,
    to: Timestamp,
    updated: Timestamp,
}

impl Rule {
    fn status(&self, now: Timestamp) -> &'static str {
        if now < self.from {
            "SCHEDULED"
        } else if now < self.to {
            "ACTIVE"
        } else {
            "EXPIRED"
        }
    }
}

/// Performs a call about rules; none if it is about something else.
pub(super) fn handle(
    rules: &mut Rules,
    call: &Call,
    now: Timestamp,
) -> Option<Result<Value, AwsError>> {
    Some(match call.operation.as_str() {
        "PutAlarmMuteRule" => put(rules, call, now),
        "GetAlarmMuteRule" => get(rules, call, now),
        "DeleteAlarmMuteRule" => {
            call.text("AlarmMuteRuleName").map(|name| drop(rules.remove(name))).map(|()| json!({}))
        }
        "ListAlarmMuteRules" => list(rules, call, now),
        _ => return None,
    })
}

fn put(rules: &mut Rules, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    let schedule = call.input.pointer("/Rule/Schedule").cloned().unwrap_or_default();
    let refuse = |rule: &str| AwsError::validation(format!("Rule.Schedule {schedule}: {rule}"));
    let zone = TimeZone::get(schedule["Timezone"].as_str().unwrap_or("UTC"))
        .map_err(|_| refuse("Timezone is not one of IANA's"))?;
    let from = schedule["Expression"]
        .as_str()
        .and_then(|text| text.strip_prefix("at(")?.strip_suffix(')')?.parse::<DateTime>().ok())
        .and_then(|civil| civil.to_zoned(zone).ok())
        .ok_or_else(|| refuse("the local AWS knows Expression at(yyyy-MM-ddThh:mm) only"))?
        .timestamp();
    let long = schedule["Duration"]
        .as_str()
        .and_then(|text| text.parse::<Span>().ok())
        .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok())
        .filter(|long| {
            (SignedDuration::from_mins(1)..=SignedDuration::from_hours(360)).contains(long)
        })
        .ok_or_else(|| refuse("Duration is PT1M to P15D"))?;
    let targets = call.input.get("MuteTargets").cloned().unwrap_or_default();
    let alarms = targets["AlarmNames"].as_array().into_iter().flatten();
    let rule = Rule {
        alarms: alarms.filter_map(Value::as_str).map(str::to_owned).collect(),
        description: call.opt_text("Description").map(str::to_owned),
        from,
        to: from + long,
        schedule,
        updated: now,
    };
    rules.insert(name.to_owned(), rule);
    Ok(json!({}))
}

fn arn(call: &Call, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm-mute-rule:{name}", call.region, call.account)
}

fn summary(call: &Call, name: &str, rule: &Rule, now: Timestamp) -> Value {
    json!({
        "AlarmMuteRuleArn": arn(call, name), "Status": rule.status(now), "MuteType": "ONE_TIME",
        "LastUpdatedTimestamp": timestamp(rule.updated),
    })
}

fn get(rules: &Rules, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let name = call.text("AlarmMuteRuleName")?;
    let rule = rules.get(name).ok_or_else(|| {
        AwsError::new("ResourceNotFoundException", format!("Mute rule {name} not found"))
            .status(404)
    })?;
    let mut shown = summary(call, name, rule, now);
    shown["Name"] = json!(name);
    shown["Rule"] = json!({ "Schedule": rule.schedule });
    shown["MuteTargets"] = json!({ "AlarmNames": rule.alarms });
    if let Some(description) = &rule.description {
        shown["Description"] = json!(description);
    }
    Ok(shown)
}

fn list(rules: &Rules, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let most = call.opt_int("MaxRecords")?.unwrap_or(50);
    if !(1..=100).contains(&most) {
        return Err(AwsError::validation(format!("MaxRecords: {most} is not 1 to 100")));
    }
    let (alarm, statuses) = (call.opt_text("AlarmName"), call.texts("Statuses"));
    let after = call.opt_text("NextToken").unwrap_or_default();
    let mut wanted = rules.iter().filter(|(name, rule)| {
        name.as_str() > after
            && alarm.is_none_or(|alarm| rule.alarms.iter().any(|name| name == alarm))
            && (statuses.is_empty() || statuses.iter().any(|one| one == rule.status(now)))
    });
    let page: Vec<(&String, &Rule)> =
        wanted.by_ref().take(usize::try_from(most).unwrap_or(50)).collect();
    let rows: Vec<Value> = page.iter().map(|(name, rule)| summary(call, name, rule, now)).collect();
    let mut answer = json!({ "AlarmMuteRuleSummaries": rows });
    if let (Some(_), Some((last, _))) = (wanted.next(), page.last()) {
        answer["NextToken"] = json!(last);
    }
    Ok(answer)
}
