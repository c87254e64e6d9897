"""What an import is asked for, and what one file gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hawx_onnx.components.stored import StoredMultiplier
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import.

    Attributes:
        top: Top module of the Verilog; guessed where it is None.
        ports: Activation, weight and product; guessed where it is None.
        encoding: How operands are read; guessed where it is None.
        sign_logic: Put sign logic around unsigned multipliers, so that they take int8 codes.
    """

    top: str | None = None
    ports: tuple[str, str, str] | None = None
    encoding: Encoding | None = None
    sign_logic: bool = False

    @classmethod
    def of(
        cls, top: str | None, ports: str | None, encoding: str | None, sign_logic: bool = False
    ) -> ImportOptions:
        """Takes the options as flags give them.

        Raises:
            ConfigError: ``ports`` does not name three ports, or there is no such encoding.
        """
        names = tuple(name.strip() for name in ports.split(",")) if ports else None
        if names is not None and (len(set(names)) != 3 or not all(names)):
            raise ConfigError(
                f"{ports!r} does not name three ports",
                where="--ports",
                mend="name activation, weight and product: --ports A,B,O",
            )
        if encoding is not None and encoding not in [one.value for one in Encoding]:
            raise ConfigError(
                f"there is no encoding {encoding!r}",
                where="--encoding",
                mend="signed, unsigned or sign_magnitude",
            )
        read_as = Encoding(encoding) if encoding else None
        return cls(top, names, read_as, sign_logic)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Task:
    """One file to import.

    Attributes:
        path: The file, to be opened.
        origin: What it is called in provenance and in the summary.
        encoding: What the library says of its operands, or None.
        licence: What the library says of its licence.
        published: What the library publishes of it.
    """

    path: str
    origin: str
    encoding: Encoding | None = None
    licence: str = ""
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A file that was not imported.

    Attributes:
        origin: The file.
        where: File and line or port.
        what: What is wrong.
        mend: What the user can do.
    """

    origin: str
    where: str
    what: str
    mend: str


@dataclass(frozen=True)
class Imported:
    """What an import gave: multipliers, and what failed."""

    multipliers: tuple[StoredMultiplier, ...]
    failures: tuple[Failure, ...] = ()
