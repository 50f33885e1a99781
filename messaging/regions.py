"""Countries as people write them, to the ISO 3166 code that libphonenumber knows."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

# English and native names, and what else stands in files, of the countries that most files are about.
_NAMES: Mapping[str, str] = {
    "AE": "united arab emirates | uae | الإمارات العربية المتحدة | الإمارات",
    "AR": "argentina | arg",
    "AT": "austria | österreich | aut",
    "AU": "australia | aus",
    "BE": "belgium | belgië | belgique | belgien | bel",
    "BG": "bulgaria | българия | bgr",
    "BR": "brazil | brasil | bra",
    "CA": "canada | can",
    "CH": "switzerland | schweiz | suisse | svizzera | che",
    "CL": "chile | chl",
    "CN": "china | 中国 | chn",
    "CO": "colombia | col",
    "CY": "cyprus | κύπρος | cyp",
    "CZ": "czechia | czech republic | česko | česká republika | cze",
    "DE": "germany | deutschland | allemagne | alemania | deu | ger | brd",
    "DK": "denmark | danmark | dnk",
    "EE": "estonia | eesti | est",
    "EG": "egypt | مصر | egy",
    "ES": "spain | españa | spanien | espagne | esp",
    "FI": "finland | suomi | fin",
    "FR": "france | frankreich | francia | fra",
    "GB": "united kingdom | uk | great britain | britain | england | scotland | wales | northern ireland | gbr"
    " | großbritannien | vereinigtes königreich | royaume-uni | reino unido",
    "GH": "ghana | gha",
    "GR": "greece | ελλάδα | ελλάς | griechenland | grc",
    "HK": "hong kong | 香港 | hkg",
    "HR": "croatia | hrvatska | hrv",
    "HU": "hungary | magyarország | hun",
    "ID": "indonesia | idn",
    "IE": "ireland | éire | republic of ireland | irland | irlande | irl",
    "IL": "israel | ישראל | isr",
    "IN": "india | भारत | ind",
    "IS": "iceland | ísland | isl",
    "IT": "italy | italia | italien | italie | ita",
    "JP": "japan | 日本 | jpn",
    "KE": "kenya | ken",
    "KR": "south korea | republic of korea | korea | 대한민국 | 한국 | kor",
    "LT": "lithuania | lietuva | ltu",
    "LU": "luxembourg | luxemburg | lëtzebuerg | lux",
    "LV": "latvia | latvija | lva",
    "MA": "morocco | maroc | المغرب | mar",
    "MT": "malta | mlt",
    "MX": "mexico | méxico | mex",
    "MY": "malaysia | mys",
    "NG": "nigeria | nga",
    "NL": "netherlands | the netherlands | nederland | holland | niederlande | pays-bas | países bajos | nld",
    "NO": "norway | norge | noreg | nor",
    "NZ": "new zealand | aotearoa | nzl",
    "PE": "peru | perú | per",
    "PH": "philippines | pilipinas | phl",
    "PK": "pakistan | پاکستان | pak",
    "PL": "poland | polska | polen | pologne | pol",
    "PT": "portugal | prt",
    "RO": "romania | românia | rou",
    "RS": "serbia | srbija | србија | srb",
    "RU": "russia | russian federation | россия | rus",
    "SA": "saudi arabia | المملكة العربية السعودية | السعودية | sau",
    "SE": "sweden | sverige | schweden | suède | swe",
    "SG": "singapore | sgp",
    "SI": "slovenia | slovenija | svn",
    "SK": "slovakia | slovensko | svk",
    "TH": "thailand | ประเทศไทย | tha",
    "TR": "turkey | türkiye | türkei | tur",
    "UA": "ukraine | україна | ukr",
    "US": "united states | united states of america | usa | u.s. | u.s.a. | america | estados unidos | états-unis"
    " | vereinigte staaten",
    "VN": "vietnam | viet nam | việt nam | vnm",
    "ZA": "south africa | suid-afrika | zaf",
}


def region_of(text: str | None) -> str | None:
    """The ISO 3166 code of a country given as code, name or country code ("+49"); None when it is not known.

    A country code that several countries share means the main one: +1 is the US, +44 the United Kingdom.
    """
    if text is None:
        return None
    written = text.strip()
    if written.upper() in SUPPORTED_REGIONS:
        return written.upper()
    digits = written.removeprefix("+").removeprefix("00")
    if digits.isascii() and digits.isdigit() and len(digits) <= 3:
        return _main_region(int(digits))
    return _BY_NAME.get(_plain(written))


def _main_region(country_code: int) -> str | None:
    first = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ("",))[0]
    return first if first in SUPPORTED_REGIONS else None


def _plain(name: str) -> str:
    """Without case, accents and all that is no letter; marks of other scripts (vowels) stay."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if char.isalpha() or unicodedata.category(char) == "Mc")


_BY_NAME = {_plain(name): region for region, names in _NAMES.items() for name in names.split("|")}
