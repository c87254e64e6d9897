"""Pages under the rules of axe-core: WCAG 2.2 at level AA, and what it calls best practice."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 400)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--window-size=1400,1000",
    "--virtual-time-budget=60000",
)
# Each copy of a page judges itself, all that is folded away opened, and tells the page around it.
JUDGE = """<script>addEventListener("load", () => setTimeout(async () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const found = await axe.run(document, { runOnly: TAGS, resultTypes: ["violations"] });
  const told = found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${rule.help}: ${node.html.slice(0, 200)}`));
  parent.tell(location.hash.slice(1), { told, held: found.passes.length });
}, 500));</script>"""
FRAMES = """<!DOCTYPE html><html lang="en"><title>pages</title><body><script>
const found = {};
window.tell = (name, what) => {
  found[name] = what;
  document.body.dataset.found = JSON.stringify(found);
};</script>FRAMES</body></html>"""


@dataclass(frozen=True)
class Judgement:
    """What axe-core says of a page.

    Attributes:
        told: A line for each element that breaks a rule.
        held: How many rules were looked at and hold.
    """

    told: list[str]
    held: int


def judge(
    browser: str, axe: str, pages: Sequence[Path], scheme: str, scratch: Path
) -> dict[tuple[str, int], Judgement]:
    """Judges pages at each width, in one run of the browser.

    Args:
        browser: Path of Chromium.
        axe: The text of axe-core.
        pages: Files; a copy of each lies beside it as long as it is judged.
        scheme: ``light`` or ``dark``.
        scratch: A folder for the browser's profile.

    Returns:
        By the page's name and width in pixels.
    """
    frames, copies = [], []
    for page in pages:
        # A page's own policy lets no foreign script run.
        policy = r'<meta http-equiv="Content-Security-Policy"[^>]*>'
        bare = re.sub(policy, "", page.read_text(encoding="utf-8"), count=1)
        script = f"<script>{axe}</script>{JUDGE.replace('TAGS', json.dumps(TAGS))}"
        copy = page.with_name(f"axe-{page.name}")
        copy.write_text(bare.replace("</body>", f"{script}</body>"), encoding="utf-8")
        copies.append(copy)
        frames += [
            f'<iframe title="page" src="{copy.as_uri()}#{page.stem}-{width}" '
            f'style="width:{width}px;height:900px;border:0"></iframe>'
            for width in WIDTHS
        ]
    outer = scratch / "frames.html"
    outer.write_text(FRAMES.replace("FRAMES", "".join(frames)), encoding="utf-8")
    light = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    command = [browser, *FLAGS, light, f"--user-data-dir={scratch / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, outer.as_uri()], capture_output=True, text=True, timeout=280, check=True
    )
    for copy in copies:
        copy.unlink()
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    found = json.loads(html.unescape(match[1])) if match else {}
    names = [(page.stem, width) for page in pages for width in WIDTHS]
    missing = [name for name in names if "{}-{}".format(*name) not in found]
    assert not missing, f"not judged: {missing}\n{done.stderr[-1000:]}"
    return {name: Judgement(**found["{}-{}".format(*name)]) for name in names}
