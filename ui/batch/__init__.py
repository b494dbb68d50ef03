"""Room of the Batch page: classifications of whole catalogues as runs, and the rows that they have answered."""
