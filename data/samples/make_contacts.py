"""Make contacts.csv and opt_outs.csv: invented people, as messy as real exports are. The same seed, the same bytes.

    python data/samples/make_contacts.py

What the files hold, and what becomes of it, stands in README.md; tests/data/test_samples.py holds all of them together.
"""

from __future__ import annotations

import csv
import io
import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

FOLDER = Path(__file__).parent
SEED = 20261125
N_PEOPLE = 2_300
N_DUPLICATES = 90
N_OPTED_OUT = 60
N_OPTED_OUT_STRANGERS = 15  # on the list, not in the file
HEADER = (
    "Customer ID", "First Name", "Last Name", "E-Mail", "Mobile", "Country", "City", "Plan", "Points", "SMS Consent",
)  # fmt: skip

PLANS = ("basic", "basic", "basic", "plus", "plus", "premium", "")
EMOJI = ("🌸", "🎉", "😀", "🇪🇺", "👩‍🚀")
WIDE_DIGITS = {48 + digit: 0xFF10 + digit for digit in range(10)}
JUNK = ("n/a", "unknown", "call me", "-", "none", "TBC", "test@example.com", "see notes", "0000", "#N/A")


@dataclass(frozen=True, slots=True)
class Country:
    """Shapes of numbers have a '#' for any digit and no trunk prefix: the 0 that is dialled before them at home."""

    code: str
    calling_code: str
    trunk: str
    share: int  # of the people, per cent
    mobile: tuple[str, ...]
    landline: tuple[str, ...]
    written: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]


