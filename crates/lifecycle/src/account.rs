//! An account's email and name, within the rules of `CreateAccount`:
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html>.

use crate::text::{require, text_type};
use crate::{Fault, Faults, TenantId};

text_type! {
    /// The email of an account's root user: 6 to 64 ASCII characters, one `@`, globally unique
    /// across AWS. Two spellings that differ in case are one address to AWS: compare with
    /// [`Email::is_same_as`].
    Email, field "email", check email
}

/// The longest email and the longest account name that AWS takes, in characters.
const LONGEST_EMAIL: usize = 64;
const LONGEST_NAME: usize = 50;

fn email(text: &str) -> Result<(), String> {
    require(text.is_ascii(), "must be an email of ASCII characters")?;
    require((6..=LONGEST_EMAIL).contains(&text.len()), "must be an email of 6 to 64 characters")?;
    let mut parts = text.split('@');
    let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err("must be an email with exactly one @".into());
    };
    check_local_part(local)?;
    check_domain(domain)
}

fn check_local_part(local: &str) -> Result<(), String> {
    require(!local.is_empty(), "must have something before the @")?;
    require(!local.starts_with('.'), "must not start with a dot")?;
    require(
        local.bytes().all(|b| b.is_ascii_graphic() && !b"\"'()<>[]:;,\\|%&@".contains(&b)),
        "must not have white space or any of \" ' ( ) < > [ ] : ; , \\ | % & before the @",
    )
}

fn check_domain(domain: &str) -> Result<(), String> {
    require(
        domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
        "must have only letters, digits, hyphens and dots after the @",
    )?;
    let edge = |c: char| matches!(c, '-' | '.');
    require(
        !domain.is_empty() && !domain.starts_with(edge) && !domain.ends_with(edge),
        "must not start or end its domain with a hyphen or a dot",
    )?;
    require(domain.contains('.'), "must have a dot in its domain")
}

