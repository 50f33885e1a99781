from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.column_templates import WHITE_SPACE
from messaging.template import TemplateError, compile_template

FIELDS = ("first_name", "last_name", "city", "points", "tier")


def people(*rows):
    return pl.DataFrame(
        [{name: row.get(name) for name in FIELDS} for row in rows], schema=dict.fromkeys(FIELDS, pl.String)
    )


def rendered(source, **values):
    """The text, or (rule, detail)."""
    text, rule, detail = compile_template(source, fields=FIELDS).render(people(values)).row(0)
    return text if rule is None else (rule, detail)


def test_fields_are_merged():
    assert rendered("Hi {{ first_name }} of {{city}}!", first_name="Zoë", city="Köln") == "Hi Zoë of Köln!"


@pytest.mark.parametrize("nothing", [None, "", "   ", "\t\n", "\u00a0", "\x1f"])
def test_an_empty_field_without_a_default_leaves_its_person_out(nothing):
    assert rendered("Hi {{ first_name }}", first_name=nothing) == ("empty_field", "first_name")
    assert rendered("Hi {{ first_name | upper }}", first_name=nothing) == ("empty_field", "first_name")
    assert rendered("Hi {{ first_name|title }}", first_name=nothing) == ("empty_field", "first_name")


@pytest.mark.parametrize("nothing", [None, "", "   "])
@pytest.mark.parametrize(
    "source",
    [
        "Hi {{ first_name|default('there') }}",
        "Hi {{ first_name|default('there', true) }}",
        "Hi {{ first_name|trim|d('there') }}",
        "Hi {{ first_name or 'there' }}",
        "Hi {{ first_name if first_name else 'there' }}",
        "Hi {% if first_name %}{{ first_name }}{% else %}there{% endif %}",
        "Hi {{ first_name|default(last_name)|default('there') }}",
        "Hi {% if first_name is defined %}{{ first_name }}{% else %}there{% endif %}",
    ],
)
def test_a_default_takes_the_place_of_an_empty_field(source, nothing):
    assert rendered(source, first_name=nothing) == "Hi there"
    assert rendered(source, first_name="Ann") == "Hi Ann"


def test_a_default_that_is_a_field_may_not_be_empty_as_well():
    source = "Hi {{ first_name|default(last_name) }}"
    assert rendered(source, last_name="Lee") == "Hi Lee"
    assert rendered(source) == ("empty_field", "last_name")


def test_an_empty_field_in_a_branch_that_is_not_taken_does_no_harm():
    source = (
        "{% if tier == 'gold' %}{{ points }} points{% elif city %}Hello {{ city }}{% else %}Hello{% endif %}"
    )
    assert rendered(source, tier="gold") == ("empty_field", "points")
    assert rendered(source, tier="gold", points="12") == "12 points"
    assert rendered(source, city="Köln") == "Hello Köln"
    assert rendered(source) == "Hello"


def test_the_first_empty_field_is_the_one_that_is_named():
    assert rendered("{{ city }} {{ points }}", points="1") == ("empty_field", "city")
    assert rendered("{{ city }} {{ points }}", city="Köln") == ("empty_field", "points")


def test_what_fails_for_one_row_is_data_and_names_no_value():
    template = compile_template("{{ 100 // points|int }} per point", fields=FIELDS)
    assert template.render(people({"points": "5"}, {"points": "0"}, {"points": "4"})).rows() == [
        ("20 per point", None, None),
        (None, "render_failed", "ZeroDivisionError"),
        ("25 per point", None, None),
    ]


def test_line_ends_at_the_end_are_cut_and_those_inside_stay():
    assert rendered("Hi\n{{ city }}\n\n\n", city="Köln") == "Hi\nKöln"


@pytest.mark.parametrize("source", ["", "  \n ", "{% if city %}x{% endif %}", "{{ city|default('') }}"])
def test_a_text_that_nobody_can_read_is_refused(source):
    assert rendered(source) == ("empty_text", None)


def test_a_template_without_fields_says_the_same_to_all():
    template = compile_template("Doors open at 9.\n", fields=())
    assert template.fields_used == ()
    assert template.render(people({}, {}))["text"].to_list() == ["Doors open at 9."] * 2
    assert template.render(people()).height == 0


def test_an_unknown_field_is_named_with_the_nearest_one_there_is():
    with pytest.raises(
        TemplateError, match=r"the field frist_name.*did you mean first_name.*city, first_name"
    ):
        compile_template("Hi {{ frist_name }}", fields=FIELDS)


