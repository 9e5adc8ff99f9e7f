"""The account gate in Python, as a yardstick for `make bench`: the same checks, asked in the same
order of urgency, with the SDK that Lambda's own Python runtime brings. It is not shipped."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import boto3
from botocore.config import Config

LIMITS = Config(connect_timeout=1, read_timeout=1.5, retries={"max_attempts": 2, "mode": "standard"})
SSM = boto3.client("ssm", config=LIMITS)
CLOUDWATCH = boto3.client("cloudwatch", config=LIMITS)

OVERRIDE = os.environ.get("OVERRIDE_PARAMETER", "/landlord/gate/override")
WANTED = [part.strip() for part in os.environ.get("REQUIRED_PARAMETERS", "").split(",") if part.strip()]
CALENDARS = [part.strip() for part in os.environ.get("CHANGE_CALENDARS", "").split(",") if part.strip()]
WINDOWS = json.loads(os.environ.get("MAINTENANCE_WINDOWS") or "[]")
FREEZES = json.loads(os.environ.get("FREEZE_PERIODS") or "[]")
IGNORE = [part.strip() for part in os.environ.get("ALARMS_IGNORE", "").split(",") if part.strip()]
CLOSED = os.environ.get("FAIL_MODE", "closed") != "open"


def handler(event, context):
    with ThreadPoolExecutor(max_workers=3) as pool:
        checks = [pool.submit(check) for check in (parameters, alarms, calendars)]
        findings = [finding for check in checks for finding in result(check)]
    findings += windows(datetime.now(timezone.utc))
    if any(verdict == "OPEN" for verdict, _ in findings):
        status, reasons = "SUCCEEDED", [why for verdict, why in findings if verdict == "OPEN"]
    else:
        bad = ("VETO", "UNKNOWN") if CLOSED else ("VETO",)
        reasons = [why for verdict, why in findings if verdict in bad]
        status = "FAILED" if reasons else "SUCCEEDED"
    print(json.dumps({"event": "gate decided", "status": status, "reasons": reasons}))
    return {"Status": status, "Reason": "; ".join(reasons)}


def result(check):
    try:
        return check.result(timeout=4)
    except Exception as error:  # an answer in every case
        return [("UNKNOWN", str(error))]


def parameters():
    names = list(dict.fromkeys([OVERRIDE] + [wanted.partition("=")[0] for wanted in WANTED]))
    found = {p["Name"]: p["Value"] for p in SSM.get_parameters(Names=names)["Parameters"]}
    findings = []
    if OVERRIDE in found:
        override = json.loads(found[OVERRIDE])
        until = datetime.fromisoformat(override["until"].replace("Z", "+00:00"))
        if datetime.now(timezone.utc) < until:
            verdict = {"open": "OPEN", "hold": "VETO"}[override["action"]]
            findings.append((verdict, f"override {override['action']} until {until}"))
    for wanted in WANTED:
        name, has_value, value = wanted.partition("=")
        if name not in found or (has_value and found[name] != value):
            findings.append(("VETO", f"not there: {wanted}"))
    return findings


def alarms():
    pages = CLOUDWATCH.get_paginator("describe_alarms").paginate(
        StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm", "LogAlarm"],
        PaginationConfig={"PageSize": 100})
    for page in pages:
        red = [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms", "LogAlarms")
               for alarm in page.get(kind, []) if alarm["AlarmName"] not in IGNORE]
        if red:
            return [("VETO", f"{len(red)} alarms in ALARM: {red[:5]}")]
    return []


def calendars():
    if CALENDARS and SSM.get_calendar_state(CalendarNames=CALENDARS)["State"] != "OPEN":
        return [("VETO", "a calendar is closed")]
    return []


def windows(now):
    for freeze in FREEZES:
        zone = ZoneInfo(freeze.get("Timezone", "UTC"))
        start, end = (datetime.fromisoformat(freeze[key]).replace(tzinfo=zone) for key in ("From", "To"))
        if start <= now < end:
            return [("VETO", f"frozen until {end}")]
    if WINDOWS and not any(is_open(window, now) for window in WINDOWS):
        return [("VETO", "no maintenance window is open")]
    return []


def is_open(window, now):
    """Daily and weekly schedules of single values: enough for a yardstick."""
    minute, hour, _, _, weekday, _ = window["Schedule"][5:-1].split()
    zone = ZoneInfo(window.get("ScheduleTimezone", "UTC"))
    days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
    for back in (0, 1):
        day = now.astimezone(zone) - timedelta(days=back)
        start = day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        if weekday in ("?", "*", days[start.weekday()]) and start <= now < start + timedelta(hours=window["Duration"]):
            return True
    return False