impl Email {
    /// Whether AWS takes `other` for the same address.
    pub fn is_same_as(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

text_type! {
    /// An account's name at its creation: 1 to 50 printable ASCII characters.
    AccountName, field "accountName", check account_name
}

fn account_name(text: &str) -> Result<(), String> {
    let holds = (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
    require(holds, "must be an account name of 1 to 50 printable ASCII characters")
}

text_type! {
    /// The name of a role that exists in every account: `[\w+=,.@-]{1,64}`.
    RoleName, field "roleName", check role_name
}

fn role_name(text: &str) -> Result<(), String> {
    let holds = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    require(holds, "must be a role name: 1 to 64 letters, digits or _+=,.@-")
}

/// How accounts and their emails are named: a function of the tenant id, so that AWS's own
/// unique-email rule is the lock that makes one account per tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    account_name_prefix: String,
    email_local_part: String,
    email_domain: String,
    given_domains: Vec<String>,
}

impl Naming {
    /// Names `<account_name_prefix><tenantId>` and `<email_local_part>+<tenantId>@<email_domain>`.
    ///
    /// # Errors
    /// Every part with which not even the shortest tenant id makes a name that AWS takes.
    pub fn new(
        account_name_prefix: impl Into<String>,
        email_local_part: impl Into<String>,
        email_domain: impl Into<String>,
    ) -> Result<Self, Faults> {
        let naming = Self {
            account_name_prefix: account_name_prefix.into(),
            email_local_part: email_local_part.into(),
            email_domain: email_domain.into(),
            given_domains: Vec::new(),
        };
        let mut faults = Faults::new();
        let prefix = &naming.account_name_prefix;
        if let Err(rule) = account_name(&format!("{prefix}x")) {
            faults.push(Fault::new("accountNamePrefix", prefix, format!("with an id {rule}")));
        }
        if let Err(rule) = check_local_part(&naming.email_local_part) {
            faults.push(Fault::new("emailLocalPart", &naming.email_local_part, rule));
        }
        if let Err(rule) = check_domain(&naming.email_domain) {
            faults.push(Fault::new("emailDomain", &naming.email_domain, rule));
        }
        if faults.is_empty()
            && let Err(fault) = naming.email_text("x").parse::<Email>()
        {
            faults.push(fault.at("emailLocalPart and emailDomain"));
        }
        faults.none_or(Some(naming))
    }

    /// The same, where signups may give addresses of these domains; without it they may give none.
    ///
    /// # Errors
    /// Every domain that is none.
    pub fn with_given_domains(
        mut self,
        domains: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        for domain in domains.into_iter().map(Into::into) {
            if let Err(rule) = check_domain(&domain) {
                faults.push(Fault::new("givenDomains", &domain, rule));
            }
            self.given_domains.push(domain);
        }
        faults.none_or(Some(self))
    }

    /// Whether a signup of this tenant may give this address. Its own derived one it always may. One
    /// that another tenant's id leads to it never may: that tenant could not sign up any more. Any
    /// other has to be of a domain that is named for this, for whoever reads its mail owns the
    /// account.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_given(&self, tenant: Option<&TenantId>, email: &Email) -> Result<(), Fault> {
        let fault = |rule: String| Err(Fault::new("rootEmail", email.as_str(), rule));
        if tenant.is_some_and(|tenant| email.is_same_as(&self.email_text(tenant.as_str()))) {
            return Ok(());
        }
        if self.is_derived(email) {
            let (local, domain) = (&self.email_local_part, &self.email_domain);
            return fault(format!(
                "must not be of the form {local}+<id>@{domain} with another id than the tenant's \
                 own: leave rootEmail out"
            ));
        }
        let domain = email.as_str().rsplit('@').next().unwrap_or_default();
        if self.given_domains.iter().any(|it| it.eq_ignore_ascii_case(domain)) {
            return Ok(());
        }
        fault(
            "must not be given, for its domain is not among those from which signups may give \
             addresses: Landlord's parameter RootEmailDomains"
                .to_owned(),
        )
    }

    /// Whether the address is one to which some tenant's id leads, or that a mailbox takes for one:
    /// case never counts, and many do not count dots before the `@`.
    fn is_derived(&self, email: &Email) -> bool {
        let Some((local, domain)) = email.as_str().rsplit_once('@') else { return false };
        let bare = |text: &str| text.replace('.', "").to_ascii_lowercase();
        domain.eq_ignore_ascii_case(&self.email_domain)
            && bare(local).starts_with(&format!("{}+", bare(&self.email_local_part)))
    }

    /// The name of the tenant's account.
    ///
    /// # Errors
    /// When prefix and id are longer than AWS allows.
    pub fn account_name(&self, tenant: &TenantId) -> Result<AccountName, Fault> {
        format!("{}{tenant}", self.account_name_prefix).parse()
    }

    /// The email of the tenant's account, unless the signup gives another.
    ///
    /// # Errors
    /// When it is longer than AWS allows: a fault of the id, with how long it may be.
    pub fn email(&self, tenant: &TenantId) -> Result<Email, Fault> {
        self.email_text(tenant.as_str()).parse().map_err(|_: Fault| {
            let rule = format!(
                "must have at most {} characters: it becomes the address {}+<id>@{} of its account, \
                 and AWS takes {LONGEST_EMAIL}",
                LONGEST_EMAIL.saturating_sub(self.email_text("").len()),
                self.email_local_part,
                self.email_domain,
            );
            Fault::new(TenantId::FIELD, tenant.as_str(), rule)
        })
    }

    /// The longest tenant id for which account name and email keep to AWS's limits of 50 and 64
    /// characters; less than 36, and UUIDs do not fit.
    pub fn longest_tenant_id(&self) -> usize {
        let name = LONGEST_NAME.saturating_sub(self.account_name_prefix.len());
        let email = LONGEST_EMAIL.saturating_sub(self.email_text("").len());
        name.min(email).min(TenantId::LONGEST)
    }

    /// The tenant whose account has this name, if Landlord gave the name.
    pub fn tenant_of(&self, account_name: &str) -> Option<TenantId> {
        account_name.strip_prefix(&self.account_name_prefix)?.parse().ok()
    }

    fn email_text(&self, tenant: &str) -> String {
        format!("{}+{tenant}@{}", self.email_local_part, self.email_domain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn emails_follow_the_rules_of_create_account() {
        for good in ["aws+acme@example.com", "a@b.cd", "A.b-c_d@x-1.example"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for (bad, rule) in [
            ("a@b.c", "6 to 64"),
            (&*format!("{}@example.com", "x".repeat(60)), "6 to 64"),
            ("äcme@example.com", "ASCII"),
            ("no-at.example.com", "exactly one @"),
            ("a@b@example.com", "exactly one @"),
            ("@example.com", "before the @"),
            (".a@example.com", "start with a dot"),
            ("a b@example.com", "white space"),
            ("a\tb@example.com", "white space"),
            ("a%b@example.com", "% &"),
            ("acme@exam_ple.com", "letters, digits"),
            ("acme@-example.com", "hyphen or a dot"),
            ("acme@example.com.", "hyphen or a dot"),
            ("acme@localhost", "a dot in its domain"),
        ] {
            let fault = bad.parse::<Email>().unwrap_err();
            assert!(fault.rule.contains(rule), "{bad}: {fault}");
        }
    }

    #[test]
    fn emails_that_differ_in_case_are_the_same() {
        let email: Email = "Aws+acme@Example.com".parse().unwrap();
        assert!(email.is_same_as("aws+ACME@example.com"));
        assert!(!email.is_same_as("aws+acme2@example.com"));
    }

    #[test]
    fn account_names_are_fifty_printable_ascii_characters() {
        assert!("tenant-acme".parse::<AccountName>().is_ok());
        for bad in ["", "tenant-ü", "a\nb", &"x".repeat(51)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn naming_is_a_function_of_the_tenant_id_and_back() {
        let naming = Naming::new("tenant-", "aws", "example.com").unwrap();
        let tenant: TenantId = "acme-2".parse().unwrap();
        assert_eq!(naming.account_name(&tenant).unwrap().as_str(), "tenant-acme-2");
        assert_eq!(naming.email(&tenant).unwrap().as_str(), "aws+acme-2@example.com");
        assert_eq!(naming.tenant_of("tenant-acme-2"), Some(tenant));
        assert_eq!(naming.tenant_of("Log archive"), None);
    }

    #[test]
    fn naming_says_how_long_an_id_may_be() {
        let naming = |prefix: &str, domain: &str| Naming::new(prefix, "aws", domain).unwrap();
        assert_eq!(naming("tenant-", "example.com").longest_tenant_id(), 40);
        assert_eq!(naming("a-long-prefix-of-names-", "example.com").longest_tenant_id(), 27);
        let long = naming("tenant-", "accounts.of-a-long-name.example.com");
        assert_eq!(long.longest_tenant_id(), 24);
        assert!(long.email(&"x".repeat(24).parse().unwrap()).is_ok());
        let fault = long.email(&"x".repeat(25).parse().unwrap()).unwrap_err().to_string();
        assert!(fault.contains("tenantId") && fault.contains("at most 24 characters"), "{fault}");
    }

    #[test]
    fn naming_reports_all_its_faults_at_once() {
        let faults = Naming::new("ü", "a b", "localhost").unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["accountNamePrefix", "emailLocalPart", "emailDomain"]);
    }

    #[test]
    fn an_address_is_given_only_from_domains_that_are_named() {
        let naming = Naming::new("tenant-", "aws", "accounts.example.com").unwrap();
        let mallory: TenantId = "mallory".parse().unwrap();
        let check = |naming: &Naming, email: &str| {
            naming.check_given(Some(&mallory), &email.parse().unwrap()).map_err(|it| it.rule)
        };
        for own in ["aws+mallory@accounts.example.com", "AWS+Mallory@Accounts.Example.COM"] {
            assert_eq!(check(&naming, own), Ok(()), "{own}");
        }
        let closed = check(&naming, "root@mallory.example").unwrap_err();
        assert!(closed.contains("RootEmailDomains"), "{closed}");
        let open = naming.with_given_domains(["accounts.example.com", "Corp.example"]).unwrap();
        for fine in ["root@corp.example", "x+aws+victim@CORP.example", "root@accounts.example.com"]
        {
            assert_eq!(check(&open, fine), Ok(()), "{fine}");
        }
        for foreign in ["root@corp.example.org", "root@sub.corp.example", "root@corp.exampl"] {
            assert!(check(&open, foreign).unwrap_err().contains("RootEmailDomains"), "{foreign}");
        }
    }

    #[test]
    fn nobody_takes_the_address_to_which_another_tenants_id_leads() {
        let naming = Naming::new("tenant-", "aws", "accounts.example.com").unwrap();
        let open = naming.with_given_domains(["accounts.example.com"]).unwrap();
        let mallory: TenantId = "mallory".parse().unwrap();
        for theirs in [
            "aws+victim@accounts.example.com",
            "AWS+VICTIM@ACCOUNTS.EXAMPLE.COM",
            "aws+mallory-2@accounts.example.com",
            "aws+mallory+x@accounts.example.com",
            "aws+mallory.@accounts.example.com",
            "a.ws+victim@accounts.example.com",
            "aws+@accounts.example.com",
        ] {
            let email: Email = theirs.parse().unwrap();
            for tenant in [Some(&mallory), None] {
                let fault = open.check_given(tenant, &email).unwrap_err();
                assert!(fault.rule.contains("leave rootEmail out"), "{theirs}: {fault}");
            }
        }
        assert!(Naming::new("t-", "aws", "a.example").unwrap().with_given_domains(["*"]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_at_all_makes_the_email_parser_panic(text in ".{0,80}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
                prop_assert!(email.as_str().len() <= 64);
            }
        }
    }
}
