"""The business YAML: every mistake, all at once, with file, key, expected and got."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from lapse.config import Business, load
from lapse.config.reading import read_yaml
from lapse.errors import ConfigError

SHOP: dict[str, Any] = {
    "business": "shop",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "customers": {"path": "data/customers.parquet", "columns": {"customer_id": "id"}, "features": ["region"]},
    "events": {
        "order": {
            "path": "data/orders.parquet",
            "columns": {"customer_id": "id", "time": "at", "amount": "paid"},
            "features": ["plan"],
        },
        "visit": {"url": "sqlite:///v.db", "table": "visits", "columns": {"customer_id": "id", "time": "at"}},
    },
    "churn": {"event": "order", "grace": "30d"},
    "snapshots": {"start": "2024-01-01", "every": "1mo", "horizon": "60d"},
    "value": {"margin_rate": 0.3, "discount_rate": 0.1},
    "scores": {"path": "out"},
}


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """Return the shop's YAML with values set at dotted keys; ``...`` removes a key."""
    raw = deepcopy(SHOP)
    for key, value in changes:
        *parents, last = key.split(".")
        section = raw
        for parent in parents:
            section = section.setdefault(parent, {})
        if value is ...:
            del section[last]
        else:
            section[last] = value
    return raw


def refusal(folder: Path, raw: dict[str, Any] | str) -> ConfigError:
    path = folder / "shop.yaml"
    path.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    assert all(problem.where == str(path) for problem in caught.value.problems)
    return caught.value


