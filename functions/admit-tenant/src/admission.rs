//! One signup from its message to its answer.

use lifecycle::{
    AccountId, Admission, Fault, Faults, OnboardingOutcome, SignupEvent, TenantDocument, TenantId,
    TenantLeft, TenantSignedUp, TierName, TiersConfig,
};
use tenant_records::Signup;

use crate::answers::{
    TenantAdmitted, TenantRejected, send_admitted, send_failure, send_left, send_outcome,
    send_rejected,
};
use crate::behind;
use crate::checks::{check, tell, version_of};
use crate::day;
use crate::decide::checks::Verdict;
use crate::decide::{Event, Lane, Meaning, Room, Standing, execution_name, meaning, read_event};
use crate::error::{Call, Error};
use crate::executions::{Found, Started, find_all, start};
use crate::handler::{App, Outcome, Record};
use crate::room::lack_of_room;

/// Answers the signup, unless it has to wait.
///
/// What is told of executions comes first: a repeated event is answered as it was, whatever has
/// become of the rules since, and whether the tiers can be read or not.
pub(crate) async fn admit(app: &App, record: &Record, lane: Lane) -> Result<Outcome, Error> {
    let event = read_event(&record.body).map_err(Error::NotAnEvent)?;
    if let Some(replay) = event.replay.as_deref().filter(|_| !app.config.admit_replays) {
        let rule = "must not be there: events that are replayed are not admitted";
        return reject(app, &event, Fault::new("replay-name", replay, rule).into()).await;
    }
    if !event.faults.is_empty() {
        let faults = event.faults.clone();
        return reject(app, &event, faults).await;
    }
    let tenant = TenantSignedUp::tenant_id_in(&event.detail);
    let found = match &tenant {
        Some((tenant_id, _)) => Box::pin(find_all(app, tenant_id)).await?,
        None => Vec::new(),
    };
    let taken =
        |(id, original): &(TenantId, Option<String>)| taken(id, original.as_deref(), &found);
    if let Some(fault) = tenant.as_ref().and_then(taken) {
        return reject(app, &event, fault.into()).await;
    }
    let executions: Vec<_> = found.iter().map(|found| found.execution.clone()).collect();
    let meant = meaning(&event.id, &executions);
    match (meant, lane, &tenant) {
        (Meaning::Repeated(number), _, _) => return repeat(app, &event, &found, number).await,
        // It was told when it came here.
        (Meaning::InHand(number), Lane::Behind, Some((tenant_id, _))) => {
            return Ok(behind::waits(tenant_id, number));
        }
        (Meaning::InHand(_) | Meaning::Start { .. }, _, _) => {}
    }
    let parsed = TenantSignedUp::parse(&event.detail);
    let tiers = match (Box::pin(read_tiers(app)).await, &parsed) {
        (Ok(tiers), _) => tiers,
        // Whatever is wrong without the tiers is told although they cannot be read.
        (Err(Error::TiersInvalid { .. }), Err(faults)) => {
            return reject(app, &event, faults.clone()).await;
        }
        (Err(error @ Error::TiersInvalid { .. }), Ok(signup)) => {
            return match meant {
                Meaning::InHand(number) => behind::queue(app, &event, signup, &found, number).await,
                Meaning::Repeated(_) | Meaning::Start { .. } => Err(error),
            };
        }
        (Err(error), _) => return Err(error),
    };
    if let Ok(signup) = &parsed
        && let Some(because) = Box::pin(held(app, &tiers, &signup.tier, meant)).await?
    {
        return match meant {
            Meaning::InHand(number) => behind::queue(app, &event, signup, &found, number).await,
            Meaning::Repeated(_) | Meaning::Start { .. } => {
                Ok(Outcome::TierHeld(signup.tier.clone(), because))
            }
        };
    }
    let tiers = tiers.config;
    let signup = SignupEvent { id: &event.id, time: event.time, detail: &event.detail };
    let admission = Admission {
        tiers: &tiers,
        naming: &app.config.naming,
        units: &app.config.units,
        deadline_seconds: app.config.deadline_seconds,
    };
    let document = match TenantDocument::resolve(signup, admission) {
        Ok(document) => document,
        Err(faults) => return reject(app, &event, faults).await,
    };
    match (meant, parsed) {
        (Meaning::Repeated(number), _) => repeat(app, &event, &found, number).await,
        (Meaning::InHand(number), Ok(signup)) => {
            behind::queue(app, &event, &signup, &found, number).await
        }
        (Meaning::InHand(_), Err(faults)) => reject(app, &event, faults).await,
        (Meaning::Start { number, room }, _) => {
            Box::pin(onboard(app, &event, document, &tiers, number, room, lane)).await
        }
    }
}

