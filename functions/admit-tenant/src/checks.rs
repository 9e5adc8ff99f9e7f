//! Whether AWS has what a tier names: asked once for each version of the tiers, before a tenant of
//! the tier is admitted, and told to operators once for each version and fault.
//!
//! What AWS said is remembered in this instance of the function, call by call, so a check that was
//! throttled goes on where it was; a check that found nothing is remembered in the runs bucket for
//! a day, so that other instances need not ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_cloudformation::types::{PermissionModels, StackSetStatus};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::code;
use lambda_kit::{Named, chain};
use lifecycle::{StackSetName, Tier, TierName, WantedQuota};
use run_files::Condition;
use serde::{Deserialize, Serialize};

use crate::decide::checks::{
    QuotaSeen, Roles, Seen, StackSetSeen, Verdict, notice, verdict, version,
};
use crate::error::{Call, Error};
use crate::handler::App;

/// How long a check that found nothing counts.
const COUNTS: SignedDuration = SignedDuration::from_hours(24);
/// How long one that found something does, in this instance: a burst of signups of the tier is one
/// question.
const FAULT_COUNTS: SignedDuration = SignedDuration::from_secs(30);
/// How many calls one invocation makes for a check; the next one goes on. At the rates of
/// CloudFormation and Service Quotas that is far below the function's time.
const CALLS_AT_A_TIME: usize = 15;

/// What is remembered of one version of the tiers.
#[derive(Debug, Default)]
struct Memory {
    version: String,
    units: BTreeMap<String, bool>,
    stack_sets: BTreeMap<String, StackSetSeen>,
    quotas: BTreeMap<String, QuotaSeen>,
    verdicts: BTreeMap<TierName, (Timestamp, Verdict)>,
}

/// What this instance of the function remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memo(Arc<Mutex<Memory>>);

impl Memo {
    fn with<T>(&self, version: &str, act: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.version != version {
            *memory = Memory { version: version.to_owned(), ..Memory::default() };
        }
        act(&mut memory)
    }
}

/// What the runs bucket remembers of a tier in one version of the tiers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Passed {
    checked_at: Timestamp,
    verdict: Verdict,
}

/// What identifies a version of the tiers, and of what they are held against.
pub(crate) fn version_of(app: &App, tiers: &str) -> String {
    let held_against: String =
        app.config.units.iter().map(|(name, id)| format!("{name}={id}\n")).collect();
    let Roles { administration, execution } = &app.config.roles;
    version(&format!("{tiers}\n{held_against}{administration:?}\n{execution:?}"))
}

/// The verdict about a tier, which is told to operators when it is new. `tiers` is the whole
/// document.
pub(crate) async fn check(
    app: &App,
    tiers: &str,
    name: &TierName,
    tier: &Tier,
) -> Result<Verdict, Error> {
    let version = version_of(app, tiers);
    let now = app.clock.now();
    let known = app.memo.with(&version, |memory| memory.verdicts.get(name).cloned());
    if let Some((at, verdict)) = known {
        let counts = if verdict.faults.is_empty() { COUNTS } else { FAULT_COUNTS };
        if now.duration_since(at) < counts {
            return Ok(verdict);
        }
    }
    let key = format!("checks/{version}/{name}.json");
    // What cannot be read is asked again.
    let passed: Option<Passed> = app.files.read_json(&key).await.unwrap_or_default();
    if let Some(passed) = passed.filter(|passed| now.duration_since(passed.checked_at) < COUNTS) {
        let kept = (passed.checked_at, passed.verdict.clone());
        app.memo.with(&version, |memory| memory.verdicts.insert(name.clone(), kept));
        return Ok(passed.verdict);
    }
    let seen = Seen {
        missing_units: read_units(app, &version, tier).await?,
        stack_sets: read_stack_sets(app, &version, tier).await?,
        quotas: read_quotas(app, &version, tier).await?,
    };
    let verdict = verdict(name, tier, &seen, &app.config.roles);
    let told = tell(app, &version, name, &verdict).await;
    if told && verdict.faults.is_empty() {
        let passed = Passed { checked_at: now, verdict: verdict.clone() };
        let text = serde_json::to_string(&passed).unwrap_or_default();
        // Not to be able to remember it costs calls, and is no reason to wait.
        if let Err(trouble) = app.files.write(&key, text, Condition::Always).await {
            let error = Error::from(trouble);
            tracing::warn!(tier = %name, "the check is not remembered: {error}");
        }
    }
    app.memo.with(&version, |memory| {
        // What was seen is seen again at the next check: somebody may have mended it.
        memory.units.clear();
        memory.stack_sets.clear();
        memory.quotas.clear();
        if told {
            memory.verdicts.insert(name.clone(), (now, verdict.clone()));
        }
    });
    Ok(verdict)
}

