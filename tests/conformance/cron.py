"""Maintenance windows of the account gate against a second implementation of AWS's cron.

Usage: cron.py PROGRAM   (`landlord`, or `landlord-gate`, which is its part about the gate)

The oracle below shares nothing with the gate: time zones are Python's, a window is found open by
walking back minute by minute through real time and reading a wall clock, the next opening by
walking on. Random windows, zones and moments, most of them around a change of clocks from 2020 to
2037. SEED=… takes back the seed that is printed; CASES=… is their number.
"""

import calendar
import concurrent.futures
import datetime
import functools
import json
import os
import random
import subprocess
import sys
import zoneinfo

# The package `tzdata`, in the version that the gate has compiled in (.ci/aws-tools.txt), and not
# what this machine happens to have: governments change their minds about years to come.
zoneinfo.reset_tzpath(to=[])

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()
# Changes by an hour, by half an hour, by two; at midnight, before it and at odd times; none.
ZONES = """
Europe/Berlin Europe/London Europe/Dublin Atlantic/Azores America/New_York America/Los_Angeles
America/St_Johns America/Havana America/Santiago America/Asuncion America/Nuuk America/Sao_Paulo
Africa/Cairo Africa/Casablanca Asia/Beirut Asia/Gaza Asia/Jerusalem Asia/Tehran Asia/Kathmandu
Asia/Tokyo Asia/Amman Antarctica/Troll Antarctica/Casey Australia/Lord_Howe Australia/Sydney
Pacific/Auckland Pacific/Chatham Pacific/Apia Pacific/Norfolk Pacific/Easter Europe/Chisinau UTC
""".split()


# ------------------------------------------------------------------ the oracle


def wraps(first, last, low, high):
    """The values of a range; one that ends before it begins goes over the end of its field."""
    if first <= last:
        return list(range(first, last + 1))
    return list(range(first, high + 1)) + list(range(low, last + 1))


@functools.cache
def values(text, low, high, names=()):
    """The set that a field of lists, ranges and steps stands for."""
    number = lambda part: names.index(part.upper()) + low if part.upper() in names else int(part)
    found = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span in ("*", ""):
            chosen = list(range(low, high + 1))
        elif "-" in span:
            chosen = wraps(*(number(part) for part in span.split("-")), low, high)
        elif step:
            chosen = list(range(number(span), high + 1))
        else:
            chosen = [number(span)]
        found.update(chosen[:: int(step or 1)])
    return frozenset(found)


def sunday_first(day):
    """AWS's number of a weekday."""
    return day.isoweekday() % 7 + 1


def is_day(day_field, week_field, day):
    """Whether the two day fields mean this day."""
    length = calendar.monthrange(day.year, day.month)[1]
    workdays = [
        n for n in range(1, length + 1) if day.replace(day=n).isoweekday() <= 5
    ]
    if week_field == "?":
        if day_field == "L":
            return day.day == length
        if day_field == "LW":
            return day.day == workdays[-1]
        if day_field.endswith("W"):
            wanted = int(day_field[:-1])
            # Never two at the same distance: a weekend has two days.
            return wanted <= length and day.day == min(workdays, key=lambda n: abs(n - wanted))
        return day.day in values(day_field, 1, 31)
    same = [n for n in range(1, length + 1) if (n - day.day) % 7 == 0]
    number = lambda text: WEEKDAYS.index(text) + 1 if text in WEEKDAYS else int(text)
    if week_field == "L":
        return sunday_first(day) == 7
    if week_field.endswith("L"):
        return sunday_first(day) == number(week_field[:-1]) and day.day == same[-1]
    if "#" in week_field:
        weekday, nth = week_field.split("#")
        place = int(nth) - 1
        return sunday_first(day) == number(weekday) and same[place : place + 1] == [day.day]
    return sunday_first(day) in values(week_field, 1, 7, tuple(WEEKDAYS))


@functools.cache
def day_matches(expression, day):
    """Whether the expression means some time of this day."""
    _, _, day_field, month, week_field, year = expression
    return (
        day.year in values(year, 1970, 2199)
        and day.month in values(month, 1, 12, tuple(MONTHS))
        and is_day(day_field, week_field, day)
    )


def matches(window, shown):
    """Whether a clock that shows this opens the window."""
    expression = window["fields"]
    return (
        shown.minute in values(expression[0], 0, 59)
        and shown.hour in values(expression[1], 0, 23)
        and day_matches(expression, shown.date() - DAY * window["offset"])
    )


