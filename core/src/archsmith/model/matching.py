"""Match the tensors in the files with the parameters of a model: what is loaded, new, unused or ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from archsmith.errors import PluginBroken, WeightsMismatch
from archsmith.files.weights import TensorInfo, Weights, kind_of
from archsmith.messages import shorten, shown
from archsmith.model.marker import AnyModel, LoadReport
from archsmith.model.parts import places_of

__all__ = ["COUNTER", "Match", "shapes_and_kinds"]

_SHOWN_FAULTS = 20
#: The end of the name of a buffer that counts, and that no output depends on: a file may lack it, or hold it rounded.
COUNTER = "num_batches_tracked"


@dataclass
class Match:
    """Which tensor in the files is which parameter of a model.

    Below the base prefix every name must match, apart from the ignored and the optional ones. Outside of it another
    head's tensors may be left over, and a whole head may be new; not so if the files were saved from this very class.

    Args:
        model: The model as it was built, on whichever device.
        weights: What the files hold.
        same_class: Whether the checkpoint says that it was saved from this model class.
        allow_new: Patterns of parameters that may start from random values all the same.
        allow_unused: Patterns of keys that may be left over all the same.
        any_shape: Whether all may that the files hold in another shape.
        ties: Of files of a whole that the model is a part of: parameter of the whole → the one it is the same as. What
            belongs to the other parts is left over then. None: the files are of the model's own architecture.

    Attributes:
        found: Parameter → tensor in the files.
        misfits: Parameter → tensor in the files that is not loaded: it is of another shape or class of type.
        report: What became of each.

    Raises:
        WeightsMismatch: Names every tensor that is missing, left over, or of another shape or class of type.
    """

    model: AnyModel
    weights: Weights
    same_class: bool
    allow_new: tuple[str, ...] = ()
    allow_unused: tuple[str, ...] = ()
    any_shape: bool = False
    ties: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.wanted = self.model.build_record.tensors or shapes_and_kinds(self.model.state_dict())
        self.tied = self.model.tied_names()
        self._read_declarations()
        self.found: dict[str, TensorInfo] = {}
        self.misfits: dict[str, TensorInfo] = {}
        self.new: list[str] = []
        self.unused: list[str] = []
        self.ignored: list[str] = []
        self.faults: list[str] = []
        self._read_spelling()
        for key, info in self.weights.tensors.items():
            if key.startswith(self.root):
                self._place(key.removeprefix(self.root), info)
            else:
                self.unused.append(key)
        for name in self.wanted:
            self._check(name)
        for name in [name for name in self.wanted if name not in self.found]:
            self._miss(name)
        if self.faults:
            self._fail()
        loaded = tuple(name for name in self.wanted if name in self.found)
        unused = sorted([*self.unused, *(info.name for info in self.misfits.values())])
        self.report = LoadReport(loaded, tuple(self.new), tuple(unused), tuple(sorted(self.ignored)))

    def _read_declarations(self) -> None:
        """Take the patterns that the model declares, and with them those of the models inside its base."""
        model = self.model
        self.has_head = model.base_model is not model  # then there is a prefix
        self.prefix = f"{model.base_model_prefix}." if model.base_model_prefix else ""
        self.head_keys = _patterns(model, "head_keys")
        self.ignored_keys, self.optional_keys = _patterns(model, "ignored_keys"), _patterns(model, "optional_keys")
        for path, module in model.base_model.named_modules():
            if path and isinstance(module, AnyModel) and module.base_model is module:
                self.ignored_keys += [f"{path}.{pattern}" for pattern in _patterns(module, "ignored_keys")]
                self.optional_keys += [f"{path}.{pattern}" for pattern in _patterns(module, "optional_keys")]

    def _read_spelling(self) -> None:
        """Find out how the files spell the names of the parameters: below which path, with the base prefix or not."""
        self.root = "" if self.ties is None else self._find_root()
        inside = [key.removeprefix(self.root) for key in self.weights.tensors if key.startswith(self.root)]
        self.file_has_prefix = bool(self.prefix) and any(key.startswith(self.prefix) for key in inside)
        heads_last = sorted(self.wanted, key=lambda name: not name.startswith(self.prefix))
        self.spelled = {self._spell(name): name for name in heads_last}
        is_among_others = self.ties is not None and not self.root and not self.file_has_prefix
        self.tops = {key.partition(".")[0] for key in self.spelled} if is_among_others else None

    def _find_root(self) -> str:
        """Return what stands before the keys of this part in the files of a whole."""
        keys, prefix = self.weights.tensors, self.prefix
        if any(key.startswith(prefix) if prefix else key in self.wanted for key in keys):
            return ""
        roots = sorted({key[: key.index(f".{prefix}") + 1] for key in keys if prefix and f".{prefix}" in key})
        bases = {self._in_base(name, has_prefix=self.has_head) for name in self.wanted}
        root, *others = roots or places_of({name for name in bases if name}, keys) or [""]
        if others:
            self.faults.append(
                f"the files hold such a part in several places, {shorten([root, *others])}: "
                "its author must name the one that is meant in base_model_prefix"
            )
        return root

    def _spell(self, name: str) -> str:
        """Return a parameter as the files spell it."""
        if self.has_head == self.file_has_prefix:
            return name
        return name.removeprefix(self.prefix) if self.has_head else self.prefix + name

    def _place(self, key: str, info: TensorInfo) -> None:
        """Find the parameter that a key in the files belongs to, or decide what its being left over means."""
        name = self.spelled.get(key, self.spelled.get(self.model.rename_key(key)))
        if name is None:
            is_others = self.tops is not None and key.partition(".")[0] not in self.tops
            self._leave_over(info.name, None if is_others else self._in_base(key, has_prefix=self.file_has_prefix))
        elif name in self.found:
            self.faults.append(f"{self.found[name].name!r} and {key!r} in the files are both the parameter {name!r}")
        else:
            self.found[name] = info

    def _in_base(self, name: str, *, has_prefix: bool) -> str | None:
        """Return a key of the files or a parameter as the base model has it, or None if it belongs to a head."""
        is_inside = (not has_prefix or name.startswith(self.prefix)) and not _any(self.head_keys, name)
        return name[len(self.prefix) if has_prefix else 0 :] if is_inside else None

    def _leave_over(self, key: str, base: str | None) -> None:
        if _any(self.ignored_keys, base or key):
            self.ignored.append(key)
        elif (
            _any(self.allow_unused, key)
            or (base is None and not (self.same_class and (self.has_head or self.head_keys)))
            or _any(self.optional_keys, key if base is None else base)
        ):
            self.unused.append(key)
        else:
            self.faults.append(f"unexpected key {key!r}: not a parameter of the model")

    def _check(self, name: str) -> None:
        """Hold what was found against the parameter.

        Where nothing was, take what the whole has tied it to, in another part, and what alone is in the files.
        """
        (shape, kind), info = self.wanted[name], self.found.get(name)
        if info is None:
            info = self.weights.tensors.get((self.ties or {}).get(self.root + self._spell(name), ""))
            if info is None or info in self.found.values():
                return
            self.found[name] = info
            self.unused = [key for key in self.unused if key != info.name]
        if info.shape == shape and (info.kind == kind or (name.endswith(COUNTER) and info.kind == "float")):
            return
        if _any(self.allow_new, name) or (self.any_shape and info.shape != shape):
            self.misfits[name] = self.found.pop(name)
            return
        key = f" (as {info.name!r})" if info.name != name else ""
        self.faults.append(
            f"{name!r} must be {list(shape)} {kind}, but {info.file.name} holds {list(info.shape)} {info.dtype}{key}"
        )

    def _miss(self, name: str) -> None:
        """Decide what a missing key means: a tied one is there, a whole head is new, the rest is a fault."""
        twins = {self.tied.get(name)} | {twin for twin, source in self.tied.items() if source == name}
        if any(twin in self.found for twin in twins) or self.tied.get(name) in self.misfits:
            return
        base = self._in_base(name, has_prefix=self.has_head)
        owner = name.rpartition(".")[0]
        whole_head_is_new = (
            base is None and not self.same_class and not any(found.rpartition(".")[0] == owner for found in self.found)
        )
        optional = name.endswith(COUNTER) or _any(self.optional_keys, name if base is None else base)
        if (
            whole_head_is_new
            or optional
            or _any(self.allow_new, name)
            or not self.misfits.keys().isdisjoint({name, *twins})
        ):
            self.new.append(name)
        else:
            self.faults.append(f"missing key {name!r}: not in the files")

    def loading_info(self) -> dict[str, Any]:
        """Return the report in the form that ``output_loading_info`` asks for."""
        shapes = {(name, info.shape, self.wanted[name][0]) for name, info in self.misfits.items()}
        missing, unexpected = set(self.new) - set(self.misfits), set(self.unused)
        named = {"missing_keys": missing, "unexpected_keys": unexpected, "mismatched_keys": shapes}
        return {**named, "error_msgs": []}

    def _fail(self) -> None:
        more = [f"… and {len(self.faults) - _SHOWN_FAULTS} more"] if len(self.faults) > _SHOWN_FAULTS else []
        shown = "".join(f"\n  - {fault}" for fault in [*self.faults[:_SHOWN_FAULTS], *more])
        keys = [*self.weights.tensors, *self.wanted]
        keys += [key.removeprefix(self.prefix) for key in keys]
        idle = [pattern for pattern in self.optional_keys if not any(fnmatchcase(key, pattern) for key in keys)]
        told = f"\nNo key matches {shorten(idle)} of optional_keys: is it misspelt?" if idle else ""
        files = ", ".join(path.name for path in self.weights.files[:3]) + (", …" if len(self.weights.files) > 3 else "")  # noqa: PLR2004
        raise WeightsMismatch(
            f"{type(self.model).__name__} cannot be loaded from {self.weights.source!r} ({files}):{shown}\n"
            "Check that config.json and the weights belong together. To let parameters start from random values pass "
            "allow_new=[patterns]; to leave tensors of the files out pass allow_unused=[patterns]."
            f"{told}",
            faults=tuple(self.faults),
            source=self.weights.source,
        )


def shapes_and_kinds(tensors: Mapping[str, object]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return name → shape and class of type, as `TensorInfo.kind` says it of a tensor in a file.

    What a module keeps in its ``state_dict`` that is no tensor (``get_extra_state``) is in no file.
    """
    return {
        name: (tuple(tensor.shape), kind_of(str(tensor.dtype)))
        for name, tensor in tensors.items()
        if isinstance(tensor, Tensor)
    }


def _patterns(model: AnyModel, name: str) -> list[str]:
    """Return what a model declares: patterns of keys, as its base model names them.

    Raises:
        PluginBroken: It is a string, each letter of which would be a pattern, or can match no key.
    """
    patterns, prefix = getattr(model, name), f"{model.base_model_prefix}."
    wanted = "a tuple of patterns, as ('pooler.*',)"
    if isinstance(patterns, list | tuple) and all(isinstance(pattern, str) for pattern in patterns):
        has_none = name != "head_keys" and prefix != "." and not hasattr(model.base_model, prefix[:-1])
        vain = [pattern for pattern in patterns if has_none and pattern.startswith(prefix)]
        if not vain:
            return list(patterns)
        wanted = f"as the base model names its keys, {vain[0].removeprefix(prefix)!r}"
    raise PluginBroken(f"{type(model).__name__}.{name} must be {wanted}, but is {shown(patterns)}.")


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
