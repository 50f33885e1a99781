"""What a source may say of a service, and what of it is refused before anybody is asked."""

import pytest
from pydantic import ValidationError

from messaging.source_section import PAGINATORS, SourceSection

SERVICE = {"connection": "crm", "path": "/people"}


@pytest.mark.parametrize("kind", PAGINATORS)
def test_a_paginator_is_one_of_dlt_s_with_its_arguments(kind):
    section = SourceSection.model_validate(
        {**SERVICE, "paginator": {"type": kind, "limit": 100, "total_path": "n"}}
    )
    assert section.paginator == {"type": kind, "limit": 100, "total_path": "n"}


@pytest.mark.parametrize(
    ("paginator", "sentence"),
    [
        ({"type": "auto"}, "its type is one of cursor, header_cursor"),
        ({"limit": 100}, "its type is one of"),
        ({"type": "offset", "limit": [1]}, "valid"),
    ],
)
def test_a_paginator_that_nobody_knows_is_refused(paginator, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SourceSection.model_validate({**SERVICE, "paginator": paginator})


def test_next_and_a_paginator_are_not_given_both():
    with pytest.raises(ValidationError, match="give either next or a paginator"):
        SourceSection.model_validate({**SERVICE, "next": "after", "paginator": {"type": "header_link"}})
