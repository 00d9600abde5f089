"""State in one SQLite file: schema, migrations and the named queries of each part."""