/// What is wrong with an id that another id of the signup system led to before: a tenant belongs to
/// the first, and is never merged with another.
fn taken(id: &TenantId, original: Option<&str>, found: &[Found]) -> Option<Fault> {
    let said = original.unwrap_or(id.as_str());
    let first = found.iter().find_map(Found::original).filter(|first| *first != said)?;
    let rule = format!("must not lead to the tenant {id}, which is that of {first:?}");
    Some(Fault::new(TenantId::FIELD, said, rule))
}

/// Repeats the answer to an event that started an execution. While that has no end, or one that was
/// not announced yet, the answer is that it has the tenant in hand.
async fn repeat(app: &App, event: &Event, found: &[Found], number: u32) -> Result<Outcome, Error> {
    let Some((tenant_id, _)) = TenantSignedUp::tenant_id_in(&event.detail) else {
        return Err(Fault::missing("detail.tenantId").into());
    };
    let same = found.iter().find(|found| found.execution.number == number);
    match same.map(|same| (same, same.execution.standing)) {
        Some((ended, Standing::Succeeded)) => {
            let mut outcome = ended.outcome()?;
            // The execution that saw that the tenant left may not have met its account: then the
            // record names it, as it did when the end was announced.
            if let OnboardingOutcome::Left(left) = &mut outcome
                && left.account_id.is_none()
            {
                let record = Box::pin(app.records.read(&tenant_id)).await?;
                left.account_id = record.and_then(|record| record.account_id);
            }
            send_outcome(app, &outcome).await?;
        }
        Some((ended, Standing::Failed)) => match ended.announced_failure(app).await? {
            Some(failure) => send_failure(app, &failure).await?,
            None => return admitted(app, event, &tenant_id, number, true).await,
        },
        Some((_, Standing::Running)) | None => {
            return admitted(app, event, &tenant_id, number, true).await;
        }
    }
    tracing::info!(tenant.id = %tenant_id, event.id, "the answer is repeated");
    Ok(Outcome::Answered)
}

async fn onboard(
    app: &App,
    event: &Event,
    document: TenantDocument,
    tiers: &TiersConfig,
    number: u32,
    room: Room,
    lane: Lane,
) -> Result<Outcome, Error> {
    let tenant_id = &document.tenant_id.clone();
    // A tenant that left while its signup was on its way gets no account for it.
    let seen = Box::pin(app.records.admit(tenant_id, event.time, &event.detail)).await?;
    let room = match (seen.answer, &seen.record.account_id) {
        (Signup::Left, account) => return left(app, event, &document, account.clone()).await,
        (Signup::Welcome, Some(_)) => Room::NotNeeded,
        (Signup::Welcome, None) => room,
    };
    match (room, lane) {
        (Room::NotNeeded, _) => {}
        // The rest of the front goes on; who waits for room waits in the other queue.
        (Room::Needed, Lane::Front | Lane::Behind) => {
            return Ok(Outcome::NoRoom("it needs an account".to_owned()));
        }
        (Room::Needed, Lane::Waiting | Lane::Held | Lane::Apart) => {
            if let Some(because) = Box::pin(lack_of_room(app)).await? {
                return Ok(Outcome::NoRoom(because));
            }
            if let Some(because) = Box::pin(day::is_full(app)).await? {
                return Ok(Outcome::DayFull(because));
            }
        }
    }
    // What the tenant has set for itself stays, whatever its account goes through once more.
    let document = match tiers.get(&document.tier) {
        Some(tier) => document.with_parameters(tier, &seen.record.own_parameters()),
        None => document,
    };
    let started = Box::pin(start(app, &execution_name(tenant_id, number), &document)).await?;
    if room == Room::Needed && started == Started::Now {
        day::count(app).await;
    }
    admitted(app, event, tenant_id, number, started == Started::Before).await
}

/// Answers that the tenant left after it had signed up.
async fn left(
    app: &App,
    event: &Event,
    document: &TenantDocument,
    account_id: Option<AccountId>,
) -> Result<Outcome, Error> {
    let answer = TenantLeft {
        tenant_id: document.tenant_id.clone(),
        account_id,
        event_id: event.id.clone(),
        execution_arn: None,
        ended_at: app.clock.now(),
        metadata: document.metadata.clone(),
        original_tenant_id: document.original_tenant_id.clone(),
    };
    send_left(app, &answer).await?;
    tracing::info!(tenant.id = %answer.tenant_id, event.id, "the tenant left after this signup");
    Ok(Outcome::Answered)
}

