//! The calls to AWS, each with its answer in the function's own words.

use std::error::Error as StdError;

use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::operation::create_account::CreateAccountError;
use aws_sdk_organizations::operation::list_accounts::ListAccountsError;
use aws_sdk_organizations::types::{
    CreateAccountState, CreateAccountStatus, InvalidInputExceptionReason, Tag,
};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use lambda_kit::sdk::{self, Refusal};
use lifecycle::retirement::{AccountState, AccountTags};
use lifecycle::{AccountId, RoleName, TenantDocument, TenantId};

use super::App;
use crate::decide::{
    Creation, CreationProgress, Facts, Failure, Refused, TAG, account_of_arn, failure,
    partition_of_arn,
};

const ORGANIZATIONS: &str = "organizations";

/// The session that proves that the role can be assumed may do nothing.
const NOTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// The codes with which a new account refuses for its first minutes.
const NOT_YET: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "OptInRequired",
    "SubscriptionRequiredException",
    "RegionDisabledException",
];

/// Why a call has no answer.
pub(super) enum Trouble {
    /// It comes through later.
    Passing(String),
    /// It does not.
    Refused(Refusal),
}

/// Why an order was not taken.
pub(super) enum OrderFailed {
    Throttled,
    /// It may have been taken all the same, or AWS could not tell.
    Uncertain(String),
    Constraint(String),
    InvalidInput(String),
    Other(Trouble),
}

/// A page of a list, and where the next one begins.
pub(super) enum Page<T> {
    Entries(Vec<T>, Option<String>),
    /// The token is too old, or never was one: the list has to be begun again.
    TokenRefused,
}

fn trouble<E>(
    service: &'static str,
    call: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Trouble
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let refusal = Refusal::of(service, call, error);
    let waits = sdk::is_transient(error)
        || ["ConcurrentModificationException", "FinalizingOrganizationException"]
            .contains(&&*refusal.code);
    if waits { Trouble::Passing(refusal.to_string()) } else { Trouble::Refused(refusal) }
}

