"""What holds for all tests: laws are checked by their examples, never by the clock of the machine they run on."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("cliproxy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cliproxy")