def test_a_mistake_is_shown_with_its_line():
    with pytest.raises(TemplateError, match="line 2"):
        compile_template("Hi\n{{ first_name", fields=FIELDS)


@pytest.mark.parametrize(
    "source",
    [
        "{% for c in city %}{{ c }}{% endfor %}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% set a = 1 %}",
        "{{ city.__class__ }}",
        "{{ city|attr('__class__') }}",
        "{{ city.format(1) }}",
        "{{ city|center(1000000000) }}",
        "{{ city|_present('x') }}",
        "{{ 2 ** 99999999 }}",
        "{{ range(10) }}",
        "{{ city is callable }}",
    ],
)
def test_what_a_text_message_does_not_need_is_refused(source):
    with pytest.raises(TemplateError):
        compile_template(source, fields=FIELDS)


@pytest.mark.parametrize(
    "source", ["{{ 'a' * 999999999 }}", "{{ '%999999999d' % points|int }}", "{{ city['__class__'] }}"]
)
def test_a_template_can_neither_fill_the_memory_nor_look_inside(source):
    assert rendered(source, points="1", city="Köln")[0] == "render_failed"


def test_methods_of_a_text_may_be_called():
    assert rendered("{{ first_name.split(' ')[0]|title }}", first_name="MARY JANE") == "Mary"


SIMPLE = [
    "Hi {{ first_name }}, your code is {{ points }}.",
    "Hi {{ first_name|default('there', true)|upper }}, {{ points }} points{% if tier %} and {{ tier|lower }}{% endif %}",
    ("{% if city == 'London' and not tier %}Mind the gap {{ first_name|trim }}{% elif city %}Hello {{ city|lower }}"
    "{% else %}Hi{% endif %}!"),
    "{{ first_name|default(last_name)|d('you') }} {{ tier or city or 'x' }} {{ (city ~ ' ' ~ tier)|trim|string }}",
    ("{% if tier in ['gold', 'silver'] or (city != tier and points is defined) %}{{ city if city is none else tier }}"
    "{% endif %} {{ first_name|d }}"),
    "{{ tier or points }}{{ city|default(last_name) }}",
    "Always the same",
]  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "gold", "silver", "London", "12", " Ann ", "İpek", "ΣΊΣΥΦΟΣ", "straße", "ŉ", "ǆ x", "\x1fa\x1c"]),
    st.text(alphabet=WHITE_SPACE + "abßİıŉǰ\u2028\n\0", max_size=4),
    st.text(max_size=6),
)  # fmt: skip
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES)), min_size=1, max_size=6)


@pytest.mark.parametrize("source", SIMPLE)
@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_the_fast_way_and_jinja_write_the_same_texts(source, rows):
    template = compile_template(source, fields=FIELDS)
    assert template._by_column is not None
    by_row = replace(template, _by_column=None)
    frame = people(*rows)
    assert template.render(frame).rows() == by_row.render(frame).rows()


@pytest.mark.parametrize("change", ["upper", "lower"])
def test_upper_and_lower_case_agree_with_jinja_wherever_letters_are(change):
    template = compile_template(f"{{{{ city|{change} }}}}", fields=FIELDS)
    letters = [f"x{chr(code)}y" for code in range(1, 0x20000) if not 0xD800 <= code <= 0xDFFF]
    texts = template.render(pl.DataFrame({"city": letters}))["text"]
    assert texts.to_list() == [getattr(letter, change)() for letter in letters]


@pytest.mark.parametrize(
    "source", ["{{ first_name|title }}", "{% if points|int > 3 %}a{% endif %}", "{{ 'Ω'|lower }}{{ city }}"]
)
def test_what_is_not_simple_is_left_to_jinja(source):
    assert compile_template(source, fields=FIELDS)._by_column is None


def test_a_frame_keeps_its_order_and_its_other_columns_do_not_matter():
    template = compile_template("{{ city|upper }}", fields=FIELDS)
    frame = people({"city": "b"}, {"city": "Ω"}, {}, {"city": "a"}).with_columns(
        text=pl.lit("no"), rule=pl.lit("no")
    )
    assert template.render(frame).rows() == [
        ("B", None, None),
        ("Ω", None, None),
        (None, "empty_field", "city"),
        ("A", None, None),
    ]