impl App {
    /// The accounts that carry the tenant's tag, as far as the tagging API knows.
    pub(super) async fn accounts_with_tag(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<AccountId>, Trouble> {
        let filter = TagFilter::builder().key(TAG).values(tenant.as_str()).build();
        let mut accounts = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .set_pagination_token(token)
                .send()
                .await
                .map_err(|error| trouble("tag", "GetResources", &error))?;
            let arns = page.resource_tag_mapping_list().iter().filter_map(|it| it.resource_arn());
            for id in arns.filter_map(account_of_arn) {
                if !accounts.contains(&id) {
                    accounts.push(id);
                }
            }
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(accounts);
            }
        }
    }

    /// The account, read afresh; `None` when it is not in the organization.
    pub(super) async fn facts(&self, id: &AccountId) -> Result<Option<Facts>, Trouble> {
        let described = self.organizations.describe_account().account_id(id.as_str()).send().await;
        let account = match described {
            Ok(output) => output.account,
            Err(error) if is(&error, "AccountNotFoundException") => return Ok(None),
            Err(error) => return Err(trouble(ORGANIZATIONS, "DescribeAccount", &error)),
        };
        let Some(account) = account else { return Ok(None) };
        let Some(tags) = self.tags(id).await? else { return Ok(None) };
        let parents = self.organizations.list_parents().child_id(id.as_str()).send().await;
        let parents = match parents {
            Ok(output) => output.parents.unwrap_or_default(),
            Err(error) if is(&error, "ChildNotFoundException") => return Ok(None),
            Err(error) => return Err(trouble(ORGANIZATIONS, "ListParents", &error)),
        };
        let parent = parents.first().and_then(|parent| parent.id()).and_then(|id| id.parse().ok());
        let Some(parent) = parent else {
            return Err(Trouble::Passing(format!("AWS does not say where account {id} stands")));
        };
        let state = account.state().map(|state| state.as_str());
        let status = account.status().map(|status| status.as_str());
        Ok(Some(Facts {
            id: id.clone(),
            partition: account.arn().and_then(partition_of_arn).unwrap_or("aws").to_owned(),
            state: AccountState::of(state, status),
            email: account.email,
            tags,
            parent,
        }))
    }

    /// The account's tags; `None` when there is no such account.
    async fn tags(&self, id: &AccountId) -> Result<Option<AccountTags>, Trouble> {
        let mut tags = AccountTags::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .organizations
                .list_tags_for_resource()
                .resource_id(id.as_str())
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if is(&error, "TargetNotFoundException") => return Ok(None),
                Err(error) => return Err(trouble(ORGANIZATIONS, "ListTagsForResource", &error)),
            };
            tags.extend(page.tags().iter().map(|tag| (tag.key().into(), tag.value().into())));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(Some(tags));
            }
        }
    }

    /// The creation of this id; `None` when AWS does not know it (any more).
    pub(super) async fn creation(&self, id: &str) -> Result<Option<Creation>, Trouble> {
        let described = self
            .organizations
            .describe_create_account_status()
            .create_account_request_id(id)
            .send()
            .await;
        match described {
            Ok(output) => Ok(output.create_account_status.and_then(creation)),
            Err(error) if is(&error, "CreateAccountStatusNotFoundException") => Ok(None),
            Err(error) => Err(trouble(ORGANIZATIONS, "DescribeCreateAccountStatus", &error)),
        }
    }

    /// All creations that run in the organization.
    pub(super) async fn running_creations(&self) -> Result<Vec<Creation>, Trouble> {
        let mut creations = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .organizations
                .list_create_account_status()
                .states(CreateAccountState::InProgress)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| trouble(ORGANIZATIONS, "ListCreateAccountStatus", &error))?;
            let statuses = page.create_account_statuses.unwrap_or_default();
            creations.extend(statuses.into_iter().filter_map(creation));
            token = page.next_token;
            if token.is_none() {
                return Ok(creations);
            }
        }
    }

    /// A page of the creations that succeeded.
    pub(super) async fn succeeded_creations(
        &self,
        token: Option<&str>,
    ) -> Result<Page<Creation>, Trouble> {
        let page = self
            .organizations
            .list_create_account_status()
            .states(CreateAccountState::Succeeded)
            .set_next_token(token.map(str::to_owned))
            .send()
            .await;
        match page {
            Ok(page) => {
                let statuses = page.create_account_statuses.unwrap_or_default();
                let creations = statuses.into_iter().filter_map(creation).collect();
                Ok(Page::Entries(creations, page.next_token))
            }
            Err(error) if token.is_some() && is(&error, "InvalidInputException") => {
                Ok(Page::TokenRefused)
            }
            Err(error) => Err(trouble(ORGANIZATIONS, "ListCreateAccountStatus", &error)),
        }
    }

    /// A page of all accounts, with their emails.
    pub(super) async fn accounts(
        &self,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, Option<String>)>, Trouble> {
        let page = self
            .organizations
            .list_accounts()
            .set_next_token(token.map(str::to_owned))
            .send()
            .await;
        match page {
            Ok(page) => {
                let read = |account: aws_sdk_organizations::types::Account| {
                    Some((account.id?.parse().ok()?, account.email))
                };
                let accounts = page.accounts.unwrap_or_default().into_iter().filter_map(read);
                Ok(Page::Entries(accounts.collect(), page.next_token))
            }
            Err(error) if token.is_some() && refuses_token(&error) => Ok(Page::TokenRefused),
            Err(error) => Err(trouble(ORGANIZATIONS, "ListAccounts", &error)),
        }
    }

    /// Orders the account, with all its tags, once.
    pub(super) async fn order(&self, document: &TenantDocument) -> Result<Creation, OrderFailed> {
        let tags: Result<Vec<Tag>, _> = document
            .tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let tags = tags.map_err(|error| OrderFailed::Uncertain(error.to_string()))?;
        let ordered = self
            .ordering
            .create_account()
            .email(document.email.as_str())
            .account_name(document.account_name.as_str())
            .role_name(self.config.role.as_str())
            .set_tags(Some(tags))
            .send()
            .await;
        match ordered {
            Ok(output) => output.create_account_status.and_then(creation).ok_or_else(|| {
                OrderFailed::Uncertain("AWS took the order and did not name it".into())
            }),
            Err(error) => Err(order_failed(&error)),
        }
    }

    /// Assumes the account's role, for a session that may do nothing. `Some` is how a new account
    /// refuses.
    pub(super) async fn assume(
        &self,
        facts: &Facts,
        role: &RoleName,
    ) -> Result<Option<Refusal>, Trouble> {
        let assumed = self
            .sts
            .assume_role()
            .role_arn(format!("arn:{}:iam::{}:role/{role}", facts.partition, facts.id))
            .role_session_name("landlord-create-account")
            .policy(NOTHING)
            .duration_seconds(900)
            .send()
            .await;
        match assumed {
            Ok(_) => Ok(None),
            Err(error) if sdk::code(&error).is_some_and(|code| NOT_YET.contains(&code)) => {
                Ok(Some(Refusal::of("sts", "AssumeRole", &error)))
            }
            Err(error) => Err(trouble("sts", "AssumeRole", &error)),
        }
    }
}