SPAN = ("events.order.columns.end", "until")
TOLD = ("events.order.columns.end_known_at", "told")
CSV = ("events.order.path", "o.csv")
WHY = ("events.order.columns.cause", "why")
REFUSED = [
    ([("colour", "red")], "colour: expected a key that lapse knows, got an unknown key (value 'red')"),
    ([("currenzy", "EUR")], "did you mean 'currency'?"),
    ([("churn.graze", "3d")], "churn.graze: expected a key that lapse knows"),
    ([("events.order.pth", "x")], "events.order.pth: expected a key that lapse knows"),
    ([("events.order.csv", {"tme": "%d"})], "events.order.csv.tme: expected a key that lapse knows"),
    ([("currency", ...)], "currency: expected this key, got nothing"),
    ([("churn", ...)], "churn: expected this key, got nothing"),
    ([("business", "My Shop")], "business: expected a name in lower case"),
    ([("events.Order", SHOP["events"]["order"])], "events.Order: expected a name in lower case"),
    ([("currency", "euro")], "currency: expected three capital letters such as 'EUR', got 'euro'"),
    ([("timezone", "Berlin")], "timezone: expected an IANA time zone such as 'Europe/Berlin', got 'Berlin'"),
    ([("churn.grace", 30)], "churn.grace: expected a length with its unit, such as '90d', '12w' or '5y'"),
    ([("churn.grace", "30")], "churn.grace: expected a length with its unit"),
    ([("snapshots.horizon", 60)], "snapshots.horizon: expected a length with its unit"),
    ([("snapshots.every", 14)], "snapshots.every: expected a step with its unit, such as '14d', '2w' or"),
    ([("snapshots.start", "soon")], "snapshots.start: expected"),
    ([("features.windows", [7, "30d"])], "features.windows.0: expected a length with its unit"),
    ([("features.windows", ["30d", "7d"])], "features.windows: expected lengths in ascending order"),
    ([("features.windows", [])], "features.windows: expected"),
    ([("value.limit", 5)], "value.limit: expected a length with its unit"),
    ([("value.margin_rate", 0)], "value.margin_rate: expected"),
    ([("value.discount_rate", 1.0)], "value.discount_rate: expected"),
    ([("value.margin_rates", {"order": float("nan")})], "value.margin_rates.order: expected a finite number"),
    ([("value.margin_rates", {"order": 1.5})], "value.margin_rates.order: expected a number of at most 1"),
    ([("value.margin_rates", {"visit": 0.2})], "value.margin_rates.visit: expected an event of value"),
    (
        [("value.category_margin_rates", {"order": {"colour": {"red": 0.2}}})],
        "value.category_margin_rates.order.colour: expected a name listed under events.order.categories",
    ),
    ([("value.category_margin_rates", {"order": {}})], "expected one of its categories, got none"),
    ([("value.event_costs", {"call": 2.0})], "value.event_costs.call: expected one of order, visit"),
    ([("value.event_costs", {"visit": float("inf")})], "value.event_costs.visit: expected a finite number"),
    ([("value.acquisition_cost", -1)], "value.acquisition_cost: expected a number of at least 0"),
    (
        [("value.referral", {"event": "visit", "referred": "friend", "credit": 0.2})],
        "value.referral.referred: expected a name listed under events.visit.categories, got 'friend'",
    ),
    (
        [("value.referral", {"event": "refs", "referred": "mate", "credit": 0.2})],
        "value.referral.event: expected one of order, visit, got 'refs', which is not mapped",
    ),
    (
        [("scores.path", "out"), ("value.cash_flows", "out/flows")],
        "value.cash_flows: expected a folder that is not within scores.path",
    ),
    ([("quality.duplicates", "ignore")], "quality.duplicates: expected"),
    ([("quality.null_keys", "keep")], "quality.null_keys: expected"),
    ([("snapshots.horizon", "20d")], "snapshots.horizon: expected at least the grace of 30d, since 'order'"),
    ([("churn.grace", "0d")], "churn.grace: expected a length longer than nothing, since orders are"),
    ([("churn.event", "sale")], "churn.event: expected one of order, visit, got 'sale', which is not mapped"),
    ([("churn.end_known", "at_end")], "churn.end_known: expected nothing: an instant has no end"),
    ([SPAN], "churn.end_known: expected at_start, at_end or end_known_at, got nothing"),
    ([SPAN, ("churn.end_known", "end_known_at")], "churn.end_known: expected end_known_at exactly where"),
    (
        [SPAN, ("events.order.columns.end_known_at", "told"), ("churn.end_known", "at_end")],
        "churn.end_known: expected end_known_at exactly where that column is mapped",
    ),
    ([("churn.causes", {"x": "voluntary"})], "churn.causes: expected a 'cause' column of 'order', got none"),
    ([("churn.causes", {"x": "bored"})], "churn.causes.x: expected"),
    ([("events.visit.columns.end_known_at", "x")], "events.visit.columns.end_known_at: expected an 'end'"),
    ([("events.visit.columns.cause", "x")], "events.visit.columns.cause: expected a cause on the churn"),
    (
        [("events.visit.columns.currency", "paid_in")],
        "events.visit.columns.currency: expected an 'amount' beside it, got no amount",
    ),
    ([("customers.columns.currency", "x")], "customers.columns.currency: expected one of customer_id"),
    ([("events.order.columns.time", ...)], "events.order.columns.time: expected the column that holds it"),
    ([("customers.columns", {})], "customers.columns.customer_id: expected the column that holds it"),
    ([("events.order.columns.price", "x")], "events.order.columns.price: expected one of amount, cause"),
    ([("events.order.path", ...)], "events.order: expected exactly one of path, table, query, got none of"),
    ([("events.visit.query", "SELECT 1")], "events.visit: expected exactly one of path, table, query, got"),
    ([("events.visit.url", ...)], "events.visit.url: expected a SQLAlchemy URL with 'table' or 'query'"),
    ([("events.order.url", "sqlite:///x")], "events.order.url: expected a SQLAlchemy URL with 'table' or"),
    ([("events.order.path", "o.xlsx")], "events.order.path: expected a file ending in .parquet or .csv, got"),
    ([("events.order.features", ["plan", "plan"])], "events.order.features: expected each column once, got"),
    ([("events.order.features", ["id"])], "events.order.features: expected attributes of customers, got the"),
    ([SPAN, ("events.order.features", ["until"])], "events.order.features: expected what is known when the"),
    ([SPAN, TOLD, ("events.order.categories", ["told"])], "the column of the role 'end_known_at'"),
    ([SPAN, WHY, ("events.order.categories", ["why"])], "got 'why', the column of the role 'cause'"),
    ([("events.order.allowed", {"size": ["s"]})], "events.order.allowed.size: expected a name listed"),
    ([CSV, ("events.order.csv", {"numbers": ["size"]})], "events.order.csv.numbers: expected names listed"),
    ([("events.order.csv", {})], "events.order.csv: expected this section beside a path that ends in .csv,"),
    ([("events.visit.csv", {})], "events.visit.csv: expected this section beside a path that ends in .csv,"),
    ([("source", "x")], "source: expected a key that lapse knows, got an unknown key (value 'x')"),
    ([("config_hash", "x")], "config_hash: expected a key that lapse knows"),
    ([("scores.path", "")], "scores.path: expected a path, got ''"),
    ([("scores.path", " ")], "scores.path: expected a path, got ' '"),
    ([("events.order.path", "")], "events.order.path: expected a path, got ''"),
    ([("events.visit.table", "")], "events.visit.table: expected a text that is not empty, got ''"),
    ([("events.order.columns.time", "")], "events.order.columns.time: expected a text that is not empty"),
    ([("snapshots.holdout", True)], "snapshots.holdout: expected a whole number, got true"),
    ([("snapshots.holdout", 2.0)], "snapshots.holdout: expected a whole number, got 2.0"),
    ([("snapshots.holdout", 0)], "snapshots.holdout: expected a number of at least 1, got 0"),
    ([("value.margin_rate", True)], "value.margin_rate: expected a number, got true"),
    ([("value.margin_rate", "0.3")], "value.margin_rate: expected a number, got '0.3'"),
    ([("value.cost_to_serve", float("inf"))], "value.cost_to_serve: expected a finite number, got inf"),
    ([("snapshots.start", 20240101)], "snapshots.start: expected a date such as 2024-01-31, got 20240101"),
    ([("snapshots.start", "2024-02-30")], "snapshots.start: expected a date such as 2024-01-31, got '2024-0"),
    ([("snapshots.start", datetime(2024, 1, 1, 9))], "expected a date such as 2024-01-31, got 2024-01-01 09"),
    ([("features.windows", ["101y"])], "features.windows.0: expected a length of at most 100y, got '101y'"),
    ([("features.windows", ["9" * 5000 + "d"])], "features.windows.0: expected a length of at most 100y"),
    ([("snapshots.horizon", "36501d")], "snapshots.horizon: expected a length of at most 100y, got '36501d'"),
    ([("snapshots.every", "1300mo")], "snapshots.every: expected a step of at most 100y, got '1300mo'"),
    ([("churn.grace", "5300w")], "churn.grace: expected a length of at most 100y, got '5300w'"),
    ([("value.limit", "101y")], "value.limit: expected a length of at most 100y, got '101y'"),
    ([("value.revenue", ["order", "order"])], "value.revenue: expected each entry once, got 'order' twice"),
    ([("features.windows", ["7d", "7d"])], "features.windows: expected each entry once, got '7d' twice"),
    ([("features.trusted", ["order__x", "order__x"])], "features.trusted: expected each entry once, got 'or"),
    ([("events.order.categories", ["sku", "sku"])], "events.order.categories: expected each column once, go"),
    ([("events.order.allowed", {"plan": ["x", "x"]})], "events.order.allowed.plan: expected each entry once"),
    ([("events.order.features", {"plan": "P", "tariff": "P"})], "features: expected each column once, got '"),
    ([("events.order.features", ["Plan Type"])], "features: expected a name in lower case, words joined by"),
    ([("events.order.features", ["Plan Type"])], 'hint: give it a name: {plan_type: "Plan Type"} in place o'),
    ([("events.order.features", {"Plan": "Plan"})], "features.Plan: expected a name in lower case"),
    ([("events.order.features", {"plan": ""})], "features.plan: expected a text that is not empty"),
    ([("events.order.features", [True])], "events.order.features: expected a list of columns, or names with"),
    ([("events.order.categories", {"plan": "P"})], "events.order.categories: expected one column for each n"),
    ([("events.order.categories", ["id"])], "events.order.categories: expected attributes of customers, got"),
    ([("events.order.features", {"shown": "id"})], "features: expected attributes of customers, got the cus"),
    ([("events.order.features", {"x": "PAID"})], "expected columns that differ by more than case, got 'PAID"),
    ([("features.also", ["sale__max__7d"])], "features.also: expected <event>__<stat> or <event>__<stat>__"),
    ([("features.also", ["order__max__8d"])], "features.also: expected a window of features.windows: "),
    ([("features.trusted", ["foo"])], "features.trusted: expected a feature <event>__<stat>, the event one"),
    ([("features.trusted", ["sale__count__7d"])], "features.trusted: expected a feature <event>__<stat>"),
    ([("value.revenue", [True])], "value.revenue.0: expected text, got true"),
    ([("value.revenue", [True])], "hint: put it in quotes; YAML reads yes, no, on and off as true and false"),
    ([("events.order.allowed", {"plan": [1]})], "events.order.allowed.plan.0: expected text, got 1"),
    ([("events.customers", SHOP["events"]["visit"])], "events.customers: expected another name"),
    ([("value.revenue", ["sale"])], "value.revenue: expected one of order, visit, got 'sale', which is not"),
    ([("value.revenue", ["visit"])], "value.revenue: expected events with a mapped 'amount', got 'visit'"),
    ([("value.limit", "30d")], "value.limit: expected at least the horizon of 60d, got 30d"),
    ([("observed_until", "2023-12-31")], "snapshots.start: expected a date before observed_until"),
    ([("features.custom", {"mine": "m:f"})], "features.custom.mine: expected a name <event>__<stat>"),
    ([("features.custom", {"sale__x": "m:f"})], "features.custom.sale__x: expected a name <event>__<stat>"),
    ([("features.custom", {"order__x": "m.f"})], "features.custom.order__x: expected an import path"),
]  # fmt: skip


