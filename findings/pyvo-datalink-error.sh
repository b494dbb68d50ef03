#!/bin/sh
# pyvo 1.9.1 (astropy 8.0.2): a DataLink row that holds an error cannot be asked for its URL.
#
# DataLink 1.1 reports a failure as a row with error_message in place of access_url. access_url of such a
# row looks for a service descriptor without a name and raises DALServiceError "No Adhoc Service with service_def id !":
# a loop over the links of several images stops at the first that is missing, and its reason is not said. A missing
# content_length is -1, not None.
#
# Seen: the message above; error_message holds the reason; content_length -1.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyvo==1.9.1 astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
import io

from astropy.io import votable
from pyvo.dal.adhoc import DatalinkResults
from pyvo.dal.exceptions import DALServiceError

names = ("ID", "access_url", "service_def", "error_message", "semantics", "description", "content_type")
fields = "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in names)
rows = (
    ("ivo://x/a", "https://example.org/a.fits", "", "", "#this", "", "image/fits", "2880"),
    ("ivo://x/b", "", "", "NotFoundFault: no such image", "#this", "", "", ""),
)
cells = "".join("<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>" for row in rows)
answer = f"""<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">
<INFO name="QUERY_STATUS" value="OK"/><TABLE>{fields}
<FIELD name="content_length" datatype="long"><VALUES null="-1"/></FIELD>
<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
good, bad = DatalinkResults(votable.parse(io.BytesIO(answer.encode())))
print(good.access_url, good.content_length, "|", bad.error_message, bad.content_length)
assert good.access_url == "https://example.org/a.fits"
assert bad.error_message == "NotFoundFault: no such image" and bad.content_length == -1
try:
    print(bad.access_url)
except DALServiceError as error:
    print("DALServiceError", error)
    assert str(error) == "No Adhoc Service with service_def id !"
else:
    raise SystemExit("The URL was given.")
END
