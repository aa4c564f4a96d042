// Package sumdb proves, without network, that a Go module is in the Go checksum
// database: that the database signed a tree, that the tree has a record of the
// module, and that the record has the sums that the module has here.
//
//	db, err := sumdb.Open(os.DirFS(modCache+"/cache/download/sumdb"), sumdb.Options{
//		Config: os.DirFS(gopath + "/pkg/sumdb"),
//	})
//	err = db.Verify(ctx, "golang.org/x/mod", "v0.42.0", sum, "")
//
// The go command asks the database when it first downloads a module, and keeps
// what a proof needs in the module cache: the record ("lookup") and those parts
// of the tree ("tiles") from which the tree's hash can be computed again. This
// package reads them and does all of the proof again. It writes nothing.
//
// # What is proved
//
// A [Record] is returned only if
//
//   - the tree that came with it is signed by the database's key;
//   - that tree and the latest tree known are one timeline: the smaller is the
//     beginning of the larger;
//   - the record's hash is in the larger of the two, at its number.
//
// The latest tree known is the largest that the go command has seen, which it
// keeps in GOPATH/pkg/sumdb, or that this [Database] has. So two records of one
// Database are always of one timeline. Whether the rest of the world sees the
// same timeline is not proved, nor that the module is still what the database
// would be asked for today; a record never changes, though.
//
// The toolchain is a module as any other, golang.org/toolchain, with a version for
// each release and system ("v0.0.1-go1.26.8.linux-amd64").
//
// # Three ends
//
// No error: it is proved. A [SecurityError]: the data are there and contradict
// each other, their signature, or the sum that was asked about; nobody should
// use the module before somebody has looked. A [NotCachedError]: the data are
// not all there, as for a private module, and nothing is said. Every other error
// is of the arguments, the file system or the context.
//
// The tree is described in https://research.swtch.com/tlog, the database in
// https://go.dev/design/25530-sumdb.
package sumdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Key is the verifier key of the database that the go command uses by default,
// as the go command has it.
const Key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

// Bounds on what is read. A file that is larger is an error that says so.
const (
	tileHeight = 8                                 // of the database's tiles, fixed by the go command
	maxTile    = tlog.HashSize * (1 << tileHeight) // bytes of a tile
	maxText    = 1 << 20                           // bytes of a lookup or a signed tree, as the go command allows
)

// Options are all that [Open] can do without.
type Options struct {
	// Key is the verifier key of the database, in the form of package
	// golang.org/x/mod/sumdb/note, "name+hash+key". Empty means [Key].
	Key string

	// Config is the directory in which the go command keeps the latest tree of
	// each database, GOPATH/pkg/sumdb. If it is nil, or has none of this
	// database, the first record that is looked up brings the latest tree.
	Config fs.FS
}

// A Database is one checksum database, as far as the module cache has it. It is
// safe for concurrent use. Files are read anew for every record.
type Database struct {
	name  string
	keys  note.Verifiers // of the one key
	cache fs.FS

	mu     sync.Mutex
	latest signedTree // the zero value is the empty tree
}

// A signedTree is a tree and the note that signs it.
type signedTree struct {
	tlog.Tree
	note []byte
}

// Open returns the database whose files are in cache, which is the directory
// cache/download/sumdb of a module cache. That it has no files of this database
// is no error here. A malformed key, and a latest tree that cannot be read, are;
// a latest tree that the key has not signed is a [SecurityError].
func Open(cache fs.FS, o Options) (*Database, error) {
	key := o.Key
	if key == "" {
		key = Key
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("malformed checksum database key %.200q: %w", key, err)
	}
	if cache == nil {
		return nil, errors.New("sumdb: the cache is nil")
	}
	db := &Database{name: verifier.Name(), keys: note.VerifierList(verifier), cache: cache}
	if !fs.ValidPath(db.name) || strings.Contains(db.name, "/") {
		return nil, fmt.Errorf("malformed checksum database key %.200q: its name is no name of a directory", key)
	}
	if o.Config == nil {
		return db, nil
	}
	data, err := read(o.Config, db.name+"/latest", maxText)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return db, nil // as the go command starts
	}
	if err != nil {
		return nil, fmt.Errorf("sumdb: latest tree: %w", err)
	}
	if db.latest, err = db.open(data); err != nil {
		return nil, &SecurityError{Reason: "latest tree: " + err.Error()}
	}
	return db, nil
}

// Name returns the name of the database, which is part of its key.
func (db *Database) Name() string { return db.name }

// A Record is what the database has of one version of a module. That the
// database has it is proved.
type Record struct {
	ID       int64 // the record's number in the tree, counted from 0
	TreeSize int64 // how many records the tree has in which it was found

	// Sum and GoModSum are what go.sum has for the module and for its go.mod
	// file, "h1:…". Empty if the record has none.
	Sum, GoModSum string
}

