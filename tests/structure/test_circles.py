"""Nothing imports in a circle: not when it is loaded, not lazily, not for types."""

import functools

from .imports import imported, modules

#: Modules that still stand in a circle. Never add one.
EXCEPTIONS = frozenset()


@functools.cache
def arrows():
    known = modules()
    return {name: frozenset(imported(name, path, known)) for name, path in known.items()}


def circles():
    """Return the sets of modules that import each other (Tarjan's strongly connected components)."""
    graph, order, low, stack, found = arrows(), {}, {}, [], []

    def visit(name):
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == order[name]:
            members = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(members)

    for name in graph:
        if name not in order:
            visit(name)
    return found


def described(circle):
    return [f"{name} -> {other}" for name in sorted(circle) for other in sorted(arrows()[name] & circle)]


def test_no_circles():
    left = [described(circle) for circle in circles() if circle - EXCEPTIONS]
    assert not left, "\n".join(map("\n".join, left))


def test_exceptions_are_needed():
    assert set().union(*circles()) >= EXCEPTIONS


def test_the_arrows_are_seen():
    """A test that finds no circle because it sees no arrow would prove nothing."""
    graph = arrows()
    assert "archsmith.registry.base" in graph["archsmith.registry"], "the table of a lazy face"
    assert "archsmith.config.base" in graph["archsmith.model.base"], "a plain import"
    assert any("archsmith.files.weights" in others for others in graph.values())
    assert "archsmith.tokenizer" in graph["archsmith.processor.base"], "a reference"


def test_no_part_imports_its_own_face():
    wrong = [
        f"{name} imports {face}"
        for name, others in arrows().items()
        for face in others
        if name.startswith(f"{face}.") and face.partition(".")[0] == "archsmith"
    ]
    assert not wrong
