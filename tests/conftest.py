"""Settings of all tests."""

from hypothesis import settings

# Cores may be shared, so that no single example has a deadline; the same examples in every run.
settings.register_profile("truespin", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("truespin")
