"""Tables of many cutouts: what is known of one becomes a row; rows of a list that are one source are taken together."""

__all__ = ["cautions", "grouping", "rows"]
