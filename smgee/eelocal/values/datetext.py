"""Dates to and from text by Joda-Time patterns
(https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.date import find_zone, from_local, to_local

_MONTHS = list(calendar.month_name)
_MONTHS_SHORT = list(calendar.month_abbr)
_DAYS = list(calendar.day_name)
_DAYS_SHORT = list(calendar.day_abbr)

# English names of the zones, by the abbreviation that the zone database uses there.
_ZONE_NAMES = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "BST": "British Summer Time",
    "IST": "India Standard Time",
    "WET": "Western European Time",
    "WEST": "Western European Summer Time",
    "CET": "Central European Time",
    "CEST": "Central European Summer Time",
    "EET": "Eastern European Time",
    "EEST": "Eastern European Summer Time",
    "MSK": "Moscow Standard Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "AKST": "Alaska Standard Time",
    "AKDT": "Alaska Daylight Time",
    "HST": "Hawaii Standard Time",
    "AST": "Atlantic Standard Time",
    "ADT": "Atlantic Daylight Time",
    "JST": "Japan Standard Time",
    "KST": "Korea Standard Time",
    "WIB": "West Indonesia Time",
    "AEST": "Australian Eastern Standard Time",
    "AEDT": "Australian Eastern Daylight Time",
    "ACST": "Australian Central Standard Time",
    "ACDT": "Australian Central Daylight Time",
    "AWST": "Australian Western Standard Time",
    "NZST": "New Zealand Standard Time",
    "NZDT": "New Zealand Daylight Time",
    "SAST": "South Africa Standard Time",
    "EAT": "Eastern African Time",
    "CAT": "Central African Time",
    "WAT": "Western African Time",
    "PKT": "Pakistan Time",
}
# The same abbreviation in other places.
_ZONE_NAMES_BY_REGION = {
    ("Asia", "CST"): "China Standard Time",
    ("Europe", "IST"): "Irish Standard Time",
    ("Asia", "PST"): "Philippines Standard Time",
}


def _tokens(pattern: str) -> list[tuple[str, int]]:
    """Split a pattern into (letter, count) and ('', literal) pieces; the literal stands in place of the
    count's letter.
    """
    out: list[tuple[str, int]] = []
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if c == "'":
            if pattern.startswith("''", i):
                out.append(("''", 0))
                i += 2
                continue
            i += 1
            text = ""
            while i < len(pattern):
                if pattern.startswith("''", i):
                    text += "'"
                    i += 2
                elif pattern[i] == "'":
                    break
                else:
                    text += pattern[i]
                    i += 1
            i += 1
            out.append(("'" + text, 0))
            continue
        if c.isascii() and c.isalpha():
            j = i
            while j < len(pattern) and pattern[j] == c:
                j += 1
            out.append((c, j - i))
            i = j
            continue
        out.append(("'" + c, 0))
        i += 1
    return out


def format_date(ms: float, pattern: str | None, zone: str | None) -> str:
    """Return an instant as text; without a pattern, as ISO date and time of day to the second; `EEError` for
    a pattern letter that Joda-Time does not know.
    """
    local = to_local(ms, find_zone(zone))
    if pattern is None:
        pattern = "yyyy-MM-dd'T'HH:mm:ss"
    return "".join(_format(letter, count, local, zone) for letter, count in _tokens(pattern))


def _format(letter: str, count: int, time: dt.datetime, zone: str | None) -> str:
    if letter == "''":
        return "'"
    if letter.startswith("'"):
        return letter[1:]
    week_year, week, weekday = time.isocalendar()
    if letter in "Yyx":
        year = week_year if letter == "x" else time.year
        return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"
    if letter == "M" and count >= 3:
        return (_MONTHS if count > 3 else _MONTHS_SHORT)[time.month]
    if letter == "E":
        return (_DAYS if count > 3 else _DAYS_SHORT)[weekday - 1]
    if letter == "S":
        return f"{time.microsecond:06d}".ljust(count, "0")[:count]
    numbers = {
        "C": time.year // 100,
        "w": week,
        "e": weekday,
        "D": time.timetuple().tm_yday,
        "M": time.month,
        "d": time.day,
        "K": time.hour % 12,
        "h": (time.hour - 1) % 12 + 1,
        "H": time.hour,
        "k": (time.hour - 1) % 24 + 1,
        "m": time.minute,
        "s": time.second,
    }
    if letter in numbers:
        return f"{numbers[letter]:0{count}d}"
    if letter == "G":
        return "AD"
    if letter == "a":
        return "AM" if time.hour < 12 else "PM"
    if letter == "z":
        return _zone_text(time, zone, long=count >= 4)
    if letter == "Z":
        if count >= 3:
            return zone or "UTC"
        offset = time.utcoffset() or dt.timedelta()
        minutes = int(offset.total_seconds() // 60)
        sign = "-" if minutes < 0 else "+"
        return f"{sign}{abs(minutes) // 60:02d}{':' if count == 2 else ''}{abs(minutes) % 60:02d}"
    raise EEError(f"Illegal pattern component: {letter}.")


def _zone_text(time: dt.datetime, zone: str | None, *, long: bool) -> str:
    short = time.tzname() or "UTC"
    if not long:
        return short
    region = (zone or "").split("/")[0]
    name = _ZONE_NAMES_BY_REGION.get((region, short)) or _ZONE_NAMES.get(short)
    if name is None:
        raise EEError(
            f"The long name of the time zone '{zone}' is not known here; use 'z' or 'ZZZ' instead of 'zzzz'."
        )
    return name


def parse_date(text: str, pattern: str, zone: str | None) -> float:
    """Return the instant that a text states by a pattern; `EEError` if the text does not match, or the
    pattern has a part that can't be parsed.
    """
    regex, fields = "", []
    tokens = _tokens(pattern)
    for (letter, count), (following, width) in zip(tokens, [*tokens[1:], ("'", 0)], strict=True):
        if letter == "''":
            regex += "'"
        elif letter.startswith("'"):
            regex += re.escape(letter[1:])
        else:
            digits_follow = following in _NUMERIC or (following == "M" and width < 3)
            # Joda-Time never gives back what a field took, so neither does an atomic group.
            regex += f"((?>{_matcher(letter, count, digits_follow)}))"
            fields.append((letter, count))
    match = re.fullmatch(regex, text, re.IGNORECASE)
    if match is None:
        raise EEError(f"Invalid format: '{text}' does not match the pattern '{pattern}'.")
    parts: dict[str, str] = {}
    widths: dict[str, int] = {}
    for (letter, count), value in zip(fields, match.groups(), strict=True):
        parts[letter] = value
        widths[letter] = count
    try:
        return _assemble(parts, widths, zone)
    except (ValueError, OverflowError) as error:
        raise EEError(f"Cannot parse '{text}': {error}.") from error


_NUMERIC = frozenset("xyYwedDKhHkmsS")


def _matcher(letter: str, count: int, digits_follow: bool) -> str:
    """Return what a field of a pattern may be; years before another number have the pattern's digits
    (``yyyyMMdd``), others any number of them.
    """
    if letter == "M" and count >= 3:
        return "|".join(sorted([*_MONTHS[1:], *_MONTHS_SHORT[1:]], key=len, reverse=True))
    if letter == "E":
        return "|".join(sorted([*_DAYS, *_DAYS_SHORT], key=len, reverse=True))
    if letter == "a":
        return "AM|PM"
    if letter == "G":
        return "AD"
    if letter == "Z":
        return r"[+-]\d{2}:?\d{2}|Z" if count < 3 else r"[A-Za-z_/+\-0-9]+"
    if letter == "S":
        return rf"\d{{1,{count}}}"
    if letter in "Yyx":
        most = count if digits_follow else 9
        return r"\d{2}" if count == 2 else rf"[+-]?\d{{1,{most}}}"
    if letter in "DMdKhHkmswe":
        return rf"\d{{1,{max(count, 3 if letter == 'D' else 2)}}}"
    raise EEError(f"Illegal pattern component for parsing: {letter}.")


def _assemble(parts: dict[str, str], widths: dict[str, int], zone: str | None) -> float:
    number = {k: int(v) for k, v in parts.items() if v.lstrip("+-").isdigit() and k != "S"}
    letter = next((k for k in "Yyx" if k in number), None)
    year = number[letter] if letter else 1970
    if letter and widths[letter] == 2:
        pivot = (
            dt.datetime.now(dt.UTC).year - 30
        )  # Joda-Time: the century that puts the year within 50 before and 49 after this
        year += (pivot - 50) // 100 * 100
        while year < pivot - 50:
            year += 100
    hour = number.get("H", number.get("k", 0) % 24)
    if "h" in number or "K" in number:
        hour = number.get("h", number.get("K", 0)) % 12 + (12 if parts.get("a", "AM").upper() == "PM" else 0)
    tz = find_zone(zone)
    if "Z" in parts:
        tz = find_zone(parts["Z"])
    clock = {"hour": hour, "minute": number.get("m", 0), "second": number.get("s", 0)}
    micro = int(parts.get("S", "0").ljust(6, "0")[:6])
    if "w" in number or letter == "x":
        day = dt.datetime.fromisocalendar(year, number.get("w", 1), number.get("e", 1))
    elif "D" in number:
        day = dt.datetime(year, 1, 1) + dt.timedelta(days=number["D"] - 1)
    else:
        month = number.get("M", 1)
        if "M" in parts and widths["M"] >= 3:
            month = [m.lower() for m in _MONTHS_SHORT].index(parts["M"][:3].lower())
        day = dt.datetime(year, month, number.get("d", 1))
    named = [d.lower() for d in _DAYS_SHORT].index(parts["E"][:3].lower()) + 1 if "E" in parts else None
    if any(weekday not in (None, day.isoweekday()) for weekday in (named, number.get("e"))):
        raise ValueError(f"{day:%Y-%m-%d} is another day of the week")
    return from_local(day.replace(**clock, microsecond=micro, tzinfo=tz))
