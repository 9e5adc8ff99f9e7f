//! What a thief could do all the same, and why that is so.

const ITS_WORK: &str = "its work; who has it can say so of any tenant";
const DEAD_LETTERS: &str = "what it can not deliver goes there; people look at each";
const RECORDS: &str = "four functions keep the records; a false one makes a tenant wait, leave early or get another \
     tier, and closes nothing";
const OPERATES: &str = "the role that it assumes in an account may open the gate, label the account and ask for quotas";
const WAVES: &str =
    "IAM has no key for the accounts of an operation; deploy-wave asks Organizations itself";

/// The role, the harm, the reason.
pub(crate) const ACCEPTED: &[(&str, &str, &str)] = &[
    (
        "AdministrationRole",
        "read a live tenant's data",
        "StackSets deploys by it; CloudFormation alone may assume it, for a stack set of this account",
    ),
    ("AdministrationRole", "read the data of a tenant that has left", "as for a live one"),
    ("AdministrationRole", "open a live tenant's gate", "as for its data"),
    ("DeployWaveFunction", "open a live tenant's gate", OPERATES),
    ("LabelAccountFunction", "open a live tenant's gate", OPERATES),
    ("RequestQuotasFunction", "open a live tenant's gate", OPERATES),
    ("AdmitTenantFunction", "announce TenantAdmitted", ITS_WORK),
    ("AdmitTenantFunction", "announce TenantRejected", ITS_WORK),
    ("AdmitTenantFunction", "announce TenantReady", "a repeated signup is answered by it"),
    (
        "AdmitTenantFunction",
        "announce TenantOnboardingFailed",
        "a signup that comes again is answered by what was said of its failure",
    ),
    ("AdmitTenantFunction", "start an onboarding", ITS_WORK),
    ("AdmitTenantFunction", "read signups", ITS_WORK),
    ("AdmitTenantFunction", "put a signup past the bus", "it moves messages between its queues"),
    ("AdmitTenantFunction", "put a dead letter", "its work"),
    ("AdmitTenantFunction", "tell operators what is not so", "it tells of tiers that are at fault"),
    ("AdmitTenantFunction", "write a tenant's record", RECORDS),
    ("AnnounceOutcomeFunction", "announce TenantReady", ITS_WORK),
    ("AnnounceOutcomeFunction", "announce TenantOnboardingFailed", ITS_WORK),
    ("AnnounceOutcomeFunction", "announce TenantChangeFailed", ITS_WORK),
    ("AnnounceOutcomeFunction", "tell operators what is not so", "it tells of failed onboardings"),
    ("AnnounceOutcomeFunction", "put an undelivered event", DEAD_LETTERS),
    ("AnnounceOutcomeFunction", "write what was announced", "its own notes; one is written once"),
    (
        "CloseAccountFunction",
        "close an account that is due and emptied",
        "its work; retire-tenant and withdraw-stacks have both marked the account",
    ),
    (
        "AuditFleetFunction",
        "announce FleetAuditFinished",
        "its work; people read it, and no function acts on it",
    ),
    ("AuditFleetFunction", "write an audit's report", "its work; the same"),
    ("AuditsScheduleRole", "put an undelivered event", DEAD_LETTERS),
    ("CloseAccountFunction", "announce TenantAccountClosed", ITS_WORK),
    ("CloseAccountFunction", "write what came of a closing", "its work"),
    ("CloseAccountFunction", "put an undelivered event", DEAD_LETTERS),
    ("CreateAccountFunction", "make accounts", "its work"),
    (
        "CreateAccountFunction",
        "enter an account that stands in the root",
        "AWS makes accounts there, and whether their role is ready is seen by assuming it; keep no \
         internal account directly in the root",
    ),
    ("CreateAccountFunction", "write a tenant's record", RECORDS),
    (
        "DeployWaveFunction",
        "change the baseline of all tenants",
        "its work: a template reaches tenants by it, and no account outside of Landlord's units",
    ),
    ("DeployWaveFunction", "change another team's stack set", WAVES),
    (
        "EquipAccountFunction",
        "read a live tenant's data",
        "it makes Landlord's role in an account, by that of StackSets, with a session policy that a \
         thief would leave out; no other function may enter Landlord's units so",
    ),
    ("EquipAccountFunction", "read the data of a tenant that has left", "as for a live one"),
    ("EquipAccountFunction", "open a live tenant's gate", "as for its data"),
    ("EquipAccountFunction", "tell operators what is not so", "it tells of unknown roles"),
    ("EnrollBaselineFunction", "deploy the baseline to a tenant", "its work"),
    (
        "EnrollBaselineFunction",
        "deploy another team's stack set to a tenant",
        "which stack sets are a tier's stands in the tiers, where IAM can not look; a set with \
         another administration role is out of reach",
    ),
    ("FindTenantFunction", "write a tenant's record", RECORDS),
    (
        "FindTenantFunction",
        "tell operators what is not so",
        "it tells of offboardings that are held",
    ),
    ("FindTenantFunction", "lift the brake on offboardings", "its work: it counts who leaves"),
    ("OffboardTenantStateMachine", "announce TenantRetiring", ITS_WORK),
    ("OffboardTenantStateMachine", "announce TenantRestored", ITS_WORK),
    (
        "OffboardTenantStateMachine",
        "sign a tenant up",
        "a tenant that comes back to an emptied account is signed up again",
    ),
    ("OffboardingsRole", "start an offboarding", "its work; EventBridge alone may assume it"),
    ("ChangesRole", "start a change", "its work; EventBridge alone may assume it"),
    ("ConvergeTenantStateMachine", "announce TenantUpdated", ITS_WORK),
    ("ConvergeTenantStateMachine", "start the following of quotas", "its work"),
    ("PlanChangeFunction", "write a tenant's record", RECORDS),
    ("OnboardTenantStateMachine", "start the following of quotas", "its work"),
    (
        "PlaceAccountFunction",
        "let an account live without its baseline",
        "its work is the last step of an onboarding; IAM can not see the steps before",
    ),
    ("PlanRetirementsFunction", "announce RetirementSweepFinished", "its work"),
    ("PlanRetirementsFunction", "take the sweeps' lock", "its work"),
    ("PlanRetirementsFunction", "write a sweep's report", "its work"),
    (
        "PlanRetirementsFunction",
        "write the list of accounts to be closed",
        "its work; each account on it is asked again by the guards, on fresh reads",
    ),
    ("PlanRolloutFunction", "change a rollout's plan", "its work"),
    ("PlanRolloutFunction", "change what a rollout goes back to", "its work"),
    ("RehearsalsRole", "start a rollout", "its work; EventBridge Scheduler alone may assume it"),
    ("RehearsalsRole", "put an undelivered event", DEAD_LETTERS),
    ("RequestQuotasFunction", "announce TenantWaiting", "its work"),
    ("RetireTenantFunction", "write a live tenant's retire-after", RETIRES),
    ("RetireTenantFunction", "cut short a cooling-off", RETIRES),
    ("RetireTenantFunction", "say that a live tenant left in the future", RETIRES),
    ("RetireTenantFunction", "quarantine a live tenant", RETIRES),
    ("RetireTenantFunction", "suspend an account that cools off", "as for a live one"),
    ("RetireTenantFunction", "take a suspended account back", "its work: tenants come back"),
    (
        "RetireTenantFunction",
        "suspend a live tenant",
        "a move is allowed by its ends, not by its direction",
    ),
    ("RetireTenantFunction", "take an account out of quarantine", "its work: tenants come back"),
    (
        "RetireTenantFunction",
        "let an account live without its baseline",
        "an account that leaves Onboarding may go home when its tenant comes back",
    ),
    ("RollOutStateMachine", "announce RolloutFinished", "its work"),
    ("RollOutStateMachine", "tell operators what is not so", "it tells how a rollout ended"),
    (
        "StartRollOutsRole",
        "bring a template",
        "its work: what a pipeline may deploy, it may deploy",
    ),
    (
        "StartRollOutsRole",
        "start a rollout",
        "its work; the plan has a floor, and no account outside of Landlord's units is reached",
    ),
    (
        "StopRolloutFunction",
        "change the baseline of all tenants",
        "its work: a rollout is taken back by it, and no account outside of Landlord's units is reached",
    ),
    ("StopRolloutFunction", "change another team's stack set", WAVES),
    (
        "SuspendAccountFunction",
        "suspend an account that cools off",
        "its work is that move; IAM can not compare dates of tags, and nothing is closed by it",
    ),
    (
        "SuspendAccountFunction",
        "take a suspended account back",
        "a move is allowed by its ends, not by its direction; the account stays in quarantine",
    ),
    ("SweepRetirementsStateMachine", "announce TenantRetired", "its work"),
    (
        "SweepRetirementsStateMachine",
        "start a sweep",
        "the accounts are child executions of its own",
    ),
    (
        "SweepRetirementsStateMachine",
        "close by close-account",
        "its work; the function asks every guard again",
    ),
    ("SweepScheduleRole", "start a sweep", "its work; EventBridge Scheduler alone may assume it"),
    ("SweepScheduleRole", "put an undelivered event", DEAD_LETTERS),
    (
        "WithdrawStacksFunction",
        "say it of an account that cools off",
        "IAM can not compare dates of tags; \
     close-account does",
    ),
    (
        "WithdrawStacksFunction",
        "take a live tenant's stacks away",
        "IAM has no key for the accounts of an operation, and the work of this function is to delete",
    ),
    ("WithdrawStacksFunction", "write what came of a closing", "it says which accounts it refused"),
];

const RETIRES: &str = "its work; without the mark of withdraw-stacks nothing is closed";
