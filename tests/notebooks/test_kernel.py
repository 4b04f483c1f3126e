"""What runs the notebooks loses no reply."""

from __future__ import annotations

import asyncio
import time

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from tests.notebooks.kernel import WakefulChannel


def test_a_reply_that_arrives_while_something_is_sent_is_not_lost():
    """The reply is there before the loop turns again, and sending takes it in."""

    async def heard() -> int:
        with zmq.Context() as there, zmq.asyncio.Context() as here:
            kernel = there.socket(zmq.DEALER)
            port = kernel.bind_to_random_port("tcp://127.0.0.1")
            socket = here.socket(zmq.DEALER)
            socket.connect(f"tcp://127.0.0.1:{port}")
            channel = WakefulChannel(socket, Session())
            channel.send(Session().msg("first"))
            kernel.recv_multipart()
            kernel.send(b"answer")
            await socket.recv_multipart()
            waiting = asyncio.ensure_future(socket.poll(2_000))
            await asyncio.sleep(0.2)
            kernel.send(b"reply")
            time.sleep(0.2)  # the loop stands still
            channel.send(Session().msg("comm_msg"))
            try:
                return await asyncio.wait_for(waiting, 1.0)
            finally:
                kernel.close(linger=0)
                socket.close(linger=0)

    assert asyncio.run(heard()) == zmq.POLLIN
