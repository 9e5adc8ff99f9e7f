//! Alarms of every kind, page by page, up to the first that decides.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::{AlarmMuteRuleStatus, AlarmType, StateValue};

use super::{MOST_NAMED, named, refused};
use gate_rules::{AlarmFilter, AlarmPattern, Check, Finding, Verdict};

/// The most that a page holds.
const PAGE: i32 = 100;
/// `DescribeAlarms` takes so many names.
const MOST_NAMES: usize = 100;

/// An alarm in `ALARM`, as far as it matters here.
struct Red {
    name: String,
    actions_enabled: bool,
    suppressed: bool,
}

/// Reads pages until one of them decides.
pub(crate) async fn alarms(cloudwatch: &Client, filter: &AlarmFilter) -> Finding {
    let found = |verdict, reason: String| Finding::new(Check::Alarms, verdict, reason);
    let mut token: Option<String> = None;
    let mut passed = 0;
    loop {
        let mut request = cloudwatch
            .describe_alarms()
            .state_value(StateValue::Alarm)
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .alarm_types(AlarmType::LogAlarm)
            .max_records(PAGE)
            .set_next_token(token.take());
        request = match narrowed(filter) {
            Narrowed::Not => request,
            Narrowed::Names(names) => request.set_alarm_names(Some(names)),
            Narrowed::Prefix(prefix) => request.alarm_name_prefix(prefix),
        };
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) => return found(Verdict::Unknown, refused("DescribeAlarms", &error)),
        };
        token = page.next_token.clone().filter(|token| !token.is_empty());
        let red = red(page);
        let seen = red.len();
        match counted(cloudwatch, filter, red).await {
            Err(because) => return found(Verdict::Unknown, because),
            Ok(names) if !names.is_empty() => {
                let at_least = if token.is_some() { " or more" } else { "" };
                let reason =
                    format!("{}{at_least} alarms in ALARM: {}", names.len(), named(&names));
                return found(Verdict::Veto, reason);
            }
            Ok(_) => passed += seen,
        }
        if token.is_none() {
            let reason = match passed {
                0 => "no alarm is in ALARM".to_owned(),
                some => format!("{some} alarms are in ALARM, and by the settings none counts"),
            };
            return found(Verdict::Pass, reason);
        }
    }
}

enum Narrowed {
    Not,
    Names(Vec<String>),
    Prefix(String),
}

/// What of the include list CloudWatch itself can apply.
fn narrowed(filter: &AlarmFilter) -> Narrowed {
    if let [AlarmPattern::Prefix(prefix)] = filter.include.as_slice()
        && !prefix.is_empty()
    {
        return Narrowed::Prefix(prefix.clone());
    }
    let names: Option<Vec<String>> = filter
        .include
        .iter()
        .map(|pattern| match pattern {
            AlarmPattern::Name(name) => Some(name.clone()),
            AlarmPattern::Prefix(_) => None,
        })
        .collect();
    match names {
        Some(names) if (1..=MOST_NAMES).contains(&names.len()) => Narrowed::Names(names),
        _ => Narrowed::Not,
    }
}

fn red(page: DescribeAlarmsOutput) -> Vec<Red> {
    let metric = page.metric_alarms.unwrap_or_default().into_iter().map(|alarm| {
        let suppressed = false;
        (alarm.alarm_name, alarm.actions_enabled, alarm.state_value, suppressed)
    });
    let composite = page.composite_alarms.unwrap_or_default().into_iter().map(|alarm| {
        let suppressed = alarm.actions_suppressed_by.is_some();
        (alarm.alarm_name, alarm.actions_enabled, alarm.state_value, suppressed)
    });
    let log = page.log_alarms.unwrap_or_default().into_iter().map(|alarm| {
        let suppressed = false;
        (alarm.alarm_name, alarm.actions_enabled, alarm.state_value, suppressed)
    });
    metric
        .chain(composite)
        .chain(log)
        // Asked for, and looked at again: an answer that ignored the filter must not veto.
        .filter(|(_, _, state, _)| *state == Some(StateValue::Alarm))
        .map(|(name, actions_enabled, _, suppressed)| Red {
            name: name.unwrap_or_default(),
            actions_enabled: actions_enabled.unwrap_or(true),
            suppressed,
        })
        .collect()
}

/// The names of those that count. Looks for mute rules only where they matter, and no further
/// than the reason can name.
async fn counted(
    cloudwatch: &Client,
    filter: &AlarmFilter,
    red: Vec<Red>,
) -> Result<Vec<String>, String> {
    let candidates = red.into_iter().filter(|alarm| {
        filter.admits(&alarm.name)
            && (alarm.actions_enabled || !filter.with_actions_only)
            && !(alarm.suppressed && filter.ignore_suppressed)
    });
    let mut counted = Vec::new();
    for alarm in candidates {
        if filter.ignore_suppressed {
            if counted.len() == MOST_NAMED {
                break;
            }
            if is_muted(cloudwatch, &alarm.name).await? {
                continue;
            }
        }
        counted.push(alarm.name);
    }
    Ok(counted)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListAlarmMuteRules.html>
async fn is_muted(cloudwatch: &Client, alarm: &str) -> Result<bool, String> {
    let rules = cloudwatch
        .list_alarm_mute_rules()
        .alarm_name(alarm)
        .statuses(AlarmMuteRuleStatus::Active)
        .max_records(1)
        .send()
        .await
        .map_err(|error| refused("ListAlarmMuteRules", &error))?;
    Ok(!rules.alarm_mute_rule_summaries().is_empty())
}
