"""Runs and models in MLflow: the only place that imports it.

In: a trained model and what there is to say about its making. Out: a run with parameters, metrics, tables and
pictures, and a registered version whose artefacts are LightGBM text and JSON. The newest version is the
``challenger``; where there is no ``champion`` yet, it is that too. A run that fails or is interrupted while
it is logged is deleted. Refused: a store that does not answer, an alias or version that does not exist, with
what does, a model trained for another question.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from sqlalchemy.exc import SQLAlchemyError

from lapse.config import Business, resolve_url
from lapse.errors import ConfigError, DataError, LapseError, Problem
from lapse.jobs.estimators import PREDICTED
from lapse.jobs.model import Model
from lapse.jobs.moved import artefacts_of, follow_move
from lapse.jobs.reach import SECONDS, keeping_problems, refused_store, sqlite_file, store_problems
from lapse.jobs.record import Record, Registered
from lapse.jobs.sealing import AGAIN

for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def require_store(business: Business) -> None:
    """Refuse a tracking store from which no model can be read; nothing is made.

    Raises
    ------
    ConfigError
        If it does not answer, or not as MLflow does.
    """
    _require(business, store_problems(business))


def require_keeping(business: Business) -> None:
    """Refuse a tracking store that cannot keep a run; nothing is made.

    Raises
    ------
    ConfigError
    """
    _require(business, keeping_problems(business))


def _require(business: Business, problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(problems)
    database = sqlite_file(business)
    if database and not database.exists():
        return
    with _impatient(), _answering(business, ConfigError):
        _client(business).search_experiments(max_results=1)


def log(business: Business, model: Model, record: Record, example: pd.DataFrame) -> Registered:
    """Log one training run, register its model and set the aliases.

    Parameters
    ----------
    business : Business
    model : Model
    record : Record
    example : DataFrame
        Some rows of features, for the signature.

    Raises
    ------
    LapseError
        If the store fails; the run is deleted then.
    """
    if database := sqlite_file(business):
        database.parent.mkdir(parents=True, exist_ok=True)
        follow_move(database)
    with _answering(business, LapseError):
        return _log(_client(business), business, model, record, example)


def _log(
    client: mlflow.MlflowClient, business: Business, model: Model, record: Record, example: pd.DataFrame
) -> Registered:
    experiment = _experiment(client, business)
    with _quiet(), _undone(client) as begun, mlflow.start_run(experiment_id=experiment) as run:
        begun.append(run.info.run_id)
        mlflow.log_params(dict(record.parameters))
        mlflow.log_metrics(dict(record.metrics))
        for name, text in record.texts.items():
            mlflow.log_text(text, name)
        for name, table in record.tables.items():
            mlflow.log_text(table.to_csv(index=False), f"tables/{name}.csv")
        for name, figure in record.figures.items():
            mlflow.log_figure(figure, f"pictures/{name}.png")
        version = _log_model(client, business, model, example)
    champion = _version_of(client, business.experiment, "champion")
    aliases = ("challenger",) if champion else ("challenger", "champion")
    for alias in aliases:
        client.set_registered_model_alias(business.experiment, alias, version)
    return Registered(run.info.run_id, business.tracking.uri, business.experiment, version, aliases)


def fetch(business: Business, which: str) -> Model:
    """Return a registered model by alias (``champion``) or version (``3``), with its name and version.

    Raises
    ------
    ConfigError
        If the store does not answer, or has no such model (the message lists what there is).
    DataError
        If it has no model at all, or the model's files are missing or damaged.
    GateError
        If it was trained for another question than the config asks, or its folder is of another format.
    """
    require_store(business)
    name, database = business.experiment, sqlite_file(business)
    if database:
        follow_move(database)
    with _answering(business, LapseError):
        known = {} if database and not database.exists() else _versions(business)
    if not known:
        expected, hint = "a registered model", "run 'lapse train' first"
        raise DataError(Problem(business.tracking.uri, f"model '{name}'", expected, "none", hint))
    version = next((one for one, aliases in known.items() if which == one or which in aliases), None)
    if version is None:
        expected = f"an alias or a version of the registered model '{name}'"
        raise ConfigError(Problem("command line", "--model", expected, f"'{which}'", _there_is(known)))
    label = f"model '{name}' version {version}"
    try:
        with _quiet():
            folder = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}")
    except (MlflowException, OSError) as error:
        expected = "its artefacts where training logged them"
        raise DataError(Problem(business.tracking.uri, label, expected, str(error), AGAIN)) from error
    model = Model.load(Path(folder) / "data" / "model")
    return model.asked_by(business, name=name, version=version)


def _log_model(client: mlflow.MlflowClient, business: Business, model: Model, example: pd.DataFrame) -> str:
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        info = mlflow.pyfunc.log_model(
            name="model",
            loader_module="lapse.jobs.serving",
            data_path=str(Path(folder) / "model"),
            signature=signature_of(example),
            pip_requirements=["lapse"],
        )
    if not client.search_registered_models(f"name = '{business.experiment}'"):
        client.create_registered_model(business.experiment)
    made = client.create_model_version(
        business.experiment, info.model_uri, run_id=info.run_id, model_id=info.model_id
    )
    return str(made.version)


def signature_of(features: pd.DataFrame) -> ModelSignature:
    """Return the signature of the served model: every feature may be missing; categories travel as text."""

    def column(name: str) -> ColSpec:
        number = pd.api.types.is_float_dtype(features[name])
        return ColSpec(DataType.float if number else DataType.string, name, required=False)

    return ModelSignature(
        inputs=Schema([column(name) for name in features.columns]),
        outputs=Schema([ColSpec(DataType.double, name) for name in PREDICTED]),
    )


def _client(business: Business) -> mlflow.MlflowClient:
    mlflow.set_tracking_uri(resolve_url(business.tracking.uri))
    with _quiet():
        return mlflow.MlflowClient()


def _experiment(client: mlflow.MlflowClient, business: Business) -> str:
    """Return the experiment's id; with SQLite its artefacts lie beside the database."""
    found = client.get_experiment_by_name(business.experiment)
    if found is not None:
        return str(found.experiment_id)
    database = sqlite_file(business)
    place = artefacts_of(database, business.experiment).as_uri() if database else None
    return str(client.create_experiment(business.experiment, artifact_location=place))


