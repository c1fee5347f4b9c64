"""What tokenizers in Python share."""

from archsmith.tokenizer.templates import Row


def test_what_is_truncated_comes_in_pieces_that_overlap():
    row = Row([1, 2, 3, 4, 5], [0] * 5, [0] * 5, list("abcde"))
    assert [piece.ids for piece in row.truncated(3, 1, "right")] == [[1, 2, 3], [3, 4, 5]]
    assert [piece.ids for piece in row.truncated(3, 1, "left")] == [[3, 4, 5], [1, 2, 3]]
    assert [piece.ids for piece in row.truncated(2, 0, "left")] == [[4, 5], [2, 3], [1]]
    assert [piece.ids for piece in row.truncated(0, 0, "right")] == [[], [1, 2, 3, 4, 5]]