def test_the_shop_itself_loads(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(SHOP))
    assert load(tmp_path / "shop.yaml").business == "shop"


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_refused_by_key_with_expected_and_got(
    tmp_path: Path, changes: list[tuple[str, Any]], said: str
) -> None:
    assert said in str(refusal(tmp_path, changed(*changes)))


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    raw = changed(
        ("colour", "red"),
        ("churn.graze", "3d"),
        ("quality.duplicates", "ignore"),
        ("snapshots.horizon", "20d"),
        ("value.revenue", ["sale"]),
        ("events.order.columns.price", "x"),
        ("events.visit.url", ...),
    )
    keys = {problem.what for problem in refusal(tmp_path, raw).problems}
    assert keys == {
        "colour",
        "churn.graze",
        "quality.duplicates",
        "snapshots.horizon",
        "value.revenue",
        "events.order.columns.price",
        "events.visit.url",
    }


@pytest.mark.parametrize("rate", [..., 2, "a third"])
def test_a_wrong_or_missing_rate_hides_no_contradiction(tmp_path: Path, rate: object) -> None:
    raw = changed(
        ("value.margin_rate", rate),
        ("value.margin_rates", {"sale": 3}),
        ("value.event_costs", {"letter": 1}),
        ("value.referral", {"event": "order"}),
        ("value.limit", "1d"),
    )
    found = [(problem.what, problem.expected) for problem in refusal(tmp_path, raw).problems]
    assert found == [
        ("value.margin_rate", {...: "this key", 2: "a number of at most 1"}.get(rate, "a number")),
        ("value.margin_rates.sale", "a number of at most 1"),
        ("value.referral.referred", "this key"),
        ("value.referral.credit", "this key"),
        ("value.margin_rates.sale", "an event of value.revenue: order"),
        ("value.event_costs.letter", "one of order, visit"),
        ("value.limit", "at least the horizon of 60d"),
    ]


