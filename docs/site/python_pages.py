"""The pages of the Python interface: which names each one shows, in the order of ``__all__``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Page -> package and heading. Each package's __all__ is its public interface.
_PACKAGES = {
    "components": ("hawx_onnx.components", "Multipliers"),
    "hardware": ("hawx_onnx.hardware", "Hardware models"),
    "predictors": ("hawx_onnx.predictors", "Predictors"),
    "search": ("hawx_onnx.search", "Search"),
    "passes": ("hawx_onnx.passes", "Passes"),
    "models": ("hawx_onnx.models", "Reference networks"),
}
_MODULES = {"errors": ("hawx_onnx.errors", "Errors")}


def python_pages() -> dict[str, str]:
    """Returns the text of each page, by its name without a folder."""
    pages = {"hawx_onnx": _page("hawx_onnx", "Python", ROOT / "hawx_onnx/__init__.py")}
    for name, (package, title) in _PACKAGES.items():
        folder = ROOT.joinpath(*package.split("."))
        if not folder.is_dir():  # passes and models lie beside the package
            folder = ROOT / name
        pages[name] = _page(package, title, folder / "__init__.py")
    for name, (module, title) in _MODULES.items():
        pages[name] = f"# {title}\n\n::: {module}\n    options:\n      show_root_heading: false\n"
    return pages


def _page(package: str, title: str, source: Path) -> str:
    """One page: the package's docstring, then every public name that is no module."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    told = _fenced(ast.get_docstring(tree) or "")
    shown = [f"::: {package}.{name}\n" for name in _public(tree)]
    return "\n".join([f"# {title}\n", f"`import {package}`\n", f"{told}\n", *shown])


def _fenced(docstring: str) -> str:
    """A docstring in Markdown, its examples as code."""
    session = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
    return session.sub(lambda found: f"```pycon\n{found[0]}\n```", docstring.replace("``", "`"))


def _public(tree: ast.Module) -> list[str]:
    """The names of ``__all__`` without ``__version__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            return [name for name in names if not name.startswith("_")]
    return []
