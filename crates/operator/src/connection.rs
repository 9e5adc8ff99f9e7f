//! Which AWS is asked, and as whom: as the AWS CLI takes it.

use std::collections::HashMap;

use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::{EnvConfigSections, Profile};
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use clap::Args;
use lambda_kit::Clock;
use lambda_kit::sdk::{Credentials, Parts, Wire, https_client};

use crate::credentials::{self, Export};
use crate::failure::{Exit, Failure};

/// Which AWS is asked, and as whom
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct Connection {
    /// The profile of the AWS CLI's configuration, instead of AWS_PROFILE
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The Region in which Landlord stands, instead of AWS_REGION or the profile's
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Where AWS answers, instead of AWS_ENDPOINT_URL: such as that of `landlord up`
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// What a connection takes from around it: environment, files, the AWS CLI.
#[derive(Debug, Clone)]
pub struct Surroundings {
    env: Env,
    fs: Fs,
    export: Export,
}

impl Surroundings {
    /// Those of this process.
    pub fn real() -> Self {
        Self { env: Env::real(), fs: Fs::real(), export: credentials::by_the_aws_cli }
    }

    /// Given ones, for tests: variables, files, and what answers instead of the AWS CLI.
    #[doc(hidden)]
    pub fn given(variables: &[(&str, &str)], files: &[(&str, &str)], export: Export) -> Self {
        let files: HashMap<String, Vec<u8>> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        Self { env: Env::from_slice(variables), fs: Fs::from_map(files), export }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).ok().filter(|value| !value.is_empty())
    }

    async fn sections(&self) -> Result<EnvConfigSections, Failure> {
        let at_fault = |error: &(dyn std::error::Error + 'static)| {
            let advice = "mend the file, or name another by AWS_CONFIG_FILE";
            Failure::new("read the AWS CLI's configuration", lambda_kit::chain(error), advice)
                .exits(Exit::Usage)
        };
        let files = EnvConfigFiles::default();
        let source = source::load(&self.env, &self.fs, &files).await.map_err(|e| at_fault(&e))?;
        EnvConfigSections::parse(source).map_err(|error| at_fault(&error))
    }
}

impl Connection {
    /// The wire to AWS, with credentials that hold for this command.
    ///
    /// # Errors
    /// No Region, no credentials, a profile that is not there; what to do about it.
    pub async fn wire(&self, around: &Surroundings) -> Result<Wire, Failure> {
        let sections = around.sections().await?;
        let named = self.profile.clone().or_else(|| around.variable("AWS_PROFILE"));
        let profile = sections.get_profile(named.as_deref().unwrap_or("default"));
        if let (Some(name), None) = (&named, profile) {
            let mut known: Vec<&str> = sections.profiles().collect();
            known.sort_unstable();
            let said = format!("there is no profile {name} in the AWS CLI's configuration");
            let advice = format!("name one of: {}", known.join(", "));
            return Err(Failure::new("log in", said, advice).exits(Exit::Usage));
        }
        Ok(Wire::from_parts(Parts {
            http_client: https_client(),
            region: self.region(around, profile)?,
            credentials: self.credentials(around, profile)?,
            endpoint_url: self.endpoint(around, profile),
            clock: Clock::system(),
            retry_partition: None,
        }))
    }

    fn region(&self, around: &Surroundings, profile: Option<&Profile>) -> Result<String, Failure> {
        let given = self.region.clone();
        given
            .or_else(|| around.variable("AWS_REGION"))
            .or_else(|| around.variable("AWS_DEFAULT_REGION"))
            .or_else(|| profile.and_then(|it| it.get("region")).map(str::to_owned))
            .ok_or_else(|| {
                let advice =
                    "say --region REGION, or set AWS_REGION: the one in which Landlord stands";
                Failure::new("choose a Region", "none is configured", advice).exits(Exit::Usage)
            })
    }

    fn endpoint(&self, around: &Surroundings, profile: Option<&Profile>) -> Option<String> {
        let given = self.endpoint_url.clone();
        given
            .or_else(|| around.variable("AWS_ENDPOINT_URL"))
            .or_else(|| profile.and_then(|it| it.get("endpoint_url")).map(str::to_owned))
    }

    /// The AWS CLI's order: a profile that the command line names goes before the environment, and
    /// a role that it assumes before the keys beside it.
    fn credentials(
        &self,
        around: &Surroundings,
        profile: Option<&Profile>,
    ) -> Result<Credentials, Failure> {
        let of_environment = || {
            let id = around.variable("AWS_ACCESS_KEY_ID")?;
            let secret = around.variable("AWS_SECRET_ACCESS_KEY")?;
            let token = around.variable("AWS_SESSION_TOKEN");
            Some(Credentials::new(id, secret, token, None, "environment"))
        };
        if let (None, Some(credentials)) = (&self.profile, of_environment()) {
            return Ok(credentials);
        }
        if let Some(credentials) = profile.and_then(of_profile) {
            return Ok(credentials);
        }
        let name = self.profile.as_deref();
        credentials::read(&(around.export)(name)?)
    }
}

