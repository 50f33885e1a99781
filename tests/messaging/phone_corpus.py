"""Strings that are hard for a reader of phone numbers: every region, every type, 27 spellings, and what fingers do."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber
from phonenumbers import PhoneNumberFormat as Format

N_TYPES = 11
ARABIC_DIGITS = {48 + digit: 0x660 + digit for digit in range(10)}
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)

# Those with rules of their own (Argentina's 9, Brazil's carriers, leading zeros in Italy, codes that are shared, …),
# and some of the others.
OWN_RULES = {
    "AR", "AU", "BR", "CA", "CN", "CO", "CX", "DE", "FI", "FR", "GB", "GG", "HU", "IT", "KZ", "MX", "NO", "RU", "SJ", "US", "VA",
}  # fmt: skip
SOME_REGIONS = sorted(OWN_RULES | set(REGIONS[::17]))


def corpus(
    regions: Iterable[str] = REGIONS, *, seed: int, share: float = 1.0
) -> Iterator[tuple[str, list[str]]]:
    """(default region, strings) for each of the regions; of its strings a share, drawn."""
    rnd = random.Random(seed)
    examples = {region: _examples(region) for region in REGIONS}
    codes = phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS
    world = [number for code in codes if (number := phonenumbers.example_number_for_non_geo_entity(code))]
    for region in regions:
        foreign = [rnd.choice(examples[other]) for other in rnd.sample(REGIONS, 12) if examples[other]]
        numbers = [*examples[region], *rnd.sample(world, 2), *foreign]
        metadata = PhoneMetadata.metadata_for_region(region, None)
        assert metadata is not None
        strings = [text for number in numbers for text in _spellings(number, metadata, rnd)]
        strings += [text for _ in range(250) for text in _random_digits(metadata, rnd)]
        yield region, rnd.sample(strings, round(share * len(strings)))


def _examples(region: str) -> list[PhoneNumber]:
    found = (phonenumbers.example_number_for_type(region, number_type) for number_type in range(N_TYPES))
    return [number for number in found if number is not None]


def _spellings(number: PhoneNumber, metadata: PhoneMetadata, rnd: random.Random) -> list[str]:
    nsn, code = phonenumbers.national_significant_number(number), str(number.country_code)
    e164, national, international, rfc3966 = (
        phonenumbers.format_number(number, way)
        for way in (Format.E164, Format.NATIONAL, Format.INTERNATIONAL, Format.RFC3966)
    )
    spellings = [
        e164, international, national, rfc3966, nsn, _dialled_abroad(metadata) + code + nsn, f"00 {code} {nsn}",
        code + nsn, (metadata.national_prefix or "") + nsn, "0" + nsn, f"+{code} (0){nsn}", f"{national} ext. 12",
        f"Tel: {international}", f"({code}){nsn}", e164.replace("+", "＋"), nsn.translate(ARABIC_DIGITS),
        f"+{code}0{nsn}", f"++{code}{nsn}", f"{e164} #", f"001{code}{nsn}", f"011{code}{nsn}",
        nsn[1:], nsn[:-1], nsn + "1", e164[:-1], e164 + "9", nsn[2:],
    ]  # fmt: skip
    for _ in range(4):
        digits = list(nsn)
        digits[rnd.randrange(len(digits))] = str(rnd.randrange(10))
        wrong = "".join(digits)
        spellings += [f"+{code}{wrong}", wrong, f"0{wrong}", code + wrong]
    return spellings


def _dialled_abroad(metadata: PhoneMetadata) -> str:
    prefix = metadata.international_prefix or "00"
    digits = metadata.preferred_international_prefix or (prefix if prefix.isdigit() else "00")
    return "".join(char for char in digits if char.isdigit())


def _random_digits(metadata: PhoneMetadata, rnd: random.Random) -> list[str]:
    def digits(n: int) -> str:
        return "".join(rnd.choice("0123456789") for _ in range(n))

    tail = digits(rnd.choice([7, 8, 9, 10, 11]))
    return [
        rnd.choice(["", "", "+", "00", "0", "1", "8"]) + digits(rnd.randint(2, 16)),
        f"+{metadata.country_code}{tail}",
        (metadata.national_prefix or "") + tail,
    ]
