import polars as pl
import pytest
from phonenumbers import SUPPORTED_REGIONS

from data.prices import PricesError, load_prices


def price_list(tmp_path, *lines, header="region,price_per_segment,currency"):
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["# my contract", header, *lines]) + "\n", encoding="utf-8")
    return path


def test_the_examples_have_a_price_for_every_country_and_say_what_they_are():
    prices = load_prices()
    assert set(prices.per_segment) == set(SUPPORTED_REGIONS)
    assert prices.currency == "EUR"
    assert prices.is_example


def test_a_message_costs_the_price_of_its_country_times_its_segments(tmp_path):
    prices = load_prices(price_list(tmp_path, " gb , 0.035 ,EUR", "DE,0.1,EUR"))
    assert not prices.is_example
    priced = prices.with_prices(pl.DataFrame({"region": ["GB", "DE", "GB"], "segments": [1, 3, 2]}))
    assert priced["price"].to_list() == [0.035, 0.3, 0.07]


def test_the_fingerprint_is_that_of_the_file(tmp_path):
    one = load_prices(price_list(tmp_path, "GB,0.035,EUR"))
    other = load_prices(price_list(tmp_path, "GB,0.036,EUR"))
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == load_prices(price_list(tmp_path, "GB,0.035,EUR")).fingerprint


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["GB,O.04,EUR"], r"the price 'O\.04' of GB is no amount"),
        (["GB,,EUR"], "of GB is no amount"),
        (["GB,-1,EUR"], "of GB is no amount"),
        (["GB,inf,EUR"], "of GB is no amount"),
        (["GB,1,EUR", "gb,2,EUR"], "two prices for GB"),
        (["GB,1,EUR", "DE,2,USD"], "one currency"),
        ([], "one currency"),
    ],
    ids=["letter", "empty", "negative", "infinite", "twice", "two-currencies", "nothing"],
)
def test_a_wrong_price_list_is_one_sentence(tmp_path, lines, complaint):
    with pytest.raises(PricesError, match=complaint):
        load_prices(price_list(tmp_path, *lines))


def test_a_price_list_that_is_missing_or_lacks_a_column_is_one_sentence(tmp_path):
    with pytest.raises(PricesError, match=r"gateway\.prices"):
        load_prices(tmp_path / "none.csv")
    with pytest.raises(PricesError, match="no column currency"):
        load_prices(price_list(tmp_path, "GB,1", header="region,price_per_segment"))
