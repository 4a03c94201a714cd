"""What staff see in a browser or a spreadsheet: pages, files and the HTTP API. The only user of FastAPI and Jinja2."""
