"""README and docs: their Python runs as pasted, their links lead somewhere, nothing is left out."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    links = [x for x in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in x]
    missing = [x for x in links if not (page.parent / x).exists()]
    assert not missing


@pytest.mark.parametrize("page", [p for p in PAGES if BLOCK.search(p.read_text())], ids=name_of)
def test_programs_run_as_pasted(page, tmp_path):
    for i, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
        if "import feedfwd" not in block:
            continue
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"block {i + 1}: {done.stderr[-2000:]}"


def test_the_readme_has_a_program_and_both_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(BLOCK.findall(text)) >= 3
    for word in ("make demo", "make test", "docs/lecture.md", "docs/coming-from.md", "!["):
        assert word in text


def test_every_make_target_is_in_the_help():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", text, re.MULTILINE)[1]
    targets = set(named.replace("\\", " ").split()) - {"help", "install"}
    shown = set(re.findall(r'@echo "make ([a-z0-9-]+)', text))
    assert targets == shown
