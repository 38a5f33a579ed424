"""What the parsed ini files hold: values that are valid, and keys that no option knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from oslo_config import cfg, types

from shoebox.errors import ConfigError
from shoebox.escaping import shown
from shoebox.plugins import nearest

_SUBSTITUTION = (cfg.NoSuchOptError, cfg.NoSuchGroupError, cfg.TemplateSubstitutionError)


class Problems:
    """Gathers what is wrong, so that one error tells all of it, a line for each problem."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Keep the lines of a ConfigError that the block raises, and go on."""
        try:
            yield
        except ConfigError as error:
            self._lines.extend(str(error).splitlines())

    def add(self, lines: Iterable[str]) -> None:
        """Keep these lines."""
        self._lines.extend(lines)

    def report(self) -> None:
        """Raise ConfigError if anything was wrong."""
        if self._lines:
            raise ConfigError(*dict.fromkeys(self._lines))


def values(conf: cfg.ConfigOpts, section: str, options: Iterable[cfg.Opt]) -> dict[str, Any]:
    """Return the value of each option, which is registered in the section, by its name.

    Raise ConfigError with a line for each value that is missing or not valid. It
    never shows a secret, nor a value whose `$` could not be substituted.
    """
    problems = Problems()
    found = {}
    for option in options:
        with problems.gather():
            found[option.dest] = _value(conf, section, option)
    problems.report()
    return found


def sections(conf: cfg.ConfigOpts) -> dict[str, str]:
    """Return the file that holds each section, by the section's name as it stands there."""
    # oslo.config has no public view of what no option knows. To read the files again is
    # no way out: a service may have given up the right to since it parsed them.
    parsed = conf._namespace  # noqa: SLF001
    return {} if parsed is None else dict(parsed._sections_to_file)  # noqa: SLF001


def keys(conf: cfg.ConfigOpts, section: str) -> dict[str, str]:
    """Return the file that holds each key of the section, known to an option or not."""
    parsed = conf._namespace  # noqa: SLF001 - see above
    found: dict[str, str] = {}
    for file in [] if parsed is None else parsed._parsed:  # noqa: SLF001
        for name, content in file.items():
            if name.lower() == section.lower():
                found.update(dict.fromkeys(content, sections(conf)[name]))
    return found


def unknown_keys(conf: cfg.ConfigOpts, section: str, options: Iterable[cfg.Opt]) -> list[str]:
    """Return a line for each key of the section that is none of these options."""
    known = {name for option in options for name in _names(option)}
    return [
        f"{file}: [{section}] {key}: there is no such option; {nearest(key, known)}"
        for key, file in keys(conf, section).items()
        if key not in known
    ]


def refusal(option: cfg.Opt, error: ValueError, text: str | None) -> str:
    """Return why an option does not take a value; `text` is what was given, if that is known."""
    if option.secret:
        return f"its value, which is secret, is not of the type {option.type}"
    if text is not None and isinstance(option.type, types.Number) and not option.type.choices:
        return f"{shown(text)} is no {_range(option.type)}"
    # What oslo.config wraps its cause in repeats where the value stands.
    said = str(error.__context__ or error)
    return said if text is None or shown(text) in said else f"{shown(text)}: {said}"


def _range(number: types.Number) -> str:
    """Return which numbers there may be."""
    kind = "whole number" if number.num_type is int else "number"
    if number.min is None:
        return kind if number.max is None else f"{kind} of {number.max:g} or less"
    if number.max is None:
        return f"{kind} of {number.min:g} or more"
    return f"{kind} from {number.min:g} to {number.max:g}"


def _names(option: cfg.Opt) -> set[str]:
    return {option.dest, *(it.name for it in option.deprecated_opts if it.name is not None)}


def _value(conf: cfg.ConfigOpts, section: str, option: cfg.Opt) -> Any:
    value = None
    try:
        value = conf[section][option.dest]
        objection = _objection(option, value)
    except RecursionError:
        objection = "a '$' in its value leads back to itself; write '$$' for a '$'"
    except _SUBSTITUTION:
        objection = "a '$' in its value names no option; write '$$' for a '$'"
    except ValueError as error:
        objection = refusal(option, error, _text(conf, section, option.dest))
    # Raised here and not above, so that no traceback carries an error that holds the value.
    if objection is not None:
        file = keys(conf, section).get(option.dest)
        where = "" if file is None else f"{file}: "
        raise ConfigError(f"{where}[{section}] {option.dest}: {objection}")
    return value


def _objection(option: cfg.Opt, value: Any) -> str | None:
    if value is None and option.required:
        return "it is required: set it"
    if value is None and option.default is not None:
        return "it is empty: set it, or leave it out"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no finite number"
    return None


def _text(conf: cfg.ConfigOpts, section: str, key: str) -> str | None:
    """Return what stands in the files for a key, with each `$` as it is; None if nothing does."""
    parsed = conf._namespace  # noqa: SLF001 - see above
    for file in [] if parsed is None else parsed._parsed:  # noqa: SLF001 - the last one is first
        for name, content in file.items():
            if name.lower() == section.lower() and key in content:
                return str(content[key][-1])
    return None
