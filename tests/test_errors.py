"""What users read when something is wrong, and what a script gets."""

from __future__ import annotations

import errno

import pytest

from wakeword import errors
from wakeword.errors import CheckFailed, ConfigError, Fatal, ModelError, SourceError, WakewordError, in_words


@pytest.mark.parametrize(("error", "text"), [
    (WakewordError("it broke"), "it broke"),
    (WakewordError("it broke", where="file.yaml:3"), "file.yaml:3: it broke"),
    (WakewordError("it broke", hint="mend it"), "it broke (mend it)"),
    (WakewordError("it broke", where="here", hint="mend it"), "here: it broke (mend it)"),
])  # fmt: skip
def test_an_error_says_what_where_and_the_remedy(error: WakewordError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("kind", "code"), [(ConfigError, 2), (ModelError, 2), (SourceError, 3), (CheckFailed, 1), (Fatal, 74)]
)
def test_each_kind_has_its_exit_code(kind: type[WakewordError], code: int) -> None:
    assert kind("x").exit_code == code


def test_there_is_no_kind_without_a_test_above() -> None:
    kinds = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, WakewordError)}
    assert kinds == {WakewordError, ConfigError, ModelError, SourceError, CheckFailed, Fatal}


def test_the_systems_own_words_follow_a_files_name() -> None:
    assert in_words(OSError(errno.ENOSPC, "No space left on device", "log")) == "no space left on device"
    assert in_words(OSError("Torn")) == "torn"  # raised by a library, without a number
