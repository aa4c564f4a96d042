package osv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A DB is a directory of advisories. What it returns is read from its files when it is
// asked for.
type DB struct {
	fsys     fs.FS
	modified time.Time
	files    map[string]string               // by id
	index    map[string]map[string]struct{}  // ids by what packages are looked for by
	times    map[string]map[string]time.Time // of the Go vulnerability database: when modified, by id and module
}

// ReadDB reads what a directory has, which is one of these:
//
//   - the Go vulnerability database, if it has a file index/modules.json. Of its
//     records, that file tells which modules they are about, and they are in
//     ID/<id>.json. They are read when they are asked for, and then must say what the
//     index says: which modules, and when they were modified;
//   - records, in all files below it whose name ends in .json. All are read at once.
//
// ReadDB fails if a file is malformed, if two records have the same id, or if there are
// none.
//
// https://go.dev/doc/security/vuln/database
func ReadDB(fsys fs.FS) (*DB, error) {
	db := &DB{fsys: fsys, files: make(map[string]string), index: make(map[string]map[string]struct{})}
	modules, err := readFile(fsys, "index/modules.json", maxIndex)
	switch {
	case err == nil:
		err = db.readIndex(modules)
	case errors.Is(err, fs.ErrNotExist):
		err = db.readAll()
	}
	if err == nil && len(db.files) == 0 {
		err = errors.New("there are no advisories")
	}
	if err != nil {
		return nil, fmt.Errorf("database of advisories: %w", err)
	}
	return db, nil
}

