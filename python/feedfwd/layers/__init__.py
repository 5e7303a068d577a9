"""Layers: functions of tensors with weights of their own."""

from feedfwd.layers.base import Layer
from feedfwd.layers.core import Activation, Dense, Dropout, Flatten, InputLayer

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "InputLayer", "Layer"]
