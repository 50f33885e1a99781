"""Campaigns on small files of contacts, to be planned and frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.keys import Keys
from data.runs import RunRecord, bind_run
from data.spool import ROWS_OF_A_CHUNK
from data.store.engine import Store
from engine.plan import Plan, make_plan
from messaging.campaign import parse_campaign

NOW = 1_790_000_000.0
KEYS = Keys(sealing=b"s" * 32, person=b"p" * 32, references=b"r" * 32)

# 07400 123xxx are numbers that libphonenumber calls valid mobiles; 020 7946 0xxx is a landline.
PEOPLE = """phone,first_name,city,consent
07400 123001,Ann,Leeds,yes
07400 123002,,Köln,yes
07400 123003,Zoë,,yes
020 7946 0018,Bob,Leeds,yes
07400 123001,Ann again,Leeds,yes
not a number,Cy,Leeds,yes
07400 123004,Dee,Leeds,no
+33 6 12 34 56 78,Élodie,Lyon,yes
07400 123005,李雷,Leeds,maybe
"""


@dataclass(frozen=True)
class Desk:
    """A folder with a source in it, a store and a var folder."""

    base: Path
    store: Store

    @property
    def var_dir(self) -> Path:
        return self.base / "var"

    def source(self, text: str = PEOPLE) -> None:
        (self.base / "people.csv").write_text(text, encoding="utf-8")

    def plan(
        self,
        text: str = "Hi {{ first_name|default('there') }}",
        *,
        rows_per_chunk: int = ROWS_OF_A_CHUNK,
        **sections: Mapping[str, Any],
    ) -> Plan:
        definition = {
            "name": "spring",
            "audience": {"file": "people.csv", "region": "GB"},
            "message": {"text": text, "sender_id": "Tidings"},
            "consent": {"basis": "attested", "note": "members"},
            **sections,
        }
        return make_plan(
            parse_campaign(definition),
            base=self.base,
            store=self.store,
            keys=KEYS,
            rows_per_chunk=rows_per_chunk,
        )

    def run(self, **fields: Any) -> RunRecord:
        defaults = {
            "flow_run_id": None,
            "run_key": None,
            "campaign": "spring",
            "account": "sim",
            "origin": "hand",
            "is_simulated": False,
            "now": NOW,
        }
        return bind_run(self.store, **{**defaults, **fields})

    def files(self, below: str = "") -> set[str]:
        """Every file under the var folder, relative to it."""
        root = self.var_dir / below
        return {str(path.relative_to(self.var_dir)) for path in root.rglob("*") if path.is_file()}


def mobiles(numbers: Iterable[int]) -> str:
    """A source of one mobile number per row."""
    return "phone,first_name\n" + "".join(f"07400 {number:06},P{number}\n" for number in numbers)