// readIndex reads the index of the Go vulnerability database.
func (db *DB) readIndex(modules []byte) error {
	data, err := readFile(db.fsys, "index/db.json", maxIndex)
	if err != nil {
		return err
	}
	timed := false
	err = strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			if name != "modified" {
				return r.Skip()
			}
			timed = true
			return readTime(r, &db.modified)
		})
	})
	if err == nil && !timed {
		err = errors.New("it has no time of modification")
	}
	if err != nil {
		return fmt.Errorf("malformed index/db.json: %w", err)
	}

	db.times = make(map[string]map[string]time.Time)
	seen := make(map[string]bool)
	err = strictjson.Read(modules, func(r *strictjson.Reader) error {
		return r.Array(func(int) error {
			module := ""
			times := make(map[string]time.Time)
			err := r.Object(func(name string) (err error) {
				switch name {
				case "path":
					module, err = r.String()
				case "vulns":
					err = r.Array(func(int) error { return readEntry(r, times) })
				default:
					err = r.Skip()
				}
				return err
			})
			switch {
			case err != nil:
				return err
			case module == "":
				return r.Errorf("a module without a path")
			case seen[module]:
				return r.Errorf("module %.100q occurs twice", module)
			}
			seen[module] = true
			p := Package{Ecosystem: "Go", Name: module}
			p.look("")
			for id, modified := range times {
				if db.times[id] == nil {
					db.times[id] = make(map[string]time.Time)
				}
				db.times[id][module] = modified
				db.files[id] = "ID/" + id + ".json"
				db.add(p.PURL, id)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("malformed index/modules.json: %w", err)
	}
	return nil
}

// readEntry reads when an advisory was modified.
func readEntry(r *strictjson.Reader, times map[string]time.Time) error {
	id := ""
	var modified time.Time
	err := r.Object(func(name string) (err error) {
		switch name {
		case "id":
			id, err = r.String()
		case "modified":
			err = readTime(r, &modified)
		default:
			err = r.Skip()
		}
		return err
	})
	// A record with several entries of a module is there several times.
	switch before, twice := times[id]; {
	case err != nil:
		return err
	case id == "" || id == "." || id == ".." || strings.ContainsAny(id, `/\`):
		return r.Errorf("id %.100q, want the name of a file", id)
	case twice && !before.Equal(modified):
		return r.Errorf("%s was modified at two times", id)
	}
	times[id] = modified
	return nil
}

// readAll reads the records of a directory.
func (db *DB) readAll() error {
	files := 0
	return fs.WalkDir(db.fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		if files++; files > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		a, err := db.read(name)
		if err != nil {
			return err
		}
		if other, twice := db.files[a.ID]; twice {
			return fmt.Errorf("%s and %s are both %s", other, name, a.ID)
		}
		db.files[a.ID] = name
		for _, p := range a.Affected {
			db.add(p.PURL, a.ID)
		}
		if a.Modified.After(db.modified) {
			db.modified = a.Modified
		}
		return nil
	})
}

// add adds to the index that an advisory is about a package.
func (db *DB) add(purl, id string) {
	if purl == "" {
		return
	}
	k := key(purl)
	if db.index[k] == nil {
		db.index[k] = make(map[string]struct{})
	}
	db.index[k][id] = struct{}{}
}

// key returns what is the same for package URLs that a component could match: no
// version, and no case of letters.
func key(text string) string {
	p, err := purl.Parse(text)
	if err != nil {
		return ""
	}
	name := p.Path()
	if p.Type == "golang" && name == "std" {
		name = "stdlib"
	}
	return p.Type + "/" + strings.ToLower(name)
}

func readFile(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: more than %d bytes", name, most)
	}
	return data, err
}

func (db *DB) read(name string) (*Advisory, error) {
	data, err := readFile(db.fsys, name, MaxRecord)
	if err != nil {
		return nil, err
	}
	a, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// Modified returns when db was modified: what it says itself, or the time of the record
// that was modified last.
func (db *DB) Modified() time.Time { return db.modified }

// Advisory returns the advisory with an id. The error is a [fs.ErrNotExist] if there is
// none.
func (db *DB) Advisory(id string) (*Advisory, error) {
	name, ok := db.files[id]
	if !ok {
		return nil, fmt.Errorf("database of advisories: %.100q: %w", id, fs.ErrNotExist)
	}
	a, err := db.read(name)
	if err == nil && a.ID != id {
		err = fmt.Errorf("%s is %.100q", name, a.ID)
	}
	if err == nil && db.times != nil {
		err = db.checkIndex(a)
	}
	if err != nil {
		return nil, fmt.Errorf("database of advisories: %w", err)
	}
	return a, nil
}

// checkIndex compares a with the index.
func (db *DB) checkIndex(a *Advisory) error {
	times := db.times[a.ID]
	about := make(map[string]bool)
	for _, p := range a.Affected {
		about[p.Name] = true
		switch modified, ok := times[p.Name]; {
		case !ok:
			return fmt.Errorf("%s is about %.100q, and index/modules.json does not say so", a.ID, p.Name)
		case !modified.Equal(a.Modified):
			return fmt.Errorf("%s was modified at %s, and index/modules.json says %s", a.ID, a.Modified.Format(time.RFC3339Nano), modified.Format(time.RFC3339Nano))
		}
	}
	for _, module := range slices.Sorted(maps.Keys(times)) {
		if !about[module] {
			return fmt.Errorf("index/modules.json says that %s is about %.100q, and it is not", a.ID, module)
		}
	}
	return nil
}

// All returns all advisories, by their ids, up to the first error.
func (db *DB) All() iter.Seq2[*Advisory, error] {
	return func(yield func(*Advisory, error) bool) {
		for _, id := range slices.Sorted(maps.Keys(db.files)) {
			if a, err := db.Advisory(id); !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// About returns the advisories about any of the packages that package URLs name, by
// their ids. Versions, qualifiers and the case of letters are passed over. It is an
// error if a package URL is malformed.
func (db *DB) About(purls ...string) ([]*Advisory, error) {
	ids := make(map[string]struct{})
	for _, text := range purls {
		if _, err := purl.Parse(text); err != nil {
			return nil, fmt.Errorf("database of advisories: %w", err)
		}
		maps.Copy(ids, db.index[key(text)])
	}
	var about []*Advisory
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		a, err := db.Advisory(id)
		if err != nil {
			return nil, err
		}
		about = append(about, a)
	}
	return about, nil
}

// Find returns the components of d that an advisory of db affects, or may affect, as
// [Advisory.Find] does, by the ids of the advisories. What [Advisory.Unknown] says of
// them is for the caller to ask.
func (db *DB) Find(d *sbom.Document) ([]Match, error) {
	// A component without a package URL may be of any type.
	names := make(map[string][]string)
	for k := range db.index {
		_, name, _ := strings.Cut(k, "/")
		names[name] = append(names[name], k)
	}
	ids := make(map[string]struct{})
	for _, c := range d.All() {
		if c.Replaces != "" {
			maps.Copy(ids, db.index[key(c.Replaces)])
		}
		if k := key(c.PURL); k != "" {
			maps.Copy(ids, db.index[k])
			continue
		}
		name := c.Name
		if c.Group != "" {
			name = c.Group + "/" + c.Name
		}
		for _, k := range names[strings.ToLower(name)] {
			maps.Copy(ids, db.index[k])
		}
	}
	var matches []Match
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		a, err := db.Advisory(id)
		if err != nil {
			return nil, err
		}
		matches = append(matches, a.Find(d)...)
	}
	return matches, nil
}