@pytest.mark.parametrize(
    ("limits", "keys"),
    [
        ({"platinum_share": 5, "gold_share": 25}, ["platinum_share", "gold_share"]),
        ({"platinum_from": -1, "gold_from": 100}, ["platinum_from"]),
    ],
)
def test_nothing_is_said_of_numbers_that_nobody_wrote(
    tmp_path: Path, limits: dict[str, int], keys: list[str]
) -> None:
    raw = changed(("measure.tiers.clv", limits), ("value.limit", "1d"))
    found = [problem.what for problem in refusal(tmp_path, raw).problems]
    assert found == [*(f"measure.tiers.clv.{key}" for key in keys), "value.limit"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "file: expected keys with values, got list"),
        ("", "file: expected keys with values, got nothing"),
        ("a: [1", "file: expected valid YAML"),
        ("a: 1\nb: [1\nc: 2\n", "got line 3, column 2: while parsing a flow sequence, expected ',' or ']'"),
        (
            "churn: {grace: 1d, grace: 2d}\n",
            "churn.grace: expected each key once, got it on line 1 and again",
        ),
        (
            "business: shop\nbusiness: gym\n",
            "business: expected each key once, got it on line 1 and again on line 2",
        ),
        (
            "churn:\n  grace: 1d\n  event: x\n  grace: 2d\n",
            "churn.grace: expected each key once, got it on line 2 and again",
        ),
    ],
)
def test_files_that_are_no_yaml_of_a_business(tmp_path: Path, text: str, said: str) -> None:
    assert said in str(refusal(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable YAML file, got No such file"):
        load(tmp_path / "none.yaml")


def test_paths_are_relative_to_the_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(SHOP))
    monkeypatch.chdir(tmp_path.parent)
    shop = load(Path(tmp_path.name) / "shop.yaml")
    assert shop.source == tmp_path / "shop.yaml"
    assert shop.events["order"].path == tmp_path / "data/orders.parquet"
    assert shop.customers is not None
    assert shop.customers.path == tmp_path / "data/customers.parquet"
    assert shop.scores.path == tmp_path / "out"
    assert shop.tracking.uri == f"sqlite:///{tmp_path / 'mlflow.db'}"


def test_a_store_whose_folder_the_environment_names_is_not_taken_for_a_relative_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "sqlite:///${RUNS}/mlflow.db"
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump({**SHOP, "tracking": {"uri": uri}}))
    monkeypatch.setenv("RUNS", "/srv/runs")
    assert load(tmp_path / "shop.yaml").tracking.uri == uri
    monkeypatch.setenv("RUNS", "runs")
    assert load(tmp_path / "shop.yaml").tracking.uri == f"sqlite:///{tmp_path}/${{RUNS}}/mlflow.db"


