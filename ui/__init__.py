"""Streamlit pieces that pages share: the hall, and one room a group of pages."""
