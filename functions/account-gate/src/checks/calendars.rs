//! Change calendars: one call says whether all of them are open.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html>

use aws_sdk_ssm::types::CalendarState;

use super::{named, refused};
use gate_rules::{Check, Finding, Verdict};

pub(crate) async fn calendars(ssm: &aws_sdk_ssm::Client, names: &[String]) -> Finding {
    let found = |verdict, reason: String| Finding::new(Check::Calendars, verdict, reason);
    let answer = ssm.get_calendar_state().set_calendar_names(Some(names.to_vec())).send().await;
    match answer {
        Err(error) => found(Verdict::Unknown, refused("GetCalendarState", &error)),
        Ok(answer) => match answer.state() {
            Some(CalendarState::Open) => {
                found(Verdict::Pass, format!("open: calendars {}", named(names)))
            }
            Some(CalendarState::Closed) => {
                let until = answer
                    .next_transition_time()
                    .map(|next| format!(" until {next}"))
                    .unwrap_or_default();
                found(Verdict::Veto, format!("closed{until}: calendars {}", named(names)))
            }
            other => {
                let state = other.map_or("nothing", CalendarState::as_str);
                found(Verdict::Unknown, format!("GetCalendarState answered the state {state}"))
            }
        },
    }
}