def test_the_hash_is_of_what_is_said_and_not_of_where(tmp_path: Path) -> None:
    hashes = {}
    for name, raw in {
        "one": SHOP,
        "two": SHOP,
        "reordered": dict(reversed(SHOP.items())),
        "other": changed(("churn.grace", "31d")),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
        hashes[name] = load(tmp_path / name / "shop.yaml").config_hash
    assert hashes["one"] == hashes["two"] == hashes["reordered"] != hashes["other"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ([("events.visit.url", "postgresql://me:s3cret@db/shop")], "events.visit.url"),
        ([("events.visit.url", "postgresql://db/shop?user=me&password=s3cret")], "events.visit.url"),
        ([("customers.url", "postgresql://me:s3cret@db/shop")], "customers.url"),
        ([("tracking.uri", "https://me:s3cret@mlflow.example.com")], "tracking.uri"),
    ],
)
def test_a_password_in_the_file_is_refused_and_not_shown(
    tmp_path: Path, changes: list[tuple[str, Any]], key: str
) -> None:
    told = str(refusal(tmp_path, changed(*changes)))
    assert f"{key}: expected no password in the file, got " in told
    assert "write ${NAME} in its place" in told
    assert "s3cret" not in told


def test_a_password_is_not_shown_whatever_else_is_wrong(tmp_path: Path) -> None:
    raw = changed(("events.visit.uri", "postgresql://me:s3cret@db/shop"), ("tracking.password", "s3cret"))
    assert "s3cret" not in str(refusal(tmp_path, raw))
    assert "s3cret" not in str(refusal(tmp_path, "url: postgresql://me:s3cret@db/shop: [\n"))


