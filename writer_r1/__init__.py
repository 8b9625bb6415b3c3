"""Writer-R1 Studio: one request in; criteria, drafts, scores and better rounds out, on a model of your own machine."""

__version__ = "0.1.0"
