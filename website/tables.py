"""Reference pages made from the code: verbs with their options, tables of settings with their fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def command_line() -> str:
    """Every verb with its options."""
    return "\n\n".join(_verb(name, verb) for name, verb in verbs())


def verbs() -> Iterator[tuple[str, Any]]:
    """Every verb by its full name (`data get`)."""
    import typer  # noqa: PLC0415  (what a page is made from is imported for that page)

    from wattcast.cli.app import app  # noqa: PLC0415

    for name, verb in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(verb, "commands", None)
        yield from [(f"{name} {more}", found) for more, found in inner.items()] if inner else [(name, verb)]


def _verb(name: str, verb: Any) -> str:
    example = verb.epilog.replace("[bold]", "").replace("[/]", "").removeprefix("Example: ")
    arguments = [p for p in verb.params if not p.opts[0].startswith("-")]
    usage = " ".join(["wattcast", name, *(p.name.upper() for p in arguments), "[options]"])
    rows = [(f"`{p.name.upper()}`", p.help) for p in arguments]
    own = [p for p in verb.params if p.opts[0].startswith("-") and not getattr(p, "rich_help_panel", None)]
    reading = [p for p in verb.params if getattr(p, "rich_help_panel", None)]
    text = f"## wattcast {name}\n\n{verb.help}\n\n    {usage}\n    {example}\n\n"
    text += _table(("", "meaning"), [*rows, *((_flags(p), _said(p)) for p in own)])
    if reading:
        rest = _table(("how the file is read", "meaning"), [(_flags(p), _said(p)) for p in reading])
        text += f"\n\n{rest}"
    return text


def _flags(option: Any) -> str:
    return ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))


def _said(option: Any) -> str:
    plain = option.default not in (None, False, ()) and not callable(option.default)
    return f"{option.help} Default: `{option.default}`." if plain else option.help


def settings() -> str:
    """Every table of a settings file with its fields."""
    from wattcast.settings import Settings  # noqa: PLC0415

    parts = []
    for name, field in Settings.model_fields.items():
        rows = [(f"`{key}`", _default(f), f.description) for key, f in field.annotation.model_fields.items()]
        about = (field.annotation.__doc__ or "").strip()
        parts.append(f"## [{name}]\n\n{about}\n\n" + _table(("field", "default", "meaning"), rows))
    return "\n\n".join(parts)


def _default(field: Any) -> str:
    import tomli_w  # noqa: PLC0415

    if field.default is None:
        return "by rule, or none"
    return f"`{tomli_w.dumps({'x': field.default}).removeprefix('x = ').strip()}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
