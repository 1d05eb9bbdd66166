"""placeholder"""
import click


@click.command("demo", short_help="Show on bundled data what hourglass does.")
def command() -> None:
    """Show."""
