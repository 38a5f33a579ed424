"""The ini file: which options there are, what is set, and what is wrong with it.

A writer is configured by the section `[shoebox]`, whose lists name the plugins in
use as `NAME` or `NAME:PLUGIN`, and by one section `[shoebox_<kind>_<name>]` for
each of them, whose options the plugin declares. `conf` is always handed in. With
another `group` than "shoebox" all these sections begin with that word instead, so
that one service can have several writers.
"""

from __future__ import annotations

import copy
import difflib
import re
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from shoebox import ini, options, plugins
from shoebox.errors import ConfigError, PluginError
from shoebox.escaping import logger

GROUP = "shoebox"
LISTS = {"roll_checker": "roll_checkers", "callback": "callbacks", "storage": "storage"}

_INSTANCE = re.compile(r"([A-Za-z0-9_.-]+)(?::([A-Za-z0-9_.-]+))?")
_LOG = logger(__name__)


@dataclass(frozen=True)
class Instance:
    """A plugin in use under a name of its own, with a section of its own."""

    group: str
    kind: str
    name: str
    plugin: str

    @property
    def section(self) -> str:
        """The section that holds its options."""
        return f"{self.group}_{self.kind}_{self.name}"


def register_opts(conf: cfg.ConfigOpts, group: str = GROUP) -> None:
    """Make the options of the section known to conf; a second time changes nothing."""
    conf.register_opts(copy.deepcopy(list(options.WRITER)), group=group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return copies of all options by section, those of every installed plugin included.

    What oslo-config-generator asks for. A plugin that can't be used is named in the log.
    """
    sections = [(GROUP, list(options.WRITER)), (f"{GROUP}_listen", list(options.LISTEN))]
    for kind in plugins.GROUPS:
        for name in plugins.names(kind):
            try:
                declared = plugins.options(plugins.load(kind, name)) or ()
            except PluginError as error:
                _LOG.warning("left out: %s", error)
                continue
            sections.append((f"{GROUP}_{kind}_{name}", [*options.common(kind), *declared]))
    return copy.deepcopy([section for section in sections if section[1]])


def settings(conf: cfg.ConfigOpts, group: str = GROUP) -> dict[str, Any]:
    """Return the value of each option of the group's own section, by its name.

    Raise ConfigError, here as below with a line for each problem.
    """
    register_opts(conf, group)
    return ini.values(conf, group, options.WRITER)


def listening(conf: cfg.ConfigOpts, group: str = GROUP) -> dict[str, Any]:
    """Return the value of each option of `shoebox listen`, by its name."""
    conf.register_opts(copy.deepcopy(list(options.LISTEN)), group=f"{group}_listen")
    found = ini.values(conf, f"{group}_listen", options.LISTEN)
    if not found["topics"]:
        raise ConfigError(f"[{group}_listen] topics: is empty; name what is to be listened to")
    return found


def reread(conf: cfg.ConfigOpts, group: str = GROUP) -> dict[str, Any]:
    """Read the ini again, and return what `listening` does, changed where it may change in use.

    Raise ConfigError, cfg.Error, OSError or UnicodeDecodeError, and change nothing, where what
    stands there is wrong.
    """
    before = conf._mutable_ns  # noqa: SLF001 - nothing public goes back to it
    try:
        conf.mutate_config_files()
        return listening(conf, group)
    except Exception:
        conf._mutable_ns = before  # noqa: SLF001
        raise


def instances(conf: cfg.ConfigOpts, kind: str, group: str = GROUP) -> list[Instance]:
    """Return what the kind's list names, in its order."""
    register_opts(conf, group)
    option = next(it for it in options.WRITER if it.dest == LISTS[kind])
    entries = ini.values(conf, group, [option])[option.dest]
    found = [_instance(group, kind, entry) for entry in entries]
    names = [it.name.lower() for it in found]
    for name in sorted({it for it in names if names.count(it) > 1}):
        raise ConfigError(f"[{group}] {option.dest}: {name!r} is named twice; use NAME:PLUGIN")
    return found


def storage_instance(conf: cfg.ConfigOpts, name: str, group: str = GROUP) -> Instance:
    """Return the backend of this name: one that `storage` names, or a plugin by its own name."""
    named = {it.name: it for it in instances(conf, "storage", group)}
    if name in named:
        return named[name]
    if name in plugins.names("storage"):
        return Instance(group, "storage", name, name)
    known = {*named, *plugins.names("storage")}
    raise ConfigError(f"[{group}] storage: names no {name!r}; {plugins.nearest(name, known)}")


def arguments(conf: cfg.ConfigOpts, instance: Instance) -> dict[str, Any]:
    """Return the keyword arguments that the instance's plugin is built with."""
    declared = _declared(conf, instance)
    known = _register(conf, instance, declared)
    problems = ini.Problems()
    problems.add(ini.unknown_keys(conf, instance.section, known))
    found: dict[str, Any] = {}
    with problems.gather():
        found = ini.values(conf, instance.section, declared)
    problems.report()
    return found


def destination(conf: cfg.ConfigOpts, instance: Instance) -> dict[str, Any]:
    """Return what a storage instance's section says of it as a destination, by its name."""
    _register(conf, instance, ())
    return ini.values(conf, instance.section, options.STORAGE)


def check(conf: cfg.ConfigOpts, group: str = GROUP) -> None:
    """Raise ConfigError if anything in the ini is wrong: a section, a key, a value, a plugin."""
    problems = ini.Problems()
    with problems.gather():
        _check_directory(group, settings(conf, group))
    with problems.gather():
        listening(conf, group)
    problems.add(ini.unknown_keys(conf, group, options.WRITER))
    problems.add(ini.unknown_keys(conf, f"{group}_listen", options.LISTEN))
    used: list[Instance] = []
    for kind in LISTS:
        with problems.gather():
            used.extend(instances(conf, kind, group))
    for instance in used:
        with problems.gather():
            arguments(conf, instance)
        if instance.kind == "storage":
            with problems.gather():
                destination(conf, instance)
    problems.add(_unknown_sections(conf, group, used))
    problems.report()


def effective(conf: cfg.ConfigOpts, group: str = GROUP) -> list[tuple[str, str, str]]:
    """Return (section, key, value) of everything that is in force, with secrets masked."""
    shown = _shown(group, options.WRITER, settings(conf, group))
    if ini.keys(conf, f"{group}_listen"):
        shown += _shown(f"{group}_listen", options.LISTEN, listening(conf, group))
    for kind in LISTS:
        for instance in instances(conf, kind, group):
            known = _register(conf, instance, _declared(conf, instance))
            shown += _shown(instance.section, known, ini.values(conf, instance.section, known))
    return shown


def _instance(group: str, kind: str, entry: str) -> Instance:
    match = _INSTANCE.fullmatch(entry)
    if match is None:
        raise ConfigError(f"[{group}] {LISTS[kind]}: {entry!r} is neither NAME nor NAME:PLUGIN")
    return Instance(group, kind, match[1], match[2] or match[1])


def _declared(conf: cfg.ConfigOpts, instance: Instance) -> tuple[cfg.Opt, ...]:
    """Return the plugin's options; one that declares none takes what stands there."""
    declared = plugins.options(_plugin(instance))
    if declared is not None:
        return declared
    taken = {option.dest for option in options.common(instance.kind)}
    found = (key for key in ini.keys(conf, instance.section) if key not in taken)
    # Nobody says which of them are secret, so each may be.
    return tuple(cfg.StrOpt(f"key {key}", dest=key, secret=True) for key in found)


def _plugin(instance: Instance) -> type[Any]:
    try:
        return plugins.load(instance.kind, instance.plugin)
    except PluginError as error:
        raise PluginError(f"[{instance.group}] {LISTS[instance.kind]}: {error}") from error


def _register(
    conf: cfg.ConfigOpts, instance: Instance, declared: tuple[cfg.Opt, ...]
) -> tuple[cfg.Opt, ...]:
    known = (*options.common(instance.kind), *declared)
    try:
        conf.register_opts(list(known), group=instance.section)
    except cfg.DuplicateOptError as error:
        raise PluginError(
            f"[{instance.section}]: the plugin {instance.plugin!r} declares the option "
            f"{error.opt_name!r}, which is taken: it must have another name"
        ) from error
    return known


def _check_directory(group: str, found: dict[str, Any]) -> None:
    if not found["directory"]:
        raise ConfigError(f"[{group}] directory: not set; name the directory of the spool")


def _unknown_sections(conf: cfg.ConfigOpts, group: str, used: list[Instance]) -> list[str]:
    known = {group, f"{group}_listen", *(instance.section for instance in used)}
    known |= {f"{group}_{kind}_{name}" for kind in LISTS for name in plugins.names(kind)}
    folded = {section.lower() for section in known}
    return [
        f"{file}: [{section}]: no list names it, nor is a plugin called so; "
        f"{plugins.nearest(section, known)}"
        for section, file in ini.sections(conf).items()
        if section.lower() not in folded and _is_ours(conf, group, section)
    ]


def _is_ours(conf: cfg.ConfigOpts, group: str, section: str) -> bool:
    """Tell whether a section is of this group, and not the embedding service's own."""
    # Ours is everything that looks like shoebox; another word may begin anybody's section.
    prefix = group if group == GROUP else f"{group}_"
    if not section.lower().startswith(prefix.lower()):
        return section not in conf and _is_misspelt(group, section)
    kinds = tuple(f"{group}_{kind}_" for kind in LISTS)
    others = (name for name in conf if name.startswith(f"{group}_"))
    rivals = (name for name in others if not name.startswith(kinds))
    return not any(section == name or section.startswith(f"{name}_") for name in rivals)


def _is_misspelt(group: str, section: str) -> bool:
    """Tell whether a section that nobody has registered begins almost like ours."""
    head = section.lower().split("_")[0]
    return bool(difflib.get_close_matches(head, [group.lower().split("_")[0]], cutoff=0.8))


def _shown(
    section: str, known: tuple[cfg.Opt, ...], found: dict[str, Any]
) -> list[tuple[str, str, str]]:
    return [(section, it.dest, _text(it, found[it.dest])) for it in known]


def _text(option: cfg.Opt, value: Any) -> str:
    if value is None:
        return ""
    if option.secret:
        return "****"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
