"""A user's code under mypy, and that the check can fail; `.ci/run static` has the other type checkers."""

from __future__ import annotations

import pytest

import type_checkers


def test_mypy_accepts_a_users_code_and_refuses_what_is_wrong() -> None:
    assert type_checkers.complaints("mypy") == []


def test_code_that_is_refused_and_should_not_be_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_checkers, "REFUSED", "x: int = 1  # refused\ny: int = 'a'\n")
    (complaint,) = type_checkers.complaints("mypy")
    assert complaint.startswith("mypy refuses lines [2] and not [1]")


def test_the_exit_status_says_whether_anything_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(type_checkers, "complaints", {"mypy": [], "ty": ["ty refuses it"]}.__getitem__)
    assert type_checkers.main(["mypy"], said.append) == 0
    assert type_checkers.main(["mypy", "ty"], said.append) == 1
    assert said == [
        "mypy: accepts actions.py and api.py, and refuses what is wrong",
        "mypy: accepts actions.py and api.py, and refuses what is wrong",
        "ty refuses it",
    ]
