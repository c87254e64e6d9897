"""Runs every command in one process that is told of each use of the network, and ends by it.

    unshare --user --map-root-user --net python tests/project/offline.py FOLDER

In a namespace without interfaces, what other languages' code sends finds no route: the kernel
counts that, and the counts are looked at too.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from hawx_onnx.cli.main import main

LENET = str(Path(__file__).resolve().parents[2] / "models/lenet5/lenet5.onnx")
EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
COUNTED = (("Ip", "OutNoRoutes"), ("Ip", "OutRequests"), ("Udp", "OutDatagrams"))


def refuse(event: str, args: tuple[object, ...]) -> None:
    """Ends the process where it turns to the network."""
    if event in EVENTS:
        sys.stderr.write(f"the network is used: {event} {args}\n")
        sys.stderr.flush()
        raise SystemExit(99)


def sent() -> dict[str, int]:
    """What the kernel counts as sent in this namespace, IPv4; nothing where it does not tell."""
    path = Path("/proc/net/snmp")
    if not path.exists():
        return {}
    lines = [line.split() for line in path.read_text().splitlines()]
    pairs = zip(lines[::2], lines[1::2], strict=True)  # names, then values
    tables = {names[0][:-1]: dict(zip(names, values, strict=True)) for names, values in pairs}
    return {f"{table}.{name}": int(tables[table][name]) for table, name in COUNTED}


def commands(folder: Path) -> list[list[str]]:
    """Every command, the cheapest use of it."""
    out, library = str(folder / "out"), str(folder / "library")
    few = ["--candidates", "mul8s_trunc2", "--jobs", "1", "--score-samples", "16"]
    short = [*few, "--max-evaluations", "2", "--confidence", "0.5"]
    rewritten = f"{out}/model.onnx"
    return [
        ["doctor"],
        ["optimize", LENET, "-o", out, *short],
        ["report", out],
        ["evaluate", rewritten, "--data", "digits", "--jobs", "1"],
        ["cost", rewritten],
        ["apply", LENET, "--assignment", f"{out}/assignment.json", "-o", f"{out}/again.onnx"],
        ["analyze", LENET, "-o", str(folder / "analysis"), *few],
        ["explore", LENET, "--method", "random", *short],
        ["check", rewritten, "--baseline", LENET, "--data", "digits"],
        ["library", "list"],
        ["library", "show", "mul8s_trunc2"],
        ["library", "export", "mul8s_trunc2", "--rtl", str(folder / "rtl")],
        ["library", "generate", "--family", "drum", "--range", "bits=6", "--output", library],
        ["library", "import", f"{folder}/made.npz", "--output", library],
        ["olive-config", "--base", f"{folder}/base.json", "-o", f"{folder}/olive.json"],
    ]


def run(words: list[str]) -> None:
    """Runs one command; a code that is not 0 or 1 ends everything."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            code = main([*words, "-q"])
        except SystemExit as error:
            code = error.code
    if code not in (0, 1):
        sys.exit(f"{' '.join(words)}: exit code {code}\n{told.getvalue()}")


if __name__ == "__main__":
    sys.addaudithook(refuse)
    before = sent()
    for words in commands(Path(sys.argv[1])):
        run(words)
        after = sent()
        # Outside a namespace of its own other programs' packets are counted as well.
        if not any(before.values()) and after != before:
            sys.exit(f"{' '.join(words)}: packets were sent: {after}")
        print(" ".join(words[:2] if words[0] == "library" else words[:1]))
