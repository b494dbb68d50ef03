#!/bin/sh
# astropy 8.0.2 (pyarrow 26.0.1): nulls of a Parquet file with the metadata that astropy itself writes.
#
# With "table::len::NAME" in the metadata, as Table.write leaves it, a null text is read as the word "None", cut to
# that length, and not masked. Nullable truths become objects, and that table
# can no longer be written as Parquet (AttributeError). format="parquet.votable" of a file whose truths hold a
# null raises TableMergeError instead of masking it.
#
# Seen: ["Bent", null] -> ["Bent", "None"]; [True, null] -> object; TableMergeError.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 pyarrow==26.0.1 numpy==2.4.6 pandas==3.1.1
venv/bin/python - <<'END'
import io

import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import votable
from astropy.io.votable.tree import Field, Resource, TableElement, VOTableFile
from astropy.table import Table, TableMergeError

arrow = pa.table({"label": ["Bent", None], "seen": [True, None]})
pq.write_table(arrow.replace_schema_metadata({"table::len::label": "4"}), "a.parquet")
found = Table.read("a.parquet")
print(found["label"].tolist(), found["seen"].dtype)
assert found["label"].tolist() == ["Bent", "None"] and found["seen"].dtype == object
try:
    found.write("again.parquet")
except AttributeError as error:
    print("AttributeError", error)
else:
    raise SystemExit("The table was written again.")

file = VOTableFile(version="1.4")
table = TableElement(file)
table.fields.extend([Field(file, name="seen", datatype="boolean")])
resource = Resource()
resource.tables.append(table)
file.resources.append(resource)
header = io.BytesIO()
file.to_xml(header)
assert votable.parse(io.BytesIO(header.getvalue()))
facts = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": header.getvalue()}
for name, cells in (("full", [True, False]), ("null", [True, None])):
    pq.write_table(pa.table({"seen": cells}).replace_schema_metadata(facts), f"{name}.parquet")
print(Table.read("full.parquet", format="parquet.votable")["seen"].tolist())
try:
    print(Table.read("null.parquet", format="parquet.votable"))
except TableMergeError as error:
    print("TableMergeError", error)
else:
    raise SystemExit("The null was read.")
END
