//! Reads a plan with all its faults.

use lifecycle::rollout::{LONGEST_NEW_TENANTS_WAIT, NEW_TENANTS_WAIT};
use lifecycle::{AccountId, Fault, Faults, OuName, RegionName};
use serde_json::Value;

use crate::fields::Fields;
use crate::plan::{
    Amount, ConcurrencyMode, Except, Health, MOST_WAVES, MissingData, NewTenants, OnStop, Plan,
    Preferences, RedBefore, RegionConcurrency, Retry, Selection, WavePlan, excused_percent,
    same_error_percentage, veto_days,
};

const DAY: u32 = 86_400;
/// The most alarms that are asked for by name or prefix: each is read at every look.
const MOST_ALARMS: usize = 100;

/// Reads a plan; nothing when it has faults.
pub(crate) fn plan(path: &str, value: &Value, faults: &mut Faults) -> Option<Plan> {
    let before = faults.iter().count();
    let mut fields = Fields::of(path, value, faults)?;
    let waves = waves(&mut fields);
    let health = health(&mut fields);
    let retry = retry(&mut fields);
    let on_stop = fields.word(
        "onStop",
        &[("ROLL_BACK", OnStop::RollBack), ("LEAVE", OnStop::Leave)],
        OnStop::RollBack,
    );
    let new_tenants = fields.word(
        "newTenants",
        &[("WAIT", NewTenants::Wait), ("ALLOW", NewTenants::Allow)],
        NewTenants::Wait,
    );
    let new_tenants_wait_seconds = fields
        .number("newTenantsWaitSeconds", 0..=LONGEST_NEW_TENANTS_WAIT)
        .unwrap_or(NEW_TENANTS_WAIT);
    let deadline_seconds = fields.number("deadlineSeconds", 600..=30 * DAY).unwrap_or(2 * DAY);
    let except = except(&mut fields);
    let excused_percent = fields.number("excusedPercent", 0..=100).unwrap_or(excused_percent());
    let veto_days = fields.number("vetoDays", 1..=365).unwrap_or(veto_days());
    fields.end();
    (faults.iter().count() == before).then_some(Plan {
        waves,
        health,
        retry,
        on_stop,
        new_tenants,
        new_tenants_wait_seconds,
        deadline_seconds,
        except,
        excused_percent,
        veto_days,
    })
}

fn except(outer: &mut Fields<'_>) -> Except {
    let mut except = Except::default();
    let path = outer.place("except");
    let Some(value) = outer.value("except") else { return except };
    let Some(mut fields) = Fields::of(&path, value, outer.faults()) else { return except };
    let place = fields.place("accountIds");
    for id in fields.texts("accountIds") {
        except.accounts.extend(fields.faults().keep(&place, id.parse::<AccountId>()));
    }
    let place = fields.place("organizationalUnits");
    for unit in fields.texts("organizationalUnits") {
        except.units.extend(fields.faults().keep(&place, unit.parse::<OuName>()));
    }
    if let Some(value) = fields.value("tags") {
        let texts = value.as_object().map(|map| {
            map.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        });
        match texts.and_then(Iterator::collect::<Option<_>>) {
            Some(tags) => except.tags = tags,
            None => fields.fault("tags", value, "must be an object of texts, tag: value"),
        }
    }
    fields.end();
    except
}

fn waves(fields: &mut Fields<'_>) -> Vec<WavePlan> {
    let Some(value) = fields.value("waves") else {
        fields.missing("waves");
        return Vec::new();
    };
    let Some(list) = value.as_array().filter(|list| (1..=MOST_WAVES).contains(&list.len())) else {
        fields.fault("waves", value, format!("must be a list of 1 to {MOST_WAVES} waves"));
        return Vec::new();
    };
    let mut waves: Vec<WavePlan> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let path = fields.place(&format!("waves[{index}]"));
        let Some(wave) = wave(&path, value, fields.faults()) else { continue };
        if waves.iter().any(|known| known.name == wave.name) {
            let fault = Fault::new(format!("{path}.name"), &wave.name, "must not be there twice");
            fields.faults().push(fault);
        }
        if waves.last().is_some_and(|before| before.accounts == Selection::Rest) {
            let rule = "must not follow a wave that takes the rest";
            fields.faults().push(Fault::new(path, &wave.name, rule));
        }
        waves.push(wave);
    }
    waves
}

