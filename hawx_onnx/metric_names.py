"""Names of metrics, apart from what computes them: options are checked before numpy is there."""

from __future__ import annotations

from hawx_onnx.errors import ConfigError
from hawx_onnx.named_function import names_function
from hawx_onnx.names import close_names

ACCURACY, TOP_5, AGREEMENT, MSE, PERPLEXITY = "accuracy", "top-5", "agreement", "mse", "perplexity"
NAMES = (ACCURACY, TOP_5, AGREEMENT, MSE, PERPLEXITY)
ALIASES = {"top-1": ACCURACY}
FLAG = "--metric"

is_function = names_function


def check_name(name: str, where: str) -> None:
    """Checks that a metric has this name; functions are imported later.

    Raises:
        ConfigError: There is none.
    """
    if name in NAMES or name in ALIASES or is_function(name):
        return
    raise ConfigError(
        f"there is no metric {name!r}",
        where=where,
        mend=f"{close_names(name, (*NAMES, *ALIASES))} (or package.module:function)",
    )
