"""Every error's text is for the user."""

import pytest

from bridge import errors


@pytest.mark.parametrize("kind", [errors.Refused, errors.Unreachable, errors.BrokerError])
def test_no_login_stays_in_an_error(kind: type[errors.RedactedError]) -> None:
    assert str(kind("no answer of tcp://me:pass@host")) == "no answer of tcp://***@host"
