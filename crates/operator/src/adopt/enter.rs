//! Into an account, before it is adopted: whether its role is there, and which stacks are.

use std::collections::BTreeMap;
use std::time::Duration;

use adoption::{HandMade, Role};
use aws_sdk_cloudformation::types::StackStatus;
use lambda_kit::sdk::{Credentials, Refusal, Trouble, Wire, temporary_credentials};
use lambda_kit::{chain, client};
use lifecycle::{AccountId, RegionName, StackSetName, TierName};
use serde_json::json;

use super::failed;
use super::world::World;
use crate::failure::Failure;

/// What stacks of stack sets are called.
const OF_STACK_SETS: &str = "StackSet-";
/// The stack that makes the execution role.
const ROLE_STACK: &str = "landlord-execution-role";
/// How long that stack may take, and how often it is looked at.
const LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// The ways into accounts.
pub(super) struct Doors<'a> {
    world: &'a World,
    access_role: &'a str,
    /// Templates of stack sets, read once.
    templates: BTreeMap<StackSetName, String>,
}

impl<'a> Doors<'a> {
    pub(super) fn new(world: &'a World, access_role: &'a str) -> Self {
        Self { world, access_role, templates: BTreeMap::new() }
    }

    /// Whether the execution role is there, and which stacks are in the way of the tier's.
    pub(super) async fn enter(
        &mut self,
        account: &AccountId,
        tier: &TierName,
    ) -> Result<(Role, Vec<HandMade>), Failure> {
        let execution_role = self.world.parameter("ExecutionRoleName")?;
        let (role, credentials) = match self.assume(account, execution_role).await? {
            Ok(credentials) => (Role::Present, credentials),
            Err(first) => match self.assume(account, self.access_role).await? {
                Ok(credentials) => (Role::CanBeMade(self.access_role.to_owned()), credentials),
                Err(_) => return Ok((Role::Missing(first.to_string()), Vec::new())),
            },
        };
        let Some(tier) = self.world.ground.tiers.get(tier) else { return Ok((role, Vec::new())) };
        let mut stacks = Vec::new();
        for stack_set in &tier.baseline {
            for region in &stack_set.regions {
                let wire = self.world.wire.assumed(credentials.clone(), region.as_str());
                let found = Box::pin(self.by_hand(&wire, account, &stack_set.name, region)).await?;
                stacks.extend(found);
            }
        }
        Ok((role, stacks))
    }

    /// The role's credentials, or why it can not be assumed.
    async fn assume(
        &self,
        account: &AccountId,
        role: &str,
    ) -> Result<Result<Credentials, Refusal>, Failure> {
        let tried = format!("enter account {account} by {role}");
        let partition = self.world.deployment.partition();
        let assumed = client!(aws_sdk_sts, self.world.wire)
            .assume_role()
            .role_arn(format!("arn:{partition}:iam::{account}:role/{role}"))
            .role_session_name("landlord-adopt")
            .duration_seconds(900)
            .send()
            .await;
        match assumed {
            Ok(answer) => {
                let Some(given) = answer.credentials() else {
                    return Err(Failure::new(tried, "AWS gave no credentials", "try again"));
                };
                let credentials = temporary_credentials(
                    given.access_key_id(),
                    given.secret_access_key(),
                    given.session_token(),
                    given.expiration(),
                );
                credentials.map(Ok).map_err(|said| Failure::new(tried, said, "try again"))
            }
            Err(error) => match Trouble::of("sts", "AssumeRole", &error) {
                Trouble::Refused(refusal) if refusal.is_denial() => Ok(Err(refusal)),
                trouble => Err(Failure::aws(tried, &trouble)),
            },
        }
    }

