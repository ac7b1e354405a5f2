"""How this service opens ONNX models."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort


def open_model(path: Path) -> ort.InferenceSession:
    """A session on one thread whose waits do not spin.

    The models are small: a second thread buys a decode little and takes the core on which the end-of-turn look runs
    beside it. Runs may come from several threads at once; all sessions of the service share the weights.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
