"""Callbacks: what a Trainer calls while it trains."""

from feedfwd.callbacks.base import Callback, CallbackList, LambdaCallback
from feedfwd.callbacks.checkpoints import BackupAndRestore, ModelCheckpoint
from feedfwd.callbacks.extras import CSVLogger, LearningRateScheduler
from feedfwd.callbacks.history import History
from feedfwd.callbacks.monitors import EarlyStopping, ReduceLROnPlateau

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
]
