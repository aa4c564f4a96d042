// Package inventory has no code. Its tests hold package sbom/inventory against the
// Documents that it was made of, on SQLite and on PostgreSQL, and measure it.
package inventory