# US numbers are of the 555-01xx range that belongs to fiction, landlines of GB, DE, FR and SE of theirs; nobody has
# set aside mobile ranges that libphonenumber calls valid in all six, so these files are for the simulator.
COUNTRIES = (
    Country(
        "GB", "44", "0", 34, ("7400######",), ("2079460###", "1134960###"),
        ("GB", "GB", "UK", "United Kingdom"), ("yes", "yes", "Y", "Yes"), ("no", "N"),
        ("Ann", "Oliver", "Zoë", "Aoife", "Mohammed", "Priya", "Seán", "Grace", "Jack", "Mary Jane", "Chloë", "Femi"),
        ("Smith", "O'Neil", "Khan", "Okafor", "Taylor-Reed", "Patel", "Brontë", "Jones", "MacLeod", "Evans"),
        ("Northbridge", "Alderford", "Kingsmere", "Saltby-on-Sea", "Little Wexcombe"),
    ),
    Country(
        "DE", "49", "0", 20, ("17139200##", "1512#######", "176040690##"), ("30231250##",),
        ("DE", "DE", "Germany", "Deutschland"), ("ja", "Ja", "yes"), ("nein", "no"),
        ("Jürgen", "Anneliese", "Björn", "Käthe", "Yusuf", "Lena", "Maximilian", "Çiğdem", "Jörg", "Sophie"),
        ("Müller", "Weiß", "Schröder", "von der Heide", "Yılmaz", "Großmann", "Köhler", "Lang"),
        ("Neustetten", "Grünfelde", "Oberwalden", "Königsmühle"),
    ),
    Country(
        "FR", "33", "0", 16, ("61234####", "75123####"), ("19900####",),
        ("FR", "FR", "France"), ("oui", "Oui", "yes"), ("non", "no"),
        ("François", "Chloé", "Zoé", "Hélène", "Jean-Luc", "Inès", "Mamadou", "Noémie", "Gaël"),
        ("Lefèvre", "Dubois", "D'Aubigné", "Müller", "Benoît", "N'Diaye", "Garçon"),
        ("Villeneuve-les-Prés", "Saint-Aubert", "Montclair", "Beaurivage"),
    ),
    Country(
        "US", "1", "", 14, ("21255501##", "30555501##", "41555501##", "51255501##", "61755501##", "71355501##"), (),
        ("US", "USA", "United States"), ("yes", "TRUE", "1"), ("no", "FALSE"),
        ("Emily", "José", "Dwayne", "Mary-Kate", "LaToya", "李雷", "Xavier", "Mia"),
        ("Johnson", "García", "Nguyen", "O’Brien", "Washington", "Kowalski"),
        ("Maple Falls", "New Dunwich", "Cedar Bluff", "Port Marlow"),
    ),
    Country(
        "ES", "34", "", 9, ("60012####", "71123####"), ("91012####",),
        ("ES", "Spain", "España"), ("sí", "si", "yes"), ("no",),
        ("Íñigo", "María José", "Núria", "Begoña", "Álvaro", "Xoán"),
        ("Muñoz", "García López", "Peña", "Ibáñez", "Güell"),
        ("Villaflor", "Peñablanca", "San Telmo del Mar"),
    ),
    Country(
        "SE", "46", "0", 7, ("7017406##", "73612####"), ("8465004##",),
        ("SE", "Sweden", "Sverige"), ("ja", "yes"), ("nej", "no"),
        ("Åsa", "Björn", "Göran", "Märta", "Elsa", "Håkan"),
        ("Öberg", "Ångström", "Lindqvist", "Sjöström"),
        ("Björkvik", "Norrsjö", "Ålunda"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the file. number: as in the shape of its country; mobile: as it is written."""

    country: Country
    number: str
    mobile: str
    customer_id: str
    first_name: str
    last_name: str
    e_mail: str
    written_country: str
    city: str
    plan: str
    points: str
    consent: str

    def row(self) -> tuple[str, ...]:
        return (
            self.customer_id, self.first_name, self.last_name, self.e_mail, self.mobile,
            self.written_country, self.city, self.plan, self.points, self.consent,
        )  # fmt: skip


T = TypeVar("T")
Spelling = Callable[[Country, str], str]


def _in_groups(number: str, separator: str) -> str:
    return separator.join((number[:3], number[3:6], number[6:]))


def _as_integer(country: Country, number: str) -> str:
    """As a spreadsheet keeps it. German numbers have lost a zero instead of the plus: 49171… might be a landline of Leer."""
    return number if country.code == "DE" else country.calling_code + number


def _as_float(country: Country, number: str) -> str:
    digits = _as_integer(country, number)
    return f"{digits[0]}.{digits[1:]}E+{len(digits) - 1}"


# Spelling → how often, of a hundred. Each of them is read as the number it stands for.
SPELLINGS: dict[Spelling, int] = {
    lambda c, n: c.trunk + n: 30,
    lambda c, n: f"+{c.calling_code}{n}": 16,
    lambda c, n: c.trunk + _in_groups(n, " "): 12,
    lambda c, n: f"+{c.calling_code} {_in_groups(n, ' ')}": 10,
    lambda c, n: f"({c.trunk}{n[:3]}) {n[3:6]}-{n[6:]}": 6,
    lambda c, n: f"+{c.calling_code} ({c.trunk or n[:3]}){n if c.trunk else n[3:]}": 4,
    lambda c, n: c.trunk + _in_groups(n, "-"): 4,
    lambda c, n: c.trunk + _in_groups(n, "."): 3,
    lambda c, n: ("011" if c.code == "US" else "00") + c.calling_code + n: 3,
    _as_integer: 3,
    lambda c, n: (c.trunk + n).translate(WIDE_DIGITS): 2,
    lambda c, n: f" {c.trunk}{_in_groups(n, chr(0xA0))} ": 2,
    lambda c, n: f"Tel: +{c.calling_code} {n}": 1,
    lambda c, n: f"'+{c.calling_code}{n}": 1,
    lambda c, n: f"{_as_integer(c, n)}.0": 2,
    _as_float: 1,
}

# Damage → how often, of ten thousand. None of them may be read as a number.
DAMAGES: dict[Spelling, int] = {
    lambda _c, _n: "": 120,
    lambda c, n: (
        _as_float(c, n)[:6] + f"E+{len(c.calling_code + n) - 1}"
    ): 70,  # Excel showed, and kept, five digits
    lambda c, n: c.trunk + n[:5]: 70,
    lambda c, n: f"+{c.calling_code}{n}{n[:4]}": 50,
    lambda c, n: f"{c.trunk}{n[:5]}O{n[6:]}": 40,
    lambda c, n: f"+{c.calling_code}{n} / +{c.calling_code}{n[:-1]}{9 - int(n[-1])}": 40,
    lambda c, n: f"{c.trunk}{n}; {c.trunk}{n[:-1]}{9 - int(n[-1])}": 30,
    lambda _c, n: f"+999 {n}": 20,
    lambda _c, n: (
        f"+44 7700 900{n[-3:]}"
    ): 40,  # Ofcom's numbers for drama: nobody has them, libphonenumber neither
}
N_JUNK_OF_TEN_THOUSAND = 130
N_LANDLINES_OF_TEN_THOUSAND = 350
N_WITHOUT_COUNTRY_OF_TEN_THOUSAND = 200
N_FROM_ATLANTIS_OF_TEN_THOUSAND = 30


class _Maker:
    """Draws everything from one source of randomness, in one order."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._taken: set[str] = set()

    def files(self) -> tuple[bytes, bytes]:
        """contacts.csv and opt_outs.csv."""
        people = [self._person(k) for k in range(N_PEOPLE)]
        opted_out = self._random.sample([p for p in people if p.number in self._taken], N_OPTED_OUT)
        rows = [list(p.row()) for p in self._with_duplicates(people)]
        return _contacts_csv(rows), self._opt_outs_csv(opted_out)

    def _person(self, k: int) -> Person:
        country = self._weighted(COUNTRIES, [country.share for country in COUNTRIES])
        number = self._number(country.mobile)
        first_name, last_name = (
            self._random.choice(country.first_names),
            self._random.choice(country.last_names),
        )
        person = Person(
            country=country,
            number=number,
            mobile=self._spelled(country, number),
            customer_id=f"C{100_001 + k}",
            first_name=first_name,
            last_name=last_name,
            e_mail=f"{_plain(first_name)}.{_plain(last_name)}{k}@example.com",
            written_country=self._random.choice(country.written),
            city=self._random.choice(country.cities),
            plan=self._random.choice(PLANS),
            points=str(self._random.randrange(5_000)),
            consent=self._consent(country),
        )
        return self._with_odd_number(self._with_odd_name(person))

    def _with_odd_name(self, person: Person) -> Person:
        x = self._random.random()
        if x < 0.05:
            return replace(person, first_name="")
        if x < 0.08:
            return replace(person, first_name=person.first_name.upper(), last_name=person.last_name.upper())
        if x < 0.10:
            return replace(person, first_name=f"{person.first_name} {self._random.choice(EMOJI)}")
        if x < 0.12:
            return replace(person, first_name=f" {person.first_name} ", points="")
        if x < 0.13:
            return replace(person, last_name=f'{person.last_name} "{person.first_name[:2]}", Jr.')
        return person

    def _with_odd_number(self, person: Person) -> Person:
        """Most have none. A number that is not to be read is given back, so that nobody else is taken for its owner."""
        country, x = person.country, self._random.randrange(10_000)
        for damage, share in DAMAGES.items():
            if x < share:
                self._taken.discard(person.number)
                return replace(person, mobile=damage(country, person.number))
            x -= share
        if x < N_JUNK_OF_TEN_THOUSAND:
            self._taken.discard(person.number)
            return replace(person, mobile=self._random.choice(JUNK))
        x -= N_JUNK_OF_TEN_THOUSAND
        if x < N_LANDLINES_OF_TEN_THOUSAND and country.landline:
            self._taken.discard(person.number)
            number = self._number(country.landline)
            return replace(person, number=number, mobile=self._spelled(country, number))
        x -= N_LANDLINES_OF_TEN_THOUSAND
        if 0 <= x < N_WITHOUT_COUNTRY_OF_TEN_THOUSAND:
            return replace(person, written_country="", mobile=f"+{country.calling_code}{person.number}")
        x -= N_WITHOUT_COUNTRY_OF_TEN_THOUSAND
        if 0 <= x < N_FROM_ATLANTIS_OF_TEN_THOUSAND and country.trunk:
            self._taken.discard(person.number)
            return replace(person, written_country="Atlantis", mobile=country.trunk + person.number)
        return person

    def _with_duplicates(self, people: Sequence[Person]) -> list[Person]:
        """Some people stand in the file twice, further down, under another id and in another spelling."""
        rows = list(people)
        for k, person in enumerate(
            self._random.sample([p for p in people if p.number in self._taken], N_DUPLICATES)
        ):
            again = replace(
                person,
                customer_id=f"D{900_001 + k}",
                mobile=self._spelled(person.country, person.number),
                written_country=person.country.code,
            )
            rows.insert(self._random.randrange(rows.index(person) + 1, len(rows) + 1), again)
        return rows

    def _opt_outs_csv(self, people: Sequence[Person]) -> bytes:
        strangers = [(COUNTRIES[0], self._number(COUNTRIES[0].mobile)) for _ in range(N_OPTED_OUT_STRANGERS)]
        numbers = [(person.country, person.number) for person in people] + strangers
        rows = [
            (f"+{country.calling_code} {_in_groups(number, ' ')}", f"2026-{1 + k % 9:02d}-{1 + k % 28:02d}")
            for k, (country, number) in enumerate(numbers)
        ]
        return _csv([("Phone", "Since"), *rows])

    def _number(self, shapes: Sequence[str]) -> str:
        """One that nobody has yet."""
        while True:
            shape = self._random.choice(shapes)
            number = "".join(str(self._random.randrange(10)) if char == "#" else char for char in shape)
            if number not in self._taken:
                self._taken.add(number)
                return number

    def _spelled(self, country: Country, number: str) -> str:
        return self._weighted(list(SPELLINGS), list(SPELLINGS.values()))(country, number)

    def _consent(self, country: Country) -> str:
        x = self._random.random()
        if x < 0.92:
            return self._random.choice(country.yes)
        return self._random.choice(country.no) if x < 0.96 else ""

    def _weighted(self, items: Sequence[T], weights: Sequence[int]) -> T:
        return self._random.choices(items, weights)[0]


def _contacts_csv(rows: list[list[str]]) -> bytes:
    """With what tools do to a file on its way: a row cut short, one with a value too much, one that is empty."""
    rows[700] = rows[700][:9]
    rows[1500] = [*rows[1500], "left the club"]
    rows.insert(2_000, [])
    return b"\xef\xbb\xbf" + _csv([HEADER, *rows])


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _plain(name: str) -> str:
    """The letters that an e-mail address of these people would have; those without any go by 'customer'."""
    letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "".join(char for char in letters if char.isalpha()) or "customer"


def make_files(seed: int = SEED) -> tuple[bytes, bytes]:
    """contacts.csv and opt_outs.csv."""
    return _Maker(seed).files()


def main() -> None:
    for name, content in zip(("contacts.csv", "opt_outs.csv"), make_files(), strict=True):
        (FOLDER / name).write_bytes(content)
        print(f"{FOLDER / name}: {content.count(10):,} lines")


if __name__ == "__main__":
    main()