def _version_of(client: mlflow.MlflowClient, name: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _versions(business: Business) -> dict[str, list[str]]:
    """Return the aliases of each version, the newest version first."""
    client, name = _client(business), business.experiment
    found = client.search_model_versions(f"name = '{name}'")
    aliases = dict(client.get_registered_model(name).aliases) if found else {}
    numbers = sorted((int(version.version) for version in found), reverse=True)
    return {
        str(number): sorted(alias for alias, version in aliases.items() if int(version) == number)
        for number in numbers
    }


def _there_is(known: Mapping[str, list[str]]) -> str:
    """Say which versions and aliases there are.

    Examples
    --------
    >>> _there_is({"2": ["challenger"], "1": ["champion"]})
    'there are: 2 (challenger), 1 (champion)'
    """
    told = [f"{version} ({', '.join(aliases)})" if aliases else version for version, aliases in known.items()]
    return f"there are: {', '.join(told)}"


@contextmanager
def _undone(client: mlflow.MlflowClient) -> Iterator[list[str]]:
    """Delete the runs that begin within, if they are not logged to their end: half a run is none."""
    begun: list[str] = []
    try:
        yield begun
    except BaseException:
        for run in begun:
            with suppress(MlflowException):  # a store that is gone keeps what it has
                client.delete_run(run)
        raise


@contextmanager
def _answering(business: Business, kind: type[LapseError]) -> Iterator[None]:
    """Say what MLflow cannot do as an error of a kind."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        raise kind(refused_store(business, str(error))) from error


@contextmanager
def _impatient() -> Iterator[None]:
    """Let MLflow wait for a server but a few seconds, and ask once."""
    wanted = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's advice (an input example, a git binary); its errors still come through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
