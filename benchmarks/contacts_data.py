"""Files of invented contacts with numbers as messy as exports have them, for benchmarks/contacts.py. Same seed, same bytes.

Of a hundred numbers some 92 are valid: national and international in many spellings, foreign ones, (0), extensions,
full-width digits, damage by Excel; then junk, cut-off and overlong ones, and 3 % of repeated people.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

HEADER = "id,first_name,last_name,e_mail,phone,city,plan,consent\n"
FIRST_NAMES = ("Ann", "Zoë", "Oliver", "Priya", "José", "李雷", "Mary Jane", "O'Brien", "Björn", "Chloë")
CITIES = ("Leeds", "Köln", "Alderford", '"Wexcombe, Little"', "Saint-Aubert", "Norrsjö", "")
JUNK = ("n/a", "", "unknown", "-", "none", "test@example.com", "call me", "TBC")
WIDE_DIGITS = {48 + digit: 0xFF10 + digit for digit in range(10)}

# Shares in per cent. m: a mobile number of GB without its trunk prefix; s: its last six digits; r: eight random ones.
_SPELLINGS = (
    (30, "0{m}"), (15, "+44{m}"), (10, "0{m:.4} {s}"), (8, "+44 {m:.4}-{s}"), (5, "(0{m:.4}) {s}"), (5, "0044{m}"),
    (5, "{m}"), (4, "44{m}"), (2, "+49 151 {r:08}"), (2, "+1 212 {s}7"), (2, "+336{r:08}"), (2, "0034 6{r:08}"),
    (1.5, "+44 (0){m}"), (1, "wide"), (1, "0{m} ext 7"), (0.8, "4.4{m}E11"), (0.2, "4.4{m:.3}E11"), (1, "44{m}.0"),
    (1.5, "junk"), (2, "{m:.5}"), (1, "0{m}{r:08}"),
)  # fmt: skip


def write_contacts(path: Path, n_rows: int, *, seed: int = 7) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        file.writelines(_rows(n_rows, random.Random(seed)))


def suppressed_mobiles(n: int, *, seed: int = 8) -> list[str]:
    """MSISDNs of opt-outs, of which hardly any are in a file: what a suppression list is like."""
    draw = random.Random(seed)
    return list({f"+44{_mobile(draw)}": None for _ in range(n)})


def _rows(n_rows: int, draw: random.Random) -> Iterator[str]:
    spellings = [spelling for _, spelling in _SPELLINGS]
    shares = [share for share, _ in _SPELLINGS]
    earlier: list[str] = []
    for first in range(0, n_rows, 10_000):
        for place, spelling in enumerate(draw.choices(spellings, shares, k=min(10_000, n_rows - first))):
            number = first + place
            mobile = draw.choice(earlier) if earlier and draw.random() < 0.03 else _mobile(draw)
            if place % 50 == 0:
                earlier.append(mobile)
            consent = "no" if number % 97 == 0 else "yes"
            yield (
                f"C{number:08},{FIRST_NAMES[number % 10]},Sample {number % 977},c{number}@example.com,"
                f"{_spelt(spelling, mobile, draw)},{CITIES[number % 7]},basic,{consent}\n"
            )


def _spelt(spelling: str, mobile: str, draw: random.Random) -> str:
    if spelling == "junk":
        return draw.choice(JUNK)
    if spelling == "wide":
        return f"0{mobile}".translate(WIDE_DIGITS)
    return spelling.format(m=mobile, s=mobile[4:], r=draw.randrange(2_000_000, 10**8))


def _mobile(draw: random.Random) -> str:
    return f"74{draw.randrange(10**8):08}"
