"""What every plugin must do. ``archsmith check archsmith-sample-net`` says the same in the shell."""

from archsmith_devkit import assert_conforms


def test_conformance() -> None:
    assert_conforms("archsmith-sample-net")
