"""The Desk page: cutouts one after the other, labelled by keyboard; lists of them, their map, agreement, export."""
