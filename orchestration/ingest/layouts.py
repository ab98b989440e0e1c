"""The feeds' contracts and the senders' layouts together: what can be used, and what waits.

A file that cannot be used stops only the deliveries that need it: those of its feed, of its sender,
or of one feed of its sender. What a contract or layout may say does not belong here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.configuration import read_each, suggestion
from orchestration.errors import Problem
from orchestration.ingest.contract import NAME_PATTERN, FeedContract
from orchestration.ingest.sender import Layout, Sender, disagreements
from orchestration.settings import Settings


@dataclass(frozen=True)
class Unusable:
    """Problems that keep deliveries waiting: of one sender, of one feed, or of both at once.

    With a sender alone, those of its deliveries that no usable layout is left for; with neither,
    it cannot be said whose.
    """

    problems: tuple[Problem, ...]
    source_id: str | None = None
    feed: str | None = None


@dataclass(frozen=True)
class Layouts:
    """Usable contracts by feed and senders by source id, and what is in the way of the others.

    `feeds` are all that have a contract's file, usable or not, in name order.
    """

    feeds: tuple[str, ...]
    contracts: Mapping[str, FeedContract]
    senders: Mapping[str, Sender]
    unusable: tuple[Unusable, ...]

    def layout(self, source_id: str, feed: str) -> Layout | None:
        """How a sender's deliveries of a feed are read, if there is a usable layout."""
        sender = self.senders.get(source_id)
        return sender.feeds.get(feed) if sender and feed in self.contracts else None

    def knows(self, source_id: str) -> bool:
        """Whether there is a file for a sender, usable or not."""
        return source_id in {*self.senders, *(one.source_id for one in self.unusable)}

    def in_the_way(self, source_id: str, feed: str) -> tuple[Problem, ...]:
        """Why deliveries of a sender and feed wait; nothing where they can be read."""
        if self.layout(source_id, feed):
            return ()
        return tuple(
            problem
            for one in self.unusable
            if one.source_id in (None, source_id) and one.feed in (None, feed)
            for problem in one.problems
        )


def load_layouts(settings: Settings) -> Layouts:
    """Read `data/feeds` and `data/payers`; raise `ConfigurationError` where there is no file."""
    contracts: dict[str, FeedContract] = {}
    unusable: list[Unusable] = []
    found_contracts, unreadable = read_each(settings.feeds_dir, FeedContract)
    for file, contract in found_contracts.items():
        if contract.feed == file.stem:
            contracts[contract.feed] = contract
        else:
            fix = f"Name the file {contract.feed}.yml, or the feed {file.stem}."
            unreadable[file] = (Problem(file, "feed", contract.feed, fix),)
    for file, problems in unreadable.items():
        is_name = re.fullmatch(NAME_PATTERN, file.stem)
        unusable.append(Unusable(problems, feed=file.stem if is_name else None))
    feeds = tuple(sorted({*contracts, *(one.feed for one in unusable if one.feed)}))
    senders: dict[str, Sender] = {}
    found_senders, unreadable = read_each(settings.payers_dir, Sender)
    unusable += [Unusable(problems, source_id=file.stem) for file, problems in unreadable.items()]
    for file, sender in found_senders.items():
        if sender.source_id != file.stem:
            fix = f"Name the file {sender.source_id}.yml, or the source {file.stem}."
            problem = Problem(file, "source_id", sender.source_id, fix)
            names = (file.stem, sender.source_id)
            unusable += [Unusable((problem,), source_id=name) for name in names]
            continue
        in_the_way = list(_in_the_way(file, sender, contracts, feeds))
        unusable += in_the_way
        stopped = {one.feed for one in in_the_way}
        usable = {feed: layout for feed, layout in sender.feeds.items() if feed not in stopped}
        senders[sender.source_id] = sender.model_copy(update={"feeds": usable})
    return Layouts(feeds, contracts, senders, tuple(unusable))


def _in_the_way(
    file: Path, sender: Sender, contracts: Mapping[str, FeedContract], feeds: tuple[str, ...]
) -> Iterator[Unusable]:
    """What is wrong between one sender's layouts and the contracts."""
    for feed, layout in sender.feeds.items():
        if feed in contracts:
            problems = tuple(disagreements(file, contracts[feed], layout))
            if problems:
                yield Unusable(problems, sender.source_id, feed)
        elif feed not in feeds:
            fix = "No contract has this name. " + suggestion(feed, list(contracts))
            problem = Problem(file, f"feeds.{feed}", feed, fix)
            yield Unusable((problem,), sender.source_id)
