//! The rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR FALSE)`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

/// Whether a rule holds, when alarms are in these states; an alarm that is not there is in none.
pub(super) fn holds(rule: &str, state_of: &dyn Fn(&str) -> Option<String>) -> Result<bool, String> {
    let mut reader = Reader { rest: rule, state_of };
    let holds = reader.either()?;
    reader.skip();
    if reader.rest.is_empty() { Ok(holds) } else { Err(reader.wrong("the end")) }
}

struct Reader<'a> {
    rest: &'a str,
    state_of: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn wrong(&self, wanted: &str) -> String {
        format!("AlarmRule: {wanted} is expected at \"{}\"", self.rest)
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let word_goes_on = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if word_goes_on && word.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn either(&mut self) -> Result<bool, String> {
        let mut holds = self.both()?;
        while self.takes("OR") {
            holds |= self.both()?;
        }
        Ok(holds)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut holds = self.one()?;
        while self.takes("AND") {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.takes("NOT") {
            return self.one().map(|holds| !holds);
        }
        if self.takes("(") {
            let holds = self.either()?;
            return if self.takes(")") { Ok(holds) } else { Err(self.wrong(")")) };
        }
        if self.takes("TRUE") {
            return Ok(true);
        }
        if self.takes("FALSE") {
            return Ok(false);
        }
        for state in ["ALARM", "OK", "INSUFFICIENT_DATA"] {
            if self.takes(state) {
                let name = self.name()?;
                return Ok((self.state_of)(&name).as_deref() == Some(state));
            }
        }
        Err(self.wrong("a state"))
    }

    /// A name or an ARN in parentheses, quoted or not.
    fn name(&mut self) -> Result<String, String> {
        if !self.takes("(") {
            return Err(self.wrong("("));
        }
        let Some((name, rest)) = self.rest.split_once(')') else { return Err(self.wrong(")")) };
        self.rest = rest;
        let name = name.trim().trim_matches(|c| c == '"' || c == '\'');
        Ok(name.rsplit(":alarm:").next().unwrap_or(name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_aws_writes_them() {
        let state_of = |name: &str| match name {
            "red" => Some("ALARM".to_owned()),
            "green" => Some("OK".to_owned()),
            _ => None,
        };
        for (rule, expected) in [
            ("ALARM(red)", true),
            ("ALARM(\"red\") AND OK('green')", true),
            ("ALARM(red) AND NOT ALARM(red)", false),
            ("ALARM(green) OR (TRUE AND OK(green))", true),
            ("FALSE OR FALSE AND TRUE", false),
            ("NOT ALARM(arn:aws:cloudwatch:eu-central-1:1:alarm:red)", false),
            ("INSUFFICIENT_DATA(nobody)", false),
        ] {
            assert_eq!(holds(rule, &state_of), Ok(expected), "{rule}");
        }
        for wrong in ["", "ALARM", "ALARM(red", "ALARM(red) ALARM(red)", "RED(red)", "(TRUE"] {
            assert!(holds(wrong, &state_of).is_err(), "{wrong}");
        }
    }
}
