"""No test, and so nothing that the tests call, may reach another machine."""

import socket

import pytest


def test_a_connection_to_another_machine_fails():
    with (
        socket.socket() as connection,
        pytest.raises(AssertionError, match="nothing needs the network"),
    ):
        connection.connect(("192.0.2.1", 80))  # reserved for documentation
