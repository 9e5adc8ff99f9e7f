//! One step towards the account's place: where it stands is read first, and a refusal of the move
//! is believed only after it was read again.

use std::error::Error as StdError;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{self, Refusal, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::retirement::{self, AccountState, AccountTags};
use lifecycle::{
    AccountId, ExecutionTimes, Fault, OuId, ParentId, Progress, Resume, TagKey, Tags, waiting,
};
use serde::{Deserialize, Serialize};

use crate::decide::{self, Origin, Step};
use crate::error::Error;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    organizations: Client,
    clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, clock: Clock) -> Self {
        Self { organizations: client!(aws_sdk_organizations, wire.global()), clock }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Clock::system()))
    }
}

/// What a machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The account.
    pub account_id: AccountId,
    /// Where it is to stand.
    pub destination_id: OuId,
    /// From where it may be taken.
    pub allowed_from: Vec<Origin>,
    /// The tags that it is to have besides those that it has.
    #[serde(default)]
    pub tags: Option<Tags>,
    /// The tags that it is to have no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_tags: Vec<TagKey>,
    /// When the tenant signed up, for a caller whom it matters that it left since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_at: Option<Timestamp>,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// The account in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// The account.
    pub account_id: AccountId,
    /// Where it stands.
    pub organizational_unit_id: OuId,
    /// Whether a call of this task moved it.
    pub moved: bool,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    moved: bool,
    /// Since when this task waits: what an earlier task of the execution took makes no wait longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<Timestamp>,
    /// Since when the account is seen where it must not be taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<Timestamp>,
}

/// A read of an account's parent may show where it stood a moment ago. AWS does not say for how
/// long; so an account has to be seen elsewhere for this time before anything fails for it.
const MOVES_SHOW: SignedDuration = SignedDuration::from_secs(15);

/// Takes one step.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Placed>, Error> {
    let now = app.clock.now();
    let state = request.resume.read().map_err(Error::InvalidRequest)?;
    let mut attempt = Attempt { app, request: &request, state, now };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let progress = match Box::pin(attempt.step()).await {
        Ok(placed) => {
            tracing::info!(
                account.id = %placed.account_id,
                organizational_unit.id = %placed.organizational_unit_id,
                moved = placed.moved,
                "the account stands in its place"
            );
            Progress::Done(placed)
        }
        Err(Halt::Wait(because)) => attempt.pending(because, now)?,
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

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Fail(error)
    }
}

struct Attempt<'a> {
    app: &'a App,
    request: &'a Request,
    state: State,
    now: Timestamp,
}

