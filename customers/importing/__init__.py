"""How a file of up to 100,000 rows becomes customers (C60–C73).

A file is uploaded (``uploads``), read and checked into a staging table (``checking``, ``staging``), and applied in
file order by chunks, each planned in plain Python (``planning``) and written set-based in one short transaction
(``applying``). ``running`` is the life of an import under a worker's lease; ``undoing`` takes it
back; ``reporting`` tells about it.
"""