fn of_profile(profile: &Profile) -> Option<Credentials> {
    if profile.get("role_arn").is_some() {
        return None;
    }
    let id = profile.get("aws_access_key_id")?;
    let secret = profile.get("aws_secret_access_key")?;
    let token = profile.get("aws_session_token").map(str::to_owned);
    Some(Credentials::new(id, secret, token, None, "profile"))
}

#[cfg(test)]
mod tests {
    use aws_types::SdkConfig;

    use super::*;

    const FILE: &str = "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-north-1\n\
        endpoint_url = http://work.test\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\n\
        aws_access_key_id = AKIDROLE\naws_secret_access_key = s\n";
    const KEYS: &str = "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\n";

    fn no_cli(_: Option<&str>) -> Result<String, Failure> {
        Err(Failure::new("log in", "there is no AWS CLI", "install it"))
    }

    fn exported(profile: Option<&str>) -> Result<String, Failure> {
        let id = format!("ASIA{}", profile.unwrap_or("NONE").to_uppercase());
        Ok(format!(
            r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"s","SessionToken":"t"}}"#
        ))
    }

    async fn wire(
        connection: &Connection,
        variables: &[(&str, &str)],
        export: Export,
    ) -> Result<(String, String, Option<String>), Failure> {
        let mut all = vec![("HOME", "/home/me")];
        all.extend(variables);
        let files = [("/home/me/.aws/config", FILE), ("/home/me/.aws/credentials", KEYS)];
        let wire = connection.wire(&Surroundings::given(&all, &files, export)).await?;
        let config: &SdkConfig = wire.config();
        let provider = config.credentials_provider().unwrap();
        use aws_credential_types::provider::ProvideCredentials as _;
        let credentials = provider.provide_credentials().await.unwrap();
        let endpoint = config.endpoint_url().map(str::to_owned);
        Ok((credentials.access_key_id().to_owned(), wire.region().to_owned(), endpoint))
    }

    fn profile(name: &str) -> Connection {
        Connection { profile: Some(name.into()), ..Connection::default() }
    }

    const OF_ENVIRONMENT: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s")];

    #[tokio::test]
    async fn the_environment_goes_before_a_profile_that_it_names_itself() {
        let mut variables = OF_ENVIRONMENT.to_vec();
        variables.extend([("AWS_PROFILE", "work"), ("AWS_DEFAULT_REGION", "us-west-2")]);
        let (id, region, endpoint) =
            wire(&Connection::default(), &variables, no_cli).await.unwrap();
        assert_eq!((&*id, &*region), ("AKIDENV", "us-west-2"));
        assert_eq!(endpoint.as_deref(), Some("http://work.test"));
    }

    #[tokio::test]
    async fn a_profile_that_the_command_line_names_goes_before_the_environment() {
        let (id, region, _) = wire(&profile("work"), &OF_ENVIRONMENT, no_cli).await.unwrap();
        assert_eq!((&*id, &*region), ("AKIDWORK", "eu-north-1"));
    }

    #[tokio::test]
    async fn options_go_before_everything() {
        let given = Connection {
            region: Some("ap-south-1".into()),
            endpoint_url: Some("http://127.0.0.1:1".into()),
            ..profile("work")
        };
        let variables = [("AWS_REGION", "us-west-2"), ("AWS_ENDPOINT_URL", "http://other.test")];
        let (_, region, endpoint) = wire(&given, &variables, no_cli).await.unwrap();
        assert_eq!(region, "ap-south-1");
        assert_eq!(endpoint.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[tokio::test]
    async fn a_role_and_whatever_else_logs_in_is_left_to_the_aws_cli() {
        let role = Connection { region: Some("eu-west-1".into()), ..profile("role") };
        assert_eq!(wire(&role, &[], exported).await.unwrap().0, "ASIAROLE");
        let (id, region, _) = wire(&Connection::default(), &[], exported).await.unwrap();
        assert_eq!((&*id, &*region), ("ASIANONE", "eu-west-1"));
        let without = wire(&Connection::default(), &[], no_cli).await.unwrap_err();
        assert_eq!(without.said, "there is no AWS CLI");
    }

    #[tokio::test]
    async fn what_is_missing_is_a_fault_of_usage_that_says_what_to_do() {
        let unknown = wire(&profile("wrok"), &[], no_cli).await.unwrap_err();
        assert_eq!(unknown.exit, Exit::Usage);
        assert!(unknown.advice.contains("default, role, work"), "{unknown}");
        let nowhere = wire(&profile("role"), &[], exported).await.unwrap_err();
        assert!(nowhere.advice.contains("--region"), "{nowhere}");
        assert_eq!(nowhere.exit, Exit::Usage);
    }
}
