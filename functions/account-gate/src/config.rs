//! The gate's environment: its settings, which are `gate-rules`, and the override's name.

use lambda_kit::Lookup;
use lambda_kit::config::optional;
use lifecycle::gate::OVERRIDE_PARAMETER;

/// The override's name, which has to be known even when the settings are wrong.
pub(crate) fn override_parameter(lookup: Lookup<'_>) -> String {
    optional(lookup, "OVERRIDE_PARAMETER").unwrap_or_else(|| OVERRIDE_PARAMETER.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_override_has_a_name_of_its_own() {
        assert_eq!(override_parameter(&|_| None), "/landlord/gate/override");
        assert_eq!(override_parameter(&|_| Some(String::new())), "/landlord/gate/override");
        assert_eq!(override_parameter(&|_| Some("/gate".to_owned())), "/gate");
    }
}
