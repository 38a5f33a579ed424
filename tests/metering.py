"""Metrics that keep all that they are told."""

from collections import Counter, defaultdict

from shoebox.metrics import Metrics


class Kept(Metrics):
    def __init__(self):
        self.sums = Counter()
        self.values = defaultdict(list)
        self.watched = []

    def tell(self, metric, value=1, label=""):
        self.sums[metric.name, label] += value
        self.values[metric.name].append(value)

    def watch(self, directory):
        self.watched.append(directory)
