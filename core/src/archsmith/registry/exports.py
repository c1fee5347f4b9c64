"""Which plugin exports a class, by the name of the class alone; and if none does, why not."""

from dataclasses import dataclass

from archsmith.errors import ClassNotAvailable
from archsmith.messages import did_you_mean, shorten
from archsmith.registry.catalog import Catalog
from archsmith.registry.installed import Entry, Kind, State
from archsmith.registry.known import KNOWN_CLASSES, install_hint, known_model_type, names_class_of, squash
from archsmith.registry.manifest import Manifest

__all__ = ["Export", "class_names", "find_export", "find_suspect", "manifest_of", "names_of", "remedy_for"]

#: How the names of preprocessing classes usually end.
_PREPROCESSING = ("Tokenizer", "TokenizerFast", "Processor", "Extractor")


@dataclass(frozen=True)
class Export:
    """A class that a plugin provides.

    Attributes:
        entry: The entry point under which the plugin provides it.
        reference: ``"module:Class"``, or the name of a class that another plugin exports.
    """

    entry: Entry
    reference: str

    @property
    def class_name(self) -> str:
        """The name of the class."""
        return self.reference.rpartition(":")[2]

    def __str__(self) -> str:
        return f"{self.entry} ({self.reference})"


def manifest_of(catalog: Catalog, entry: Entry) -> Manifest:
    """Return what the plugin of an entry declares: nothing, if it does not load."""
    manifest = catalog.load(entry)
    return manifest if isinstance(manifest, Manifest) else Manifest({})


def find_export(catalog: Catalog, name: str) -> Export:
    """Return who exports a class. Raises as `Registry.find_class`."""
    if (export := _search(catalog, name)) is None:
        catalog.look_again()
        export = _search(catalog, name)
    if export is None:
        raise _absence(catalog, name)
    return export


def class_names(catalog: Catalog) -> set[str]:
    """Return the names of all classes that usable plugins export; each manifest is loaded for that."""
    return {name for entry in catalog.usable() for name in manifest_of(catalog, entry).exports(entry)}


def names_of(catalog: Catalog, export: Export) -> set[str]:
    """Return the names under which a class may be asked for: its own, and older ones."""
    exported = manifest_of(catalog, export.entry).exports(export.entry)
    return {export.class_name} | {name for name, reference in exported.items() if reference == export.reference}


def _absence(catalog: Catalog, name: str) -> ClassNotAvailable | AttributeError:
    """Say why no plugin exports a class: its plugin cannot be used, is not installed, or there is none."""
    if entry := find_suspect(catalog, name):
        return ClassNotAvailable(f"{name} cannot be imported: {entry.reason} {entry.remedy}", name=name)
    if (package := KNOWN_CLASSES.get(name)) and not catalog.index.declared_by(package):
        return ClassNotAvailable(f"{name} belongs to {package}, which is not installed.{install_hint(name)}", name=name)
    model_type = known_model_type(name)
    if model_type and not catalog.index.of(Kind.ARCHITECTURE, model_type):
        missing = f"{name} belongs to {model_type!r}, which no installed plugin provides.{install_hint(name)}"
        return ClassNotAvailable(missing, name=name)
    message = f"module 'archsmith' has no attribute {name!r}, and no installed plugin exports it."
    return AttributeError(message + _not_asked(catalog) + did_you_mean(name, class_names(catalog)), name=name)


def remedy_for(catalog: Catalog, name: str) -> str:
    """Return what to do about a class that no plugin provides, as sentences with a space before them."""
    return install_hint(name) or _not_asked(catalog)


def find_suspect(catalog: Catalog, name: str) -> Entry | None:
    """Return the plugin that must have a class, if it is installed but cannot be used."""
    package = KNOWN_CLASSES.get(name)
    for entry in sorted(_unusable(catalog), key=lambda entry: -len(entry.model_type)):
        if entry.key == package or names_class_of(name, entry.model_type):
            return entry
    return None


def _not_asked(catalog: Catalog) -> str:
    """Return a sentence that names the plugins which cannot be used, if there are any."""
    names = sorted({f"{entry} ({entry.state})" for entry in _unusable(catalog)})
    return f" Not asked: {shorten(names, 20)}." if names else ""


def _unusable(catalog: Catalog) -> list[Entry]:
    return [each for each in catalog.entries() if not each.kind.is_alone and each.state is not State.OK]


def _search(catalog: Catalog, name: str) -> Export | None:
    """Search the plugins whose model_type begins the name, then the others; load no more than that takes.

    Preprocessing that no architecture owns need not be called like its classes.
    """
    usable = catalog.usable()
    kind = Kind.PROCESSOR if name.endswith(_PREPROCESSING) else None
    near = [entry for entry in usable if entry.kind is kind or name.lower().startswith(squash(entry.model_type))]
    for group in (near, [entry for entry in usable if entry not in near]):
        owners: dict[str, Export] = {}
        for entry in group:
            if reference := manifest_of(catalog, entry).exports(entry).get(name):
                owners.setdefault(reference, Export(entry, reference))
        if len(owners) > 1:
            claims = " and ".join(sorted(map(str, owners.values())))
            remedy = "Import it from the package that you mean, or switch one off: archsmith disable"
            raise ClassNotAvailable(f"{name} is exported by {claims}. {remedy}", name=name)
        if owners:
            return next(iter(owners.values()))
    return None
