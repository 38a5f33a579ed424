"""What else keeps records, each used as its documentation recommends.

Each peer writes metadata, payload and the time of every record, syncs the file at the end,
and gives all of it back.
"""

from benchmarks.peers import avro, chunks, lines, ours, samples, stream
from benchmarks.peers.peer import Peer

PEERS: tuple[Peer, ...] = (
    *ours.PEERS,
    *avro.PEERS,
    *stream.PEERS,
    *chunks.PEERS,
    *samples.PEERS,
    *lines.PEERS,
)
