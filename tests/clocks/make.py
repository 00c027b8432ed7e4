#!/usr/bin/env python3
"""Writes clocks.tsv: what clocks show around the edges of zones, worked out by Python's zoneinfo and plain
arithmetic on its datetimes, none of which the engine uses.

    python3 tests/clocks/make.py > tests/clocks/clocks.tsv

A line is: zone, instant, and what each of the columns below says of it. A local time that comes twice is the
first (fold=0), one that never comes is read by the offset before the gap: what zoneinfo does with fold=0.
"""
import calendar
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UTC = timezone.utc
ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Atlantic/Azores", "Asia/Kathmandu", "Pacific/Apia",
         "Australia/Lord_Howe", "America/New_York", "America/Sao_Paulo"]


def offset(zone, at):
    return at.astimezone(zone).utcoffset()


def edges(zone, year):
    """The instants within a year at which the offset changes, to the second."""
    day, end = datetime(year, 1, 2, tzinfo=UTC), datetime(year, 12, 30, tzinfo=UTC)
    while day < end:
        low, high = day, day + timedelta(days=1)
        if offset(zone, low) != offset(zone, high):
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
                low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
            yield high
        day += timedelta(days=1)


def instant(zone, local):
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def begins(zone, local):
    """The first instant at which the clocks show a midnight, or a later time."""
    at = instant(zone, local)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    low, high = at - timedelta(days=2), at
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
        low, high = (low, middle) if offset(zone, middle) == offset(zone, at) else (middle, high)
    return high


def months(local, count):
    index = local.year * 12 + local.month - 1 + count
    year, month = divmod(index, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def text(at):
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def line(name, zone, at):
    local = at.astimezone(zone).replace(tzinfo=None)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    week = day - timedelta(days=day.weekday()) if day > datetime(1, 1, 7) else None
    firsts = [day, week, day.replace(day=1), day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1),
              day.replace(day=1, month=1)]
    cells = [name, text(at), local.isoformat(timespec="microseconds")]
    for first in firsts:
        try:
            cells.append(text(begins(zone, first)))
        except (OverflowError, ValueError, AttributeError):
            cells.append("")
    for count in (1, -1, 12):
        try:
            cells.append(text(instant(zone, months(local, count))))
        except (OverflowError, ValueError):
            cells.append("")
    try:
        cells.append(text(instant(zone, local)))
    except (OverflowError, ValueError):
        cells.append("")
    print("\t".join(cells))


print("\t".join(["zone", "at", "shown", "day", "week", "month", "quarter", "year", "month_later", "month_before",
                 "year_later", "read"]))
for name in ZONES:
    zone = ZoneInfo(name)
    instants = [datetime(1, 1, 2, 12, 0, 0, 123456, tzinfo=UTC), datetime(1, 3, 31, 23, 59, 59, tzinfo=UTC),
                datetime(1600, 2, 29, 12, 0, tzinfo=UTC), datetime(1883, 11, 18, 17, 0, tzinfo=UTC),
                datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC), datetime(2262, 4, 12, tzinfo=UTC),
                datetime(2263, 7, 1, 6, 30, tzinfo=UTC), datetime(9998, 12, 31, 12, 0, tzinfo=UTC),
                datetime(9999, 7, 1, 12, 30, tzinfo=UTC), datetime(9999, 12, 30, 11, 0, tzinfo=UTC),
                datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    for year in (1986, 2010, 2011, 2018, 2024, 2025, 2262, 2263, 9998):
        for edge in edges(zone, year):
            for minutes in (-1441, -91, -31, -1, 0, 1, 29, 45, 75, 1440):
                instants.append(edge + timedelta(minutes=minutes))
            # What shows the same a month before and after, and at a midnight.
            for days in (-31, -30, 28, 30, 31):
                instants.append(edge + timedelta(days=days, minutes=-15))
                instants.append(edge + timedelta(days=days, minutes=15))
    # The day that Apia skipped, and Kathmandu's quarter of an hour.
    instants += [datetime(2011, 12, 30, 9, 59, tzinfo=UTC), datetime(2011, 12, 30, 10, 0, tzinfo=UTC),
                 datetime(2011, 11, 30, 12, 0, tzinfo=UTC), datetime(2012, 1, 30, 12, 0, tzinfo=UTC),
                 datetime(1985, 12, 31, 18, 20, tzinfo=UTC), datetime(1986, 1, 31, 18, 20, tzinfo=UTC)]
    for at in sorted(set(instants)):
        line(name, zone, at)
