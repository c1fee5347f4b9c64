"""``archsmith check``: the conformance kit, run on installed plugins."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsmith.messages import did_you_mean
from archsmith_cli.verb import Cell, Page, Report, plugin_named

if TYPE_CHECKING:
    from archsmith_devkit import Check, Outcome

_STYLES = {"passed": "green", "failed": "red", "waived": "yellow"}


def check(
    distributions: Annotated[
        list[str] | None,
        typer.Argument(metavar="DISTRIBUTION", help="Plugins: vit, archsmith-vit, acme-good. All if none."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="CHECK", help="Run this check alone.")] = None,
    waive: Annotated[
        list[str] | None, typer.Option("--waive", metavar="CHECK=REASON", help="Let this check fail, and say why.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what would be checked and why; run nothing.")] = False,
) -> Report:
    """Run the conformance checks on installed plugins.

    Says of each check that fails what was found, why it is checked and how to fix it. Ends with code 1 if one fails.
    """
    from archsmith_devkit.conformance import checks_of, plugins  # torch

    waivers = dict(_waiver(text) for text in waive or ())
    named = dict.fromkeys(plugin_named(name).distribution for name in distributions or plugins())
    checks = [check for name in named for check in checks_of(name, waivers=waivers)]
    checks = _chosen(checks, only or ())
    if explain:
        return _explanation(checks)
    return _report([_followed(check) for check in checks])


def _waiver(text: str) -> tuple[str, str]:
    name, equals, reason = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"it is {text!r}; expected CHECK=REASON", param_hint="--waive")
    return name.strip(), reason.strip()


def _chosen(checks: "list[Check]", only: Sequence[str]) -> "list[Check]":
    names = {check.name for check in checks}
    for name in only:
        if name not in names:
            message = f"there is no check {name!r}.{did_you_mean(name, names)} archsmith check --explain lists them"
            raise typer.BadParameter(message, param_hint="--only")
    return [check for check in checks if not only or check.name in only]


def _followed(check: "Check") -> "Outcome":
    """Run a check; on a terminal say which, for some take seconds."""
    shown = f"{check.plugin}, {check}" if sys.stderr.isatty() else ""
    if shown:
        sys.stderr.write(f"\r\x1b[K{shown}")
        sys.stderr.flush()
    outcome = check.run()
    if shown:
        sys.stderr.write("\r\x1b[K")
    return outcome


def _report(outcomes: "list[Outcome]") -> Report:
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    waived = [outcome for outcome in outcomes if outcome.state == "waived"]
    rows = _rows(outcomes)
    data = {
        "passed": not failed,
        "counts": {state: sum(outcome.state == state for outcome in outcomes) for state in _STYLES},
        "checks": [_data(outcome) for outcome in outcomes],
    }

    def draw(page: Page) -> None:
        page.table(("PLUGIN", "PART", "PASSED", "FAILED", "WAIVED"), rows)
        for outcome in (*waived, *failed):
            page.blank()
            _draw(page, outcome)
        page.blank()
        page.line(", ".join(f"{count} {state}" for state, count in data["counts"].items()) + ".")  # type: ignore[attr-defined]

    return Report(data, draw, exit_code=int(bool(failed)))


def _rows(outcomes: "list[Outcome]") -> list[tuple[Cell | str, ...]]:
    parts = dict.fromkeys((outcome.check.plugin, outcome.check.subject) for outcome in outcomes)
    rows: list[tuple[Cell | str, ...]] = []
    for plugin, subject in parts:
        of = [each.state for each in outcomes if (each.check.plugin, each.check.subject) == (plugin, subject)]
        counts = [(str(of.count(state) or ""), style) for state, style in _STYLES.items()]  # type: ignore[arg-type]
        rows.append((plugin, subject, *(Cell(text, style) for text, style in counts)))
    return rows


def _draw(page: Page, outcome: "Outcome") -> None:
    check = outcome.check
    page.line(Cell(outcome.state, _STYLES[outcome.state]), f"  {check.plugin}, {check.subject}: {check.name}")
    page.prose(outcome.found, label="found ", indent=2)
    if outcome.state == "waived":
        page.prose(check.waiver, label="waived", indent=2)
        return
    page.prose(check.why, label="why   ", indent=2)
    page.prose(check.fix, label="fix  ", indent=2)


def _explanation(checks: "list[Check]") -> Report:
    data = [{"plugin": check.plugin, "part": check.subject, **_named(check)} for check in checks]

    def draw(page: Page) -> None:
        for kind, listed in _by_kind(checks):
            page.heading(f"For each {kind}")
            for check in listed:
                page.blank()
                page.line(f"  {check.name}")
                page.prose(check.why, label="why ", indent=4)
                page.prose(check.fix, label="fix", indent=4)
            page.blank()

    return Report({"checks": data}, draw)


def _by_kind(checks: "list[Check]") -> "Iterator[tuple[str, list[Check]]]":
    """Yield kinds of parts with the checks of each, those of one name once."""
    kinds: dict[str, dict[str, Check]] = {}
    for check in checks:
        words = check.subject.rsplit(" ", 1)[0].removesuffix(" of")
        kinds.setdefault(words, {}).setdefault(check.name, check)
    for kind, named in kinds.items():
        yield kind, list(named.values())


def _data(outcome: "Outcome") -> dict[str, Any]:
    check = outcome.check
    told = {"state": outcome.state.value, "found": outcome.found or None, "waiver": check.waiver or None}
    return {
        "plugin": check.plugin,
        "part": check.subject,
        **_named(check),
        **told,
        "seconds": round(outcome.seconds, 3),
    }


def _named(check: "Check") -> dict[str, str]:
    return {"check": check.name, "why": check.why, "fix": check.fix}
