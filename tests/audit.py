"""What `make check` asks of the project's own files: no secrets in them, no dependency with a known flaw.

``python -m tests.audit`` looks for secrets in every file that git tracks, and asks the advisory database of
OSV (osv.dev) about every version in constraints.txt, in one request. Without a network that part is not done,
and said not to be; a clone of the PyPA's advisory database, named by ``--advisories`` or
``SMGEE_ADVISORIES``, answers it then. Flaws that do not concern smgee are listed in `ACCEPTED`, each with its
reason.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests
import yaml
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OSV = "https://api.osv.dev/v1/querybatch"
SECONDS = 10  # for the database to answer

SECRETS: Mapping[str, re.Pattern[bytes]] = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a key of a Google service": re.compile(rb"\bAIza[0-9A-Za-z_\-]{35}\b"),
    "a secret of a Google client": re.compile(rb"\bGOCSPX-[0-9A-Za-z_\-]{20,}"),
    "a token of a Google login": re.compile(rb"\b(?:ya29\.[0-9A-Za-z_\-]{20,}|1//0[0-9A-Za-z_\-]{30,})"),
    "a token of GitHub": re.compile(rb"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{40,})"),
    "a token of a package index": re.compile(rb"\bpypi-AgE[0-9A-Za-z_\-]{40,}"),
    "a key of AWS": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of Slack": re.compile(rb"\bxox[abprs]-[0-9A-Za-z\-]{20,}"),
    "a password in a URL": re.compile(
        rb"\b[a-z][a-z0-9+.\-]*://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>]{3,}@[a-z0-9]"
    ),
    "a login": re.compile(
        rb"(?i)[\"']?\b(?:password|passwd|secret|refresh_token|api_?key|auth_?token)[\"']?\s*[:=]\s*"
        rb"[\"'][^\s\"'{}<>]{12,}[\"']"
    ),
}
"""What secrets look like."""

ACCEPTED: Mapping[str, str] = {}
"""Advisories that do not concern smgee, and why."""


def secrets_in(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the line and kind of what looks like a secret."""
    for kind, pattern in SECRETS.items():
        for match in pattern.finditer(content):
            yield content.count(b"\n", 0, match.start()) + 1, kind


def tracked() -> list[Path]:
    """Return the files that git tracks; all of them where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        return [p for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]
    return [ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name]


def pins(text: str) -> dict[str, str]:
    """Return the version of each package of a constraints file."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if line)
    return {canonicalize_name(name): version for name, _, version in pairs}


def ask_osv(versions: Mapping[str, str], url: str = OSV) -> dict[str, list[str]]:
    """Return the advisories of each package that has some, from the database on the network.

    Raises
    ------
    requests.RequestException
        Where it does not answer.
    """
    queries = [{"package": {"name": n, "ecosystem": "PyPI"}, "version": v} for n, v in versions.items()]
    answer = requests.post(url, json={"queries": queries}, timeout=SECONDS)
    answer.raise_for_status()
    results = zip(versions, answer.json()["results"], strict=True)
    return {name: [v["id"] for v in found["vulns"]] for name, found in results if found.get("vulns")}


def look_up(versions: Mapping[str, str], clone: Path) -> dict[str, list[str]]:
    """Return the advisories of each package that has some, from a clone of the PyPA's database."""
    if not (clone / "vulns").is_dir():
        raise SystemExit(f"{clone} is no clone of the PyPA's advisory database: it has no folder vulns.")
    found: dict[str, list[str]] = {}
    for name, version in versions.items():
        for path in sorted((clone / "vulns" / name).glob("*.yaml")):
            advisory = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
            affected = {v for a in advisory.get("affected", ()) for v in a.get("versions", ())}
            if version in affected and "withdrawn" not in advisory:
                found.setdefault(name, []).append(advisory["id"])
    return found


def audit_secrets() -> int:
    """Print what looks like a secret; return how many there are."""
    files = tracked()
    found = [
        f"{path.relative_to(ROOT)}:{line}: looks like {kind}"
        for path in files
        for line, kind in secrets_in(path.read_bytes())
    ]
    print("\n".join([*found, f"secrets: {len(found)} in {len(files)} tracked files"]))
    return len(found)


def audit_dependencies(clone: Path | None) -> int:
    """Print the advisories of the versions that were tested; return how many are not accepted."""
    versions = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    try:
        found = ask_osv(versions) if clone is None else look_up(versions, clone)
    except (requests.RequestException, ValueError, KeyError) as error:
        print(f"dependencies: NOT audited, the advisory database did not answer ({type(error).__name__})")
        return 0
    where = "OSV" if clone is None else str(clone)
    wrong = {name: [i for i in ids if i not in ACCEPTED] for name, ids in found.items()}
    for name, ids in wrong.items():
        if ids:
            print(f"{name} {versions[name]}: {', '.join(ids)}")
    count = sum(map(len, wrong.values()))
    accepted = sum(map(len, found.values())) - count
    print(
        f"dependencies: {count} advisories of {len(versions)} versions by {where}, {accepted} more accepted"
    )
    return count


def main() -> None:
    """Audit both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--advisories", type=Path, default=os.environ.get("SMGEE_ADVISORIES") or None)
    clone = parser.parse_args().advisories
    wrong = audit_secrets() + audit_dependencies(None if clone is None else Path(clone))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
