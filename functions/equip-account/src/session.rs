//! What is done in the account.

use aws_sdk_iam::types::Tag;
use lambda_kit::client;
use lambda_kit::sdk::{self, Trouble};
use lifecycle::AccountId;

use crate::error::{Error, Halt, halt};
use crate::handler::App;
use crate::role::{PATH, POLICY, REPORTED, Wanted, says};

/// IAM in the account.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) app: &'a App,
    pub(crate) account: &'a AccountId,
    pub(crate) iam: aws_sdk_iam::Client,
}

impl<'a> Session<'a> {
    /// Assumes the role of StackSets, for no longer than STS gives at least.
    pub(crate) async fn open(
        app: &'a App,
        account: &'a AccountId,
        wanted: &Wanted,
    ) -> Result<Self, Halt> {
        let role = &app.config.execution;
        let assumed = app
            .sts
            .assume_role()
            .role_arn(format!("arn:{}:iam::{account}:role/{role}", wanted.partition))
            .role_session_name("landlord-equip-account")
            .policy(wanted.session_policy())
            .duration_seconds(900)
            .send()
            .await
            .map_err(|error| halt(account, Trouble::of("sts", "AssumeRole", &error)))?;
        let Some(found) = assumed.credentials else {
            return Err(Halt::Wait("STS answered without credentials".into()));
        };
        let credentials = sdk::temporary_credentials(
            &found.access_key_id,
            &found.secret_access_key,
            &found.session_token,
            &found.expiration,
        )
        .map_err(Halt::Wait)?;
        let wire = app.wire.assumed(credentials, app.wire.region());
        Ok(Self { app, account, iam: client!(aws_sdk_iam, wire) })
    }

    /// The role is there, trusts whom it should, may do what it should and nothing else. Says
    /// whether it was made, and what its tag says of unknown roles.
    pub(crate) async fn ensure(&self, wanted: &Wanted) -> Result<(bool, Option<String>), Halt> {
        let found = self.iam.get_role().role_name(&wanted.name).send().await;
        let role = match found {
            Ok(output) => output.role,
            Err(error) if sdk::code(&error) == Some("NoSuchEntity") => None,
            Err(error) => return Err(self.halt("GetRole", &error)),
        };
        let made = role.is_none();
        let mut reported = None;
        match &role {
            None => self.make(wanted).await?,
            Some(role) if role.arn != wanted.arn => {
                let (account, arn) = (self.account.clone(), role.arn.clone());
                return Err(Halt::Fail(Error::NameTaken { account, arn }));
            }
            Some(role) => {
                let tags = role.tags.iter().flatten();
                reported =
                    tags.filter(|tag| tag.key == REPORTED).map(|tag| tag.value.clone()).next();
                if !says(role.assume_role_policy_document.as_deref(), &wanted.trust) {
                    self.mend_trust(wanted).await?;
                }
                self.take_away_what_is_not_ours(wanted).await?;
            }
        }
        if made || !self.may_what_it_should(wanted).await? {
            self.allow(wanted).await?;
        }
        Ok((made, reported))
    }

    async fn make(&self, wanted: &Wanted) -> Result<(), Halt> {
        let made = self
            .iam
            .create_role()
            .role_name(&wanted.name)
            .path(PATH)
            .description("By this role Landlord's functions work in the account, and by no other.")
            .assume_role_policy_document(wanted.trust.to_string())
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            // Another call made the same meanwhile.
            Err(error) if sdk::code(&error) == Some("EntityAlreadyExists") => Ok(()),
            Err(error) => Err(self.halt("CreateRole", &error)),
        }
    }

    async fn mend_trust(&self, wanted: &Wanted) -> Result<(), Halt> {
        tracing::warn!(account.id = %self.account, "the role trusts others: it is mended");
        self.iam
            .update_assume_role_policy()
            .role_name(&wanted.name)
            .policy_document(wanted.trust.to_string())
            .send()
            .await
            .map_err(|error| self.halt("UpdateAssumeRolePolicy", &error))?;
        Ok(())
    }

    /// Policies that somebody gave the role while nothing protected it yet.
    async fn take_away_what_is_not_ours(&self, wanted: &Wanted) -> Result<(), Halt> {
        let inline = self.iam.list_role_policies().role_name(&wanted.name).send().await;
        let inline = inline.map_err(|error| self.halt("ListRolePolicies", &error))?;
        for name in inline.policy_names.iter().filter(|name| *name != POLICY) {
            tracing::warn!(account.id = %self.account, "the role had a policy {name}: it is deleted");
            let role = self.iam.delete_role_policy().role_name(&wanted.name);
            let deleted = role.policy_name(name).send().await;
            deleted.map_err(|error| self.halt("DeleteRolePolicy", &error))?;
        }
        let attached = self.iam.list_attached_role_policies().role_name(&wanted.name).send().await;
        let attached = attached.map_err(|error| self.halt("ListAttachedRolePolicies", &error))?;
        let attached = attached.attached_policies.unwrap_or_default();
        for arn in attached.iter().filter_map(|policy| policy.policy_arn.as_deref()) {
            tracing::warn!(account.id = %self.account, "the role had the policy {arn}: it is detached");
            let role = self.iam.detach_role_policy().role_name(&wanted.name);
            let detached = role.policy_arn(arn).send().await;
            detached.map_err(|error| self.halt("DetachRolePolicy", &error))?;
        }
        Ok(())
    }

    async fn may_what_it_should(&self, wanted: &Wanted) -> Result<bool, Halt> {
        let role = self.iam.get_role_policy().role_name(&wanted.name);
        match role.policy_name(POLICY).send().await {
            Ok(output) => Ok(says(Some(&output.policy_document), &wanted.policy)),
            Err(error) if sdk::code(&error) == Some("NoSuchEntity") => Ok(false),
            Err(error) => Err(self.halt("GetRolePolicy", &error)),
        }
    }

    async fn allow(&self, wanted: &Wanted) -> Result<(), Halt> {
        self.iam
            .put_role_policy()
            .role_name(&wanted.name)
            .policy_name(POLICY)
            .policy_document(wanted.policy.to_string())
            .send()
            .await
            .map_err(|error| self.halt("PutRolePolicy", &error))?;
        Ok(())
    }

    /// Marks which unknown roles operators have heard of.
    pub(crate) async fn mark(&self, wanted: &Wanted, reported: &str) -> Result<(), Halt> {
        let tag = Tag::builder().key(REPORTED).value(reported).build();
        let tag = tag.map_err(|error| Halt::Wait(error.to_string()))?;
        let role = self.iam.tag_role().role_name(&wanted.name);
        let tagged = role.tags(tag).send().await;
        tagged.map(|_| ()).map_err(|error| self.halt("TagRole", &error))
    }

    pub(crate) fn halt<E>(
        &self,
        call: &'static str,
        error: &aws_sdk_iam::error::SdkError<
            E,
            aws_smithy_runtime_api::client::orchestrator::HttpResponse,
        >,
    ) -> Halt
    where
        E: aws_sdk_iam::error::ProvideErrorMetadata + std::error::Error + 'static,
    {
        match sdk::code(error) {
            // IAM's answers lag behind its changes, and one change waits for another.
            Some(code @ ("NoSuchEntity" | "ConcurrentModification")) => {
                Halt::Wait(format!("iam:{call} answers {code}"))
            }
            _ => halt(self.account, Trouble::of("iam", call, error)),
        }
    }
}