impl Attempt<'_> {
    async fn step(&mut self) -> Result<Placed, Halt> {
        let Request { account_id, destination_id, allowed_from, tags, .. } = self.request;
        let parent = self.parent().await?;
        match decide::step(&parent, destination_id, allowed_from) {
            Step::Refuse => {
                if self.request.signed_up_at.is_some() {
                    self.refuse_if_left(&self.tags().await?)?;
                }
                let since = *self.state.refused_since.get_or_insert(self.now);
                if self.now.duration_since(since) < MOVES_SHOW {
                    let because = format!("account {account_id} may have left {parent} just now");
                    return Err(Halt::Wait(because));
                }
                return Err(Halt::Fail(Error::UnexpectedOrganizationalUnit {
                    account: account_id.clone(),
                    found: parent,
                    destination: destination_id.clone(),
                    allowed: allowed_from.iter().map(Origin::to_string).collect(),
                }));
            }
            Step::Move => self.move_from(&parent).await?,
            Step::Stay => {}
        }
        let wanted = tags.as_ref().filter(|tags| !tags.is_empty());
        let unwanted = &self.request.without_tags;
        if wanted.is_some() || !unwanted.is_empty() || self.request.signed_up_at.is_some() {
            let present = self.tags().await?;
            self.refuse_if_left(&present)?;
            if let Some(wanted) = wanted {
                self.add_missing(wanted, &present).await?;
            }
            self.remove_present(unwanted, &present).await?;
        }
        if self.request.signed_up_at.is_some() {
            self.refuse_if_closed().await?;
        }
        Ok(Placed {
            account_id: account_id.clone(),
            organizational_unit_id: destination_id.clone(),
            moved: self.state.moved,
        })
    }

    /// Halts when the account is none in which a tenant can be: somebody may have closed it since it
    /// was made, and moves are possible all the same.
    async fn refuse_if_closed(&self) -> Result<(), Halt> {
        let account = self.request.account_id.clone();
        let described =
            self.app.organizations.describe_account().account_id(account.as_str()).send().await;
        let described = match described {
            Ok(output) => output.account,
            Err(error) if sdk::code(&error) == Some("AccountNotFoundException") => {
                return Err(Error::AccountNotFound { account }.into());
            }
            Err(error) => return Err(self.halt("DescribeAccount", &error)),
        };
        let state = described.map_or(AccountState::Unknown, |described| {
            let state = described.state.as_ref().map(|state| state.as_str());
            AccountState::of(state, described.status.as_ref().map(|status| status.as_str()))
        });
        match state {
            AccountState::Active => Ok(()),
            AccountState::Closed | AccountState::PendingClosure | AccountState::Suspended => {
                Err(Error::AccountClosed { account, state }.into())
            }
            AccountState::PendingActivation | AccountState::Unknown => {
                Err(Halt::Wait(format!("account {account} is {state}, and not ACTIVE yet")))
            }
        }
    }

    /// Where the account stands.
    async fn parent(&self) -> Result<ParentId, Halt> {
        let account = &self.request.account_id;
        let listed = self.app.organizations.list_parents().child_id(account.as_str()).send().await;
        let parents = match listed {
            Ok(output) => output.parents.unwrap_or_default(),
            Err(error) if sdk::code(&error) == Some("ChildNotFoundException") => {
                return Err(Error::AccountNotFound { account: account.clone() }.into());
            }
            Err(error) => return Err(self.halt("ListParents", &error)),
        };
        parents
            .first()
            .and_then(|parent| parent.id()?.parse().ok())
            .ok_or_else(|| Halt::Wait(format!("AWS does not say where account {account} stands")))
    }

    /// Moves the account. Whoever else moved it in the meantime is noticed: then where it stands
    /// is read again at the next call.
    async fn move_from(&mut self, parent: &ParentId) -> Result<(), Halt> {
        let Request { account_id: account, destination_id: destination, .. } = self.request;
        let moved = self
            .app
            .organizations
            .move_account()
            .account_id(account.as_str())
            .source_parent_id(parent.as_str())
            .destination_parent_id(destination.as_str())
            .send()
            .await;
        let Err(error) = moved else {
            self.state.moved = true;
            return Ok(());
        };
        match sdk::code(&error) {
            // It is there already: a call of ours took effect and its answer was lost, or another
            // execution was faster. Read, not believed.
            Some("DuplicateAccountException") => match self.parent().await? {
                ParentId::Ou(ou) if ou == *destination => Ok(()),
                other => Err(Halt::Wait(format!("account {account} was moved, to {other}"))),
            },
            Some("SourceParentNotFoundException") => {
                Err(Halt::Wait(format!("account {account} is being moved by another")))
            }
            Some("AccountNotFoundException") => {
                Err(Error::AccountNotFound { account: account.clone() }.into())
            }
            Some("DestinationParentNotFoundException") => Err(Error::DestinationNotFound {
                account: account.clone(),
                destination: destination.clone(),
            }
            .into()),
            _ => Err(self.halt("MoveAccount", &error)),
        }
    }

    /// Halts when the tenant left after it had signed up.
    fn refuse_if_left(&self, tags: &AccountTags) -> Result<(), Halt> {
        let account = self.request.account_id.clone();
        match (self.request.signed_up_at, retirement::left_at(tags)) {
            (Some(signed_up_at), Some(left_at)) if left_at > signed_up_at => {
                Err(Error::TenantLeft { account, left_at }.into())
            }
            _ => Ok(()),
        }
    }

    /// Adds the tags that the account lacks.
    async fn add_missing(&self, wanted: &Tags, present: &AccountTags) -> Result<(), Halt> {
        let missing: Result<Vec<Tag>, _> = decide::missing(wanted, present)
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let missing = missing.map_err(|error| {
            Error::InvalidRequest(Fault::of("tags", "a tag", error.to_string()))
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        let tagged = self
            .app
            .organizations
            .tag_resource()
            .resource_id(self.request.account_id.as_str())
            .set_tags(Some(missing))
            .send()
            .await;
        tagged.map(|_| ()).map_err(|error| self.halt("TagResource", &error))
    }

    /// Removes the tags that the account has and is not to have.
    async fn remove_present(&self, unwanted: &[TagKey], present: &AccountTags) -> Result<(), Halt> {
        let keys: Vec<String> = unwanted
            .iter()
            .map(|key| key.as_str().to_owned())
            .filter(|key| present.contains_key(key))
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let untagged = self
            .app
            .organizations
            .untag_resource()
            .resource_id(self.request.account_id.as_str())
            .set_tag_keys(Some(keys))
            .send()
            .await;
        untagged.map(|_| ()).map_err(|error| self.halt("UntagResource", &error))
    }

    async fn tags(&self) -> Result<AccountTags, Halt> {
        let mut tags = AccountTags::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .app
                .organizations
                .list_tags_for_resource()
                .resource_id(self.request.account_id.as_str())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| self.halt("ListTagsForResource", &error))?;
            tags.extend(page.tags().iter().map(|tag| (tag.key().into(), tag.value().into())));
            token = page.next_token;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }

    fn halt<E>(&self, call: &'static str, error: &SdkError<E, HttpResponse>) -> Halt
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let refusal = Refusal::of("organizations", call, error);
        let account = self.request.account_id.clone();
        if sdk::is_transient(error) || &*refusal.code == "ConcurrentModificationException" {
            Halt::Wait(refusal.to_string())
        } else if &*refusal.code == "TargetNotFoundException" {
            Error::AccountNotFound { account }.into()
        } else if refusal.is_denial() {
            Error::AccessDenied { account, refusal }.into()
        } else {
            Error::AwsRefused { account, refusal }.into()
        }
    }

    fn pending(&mut self, because: String, now: Timestamp) -> Result<Progress<Placed>, Error> {
        let account = &self.request.account_id;
        let elapsed = now.duration_since(*self.state.waiting_since.get_or_insert(now));
        let seconds = waiting::retry_after(5, waiting::CEILING, elapsed, account.as_str());
        tracing::info!(account.id = %account, retry_after_s = seconds, "waiting: {because}");
        let resume = Resume::of(&self.state).map_err(Error::InvalidRequest)?;
        Ok(Progress::pending(seconds, because, resume))
    }
}
