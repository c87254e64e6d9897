"""The error tree: every error that a user can cause or mend, each with one exit code."""

from __future__ import annotations


class HawxError(Exception):
    """An error that is told to the user in one or two lines, without a traceback.

    Args:
        what: What is wrong, exactly as the failed condition says it.
        where: The file, node, tensor, flag or line that it concerns.
        mend: What the user can do about it.
    """

    exit_code = 4

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.mend}" if self.mend else head


class BudgetError(HawxError):
    """A check did not hold, or no assignment meets the budget."""

    exit_code = 1


class ConfigError(HawxError):
    """A flag, a configuration file or a name in one is wrong."""

    exit_code = 2


class ModelError(HawxError):
    """The model is missing, corrupt or not supported."""

    exit_code = 3


class DataError(HawxError):
    """The data is missing, corrupt or does not fit the model."""

    exit_code = 3


class LibraryError(HawxError):
    """The custom-op library or the runtime cannot do what was asked."""

    exit_code = 4


class ComponentError(LibraryError):
    """A netlist, a truth table or a library of components is damaged or not what it must be."""

    exit_code = 3
