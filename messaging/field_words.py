"""Headers that name what a template likes to have, in the languages that exports come in: as whole headers only.

A wrong guess texts nobody, but it could greet a person by the name of a town; so parts of words do not count.
"""

from __future__ import annotations

_FIELDS = {
    "first_name": """
        firstname forename givenname given vorname rufname prenom primernombre nombre nombres nome primeironome imie
        fornamn fornavn voornaam etunimi jmeno keresztnev utonev prenume ime adi isim meno vards eesnimi vardas
        имя імя ονομα 名 名字 الاسمالأول
    """,
    "last_name": """
        lastname surname familyname nachname familienname zuname nomdefamille nom apellido apellidos cognome sobrenome
        apelido ultimonome nazwisko efternamn etternavn efternavn achternaam sukunimi prijmeni priezvisko vezeteknev
        numedefamilie prezime soyad soyadi uzvards perekonnanimi pavarde фамилия прізвище επωνυμο 姓 姓氏 اسمالعائلة
    """,
    "language": """
        language lang locale preferredlanguage sprache langue idioma lingua sprak språk sprog taal jezyk język kieli
        jazyk nyelv limba jezik dil keel valoda kalba язык мова γλωσσα 语言 語言 言語 اللغة
    """,
    "time_zone": """
        timezone timezoneid timezonename tz ianatimezone zeitzone fuseauhoraire fuseau zonahoraria husohorario
        fusoorario fusohorario tijdzone tidszon tidszone tidssone aikavyohyke casovepasmo strefaczasowa idozona
        saatdilimi fusorar часовойпояс часовийпояс ζωνηωρας 时区 時區 المنطقةالزمنية
    """,
}
_WORDS = {field: frozenset(words.split()) for field, words in _FIELDS.items()}
FIELDS = tuple(_FIELDS)


def is_field(field: str, header: str) -> bool:
    """Whether a header means this field. header: in lower case, without accents, all its words joined."""
    return header in _WORDS[field]
