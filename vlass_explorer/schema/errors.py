"""Typed exceptions: each is one sentence for the user, never a bug."""


class ExplorerError(Exception):
    """Bad input, told in one sentence that says what is wrong and what to do; never a bug."""


class CutoutError(ExplorerError):
    """A file cannot be read as a cutout."""


class InputError(ExplorerError):
    """A cutout was read but this preprocessing cannot be applied to it."""


class CheckpointError(ExplorerError):
    """A checkpoint folder cannot be listed, loaded or saved."""


class UnsupportedError(ExplorerError):
    """A method does not apply to this architecture; the sentence says why."""


class DatasetError(ExplorerError):
    """A data set folder cannot be used for training or testing."""


class ConfigError(ExplorerError):
    """A run configuration has an unknown key or an impossible value."""


class RunError(ExplorerError):
    """A run folder cannot be created, read or acted on."""