/// Tells operators of a verdict, once for each version of the tiers and each verdict; false when
/// that did not come through. Then the next look tells: what a tier lacks is true all the same, and
/// the metric says so meanwhile.
pub(crate) async fn tell(app: &App, version: &str, tier: &TierName, verdict: &Verdict) -> bool {
    match Box::pin(try_to_tell(app, version, tier, verdict)).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(
                tier = %tier,
                error.name = error.name(),
                "operators are not told of a tier's faults yet: {}",
                chain(&error)
            );
            false
        }
    }
}

/// The note that they were told comes last: told twice is better than never.
async fn try_to_tell(
    app: &App,
    version: &str,
    tier: &TierName,
    verdict: &Verdict,
) -> Result<(), Error> {
    if verdict.is_empty() {
        return Ok(());
    }
    let which = crate::decide::checks::version(&serde_json::to_string(verdict).unwrap_or_default());
    let note = format!("checks/{version}/{tier}-told-{which}.json");
    if app.files.read(&note).await?.is_some() {
        return Ok(());
    }
    let (subject, text) = notice(tier, version, verdict);
    publish(app, &subject, &text).await?;
    app.files.write(&note, "{}".to_owned(), Condition::Absent).await?;
    tracing::warn!(tier = %tier, faults = ?verdict.faults, "operators are told of a tier's faults");
    Ok(())
}

/// Tells operators.
pub(crate) async fn publish(app: &App, subject: &str, text: &str) -> Result<(), Error> {
    let call = Call { service: "sns", name: "Publish" };
    let topic = &app.config.topic_arn;
    let sent = app.topics.publish().topic_arn(topic).subject(subject).message(text).send().await;
    sent.map(drop).map_err(|error| call.error(&error))
}

fn later(call: Call) -> Error {
    call.try_again("the tier is still being checked")
}

const DESCRIBE_UNIT: Call = Call { service: "organizations", name: "DescribeOrganizationalUnit" };

/// For each OU of the tier, its id when AWS knows none of it.
async fn read_units(app: &App, version: &str, tier: &Tier) -> Result<Vec<Option<String>>, Error> {
    let mut missing = Vec::new();
    let mut calls = 0;
    for unit in &tier.organizational_units {
        let Some(id) = app.config.units.id_of(&unit.name).map(ToString::to_string) else {
            // A fault of the document, which is told as such.
            missing.push(None);
            continue;
        };
        let is_there = match app.memo.with(version, |memory| memory.units.get(&id).copied()) {
            Some(known) => known,
            None if calls == CALLS_AT_A_TIME => return Err(later(DESCRIBE_UNIT)),
            None => {
                calls += 1;
                let described = app
                    .organizations
                    .describe_organizational_unit()
                    .organizational_unit_id(&id)
                    .send();
                let is_there = match Box::pin(described).await {
                    Ok(_) => true,
                    Err(error) if code(&error) == Some("OrganizationalUnitNotFoundException") => {
                        false
                    }
                    Err(error) => return Err(DESCRIBE_UNIT.error(&error)),
                };
                app.memo.with(version, |memory| memory.units.insert(id.clone(), is_there));
                is_there
            }
        };
        missing.push((!is_there).then_some(id));
    }
    Ok(missing)
}

