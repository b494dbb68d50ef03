"""Plotly figures from core types: nothing here reads files or knows a page."""
