"""How long hypothesis looks: "quick" is part of every test run and always tries the same, "long" is
for `make fuzz`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_COMMON = {
    "deadline": None,
    "database": None,  # nothing is written into the tree
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much],
}
settings.register_profile(
    "quick", max_examples=30, stateful_step_count=25, derandomize=True, **_COMMON
)
settings.register_profile("long", max_examples=1500, stateful_step_count=50, **_COMMON)
settings.load_profile("quick")