async fn admitted(
    app: &App,
    event: &Event,
    tenant_id: &TenantId,
    number: u32,
    duplicate: bool,
) -> Result<Outcome, Error> {
    let execution_arn = app.config.execution_arn(&execution_name(tenant_id, number));
    tracing::info!(
        tenant.id = %tenant_id,
        event.id,
        execution.arn = execution_arn,
        duplicate,
        "the tenant is admitted"
    );
    send_admitted(app, &admission_of(event, tenant_id, execution_arn, duplicate)).await?;
    Ok(Outcome::Answered)
}

/// The answer that an execution has the tenant in hand.
pub(crate) fn admission_of(
    event: &Event,
    tenant_id: &TenantId,
    execution_arn: String,
    duplicate: bool,
) -> TenantAdmitted {
    TenantAdmitted {
        tenant_id: tenant_id.clone(),
        event_id: event.id.clone(),
        execution_arn,
        duplicate,
        behind_event_id: None,
        differences: Vec::new(),
        change_with: None,
        ignored: TenantSignedUp::ignored_in(&event.detail),
        metadata: TenantSignedUp::metadata_in(&event.detail),
        original_tenant_id: TenantSignedUp::tenant_id_in(&event.detail)
            .and_then(|(_, original)| original),
    }
}

/// Characters of a faulty tenant id that a rejection repeats.
const LONGEST_ID_SHOWN: usize = 256;

async fn reject(app: &App, event: &Event, faults: Faults) -> Result<Outcome, Error> {
    let tenant_id = TenantSignedUp::tenant_id_in(&event.detail);
    tracing::info!(
        tenant.id = tenant_id.as_ref().map(|(id, _)| id.to_string()),
        event.id,
        faults = faults.iter().count(),
        "the signup is rejected"
    );
    // As it was given, so that the sender knows its signup again; a reason says what is wrong.
    let given = event.detail.get("tenantId").and_then(|id| id.as_str());
    let tenant_id = given.map(|id| id.chars().take(LONGEST_ID_SHOWN).collect());
    let reasons = faults.bounded_reasons();
    let metadata = TenantSignedUp::metadata_in(&event.detail);
    let answer = TenantRejected { tenant_id, event_id: event.id.clone(), reasons, metadata };
    send_rejected(app, &answer).await?;
    Ok(Outcome::Answered)
}

/// The tiers as they were read.
struct Tiers {
    text: String,
    config: TiersConfig,
}

/// Why no tenant of the tier is admitted, if something is wrong with it: in the document, or, before
/// an execution is started, in AWS.
async fn held(
    app: &App,
    tiers: &Tiers,
    name: &TierName,
    meant: Meaning,
) -> Result<Option<String>, Error> {
    let verdict = match (tiers.config.faults_of(name), tiers.config.get(name), meant) {
        (Some(faults), _, _) => {
            let verdict = Verdict::of_faults(faults);
            tell(app, &version_of(app, &tiers.text), name, &verdict).await;
            verdict
        }
        (None, Some(tier), Meaning::Start { .. }) => check(app, &tiers.text, name, tier).await?,
        (None, _, _) => return Ok(None),
    };
    let faults = verdict.faults.join("; ");
    Ok((!faults.is_empty()).then(|| format!("tier {name} has faults: {faults}")))
}

/// The tiers, each of which is in order or known by its faults: those are an operator's, and no
/// reason to reject.
async fn read_tiers(app: &App) -> Result<Tiers, Error> {
    let parameter = &app.config.tiers_parameter;
    let call = Call { service: "ssm", name: "GetParameter" };
    let answer = app
        .parameters
        .get_parameter()
        .name(parameter)
        .send()
        .await
        .map_err(|error| call.error(&error))?;
    let text = answer.parameter().and_then(|found| found.value()).unwrap_or_default();
    let mut config = TiersConfig::tolerant(text, &app.config.units)
        .map_err(|faults| Error::TiersInvalid { parameter: parameter.clone(), faults })?;
    // What the gate could not read would veto everything in a new account.
    for (name, faults) in gate_rules::faults_of_tiers(&config) {
        config.hold(&name, faults);
    }
    Ok(Tiers { text: text.to_owned(), config })
}
