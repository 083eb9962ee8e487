"""What a data scientist or a nightly batch runs: train, score, explain, and where the results go."""

import os

# read by MLflow when it is imported: a nightly job reports to nobody, and needs no git binary
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
