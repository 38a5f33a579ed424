"""Rings of one device, made in Swift's own environment.

Called with the folder, the host and NAME=PORT for each ring.
"""

import sys

from swift.common.ring import RingBuilder

folder, host, *rings = sys.argv[1:]
for name, port in (ring.split("=") for ring in rings):
    # 2**4 partitions, one replica, and no wait between two changes
    builder = RingBuilder(4, 1, 0)
    device = {"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1.0, "meta": ""}
    address = {"ip": host, "port": int(port)}
    replication = {f"replication_{key}": value for key, value in address.items()}
    builder.add_dev(device | address | replication)
    builder.rebalance(seed=1)
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
