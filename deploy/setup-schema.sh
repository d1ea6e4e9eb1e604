#!/bin/sh
# Creates and upgrades Temporal's two databases; safe to repeat (an existing database or schema is left as it is).
# Reads the SQL_* variables of temporal-sql-tool: SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD.
set -eu

setup() { # setup DATABASE SCHEMA_FOLDER
  temporal-sql-tool --db "$1" create
  temporal-sql-tool --db "$1" setup-schema -v 0.0
  temporal-sql-tool --db "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

setup temporal temporal
setup temporal_visibility visibility
