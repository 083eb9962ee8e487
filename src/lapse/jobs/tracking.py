"""Runs and models in MLflow: the only place that imports it.

In: a trained model and what there is to say about its making. Out: a run with parameters, metrics, tables and
pictures, and a registered version whose artefacts are LightGBM text and JSON. The newest version is the
``challenger``; where there is no ``champion`` yet, it is that too. Refused: an alias or version that does not
exist, with what does.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from lapse.config import Business, resolve_url
from lapse.errors import DataError, Problem
from lapse.jobs.estimators import PREDICTED
from lapse.jobs.model import Model
from lapse.jobs.sealing import AGAIN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Record:
    """What a training run leaves beside its model.

    Attributes
    ----------
    parameters : mapping of str
        Settings, dates, counts, the data's fingerprint.
    metrics : mapping of float
    tables : mapping of DataFrame
        Stored as CSV under ``tables/``.
    figures : mapping of Figure
        Stored as PNG under ``pictures/``.
    texts : mapping of str
        File name and content: the config, the printed evaluation.
    """

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Figure]
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Registered:
    """Where a run went.

    Attributes
    ----------
    run_id, name : str
    uri : str
        As the config writes it, secrets not filled in.
    version : str
    aliases : tuple of str
    """

    run_id: str
    uri: str
    name: str
    version: str
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"model '{self.name}' version {self.version} ({', '.join(self.aliases)})\n"
            f"MLflow run {self.run_id} in {self.uri}\n"
            f"look: mlflow ui --backend-store-uri {self.uri}"
        )


def log(business: Business, model: Model, record: Record, example: pd.DataFrame) -> Registered:
    """Log one training run, register its model and set the aliases.

    Parameters
    ----------
    business : Business
    model : Model
    record : Record
    example : DataFrame
        Some rows of features, for the signature.
    """
    client = _client(business)
    with _quiet(), mlflow.start_run(experiment_id=_experiment(client, business)) as run:
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
    DataError
        If there is no such model (the message lists what there is), or its files are missing or damaged.
    GateError
        If it was trained for another question than the config asks, or its folder is of another format.
    """
    client = _client(business)
    name = business.experiment
    version = which if which.isdigit() else _version_of(client, name, which)
    known = _versions(client, name)
    if version is None or version not in known:
        raise DataError(
            Problem(
                f"{business.tracking.uri}",
                f"model '{name}' @ '{which}'",
                "an alias or a version of a registered model",
                f"versions {', '.join(known)}" if known else "no model of that name",
                "run 'lapse train' first" if not known else "",
            )
        )
    try:
        with _quiet():
            folder = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}")
    except (MlflowException, OSError) as error:
        what, expected = f"model '{name}' version {version}", "its artefacts where training logged them"
        raise DataError(Problem(business.tracking.uri, what, expected, str(error), AGAIN)) from error
    return Model.load(Path(folder) / "data" / "model").asked_by(business, name=name, version=version)


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
    if database := _sqlite_file(business):
        database.parent.mkdir(parents=True, exist_ok=True)
    with _quiet():
        return mlflow.MlflowClient()


def _experiment(client: mlflow.MlflowClient, business: Business) -> str:
    """Return the experiment's id; with SQLite its artefacts lie beside the database."""
    found = client.get_experiment_by_name(business.experiment)
    if found is not None:
        return str(found.experiment_id)
    database = _sqlite_file(business)
    place = (database.parent / "mlartifacts" / business.experiment).as_uri() if database else None
    return str(client.create_experiment(business.experiment, artifact_location=place))


def _sqlite_file(business: Business) -> Path | None:
    uri = resolve_url(business.tracking.uri)
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _version_of(client: mlflow.MlflowClient, name: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _versions(client: mlflow.MlflowClient, name: str) -> list[str]:
    found = client.search_model_versions(f"name = '{name}'")
    return sorted((str(version.version) for version in found), key=int)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's advice (an input example, a git binary); its errors still come through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