// A SecurityError says that the cached data of a database cannot all be true, or
// that they are and the module is another one.
type SecurityError struct {
	Path, Version string // of the module; empty for the latest tree
	Reason        string // what contradicts what

	// Older and Newer are two trees that the database has signed although one
	// is not the beginning of the other. They are the proof that it does not
	// show the same to everybody, to be kept and published. Nil if that is
	// not what happened.
	Older, Newer []byte
}

func (e *SecurityError) Error() string {
	if e.Path == "" {
		return "checksum database: " + e.Reason
	}
	return fmt.Sprintf("checksum database: %s@%s: %s", e.Path, e.Version, e.Reason)
}

// A NotCachedError says that a file which the proof needs is not in the module
// cache. It is [fs.ErrNotExist].
type NotCachedError struct {
	Path, Version string // of the module
	File          string // below the database's directory: "lookup/…" or "tile/…"
}

func (e *NotCachedError) Error() string {
	return fmt.Sprintf("checksum database: %s@%s: %s is not in the module cache", e.Path, e.Version, e.File)
}

// Is reports whether target is [fs.ErrNotExist].
func (e *NotCachedError) Is(target error) bool { return target == fs.ErrNotExist }

// Verify proves that the database has the module with the sum, as go.sum has it
// ("h1:…"), and with goModSum for its go.mod file. One of the two may be empty
// and is then not compared. A sum that is not the database's is a [SecurityError];
// for the other errors see [Database.Lookup].
func (db *Database) Verify(ctx context.Context, path, version, sum, goModSum string) error {
	if sum == "" && goModSum == "" {
		return fmt.Errorf("sumdb: %s@%s: no sum to verify", path, version)
	}
	r, err := db.Lookup(ctx, path, version)
	if err != nil {
		return err
	}
	for _, c := range []struct{ of, got, want string }{
		{"the module", sum, r.Sum},
		{"its go.mod file", goModSum, r.GoModSum},
	} {
		if c.got != "" && c.got != c.want {
			if c.want == "" {
				c.want = "no sum"
			}
			return &SecurityError{Path: path, Version: version, Reason: fmt.Sprintf("%s has the sum %s, the database has %s", c.of, c.got, c.want)}
		}
	}
	return nil
}

// Lookup returns what the database has of a module, after proving that it has
// it. It fails with a [NotCachedError], a [SecurityError], the context's error, or
// one that tells what is wrong with the path, the version or a file.
func (db *Database) Lookup(ctx context.Context, path, version string) (Record, error) {
	name, err := lookupName(path, version)
	if err != nil {
		return Record{}, fmt.Errorf("sumdb: %w", err)
	}
	r, err := db.lookup(ctx, path, version, name)
	if s, ok := errors.AsType[*SecurityError](err); ok {
		s.Path, s.Version = path, version
		return Record{}, s
	}
	if n, ok := errors.AsType[*NotCachedError](err); ok {
		n.Path, n.Version = path, version
		return Record{}, n
	}
	if err != nil {
		return Record{}, fmt.Errorf("sumdb: %s@%s: %w", path, version, err)
	}
	return r, nil
}

// lookupName returns the name of the file that has the record of a module.
func lookupName(path, version string) (string, error) {
	p, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	v, err := module.EscapeVersion(version)
	if err != nil {
		return "", err
	}
	return "lookup/" + p + "@" + v, nil
}

// lookup is Lookup without the module's name in its errors.
func (db *Database) lookup(ctx context.Context, path, version, name string) (Record, error) {
	tiles := &tileReader{ctx: ctx, db: db}
	data, err := tiles.read(name, maxText)
	if err != nil {
		return Record{}, err
	}
	id, text, signed, err := tlog.ParseRecord(data)
	if err != nil {
		return Record{}, &SecurityError{Reason: name + ": " + err.Error()}
	}
	tree, err := db.open(signed)
	if err != nil {
		return Record{}, &SecurityError{Reason: name + ": " + err.Error()}
	}
	if tree, err = db.merge(tree, tiles); err != nil {
		return Record{}, err
	}

	// An id from a file that nobody has signed: the tree bounds it.
	if id < 0 || id >= tree.N {
		return Record{}, &SecurityError{Reason: fmt.Sprintf("%s: record %d of a tree with %d", name, id, tree.N)}
	}
	hashes, err := tiles.in(tree.Tree).ReadHashes([]int64{tlog.StoredHashIndex(0, id)})
	if err != nil {
		return Record{}, tiles.explain(err, tree)
	}
	if hashes[0] != tlog.RecordHash(text) {
		return Record{}, &SecurityError{Reason: fmt.Sprintf("%s: record %d of the tree is another one", name, id)}
	}

	// From here on the text is the database's.
	r := Record{ID: id, TreeSize: tree.N}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != path {
			continue
		}
		sum := &r.Sum
		switch f[1] {
		case version:
		case version + "/go.mod":
			sum = &r.GoModSum
		default:
			continue
		}
		if *sum != "" {
			return Record{}, &SecurityError{Reason: fmt.Sprintf("%s: two sums of %s %s", name, f[0], f[1])}
		}
		*sum = f[2]
	}
	if r.Sum == "" && r.GoModSum == "" {
		return Record{}, &SecurityError{Reason: fmt.Sprintf("%s: record %d is of another module", name, id)}
	}
	return r, nil
}

