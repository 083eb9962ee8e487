"""What training keeps: a run with everything in it, a served model, aliases; and what it refuses."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest

import lapse
from lapse.errors import ConfigError, DataError, GateError
from lapse.jobs import tracking
from lapse.jobs import train as training
from lapse.jobs.estimators import PREDICTED
from lapse.jobs.record import Record
from lapse.jobs.run import train_and_register
from lapse.jobs.tracking import fetch
from lapse.jobs.train import look_for_leaks
from lapse.leaks import Verdict
from tests.jobs.conftest import Place


def test_the_run_holds_parameters_metrics_tables_pictures_and_config(shop: Place) -> None:
    mlflow.set_tracking_uri(shop.business.tracking.uri)
    client = mlflow.MlflowClient()
    run = client.get_run(shop.registered.run_id)
    assert run.data.params["data_fingerprint"] == shop.history.fingerprint
    assert run.data.params["config_hash"] == shop.business.config_hash
    assert run.data.metrics["log_loss"] == pytest.approx(shop.model.evaluation.metrics()["log_loss"])
    assert {"auc", "integrated_brier", "spend_total_bias", "clv_total_bias"} <= run.data.metrics.keys()
    assert {"d_calibration_p", "restricted_mean_error", "lapses_error"} <= run.data.metrics.keys()
    kept = {
        file.path
        for name in ("", "tables", "pictures", "config")
        for file in client.list_artifacts(run.info.run_id, name)
    }
    assert {"evaluation.txt", "config/shop.yaml", "tables/probabilities.csv", "pictures/reasons.png"} <= kept
    assert {"tables/lifetime_deciles.csv", "tables/lifetime_periods.csv"} <= kept
    assert {"pictures/lapses_by_month.png", "leak_warnings.txt"} <= kept
    assert "lapses in days" in str(shop.model.evaluation)
    assert run.data.params["leak_warnings"] == "0"


def test_the_first_version_is_champion_and_the_next_only_challenger(shop: Place) -> None:
    assert shop.registered.aliases == ("challenger", "champion")
    assert fetch(shop.business, "champion").version == shop.registered.version == "1"


def test_mlflow_serves_the_same_numbers_without_a_pickle(shop: Place) -> None:
    mlflow.set_tracking_uri(shop.business.tracking.uri)
    served = mlflow.pyfunc.load_model(f"models:/{shop.registered.name}@champion")
    today = lapse.snapshots(shop.history, "2024-10-31", recipe=shop.model.recipe)
    text = {
        name: "str" for name, kind in today.features.dtypes.items() if isinstance(kind, pd.CategoricalDtype)
    }
    found = served.predict(today.features.astype(text))
    assert list(found.columns) == list(PREDICTED)
    expected = shop.model.estimators.predict(today.features)
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-9)
    folder = mlflow.artifacts.download_artifacts(f"models:/{shop.registered.name}@champion")
    from pathlib import Path

    assert not [file for file in Path(folder).rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib"}]


@pytest.mark.parametrize("which", ["tomorrow", "7"])
def test_an_unknown_model_says_which_there_are(shop: Place, which: str) -> None:
    with pytest.raises(ConfigError, match=f"--model: .*'{which}'") as caught:
        fetch(shop.business, which)
    assert caught.value.problems[0].hint == "there are: 1 (challenger, champion)"


def test_a_run_that_is_interrupted_while_it_is_logged_is_deleted(
    shop: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow.set_tracking_uri(shop.business.tracking.uri)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(shop.business.experiment).experiment_id
    before = {run.info.run_id for run in client.search_runs([experiment])}

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "log_figure", interrupted)
    record = Record({}, {}, {}, {"a": None}, {"a.txt": "a"})  # type: ignore[dict-item]  # never drawn
    with pytest.raises(KeyboardInterrupt):
        tracking.log(shop.business, shop.model, record, pd.DataFrame({"a": [1.0]}))
    assert {run.info.run_id for run in client.search_runs([experiment])} == before
    assert len(client.search_model_versions(f"name = '{shop.business.experiment}'")) == 1


def test_a_store_that_does_not_answer_stops_training_before_it_begins(shop: Place) -> None:
    elsewhere = shop.business.tracking.model_copy(update={"uri": "foo://bar"})
    history = copy(shop.history)
    history.business = shop.business.model_copy(update={"tracking": elsewhere})
    begun: list[str] = []
    with pytest.raises(ConfigError, match="foo://bar"):
        train_and_register(history, begun.append)
    assert begun == []


def test_a_version_whose_artefacts_are_gone_is_refused_with_a_hint(shop: Place) -> None:
    artefacts = shop.config.parent / "mlartifacts"
    away = artefacts.rename(artefacts.with_name("away"))
    try:
        with pytest.raises(DataError, match="version 1: expected its artefacts") as caught:
            fetch(shop.business, "champion")
    finally:
        away.rename(artefacts)
    assert "train again" in caught.value.problems[0].hint
    assert fetch(shop.business, "champion").version == "1"


def test_evaluation_stands_beside_its_yardsticks(shop: Place, gym: Place) -> None:
    methods = set(shop.model.evaluation.probabilities["method"])
    assert {"lapse", "base rate", "recency alone", "RFM logistic", "default LightGBM", "BG/NBD"} <= methods
    assert "BG/NBD" in gym.model.evaluation.absent
    text = str(shop.model.evaluation)
    assert "log loss" in text
    assert "2024-" in text


def test_models_that_judge_never_saw_an_outcome_that_was_open(shop: Place) -> None:
    data = lapse.snapshots(shop.history)
    part = data.fit_part()
    horizon, first_test = shop.business.snapshots.horizon, data.calendar.test[0]
    assert part.cut == first_test
    assert (part.day + horizon <= first_test).all()
    assert (part.day + part.labels.duration_days <= first_test).all()


def test_overlapping_label_windows_are_refused(shop: Place) -> None:
    data = lapse.snapshots(shop.history)
    overlapping = replace(data.calendar, fit=data.calendar.labelled[: -len(data.calendar.test)])
    with pytest.raises(GateError, match="label windows that close by"):
        lapse.train(replace(data, calendar=overlapping))


def test_a_column_made_from_the_outcome_is_refused(shop: Place) -> None:
    data = lapse.snapshots(shop.history)
    leaked = data.features.assign(status=data.labels.lapsed.astype(np.float32))
    with pytest.raises(GateError, match="status"):
        lapse.train(replace(data, features=leaked))


def test_a_column_that_marks_some_of_the_lapsed_is_a_warning_on_standard_error(
    shop: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    data = lapse.snapshots(shop.history)
    assert look_for_leaks(data) == ()
    told = data.labels.lapsed & (np.random.default_rng(0).random(len(data)) < 0.3)
    leaked = data.features.assign(reason=pd.Categorical(np.where(told, "price", None)))
    (problem,) = look_for_leaks(replace(data, features=leaked))
    printed = capsys.readouterr()
    assert printed.err == f"warning: {problem}\n"
    assert "column 'reason'" in printed.err
    assert not printed.out


def test_too_few_lapsed_to_judge_columns_is_a_warning_on_standard_error(
    shop: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    data = lapse.snapshots(shop.history)
    dates = np.unique(data.day)
    late = np.flatnonzero(data.labels.lapsed & (data.day >= dates[-(len(dates) // 3)]))
    few = data.take(np.setdiff1d(np.arange(len(data)), late[7:]))
    (problem,) = look_for_leaks(few)
    assert "not judged: only 7 lapsed" in problem.got
    assert "not judged: only 7 lapsed" in capsys.readouterr().err


def test_a_training_looks_at_the_columns_once(shop: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []

    def counted(data: lapse.Dataset) -> Verdict:
        judged.append(len(data))
        return judge_columns(data)

    def begun(*_: object) -> None:
        raise RuntimeError("fitting begins")

    judge_columns = training.judge_columns
    monkeypatch.setattr(training, "judge_columns", counted)
    monkeypatch.setattr(training, "fit", begun)
    with pytest.raises(RuntimeError, match="fitting begins"):
        train_and_register(shop.history)
    assert len(judged) == 1


def test_a_tracking_uri_takes_its_secrets_from_the_environment_and_does_not_show_them(
    shop: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPSE_TRACKING", shop.business.tracking.uri)
    tracking = shop.business.tracking.model_copy(update={"uri": "${LAPSE_TRACKING}"})
    business = shop.business.model_copy(update={"tracking": tracking})
    assert fetch(business, "champion").recipe.names == shop.model.recipe.names
    tracking = tracking.model_copy(update={"experiment": "another"})
    with pytest.raises(DataError, match="lapse train") as caught:
        fetch(business.model_copy(update={"tracking": tracking}), "champion")
    assert caught.value.problems[0].where == "${LAPSE_TRACKING}"


def test_the_run_says_how_many_snapshots_each_model_learned_from(shop: Place) -> None:
    run = mlflow.MlflowClient(shop.business.tracking.uri).get_run(shop.registered.run_id)
    said, estimators = run.data.params, shop.model.estimators
    assert said["lifetime_snapshots"] == str(estimators.lifetime.n_snapshots_)
    assert said["spend_snapshots"] == str(estimators.spend.n_snapshots_)
    assert said["calibration"] == estimators.defection.calibration_slice_.note


def test_training_twice_gives_the_same_model(shop: Place) -> None:
    data = lapse.snapshots(shop.history)
    again = lapse.train(data)
    pd.testing.assert_frame_equal(
        again.estimators.predict(data.features.head(200)),
        shop.model.estimators.predict(data.features.head(200)),
        check_exact=True,
    )
