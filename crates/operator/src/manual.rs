//! `landlord completions` and `landlord man`: what shells and `man` know of the command, made from the
//! command line itself.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::failure::Failure;

/// Print a shell's completions
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Write the manual's pages
#[derive(Debug, Args)]
pub struct Man {
    /// The folder that they go to, such as /usr/local/share/man/man1; it is made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(self, mut whole: clap::Command) -> ExitCode {
        let name = whole.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut whole, name, &mut script);
        crate::say(&String::from_utf8_lossy(&script));
        ExitCode::SUCCESS
    }
}

impl Man {
    pub(crate) fn run(self, whole: clap::Command) -> ExitCode {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(whole, &self.folder));
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let tried = format!("write the manual into {}", self.folder.display());
                let advice = "name a folder that you may write to";
                crate::failed(&Failure::new(tried, error.to_string(), advice))
            }
        }
    }
}
