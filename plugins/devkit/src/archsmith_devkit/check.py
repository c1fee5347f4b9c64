"""``archsmith check``: the conformance kit, run on installed plugins."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsmith.messages import did_you_mean, shorten
from archsmith.registry import registry
from archsmith_cli.verb import Cell, Page, Report, completing, in_group, plugin_named

if TYPE_CHECKING:
    from archsmith_devkit.report import Check, Outcome

_STYLES = {"passed": "green", "failed": "red", "waived": "yellow"}


@in_group("Develop")
def check(
    distributions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DISTRIBUTION",
            help="Plugins: vit, archsmith-vit, acme-good. All if none.",
            autocompletion=completing(lambda _: sorted({entry.distribution for entry in registry.entries()})),
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="CHECK", help="Run this check alone.")] = None,
    waive: Annotated[
        list[str] | None, typer.Option("--waive", metavar="CHECK=REASON", help="Let this check fail, and say why.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what would be checked and why; run nothing.")] = False,
) -> Report:
    """Run the conformance checks on installed plugins.

    Says of each check that fails what was found, why it is checked and how to fix it. Ends with code 1 if one fails.

    Examples:
        archsmith check vit
        archsmith check vit --only attentions
        archsmith check --explain
    """
    from archsmith_devkit.conformance import checks_of, plugins  # torch

    waivers = dict(_waiver(text) for text in waive or ())
    named = dict.fromkeys(plugin_named(name).distribution for name in distributions or plugins())
    checks = [check for name in named for check in checks_of(name, waivers=waivers)]
    checks = _chosen(checks, only or ())
    if explain:
        return _explanation(checks)
    return _report(list(_followed(checks)))


def _waiver(text: str) -> tuple[str, str]:
    name, equals, reason = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"it is {text!r}; expected CHECK=REASON", param_hint="--waive")
    return name.strip(), reason.strip()


def _chosen(checks: "list[Check]", only: Sequence[str]) -> "list[Check]":
    names = {check.name for check in checks}
    for name in only:
        if name not in names:
            of = shorten(dict.fromkeys(check.plugin for check in checks), 3)
            hint = did_you_mean(name, names)
            message = f"no check of {of} is called {name!r}.{hint} archsmith check NAME --explain lists them"
            raise typer.BadParameter(message, param_hint="--only")
    return [check for check in checks if not only or check.name in only]


def _followed(checks: "list[Check]") -> "Iterator[Outcome]":
    """Run checks, and say on standard error what they have come to: those of several plugins take minutes.

    On a terminal it is each part of a plugin, elsewhere each of several plugins.
    """
    page, before, in_detail = Page(sys.stderr), "", sys.stderr.isatty()
    quiet = not in_detail and len({check.plugin for check in checks}) == 1
    for number, check in enumerate(checks, 1):
        place = f"{check.plugin}, {check.subject}" if in_detail else check.plugin
        if place != before and not quiet:
            page.line(Cell(f"checking {place} ({number} of {len(checks)})", "dim"))
            sys.stderr.flush()
        before = place
        yield check.run()


def _report(outcomes: "list[Outcome]") -> Report:
    from archsmith_devkit.replay import told_numbers  # torch

    numbers = told_numbers(outcomes)
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in _STYLES}
    data = {"passed": not counts["failed"], "counts": counts, "numbers": numbers}
    data["checks"] = [_data(outcome) for outcome in outcomes]

    def draw(page: Page) -> None:
        page.table(("PLUGIN", "PART", "PASSED", "FAILED", "WAIVED"), _rows(outcomes))
        if numbers:
            page.blank()
        for told in numbers:
            page.line(f"{told['plugin']}, {told['part']}: {told['text']}")
        for state in ("waived", "failed"):
            for outcome in outcomes:
                if outcome.state == state:
                    page.blank()
                    _draw(page, outcome)
        page.blank()
        page.line(", ".join(f"{count} {state}" for state, count in counts.items()) + ".")

    return Report(data, draw, exit_code=int(bool(counts["failed"])))


def _rows(outcomes: "list[Outcome]") -> list[tuple[Cell | str, ...]]:
    parts: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        parts.setdefault((outcome.check.plugin, outcome.check.subject), []).append(outcome.state)
    return [
        (*part, *(Cell(str(states.count(state) or ""), style) for state, style in _STYLES.items()))
        for part, states in parts.items()
    ]


def _draw(page: Page, outcome: "Outcome") -> None:
    check = outcome.check
    page.line(Cell(outcome.state, _STYLES[outcome.state]), f"  {check.plugin}, {check.subject}: {check.name}")
    reasons = {"waived": check.waiver} if outcome.state == "waived" else {"why": check.why, "fix": check.fix}
    for label, text in {"found": outcome.found, **reasons}.items():
        page.prose(text, label=f"{label:6}", indent=2)


def _explanation(checks: "list[Check]") -> Report:
    """Report what would be checked: as JSON for each part, drawn once for each kind of part."""

    def draw(page: Page) -> None:
        kinds: dict[str, dict[str, Check]] = {}
        for check in checks:
            kind = check.subject.rsplit(" ", 1)[0].removesuffix(" of")
            kinds.setdefault(kind, {}).setdefault(check.name, check)
        for kind, named in kinds.items():
            page.heading(f"For each {kind}")
            for name, check in named.items():
                page.blank()
                page.line(f"  {name}")
                page.prose(check.why, label="why", indent=4)
                page.prose(check.fix, label="fix", indent=4)
            page.blank()

    return Report({"checks": list(map(_named, checks))}, draw)


def _data(outcome: "Outcome") -> dict[str, Any]:
    check = outcome.check
    told = {"state": outcome.state.value, "found": outcome.found or None, "waiver": check.waiver or None}
    return {**_named(check), **told, "seconds": round(outcome.seconds, 3)}


def _named(check: "Check") -> dict[str, str]:
    part = {"plugin": check.plugin, "part": check.subject}
    return part | {"check": check.name, "why": check.why, "fix": check.fix}