fn wave(path: &str, value: &Value, faults: &mut Faults) -> Option<WavePlan> {
    let mut fields = Fields::of(path, value, faults)?;
    let name = fields.text("name").unwrap_or_default().to_owned();
    let fits = (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !fits {
        let rule = "must be 1 to 40 letters, digits and hyphens";
        fields.fault("name", &Value::from(name.as_str()), rule);
    }
    let accounts = selection(&mut fields);
    let (preferences, failures) = preferences(&mut fields)?;
    let all = Amount::Percent(100);
    let vetoes = amount(&mut fields, "vetoToleranceCount", "vetoTolerancePercentage", 0, all);
    let same_error_accounts = fields.number("sameErrorAccounts", 1..=10_000).unwrap_or(3);
    let same_error_percentage =
        fields.number("sameErrorPercentage", 0..=100).unwrap_or(same_error_percentage());
    let operation_accounts = fields.number("operationAccounts", 1..=10_000);
    let dwell_seconds = fields.number("dwellSeconds", 0..=30 * DAY).unwrap_or(900);
    let (approval, prove_gate) = (fields.flag("approval"), fields.flag("proveGate"));
    fields.end();
    Some(WavePlan {
        name,
        accounts: accounts?,
        preferences,
        failures,
        vetoes,
        same_error_accounts,
        same_error_percentage,
        operation_accounts,
        dwell_seconds,
        approval,
        prove_gate,
    })
}

fn selection(outer: &mut Fields<'_>) -> Option<Selection> {
    let Some(value) = outer.value("accounts") else {
        outer.missing("accounts");
        return None;
    };
    let path = outer.place("accounts");
    let mut fields = Fields::of(&path, value, outer.faults())?;
    let unit = fields.text("organizationalUnit");
    let percent = fields.value("percent").is_some();
    let percent = percent.then(|| fields.number("percent", 1..=100));
    let count = fields.value("count").is_some();
    let count = count.then(|| fields.number("count", 1..=10_000));
    let listed = fields.value("accountIds").is_some().then(|| fields.texts("accountIds"));
    let rest = fields.flag("rest");
    let ways = [unit.is_some(), listed.is_some(), rest].iter().filter(|way| **way).count();
    let parts = usize::from(percent.is_some()) + usize::from(count.is_some());
    if ways != 1 || parts > usize::from(unit.is_some()) {
        let rule = "must be one of organizationalUnit (with percent or count, or neither), \
                    accountIds, rest";
        fields.faults().push(Fault::of(path, value, rule));
        return None;
    }
    let selection = match (unit, listed) {
        (Some(unit), _) => {
            let place = fields.place("organizationalUnit");
            let unit = fields.faults().keep(&place, unit.parse::<OuName>());
            match (percent, count) {
                (Some(percent), _) => unit.zip(percent).map(|(u, p)| Selection::Percent(u, p)),
                (_, Some(count)) => unit.zip(count).map(|(u, c)| Selection::Count(u, c)),
                _ => unit.map(Selection::Unit),
            }
        }
        (None, Some(listed)) => {
            let place = fields.place("accountIds");
            let ids = listed.iter().map(|id| id.parse::<AccountId>());
            let ids: Vec<_> = ids.map(|id| fields.faults().keep(&place, id)).collect();
            ids.into_iter().collect::<Option<Vec<_>>>().map(Selection::Accounts)
        }
        (None, None) => Some(Selection::Rest),
    };
    fields.end();
    selection
}

fn preferences(outer: &mut Fields<'_>) -> Option<(Preferences, Amount)> {
    let empty = Value::Object(serde_json::Map::new());
    let path = outer.place("preferences");
    let value = outer.value("preferences").unwrap_or(&empty);
    let mut fields = Fields::of(&path, value, outer.faults())?;
    let max_concurrent =
        amount(&mut fields, "maxConcurrentCount", "maxConcurrentPercentage", 1, Amount::Count(1));
    let failures = amount(
        &mut fields,
        "failureToleranceCount",
        "failureTolerancePercentage",
        0,
        Amount::Count(0),
    );
    let concurrency_mode = fields.word(
        "concurrencyMode",
        &[
            ("SOFT_FAILURE_TOLERANCE", ConcurrencyMode::SoftFailureTolerance),
            ("STRICT_FAILURE_TOLERANCE", ConcurrencyMode::StrictFailureTolerance),
        ],
        ConcurrencyMode::StrictFailureTolerance,
    );
    let region_concurrency = fields.word(
        "regionConcurrencyType",
        &[("SEQUENTIAL", RegionConcurrency::Sequential), ("PARALLEL", RegionConcurrency::Parallel)],
        RegionConcurrency::Sequential,
    );
    let place = fields.place("regionOrder");
    let order = fields.texts("regionOrder");
    let region_order =
        order.iter().filter_map(|one| fields.faults().keep(&place, one.parse::<RegionName>()));
    let region_order = region_order.collect();
    fields.end();
    let preferences =
        Preferences { max_concurrent, concurrency_mode, region_concurrency, region_order };
    Some((preferences, failures))
}

/// A count or a percentage, not both.
fn amount(
    fields: &mut Fields<'_>,
    count: &'static str,
    percentage: &'static str,
    least: u32,
    default: Amount,
) -> Amount {
    let counted = fields.number(count, least..=100_000);
    let percent = fields.number(percentage, least..=100);
    match (counted, percent) {
        (Some(_), Some(percent)) => {
            let rule = format!("must not be given with {count}");
            fields.fault(percentage, &Value::from(percent), rule);
            default
        }
        (Some(count), None) => Amount::Count(count),
        (None, Some(percent)) => Amount::Percent(percent),
        (None, None) => default,
    }
}

fn health(outer: &mut Fields<'_>) -> Health {
    let none = Health {
        alarms: Vec::new(),
        alarm_prefixes: Vec::new(),
        red_before: RedBefore::Refuse,
        missing_data: MissingData::Healthy,
    };
    let path = outer.place("health");
    let Some(value) = outer.value("health") else { return none };
    let Some(mut fields) = Fields::of(&path, value, outer.faults()) else { return none };
    let mut names = |field: &'static str| -> Vec<String> {
        let names = fields.texts(field);
        if names.len() > MOST_ALARMS || names.iter().any(|name| name.is_empty()) {
            let rule = format!("must be at most {MOST_ALARMS} names, none of them empty");
            fields.fault(field, &Value::from(names.len()), rule);
        }
        names.into_iter().map(str::to_owned).collect()
    };
    let (alarms, alarm_prefixes) = (names("alarms"), names("alarmPrefixes"));
    let red_before = fields.word(
        "redBefore",
        &[("REFUSE", RedBefore::Refuse), ("IGNORE", RedBefore::Ignore)],
        none.red_before,
    );
    let missing_data = fields.word(
        "missingData",
        &[("HEALTHY", MissingData::Healthy), ("UNHEALTHY", MissingData::Unhealthy)],
        none.missing_data,
    );
    fields.end();
    Health { alarms, alarm_prefixes, red_before, missing_data }
}

fn retry(outer: &mut Fields<'_>) -> Retry {
    let mut retry = Retry { transient_attempts: 3, backoff_seconds: 60, vetoed_every_seconds: 900 };
    let path = outer.place("retry");
    let Some(value) = outer.value("retry") else { return retry };
    let Some(mut fields) = Fields::of(&path, value, outer.faults()) else { return retry };
    if let Some(attempts) = fields.number("transientAttempts", 0..=20) {
        retry.transient_attempts = attempts;
    }
    if let Some(seconds) = fields.number("backoffSeconds", 1..=3_600) {
        retry.backoff_seconds = seconds;
    }
    if let Some(seconds) = fields.number("vetoedEverySeconds", 30..=DAY) {
        retry.vetoed_every_seconds = seconds;
    }
    fields.end();
    retry
}
