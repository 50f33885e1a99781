"""`tidings rate`: how many messages a second a gateway account may send, over all runs, processes and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from data.accounts import Account

NO_LIMIT = "none"


class NotARate(TidingsError):
    """the rate is a number of messages a second, such as 40 or 0.5, or `none`; 'fast' is neither."""


def rate(account_name: str, new: str | None, *, as_json: bool) -> int:
    from data.accounts import read_account, set_rate

    with open_here(load_settings()) as instance:
        if new is not None:
            set_rate(instance.store, account_name, _read(new), by=this_person(), now=instance.store.now())
        account = read_account(instance.store, account_name, sealing_key=instance.keys.sealing)
    if as_json:
        print_json({"account": account.account, "rate_mps": account.rate_mps})
    else:
        screen.print(f"{account.account}: {_in_words(account)}")
    return EXIT_OK


def _read(text: str) -> float | None:
    if text == NO_LIMIT:
        return None
    try:
        return float(text)
    except ValueError:
        raise NotARate(
            f"the rate is a number of messages a second, such as 40 or 0.5, or `{NO_LIMIT}`; {text!r} is neither."
        ) from None


def _in_words(account: Account) -> str:
    if account.rate_mps is None:
        return "no limit; as fast as the gateway answers"
    return f"{account.rate_mps:g} messages a second"
