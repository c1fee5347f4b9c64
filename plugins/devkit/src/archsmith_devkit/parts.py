"""Checks of how preprocessing is declared, without an architecture of its own: what it costs, and where names lead."""

import archsmith
from archsmith.plugin import COMPONENTS
from archsmith.registry import Entry, registry
from archsmith_devkit.manifest import PART_BASES, DeclarationChecks

__all__ = ["PartsConformance"]


class PartsConformance:
    """The checks of one entry point of preprocessing, or of an extension.

    Args:
        entry: The entry point.
    """

    test_manifest_is_light = DeclarationChecks.test_manifest_is_light
    test_import_cost = DeclarationChecks.test_import_cost

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def entry(self) -> Entry:
        """Return the entry point that is checked."""
        return self._entry

    def test_parts_are_of_their_kind(self) -> None:
        """A part is asked for by its role: a class of another kind, or of another name, breaks whoever gets it.

        Fix: name in each field of the record a class that derives from the base of that role, as it is called in its
        module; tokenizer is the one in Python, tokenizer_fast the one on the library tokenizers.
        """
        owner = self._entry.owner
        for record in registry.records(self._entry):
            for role in COMPONENTS:
                if reference := getattr(record, role):
                    found, base = registry.load(owner.name, role, kind=owner.kind), PART_BASES[role]
                    assert issubclass(found, base), (
                        f"{role} of {owner.name!r} is {found.__name__}, which is not a {base.__name__}"
                    )
                    name = reference.rpartition(":")[2]
                    assert found.__name__ == name, f"{role} of {owner.name!r} is {name}, which is {found.__name__}"

    def test_class_names_lead_back(self) -> None:
        """Files name classes, some by older names: each must lead to the class of this package.

        Fix: let no two classes have one name, and map older names (aliases) to those that the classes have now.
        """
        for name, reference in registry.exports(self._entry).items():
            found, wanted = getattr(archsmith, name), reference.rpartition(":")[2]
            assert found.__name__ == wanted, f"archsmith.{name} is {found.__name__}; expected {wanted}"