def clock(moment, zone):
    """What the wall clock shows, without its zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def opens_at(window, zone, moment):
    """Whether the window opens in this very minute of real time."""
    shown, before = clock(moment, zone), clock(moment - MINUTE, zone)
    skipped = before + MINUTE
    while skipped < shown:
        if matches(window, skipped):
            return True
        skipped += MINUTE
    if not matches(window, shown):
        return False
    if any(sign in window["fields"][1] for sign in "*/"):
        return True
    # The second pass of a repeated hour opens nothing.
    return moment.astimezone(zone).fold == 0


def bounds(window, opened):
    """Whether what opens then lies between the window's dates."""
    starts, ends = window["starts"], window["ends"]
    return (starts is None or opened >= starts) and (ends is None or opened < ends)


def is_open(window, zone, now):
    """Walks back through real time to an opening."""
    minute = now.replace(second=0, microsecond=0)
    if window["ends"] is not None and now >= window["ends"]:
        return None
    while now - minute < datetime.timedelta(hours=window["hours"]):
        if opens_at(window, zone, minute) and bounds(window, minute):
            return minute
        minute -= MINUTE
    return None


def next_opening(window, zone, now, days):
    """Walks on through real time to an opening; nothing when there is none within so many days."""
    minute = now.replace(second=0, microsecond=0) + MINUTE
    end = now + DAY * days
    while minute < end:
        # A day on which no clock of the zone can open it is passed over.
        near = [clock(minute + DAY * n / 4, zone).date() for n in range(-4, 5)]
        dates = {date - DAY * window["offset"] for date in near}
        if not any(day_matches(window["fields"], date) for date in dates):
            minute += DAY / 2
            continue
        for _ in range(12 * 60):
            if opens_at(window, zone, minute) and bounds(window, minute):
                return minute
            minute += MINUTE
    return None


# ------------------------------------------------------------------ cases


@functools.cache
def changes(name):
    """The minutes around which a zone's clock changes, 2020 to 2037, in UTC."""
    zone, found = zoneinfo.ZoneInfo(name), []
    at, step = datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.timedelta(hours=6)
    while at.year < 2038:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            low, high = at, at + step
            while high - low > MINUTE:
                middle = low + ((high - low) / 2 // MINUTE) * MINUTE
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high)
        at += step
    return found


def some(chance, low, high):
    """A list, a range or a step of a field."""
    kind = chance.random()
    if kind < 0.5:
        return ",".join(str(chance.randint(low, high)) for _ in range(chance.randint(1, 3)))
    if kind < 0.7:
        return f"{chance.randint(low, high)}-{chance.randint(low, high)}"
    if kind < 0.85:
        return f"{chance.randint(low, high)}/{chance.randint(1, high - low)}"
    return f"{chance.randint(low, high)}-{chance.randint(low, high)}/{chance.randint(1, high - low)}"


def day_fields(chance):
    """The two day fields, one of them `?`."""
    weekday = lambda: chance.choice(WEEKDAYS + [str(n) for n in range(1, 8)])
    return chance.choice(
        [
            ("*", "?"),
            ("?", "*"),
            (some(chance, 1, 31), "?"),
            ("L", "?"),
            ("LW", "?"),
            (f"{chance.randint(1, 31)}W", "?"),
            ("?", some(chance, 1, 7)),
            ("?", f"{weekday()}-{weekday()}"),
            ("?", "L"),
            ("?", f"{weekday()}L"),
            ("?", f"{weekday()}#{chance.randint(1, 5)}"),
        ]
    )


