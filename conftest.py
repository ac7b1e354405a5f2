"""What every package's tests share: fixtures, the ``virtual_time`` marker, and patience on a busy machine."""

from hypothesis import settings

pytest_plugins = ["avatar_runtime.testing.fixtures"]

settings.register_profile("avatar", deadline=None)  # a slow example on a busy machine is no failure
settings.load_profile("avatar")