def test_a_password_from_the_environment_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = changed(
        ("events.visit.url", "postgresql://me:${DB_PASSWORD}@db/shop"), ("tracking.uri", "${MLFLOW_URI}")
    )
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    monkeypatch.setenv("MLFLOW_URI", "https://mlflow.example.com")
    shop = load(tmp_path / "shop.yaml")
    assert shop.tracking.uri == "${MLFLOW_URI}"
    assert "s3cret" not in repr(shop)


def test_variables_that_are_not_set_are_named_by_the_key_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DB_PASSWORD", "DB_USER", "MLFLOW_URI"):
        monkeypatch.delenv(name, raising=False)
    raw = changed(
        ("events.visit.url", "postgresql://${DB_USER}:${DB_PASSWORD}@db/shop"),
        ("tracking.uri", "${MLFLOW_URI}"),
        ("colour", "red"),
    )
    problems = {(problem.what, problem.expected) for problem in refusal(tmp_path, raw).problems}
    assert problems >= {
        ("events.visit.url", "the environment variable DB_USER, which ${DB_USER} names"),
        ("events.visit.url", "the environment variable DB_PASSWORD, which ${DB_PASSWORD} names"),
        ("tracking.uri", "the environment variable MLFLOW_URI, which ${MLFLOW_URI} names"),
    }


def test_keys_given_twice_are_said_beside_all_else(tmp_path: Path) -> None:
    text = yaml.safe_dump(SHOP, sort_keys=False) + "colour: red\ncurrency: USD\nvalue: {margin_rate: 2}\n"
    keys = [problem.what for problem in refusal(tmp_path, text).problems]
    assert keys == ["currency", "value", "value.margin_rate", "value.discount_rate", "colour"]


def test_repeats_are_said_all_at_once(tmp_path: Path) -> None:
    raw = changed(
        ("value.revenue", ["order", "order"]),
        ("features.trusted", ["customer__region", "customer__region"]),
        ("events.order.allowed", {"plan": ["x", "y", "x"]}),
        ("customers.features", ["region", "region"]),
        ("events.order.categories", ["sku", "sku"]),
    )
    keys = {problem.what for problem in refusal(tmp_path, raw).problems}
    assert keys == {
        "value.revenue",
        "features.trusted",
        "customers.features",
        "events.order.categories",
        "events.order.allowed.plan",
    }


def test_attributes_are_listed_or_named(tmp_path: Path) -> None:
    hashes = set()
    for features in (["plan"], {"plan": "plan"}, {"plan": "Plan Type"}):
        (tmp_path / "shop.yaml").write_text(yaml.safe_dump(changed(("events.order.features", features))))
        shop = load(tmp_path / "shop.yaml")
        assert list(shop.events["order"].features) == ["plan"]
        again = Business.model_validate(json.loads(shop.model_dump_json()))
        assert again.events["order"].features == shop.events["order"].features
        hashes.add(shop.config_hash)
    assert len(hashes) == 2, "a list says the same as names that are those of the columns"


def test_errors_name_the_file_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(changed(("colour", "red"))))
    monkeypatch.chdir(tmp_path)
    for path in ("shop.yaml", tmp_path / "shop.yaml"):
        with pytest.raises(ConfigError, match=r"^shop\.yaml: colour"):
            load(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("observed_until: 2024-02-30", "dates and numbers that exist"),
        (f"business: {'9' * 5000}", "dates and numbers that exist"),
        ("[" * 3000, "keys with values"),
    ],
)
def test_what_yaml_itself_stumbles_over_is_a_mistake_of_the_config(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "odd.yaml")
    assert caught.value.problems[0].expected == expected


def test_a_merged_key_may_be_given_anew(tmp_path: Path) -> None:
    text = "base: &b {grace: 60d, event: order}\nchurn: {<<: *b, grace: 90d}\n"
    (tmp_path / "merged.yaml").write_text(text)
    raw, twice = read_yaml(tmp_path / "merged.yaml", "merged.yaml")
    assert raw["churn"] == {"grace": "90d", "event": "order"}
    assert twice == []