def case(chance):
    """A window, its zone and a moment."""
    name = chance.choice(ZONES)
    now = datetime.datetime(2020, 1, 1, tzinfo=UTC) + datetime.timedelta(
        seconds=chance.randrange(18 * 365 * 86_400)
    )
    near = changes(name)
    if near and chance.random() < 0.8:
        now = chance.choice(near) + datetime.timedelta(seconds=chance.randint(-30 * 3_600, 30 * 3_600))
    zone = zoneinfo.ZoneInfo(name)
    # Half of the windows begin within two hours of what the clock shows near the moment.
    hour = str((clock(now, zone).hour + chance.randint(-3, 1)) % 24)
    hours = chance.choice([hour, hour, hour, some(chance, 0, 23), "*", f"{hour},*/7", "0/2"])
    minutes = chance.choice(["0", "0", "30", some(chance, 0, 59), "*/20", "59"])
    months = chance.choice(["*"] * 6 + [some(chance, 1, 12), "NOV-FEB", "mar,Oct"])
    years = chance.choice(["*"] * 8 + [f"{now.year}", "2020-2037", "2021/2"])
    days, weekdays = day_fields(chance)
    duration = chance.randint(1, 24) if chance.random() < 0.3 else chance.randint(1, 4)
    cutoff = chance.randrange(duration) if chance.random() < 0.3 else 0
    offset = chance.randint(1, 6) if chance.random() < 0.15 else 0
    bound = lambda: now + datetime.timedelta(seconds=chance.randint(-86_400, 86_400))
    starts = bound() if chance.random() < 0.15 else None
    ends = bound() if chance.random() < 0.15 else None
    if starts and ends and ends <= starts:
        ends = None
    return {
        "fields": (minutes, hours, days, months, weekdays, years),
        "zone": name,
        "duration": duration,
        "cutoff": cutoff,
        "hours": duration - cutoff,
        "offset": offset,
        "starts": starts,
        "ends": ends,
        "now": now,
    }


def iso(moment, chance):
    """A moment with an offset of anybody's."""
    offset = datetime.timezone(datetime.timedelta(minutes=chance.choice([0, 60, -480, 330])))
    return moment.astimezone(offset).isoformat()


def line(window, chance):
    """The line that asks the gate."""
    asked = {
        "Schedule": f"cron({' '.join(window['fields'])})",
        "ScheduleTimezone": window["zone"],
        "Duration": window["duration"],
        "Cutoff": window["cutoff"],
    }
    if window["offset"]:
        asked["ScheduleOffset"] = window["offset"]
    for member, name in [("StartDate", "starts"), ("EndDate", "ends")]:
        if window[name]:
            asked[member] = iso(window[name], chance)
    at = window["now"].strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"settings": {"MaintenanceWindows": [asked]}, "at": [at]})


def moment(text):
    """A moment of an answer."""
    return text and datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def never(window):
    """Whether no day of 1970 to 2199 fits."""
    day, end = datetime.date(1970, 1, 1), datetime.date(2199, 12, 31)
    while day <= end:
        if day_matches(window["fields"], day):
            return False
        day += DAY
    return True


# Days on which the walk to the next opening ends.
AHEAD = 3


def difference(window, answer):
    """What the gate says otherwise than the oracle; nothing when they agree."""
    if "faults" in answer:
        fits = "no such day" in answer["faults"][0] and never(window)
        return None if fits else f"refused: {answer['faults']}"
    zone, now = zoneinfo.ZoneInfo(window["zone"]), window["now"]
    said = answer["answers"][0]
    opened = is_open(window, zone, now)
    # Of openings in one another's hours the gate names the last, and so does the walk back.
    if moment(said["opened"]) != opened or (said["verdict"] == "PASS") != (opened is not None):
        return f"open since {opened}, the gate says {said['opened']} ({said['verdict']})"
    follows = next_opening(window, zone, now, AHEAD)
    found = moment(said["opensNext"])
    if found and found >= now + DAY * AHEAD:
        found = None
    if found != follows:
        return f"opens next at {follows}, the gate says {said['opensNext']}"
    return None


def main():
    program = sys.argv[1]
    command = [program] + (["gate"] if os.path.basename(program) == "landlord" else [])
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    number = int(os.environ.get("CASES") or 20_000)
    chance = random.Random(seed)
    windows = [case(chance) for _ in range(number)]
    asked = "\n".join(line(window, chance) for window in windows)
    done = subprocess.run(
        command + ["explain", "--batch"], input=asked, capture_output=True, text=True, check=True
    )
    answers = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert len(answers) == number, (len(answers), number)
    differences, opened = 0, 0
    with concurrent.futures.ProcessPoolExecutor() as pool:
        all_found = list(pool.map(difference, windows, answers, chunksize=100))
    for window, answer, found in zip(windows, answers, all_found):
        opened += bool(answer.get("answers") and answer["answers"][0]["opened"])
        if found:
            differences += 1
            if differences <= 5:
                print(f"{line(window, chance)}\n  {found}", file=sys.stderr)
    print(f"cron.py: {number} windows, {opened} open, {differences} differences, SEED={seed}")
    # An oracle that is never asked about an open window shows nothing.
    sys.exit(differences != 0 or opened < number // 20)


if __name__ == "__main__":
    main()
