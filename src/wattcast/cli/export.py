"""`wattcast export`: a model for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out, usage

EXAMPLE = "Example: [bold]wattcast export model.wattcast --onnx -o onnx[/]"


def command(
    model: Annotated[Path, typer.Argument(help="Model file that `wattcast fit` wrote.", show_default=False)],
    onnx: Annotated[bool, typer.Option("--onnx", help="As ONNX graphs: prime.onnx, step.onnx, model.json.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder to write. Default: the model's name with -onnx.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Writes a model as graphs that hold a state per meter, for any runtime of ONNX.

    One reads a whole past, the other goes on with each reading; both forecast. docs/onnx.md describes them.
    """
    with errors():
        if not onnx:
            usage(f"Say what to export {model} as: --onnx.")
        from wattcast.export import write
        from wattcast.runtime import load

        folder = model.with_name(f"{model.stem}-onnx") if output is None else output
        if folder.exists() and not folder.is_dir():
            usage(f"{folder} is a file; name a folder to write into.")
        paths = write(load(model), folder)
        if json:
            emit({"output": str(folder), "files": {path.name: path.stat().st_size for path in paths}})
            return
        sizes = ", ".join(f"{path.name} ({path.stat().st_size / 1e6:,.1f} MB)" for path in paths)
        out.print(f"{folder}: {sizes}", soft_wrap=True)