async fn read_stack_sets(
    app: &App,
    version: &str,
    tier: &Tier,
) -> Result<Vec<StackSetSeen>, Error> {
    let mut seen = Vec::new();
    let mut calls = 0;
    for wanted in &tier.baseline {
        let name = wanted.name.as_str();
        let known = app.memo.with(version, |memory| memory.stack_sets.get(name).cloned());
        let one = match known {
            Some(known) => known,
            None if calls == CALLS_AT_A_TIME => return Err(later(DESCRIBE_STACK_SET)),
            None => {
                calls += 1;
                let read = read_stack_set(app, &wanted.name).await?;
                app.memo.with(version, |it| it.stack_sets.insert(name.to_owned(), read.clone()));
                read
            }
        };
        seen.push(one);
    }
    Ok(seen)
}

const DESCRIBE_STACK_SET: Call = Call { service: "cloudformation", name: "DescribeStackSet" };

async fn read_stack_set(app: &App, name: &StackSetName) -> Result<StackSetSeen, Error> {
    let described =
        Box::pin(app.stack_sets.describe_stack_set().stack_set_name(name.as_str()).send()).await;
    let answer = match described {
        Ok(answer) => answer,
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_stack_set_not_found_exception()) =>
        {
            return Ok(StackSetSeen::Missing);
        }
        Err(error) => return Err(DESCRIBE_STACK_SET.error(&error)),
    };
    let Some(set) = answer.stack_set() else {
        return Err(DESCRIBE_STACK_SET.try_again("AWS says nothing of the stack set"));
    };
    if set.status() == Some(&StackSetStatus::Deleted) {
        return Ok(StackSetSeen::Deleted);
    }
    Ok(match set.permission_model() {
        None | Some(PermissionModels::SelfManaged) => StackSetSeen::SelfManaged(Roles {
            administration: set.administration_role_arn().map(ToOwned::to_owned),
            execution: set.execution_role_name().map(ToOwned::to_owned),
        }),
        Some(PermissionModels::ServiceManaged) => StackSetSeen::ServiceManaged {
            automatic: set.auto_deployment().and_then(|auto| auto.enabled()).unwrap_or(false),
        },
        Some(other) => StackSetSeen::Unknown(other.as_str().to_owned()),
    })
}

async fn read_quotas(app: &App, version: &str, tier: &Tier) -> Result<Vec<QuotaSeen>, Error> {
    let mut seen = Vec::new();
    let mut calls = 0;
    for wanted in &tier.quotas {
        let key = format!("{}/{}/{}", wanted.region, wanted.service_code, wanted.quota_code);
        let known = app.memo.with(version, |memory| memory.quotas.get(&key).cloned());
        let one = match known {
            Some(known) => known,
            None if calls == CALLS_AT_A_TIME => return Err(later(DEFAULT_QUOTA)),
            None => {
                calls += 1;
                let read = read_quota(app, wanted).await?;
                app.memo.with(version, |memory| memory.quotas.insert(key, read.clone()));
                read
            }
        };
        seen.push(one);
    }
    Ok(seen)
}

const DEFAULT_QUOTA: Call = Call { service: "servicequotas", name: "GetAWSDefaultServiceQuota" };

async fn read_quota(app: &App, wanted: &WantedQuota) -> Result<QuotaSeen, Error> {
    let answer = Box::pin(
        app.quotas_in(wanted.region.as_str())
            .get_aws_default_service_quota()
            .service_code(wanted.service_code.as_str())
            .quota_code(wanted.quota_code.as_str())
            .send(),
    )
    .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("NoSuchResourceException") => {
            return Ok(QuotaSeen::Missing);
        }
        Err(error) => return Err(DEFAULT_QUOTA.error(&error)),
    };
    let Some(quota) = answer.quota() else {
        return Err(DEFAULT_QUOTA.try_again("AWS says nothing of the quota"));
    };
    Ok(QuotaSeen::Known {
        global: quota.global_quota(),
        adjustable: quota.adjustable(),
        default: quota.value(),
    })
}
