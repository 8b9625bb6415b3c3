"""A sentence -> a note at the edge of the page. Gradio takes notes for HTML; here every word is a word."""

from html import escape

from writer_r1.ui import gradio as gr


def warn(sentence: str) -> None:
    """Show a sentence about something that did not work."""
    gr.Warning(escape(sentence, quote=False))


def tell(sentence: str, title: str = "Info") -> None:
    """Show a sentence about something that is done."""
    gr.Info(escape(sentence, quote=False), title=title)
