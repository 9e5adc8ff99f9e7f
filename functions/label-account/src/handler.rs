//! One step towards an account that knows its tenant: what each Region says is read, and written
//! only where it differs.

use std::error::Error as StdError;

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use lambda_kit::sdk::{self, Credentials, Trouble, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::{
    AccountId, ExecutionTimes, Fault, Progress, RegionName, Resume, TenantId, TierName, waiting,
};
use operator_role::OperatorRole;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{self, PARAMETER};
use crate::error::Error;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    /// For clients of the tenant's account, made as its role is assumed.
    wire: Wire,
    operator: OperatorRole,
    clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self { wire: wire.clone(), operator: OperatorRole::new(wire, config.operator), clock }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// What the machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The tenant's tier.
    pub tier: TierName,
    /// The Regions in which the account is to know it; at least one.
    pub regions: Vec<RegionName>,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// The account that knows its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Labelled {
    /// The account.
    pub account_id: AccountId,
    /// The Regions in which it knows.
    pub regions: Vec<RegionName>,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct State {
    /// Since when the account refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<Timestamp>,
}

/// Takes one step.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Labelled>, Error> {
    let now = app.clock.now();
    let state = request.resume.read().map_err(Error::InvalidRequest)?;
    let mut attempt = Attempt { app, request: &request, now, state };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let progress = match Box::pin(attempt.step()).await {
        Ok(labelled) => {
            tracing::info!(
                tenant.id = %request.tenant_id,
                account.id = %labelled.account_id,
                "the account knows its tenant"
            );
            Progress::Done(labelled)
        }
        Err(Halt::Wait(because)) => attempt.pending(because)?,
        Err(Halt::Fail(error)) => return Err(error),
    };
    let deadline = request.execution.deadline(request.deadline_seconds);
    progress
        .within(deadline, now)
        .map_err(|source| Error::DeadlinePassed { account: request.account_id.clone(), source })
}

enum Halt {
    Wait(String),
    Fail(Error),
}

struct Attempt<'a> {
    app: &'a App,
    request: &'a Request,
    now: Timestamp,
    state: State,
}

impl Attempt<'_> {
    async fn step(&mut self) -> Result<Labelled, Halt> {
        let Request { account_id, tenant_id, tier, regions, .. } = self.request;
        let Some(first) = regions.first() else {
            return Err(Halt::Fail(Error::InvalidRequest(Fault::missing("regions"))));
        };
        let credentials = self.assume(first.partition()).await?;
        let label = decide::label(tenant_id, tier);
        for region in regions {
            let wire = self.app.wire.assumed(credentials.clone(), region.as_str());
            let ssm = client!(aws_sdk_ssm, wire);
            self.ensure(&ssm, region, &label).await?;
        }
        Ok(Labelled { account_id: account_id.clone(), regions: regions.clone() })
    }

    /// Credentials of the account that reach its label and nothing else. Its role is looked at
    /// first: here it is made for a new tenant, and what else is beside it is told.
    async fn assume(&mut self, partition: &str) -> Result<Credentials, Halt> {
        let (app, account) = (self.app, &self.request.account_id);
        let operator = &app.operator;
        if let Err(trouble) = operator.equip(account).await {
            return Err(self.trouble("its operator role".to_owned(), trouble));
        }
        let policy = decide::session_policy(partition, account);
        let assumed = operator.assume(account, partition, "landlord-label-account", &policy).await;
        assumed.map_err(|trouble| self.trouble("as its operator".to_owned(), trouble))
    }

    /// The label is there, in this Region.
    async fn ensure(
        &mut self,
        ssm: &aws_sdk_ssm::Client,
        region: &RegionName,
        label: &str,
    ) -> Result<(), Halt> {
        let place = || format!("in {region}");
        match ssm.get_parameter().name(PARAMETER).send().await {
            Ok(output) => {
                let present = output.parameter.and_then(|parameter| parameter.value);
                if present.is_some_and(|present| decide::says(&present, label)) {
                    return Ok(());
                }
            }
            Err(error) if sdk::code(&error) == Some("ParameterNotFound") => {}
            Err(error) => return Err(self.halt("ssm", "GetParameter", place(), &error)),
        }
        let written = ssm
            .put_parameter()
            .name(PARAMETER)
            .description("The tenant of this account, written by Landlord")
            .value(label)
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await;
        written.map(|_| ()).map_err(|error| self.halt("ssm", "PutParameter", place(), &error))
    }

    fn halt<E>(
        &mut self,
        service: &'static str,
        call: &'static str,
        place: String,
        error: &SdkError<E, HttpResponse>,
    ) -> Halt
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        self.trouble(place, Trouble::of(service, call, error))
    }

    fn trouble(&mut self, place: String, trouble: Trouble) -> Halt {
        let account = self.request.account_id.clone();
        let refusal = match trouble {
            Trouble::Passing(refusal) => {
                return Halt::Wait(format!("account {account}, {place}: {refusal}"));
            }
            Trouble::Refused(refusal) => refusal,
        };
        if !decide::is_newness(&refusal.code) {
            return Halt::Fail(Error::AwsRefused { account, place, refusal });
        }
        let since = *self.state.refused_since.get_or_insert(self.now);
        if decide::has_lasted(since, self.request.execution.since(), self.now) {
            return Halt::Fail(Error::AccessDenied { account, place, refusal });
        }
        Halt::Wait(format!("account {account} is new, {place}: {refusal}"))
    }

    fn pending(&self, because: String) -> Result<Progress<Labelled>, Error> {
        let Request { account_id, tenant_id, execution, .. } = self.request;
        let since = self.state.refused_since.unwrap_or(self.now).max(execution.since());
        let elapsed = match self.state.refused_since {
            Some(_) => self.now.duration_since(since),
            None => execution.elapsed(self.now),
        };
        let seconds =
            waiting::retry_after(20, waiting::CEILING_IN_PARALLEL, elapsed, tenant_id.as_str());
        tracing::info!(
            tenant.id = %tenant_id,
            account.id = %account_id,
            retry_after_s = seconds,
            "waiting: {because}"
        );
        let resume = Resume::of(&self.state).map_err(Error::InvalidRequest)?;
        Ok(Progress::pending(seconds, because, resume))
    }
}