    /// A stack that somebody made with the stack set's template, or under its name.
    async fn by_hand(
        &mut self,
        wire: &Wire,
        account: &AccountId,
        stack_set: &StackSetName,
        region: &RegionName,
    ) -> Result<Option<HandMade>, Failure> {
        let tried = format!("look at the stacks of account {account} in {region}");
        let template = self.template(stack_set).await?;
        let client = client!(aws_sdk_cloudformation, wire);
        let mut token: Option<String> = None;
        loop {
            let page = client.list_stacks().set_next_token(token).send().await;
            let page = page.map_err(|error| Trouble::of("cloudformation", "ListStacks", &error));
            let page = page.map_err(failed(&tried))?;
            for stack in page.stack_summaries() {
                let name = stack.stack_name().unwrap_or_default();
                let is_gone = stack.stack_status() == Some(&StackStatus::DeleteComplete);
                if is_gone || name.starts_with(OF_STACK_SETS) {
                    continue;
                }
                let its = client.get_template().stack_name(name).send().await;
                let its = its.map_err(|error| Trouble::of("cloudformation", "GetTemplate", &error));
                let its = its.map_err(failed(&tried))?;
                let same_template =
                    its.template_body().is_some_and(|body| body.trim() == template.trim());
                if same_template || name == stack_set.as_str() {
                    return Ok(Some(HandMade {
                        stack_set: stack_set.clone(),
                        region: region.clone(),
                        stack_id: stack.stack_id().unwrap_or(name).to_owned(),
                        same_template,
                    }));
                }
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn template(&mut self, stack_set: &StackSetName) -> Result<String, Failure> {
        if let Some(known) = self.templates.get(stack_set) {
            return Ok(known.clone());
        }
        let client = client!(aws_sdk_cloudformation, self.world.wire);
        let found = client.describe_stack_set().stack_set_name(stack_set.as_str()).send().await;
        let found =
            found.map_err(|error| Trouble::of("cloudformation", "DescribeStackSet", &error));
        let found = found.map_err(failed(format!("read the stack set {stack_set}")))?;
        let template = found.stack_set().and_then(|it| it.template_body()).unwrap_or_default();
        self.templates.insert(stack_set.clone(), template.to_owned());
        Ok(template.to_owned())
    }

    /// Makes the execution role by a stack, as AWS's own template for it does, by way of the
    /// organization's access role: before the account moves, while nobody protects the role.
    pub(super) async fn make_role(&self, account: &AccountId) -> Result<(), Failure> {
        let tried = format!("make the execution role of account {account}");
        let entered = self.assume(account, self.access_role).await?;
        let credentials =
            entered.map_err(|refusal| Failure::aws(tried.clone(), &Trouble::Refused(refusal)))?;
        let wire = self.world.wire.assumed(credentials, self.world.wire.region());
        let client = client!(aws_sdk_cloudformation, wire);
        let name = self.world.parameter("ExecutionRoleName")?;
        let made = client
            .create_stack()
            .stack_name(ROLE_STACK)
            .template_body(role_template(name, self.world))
            .capabilities("CAPABILITY_NAMED_IAM".into())
            .send()
            .await;
        match made {
            Ok(_) => {}
            // An earlier apply made it, or was about to.
            Err(error) if lambda_kit::sdk::code(&error) == Some("AlreadyExistsException") => {}
            Err(error) => {
                let trouble = Trouble::of("cloudformation", "CreateStack", &error);
                return Err(Failure::aws(tried, &trouble));
            }
        }
        for _ in 0..LOOKS {
            let shown = client.describe_stacks().stack_name(ROLE_STACK).send().await;
            let shown = shown.map_err(|error| {
                let said = chain(&error);
                Failure::new(tried.clone(), said, "see the stack in the account")
            })?;
            let stack = shown.stacks().first();
            let status = stack.and_then(|it| it.stack_status()).map_or("", StackStatus::as_str);
            match status {
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" => return Ok(()),
                "CREATE_IN_PROGRESS" => crate::patience::pause(BETWEEN_LOOKS).await,
                other => {
                    let said = format!("the stack {ROLE_STACK} is {other}");
                    let advice = "see its events in the account, delete it, and apply again";
                    return Err(Failure::new(tried, said, advice));
                }
            }
        }
        let said = format!("the stack {ROLE_STACK} is not done yet");
        Err(Failure::new(tried, said, "apply again in a while"))
    }
}

/// The role that AWS would have made with the account: it trusts the management account, whose own
/// policies, and Landlord's resource control policy, say who there may assume it.
fn role_template(name: &str, world: &World) -> String {
    let (partition, management) = (world.deployment.partition(), &world.ground.management);
    json!({
        "Resources": {"ExecutionRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": name,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"AWS": format!("arn:{partition}:iam::{management}:root")},
                    "Action": "sts:AssumeRole",
                }]},
                "ManagedPolicyArns": [format!("arn:{partition}:iam::aws:policy/AdministratorAccess")],
            },
        }},
    })
    .to_string()
}