fn order_failed(error: &SdkError<CreateAccountError, HttpResponse>) -> OrderFailed {
    match error.as_service_error() {
        Some(CreateAccountError::ConstraintViolationException(violation)) => {
            let reason = violation.reason().map_or("no reason given", |reason| reason.as_str());
            OrderFailed::Constraint(reason.to_owned())
        }
        Some(CreateAccountError::InvalidInputException(invalid)) => {
            let reason = invalid.reason().map_or("no reason given", |reason| reason.as_str());
            OrderFailed::InvalidInput(reason.to_owned())
        }
        _ if sdk::is_throttle(error) => OrderFailed::Throttled,
        _ if sdk::may_have_taken_effect(error) => {
            let refusal = Refusal::of(ORGANIZATIONS, "CreateAccount", error);
            OrderFailed::Uncertain(format!("the order may have been taken: {}", refusal.code))
        }
        _ => OrderFailed::Other(trouble(ORGANIZATIONS, "CreateAccount", error)),
    }
}

/// AWS's status of a creation. A state that is not known counts as running: it is asked again.
fn creation(status: CreateAccountStatus) -> Option<Creation> {
    let at = |time: Option<aws_sdk_organizations::primitives::DateTime>| {
        time.and_then(|time| Timestamp::from_second(time.secs()).ok())
    };
    let account = status.account_id.and_then(|id| id.parse().ok());
    let progress = match (status.state, account) {
        (Some(CreateAccountState::Succeeded), Some(account)) => {
            CreationProgress::Succeeded(account)
        }
        (Some(CreateAccountState::Failed), _) => {
            CreationProgress::Failed(status.failure_reason.map_or_else(
                || Failure::Final(Refused::Other, "no reason given".into()),
                |reason| failure(reason.as_str()),
            ))
        }
        _ => CreationProgress::Running,
    };
    Some(Creation {
        id: status.id?,
        name: status.account_name.unwrap_or_default(),
        requested: at(status.requested_timestamp),
        completed: at(status.completed_timestamp),
        progress,
    })
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, code: &str) -> bool {
    sdk::code(error) == Some(code)
}

fn refuses_token(error: &SdkError<ListAccountsError, HttpResponse>) -> bool {
    matches!(
        error.as_service_error(),
        Some(ListAccountsError::InvalidInputException(invalid))
            if invalid.reason() == Some(&InvalidInputExceptionReason::InvalidPaginationToken)
                || invalid.reason().is_none()
    )
}
