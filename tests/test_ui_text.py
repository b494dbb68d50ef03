"""Names from files are shown as text."""

import pytest

from ui.text import plain


@pytest.mark.parametrize("text", ["<img src=x>", "[a](b)", ":red[x]", "$x$", "**b**", "a|b", "# a", ":material/x:"])
def test_no_markdown_character_stays_bare(text):
    escaped = plain(text)
    bare = escaped.replace("\\\\", "")
    for i, character in enumerate(bare):
        if character in "<>[]():$*|#_`":
            assert bare[i - 1] == "\\", escaped
    assert escaped.replace("\\", "") == text


def test_lines_are_folded():
    assert plain("a\nb\x00c\t d") == "a b c d"