// open returns the tree that a note of the database signs.
func (db *Database) open(data []byte) (signedTree, error) {
	n, err := note.Open(data, db.keys)
	if err != nil {
		return signedTree{}, fmt.Errorf("signature of the tree: %w", err)
	}
	tree, err := tlog.ParseTree([]byte(n.Text))
	if err != nil {
		return signedTree{}, err
	}
	return signedTree{tree, data}, nil
}

// merge proves that a tree and the latest one are one timeline. It returns the
// larger of the two, which is then the latest.
func (db *Database) merge(tree signedTree, tiles *tileReader) (signedTree, error) {
	for {
		db.mu.Lock()
		latest := db.latest
		db.mu.Unlock()

		older, newer := tree, latest
		if older.N > newer.N {
			older, newer = newer, older
		}
		begins := true // so does the empty tree everything
		switch {
		case older.N == newer.N:
			begins = older.Hash == newer.Hash
		case older.N > 0:
			h, err := tlog.TreeHash(older.N, tiles.in(newer.Tree))
			if err != nil {
				return signedTree{}, tiles.explain(err, newer)
			}
			begins = h == older.Hash
		}
		if !begins {
			return signedTree{}, &SecurityError{
				Reason: fmt.Sprintf("the database has signed two timelines: its tree with %d records is not the beginning of its tree with %d", older.N, newer.N),
				Older:  older.note,
				Newer:  newer.note,
			}
		}

		// Another goroutine may have moved on with another tree.
		db.mu.Lock()
		if db.latest.Tree == latest.Tree {
			db.latest = newer
			db.mu.Unlock()
			return newer, nil
		}
		db.mu.Unlock()
	}
}

// A tileReader reads the tiles for one lookup.
type tileReader struct {
	ctx context.Context
	db  *Database
	err error // of the last tile that could not be read
}

// in returns what reads hashes of a tree, and proves that they are in it.
func (r *tileReader) in(tree tlog.Tree) tlog.HashReader { return tlog.TileHashReader(tree, r) }

// explain returns why hashes of a tree could not be read. If the tiles are
// there, it is because they do not have the tree's hash.
func (r *tileReader) explain(err error, tree signedTree) error {
	if r.err != nil {
		return r.err
	}
	return &SecurityError{Reason: fmt.Sprintf("tiles of the tree with %d records: %v", tree.N, err)}
}

// Height returns the height of tiles.
func (r *tileReader) Height() int { return tileHeight }

// ReadTiles returns tiles from the cache.
func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		tile, err := r.read(t.Path(), maxTile)
		if errors.Is(err, fs.ErrNotExist) && t.W < 1<<tileHeight {
			if wider, ok := r.wider(t); ok {
				tile, err = r.read(wider.Path(), maxTile)
				tile = tile[:min(len(tile), t.W*tlog.HashSize)]
			}
		}
		if err != nil {
			r.err = err
			return nil, err
		}
		data[i] = tile
	}
	return data, nil
}

// wider returns a tile in the cache that begins as t. A tile has a file for
// every width that it had when it was asked for, and what it began with it
// keeps. The go command need not have asked for it in a tree as small as the one
// that a record came with.
func (r *tileReader) wider(t tlog.Tile) (tlog.Tile, bool) {
	partial := t.Path()
	partial = partial[:strings.LastIndex(partial, "/")]
	entries, _ := fs.ReadDir(r.db.cache, r.db.name+"/"+partial) // none, if it cannot be read
	full := t
	full.W = 1 << tileHeight
	best := full
	for _, e := range entries {
		if w, err := strconv.Atoi(e.Name()); err == nil && t.W < w && w < best.W {
			best.W = w
		}
	}
	if best == full {
		_, err := fs.Stat(r.db.cache, r.db.name+"/"+full.Path())
		return full, err == nil
	}
	return best, true
}

// SaveTiles does nothing.
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// read returns a file of the database.
func (r *tileReader) read(name string, limit int64) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	data, err := read(r.db.cache, r.db.name+"/"+name, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotCachedError{File: name}
	}
	return data, err
}

func read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, fmt.Errorf("malformed %s: larger than %d bytes", name, limit)
	}
	return buf.Bytes(), nil
}
