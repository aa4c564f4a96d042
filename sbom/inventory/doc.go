// Package inventory answers which artifacts contain a component, and whether they can
// still be trusted.
//
// When an advisory appears or a builder is compromised, somebody asks within minutes: which
// artifacts have it in them, which of these were built by whom we trust, where do they run,
// and in which order are they to be built anew? An [Inventory] keeps of each artifact, in
// the tables of a database, what is needed to answer:
//
//   - the components of its SBOM, with the way from the artifact to each of them;
//   - where it came from: source, commit, workflow, builder, what the build took in;
//   - who signed what of that, as [verify.Policy] has recognized it; and
//   - what a policy said of it, with the exceptions that were needed.
//
// It keeps no documents. The evidence stays where it is, beside an image or in a directory
// of *.intoto.jsonl, and everything here can be made of it again. So there are no
// migrations: tables of another version are refused, [Drop] removes them, and whoever has
// the evidence adds it again.
//
// # Adding
//
// [Observe] makes a [Record] of an artifact and the envelopes about it, and
// [Inventory.Add] keeps it. An SBOM that nobody has signed whom the policy names, or an
// artifact that is rejected, may be kept as well, and every answer says so: [Trust.Trusted]
// is false. What could not be read is told by [Entry.Gaps], and [Filter.Incomplete] finds
// the artifacts for which "not affected" is not certain.
//
// Adding is idempotent, and each call adds everything or nothing, whatever becomes of the
// process or the database meanwhile. [Inventory.AddAll] adds in batches, so that an import
// that was interrupted goes on where it ended.
//
// # Asking
//
// [Inventory.Affected] finds components by package URL and range of versions, digest or
// licence, and [Inventory.Advisory] those that an OSV record is about. [Inventory.Artifacts]
// finds artifacts by builder, workflow, signer, key, commit, time and input. Answers are
// iterators, read as of the moment at which they begin.
//
// A range is decided as [sbom.Document.Find] and package osv decide it: for Go modules, npm
// and Cargo by the order of their versions. Of other types only equal versions are known
// to be equal. What may be the component and is not certain to be is a hit with a Doubt.
//
// [Inventory.Judge] decides anew, under a policy of today, by the facts that were kept of
// the signers; no envelope is needed for it. [Inventory.Deploy] and [Inventory.Snapshot]
// take down what runs where. [Inventory.Rebuild] follows artifacts that are inputs of
// others. [Inventory.Report] puts all of that together for one incident.
//
// # Databases
//
// The package uses database/sql and imports no driver. SQLite ([SQLite]) is a file for one
// machine. It should have a busy timeout, so that writers wait for each other, and
// journal_mode WAL, so that nobody waits for those who ask. Its files have no checksums:
// what does not fit together is an error here, but one text that has become another is none,
// and PRAGMA integrity_check does not see it either. PostgreSQL ([PostgreSQL]) is a
// server for many; its tables are in the current schema, and with [Options.Copy] rows come
// into it by COPY.
//
// A set of components is stored once, by what is in it. Sets that are much alike, as those
// of the builds of one program are, share a tree, and of each is kept how it differs from
// that. For each component there are lists of the trees that have it and of the sets that
// have it beyond their tree, an integer[] in PostgreSQL and the same in fewer bytes in
// SQLite, in segments that are merged as they become many. The file scale.md beside this one
// says how large that becomes, and what to do when one machine is not enough.
//
// # What is not checked
//
// Whoever can write to the database is believed: it has no signatures. A verdict that
// matters at a gate is made of the evidence, by package verify. That an SBOM lists
// everything, nobody can tell but who made it: what it says of itself is believed, and a Go
// program that was built with cgo says that its C libraries are not known.
package inventory
