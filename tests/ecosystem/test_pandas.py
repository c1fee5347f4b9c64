"""pandas and pyarrow: a column of texts in, columns of ids out, Parquet and back."""

import pytest

from .support import make_tokenizers

pytestmark = pytest.mark.long

TEXTS = ["a good film", "bad"]


def test_columns(vocabulary, tmp_path):
    import pandas as pd

    frame, (ours, theirs) = pd.DataFrame({"text": TEXTS}), make_tokenizers(vocabulary)
    expected = theirs(TEXTS, padding=True)["input_ids"]
    assert ours(list(frame["text"]), padding=True)["input_ids"] == expected
    encoded = pd.DataFrame(dict(ours(list(frame["text"]), padding=True)))
    encoded.to_parquet(tmp_path / "ids.parquet")
    assert [list(row) for row in pd.read_parquet(tmp_path / "ids.parquet")["input_ids"]] == expected


@pytest.mark.parametrize("kind", ["series", "numpy", "arrow"])
def test_other_lists_are_refused_as_there(kind, vocabulary):
    """The reference takes lists alone; here it is said what to pass."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    column = {"series": pd.Series, "numpy": np.array, "arrow": pa.array}[kind](TEXTS)
    ours, theirs = make_tokenizers(vocabulary)
    with pytest.raises(Exception) as there:
        theirs(column)
    assert there.type in (ValueError, TypeError)
    with pytest.raises(Exception, match=r"list|str") as here:
        ours(column)
    assert here.type.__module__ == "archsmith.errors"
