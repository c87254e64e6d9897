"""YAML from files that strangers wrote: plain values alone, and none without end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hawx_onnx.errors import ConfigError

if TYPE_CHECKING:  # imported where it is needed: the command line's help is not to wait for it
    import yaml

MOST_BYTES = 1 << 20
MOST_NODES = 100_000
_TOO_DEEP = "it is nested too deeply"


def read_yaml(path: str | Path, mend: str) -> tuple[Any, yaml.Node | None]:
    """Reads a YAML file.

    Args:
        path: The file.
        mend: What an error tells the user to do.

    Returns:
        Its values, and the node that they were made of, which knows lines; None of an empty file.

    Raises:
        ConfigError: It cannot be read, is no YAML, too large, or refers to itself; where it is
            known the line is named.
    """
    where = str(path)
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise ConfigError(f"has more than {MOST_BYTES} bytes", where=where, mend=mend)
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"cannot be read: {reason}", where=where, mend=mend) from error
    return parse_yaml(text, where, mend)


def parse_yaml(text: str, where: str, mend: str) -> tuple[Any, yaml.Node | None]:
    """Reads YAML from a text; as `read_yaml`."""
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, None
        if _nodes(node) > MOST_NODES:
            raise ConfigError(f"has more than {MOST_NODES:,} values", where=where, mend=mend)
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
        raise ConfigError(f"not valid YAML: {reason}", where=f"{where}{line}", mend=mend) from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        # A date that is none, a number of too many digits, a list as a key.
        reason = _TOO_DEEP if isinstance(error, RecursionError) else str(error)[:200]
        raise ConfigError(f"not valid YAML: {reason}", where=where, mend=mend) from error
    finally:
        if loader is not None:
            loader.dispose()


def _nodes(root: yaml.Node) -> int:
    """Nodes of a document, each counted as often as aliases repeat it.

    Raises:
        ConfigError: One holds itself.
    """
    import yaml

    known: dict[int, int] = {}
    open_nodes: set[int] = set()

    def count(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise ValueError("a value holds itself")
        if id(node) in known:
            return known[id(node)]
        open_nodes.add(id(node))
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        known[id(node)] = 1 + sum(map(count, parts))
        open_nodes.remove(id(node))
        return known[id(node)]

    return count(root)
