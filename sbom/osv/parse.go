package osv

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/internal/versions"
)

// Parse parses a record. It fails if data is not JSON of the form that the format
// prescribes, if it has no id or no time of modification, if it is of another major
// version of the format than 1, and if it is over [MaxRecord] or [MaxEntries]. Where
// the format has a list, null is an empty one. Of ecosystem_specific only imports are
// read, and only for Go.
func Parse(data []byte) (*Advisory, error) {
	if len(data) > MaxRecord {
		return nil, fmt.Errorf("malformed advisory: %d bytes, want at most %d", len(data), MaxRecord)
	}
	a := new(Advisory)
	if err := strictjson.Read(data, (&parser{}).advisory(a)); err != nil {
		return nil, fmt.Errorf("malformed advisory: %w", err)
	}
	var fault error
	switch major, _, _ := strings.Cut(a.SchemaVersion, "."); {
	case a.ID == "":
		fault = errors.New("it has no id")
	case a.SchemaVersion == "":
	case major != "1":
		fault = fmt.Errorf("version %.40q of the schema, want 1", a.SchemaVersion)
	default:
		if _, err := versions.Parse("semver", a.SchemaVersion); err != nil {
			fault = fmt.Errorf("schema_version: %w", err)
		}
	}
	if fault != nil {
		return nil, fmt.Errorf("malformed advisory %.100q: %w", a.ID, fault)
	}
	return a, nil
}

// parser counts what it reads.
type parser struct{ entries int }

// list reads a list, or null.
func (p *parser) list(r *strictjson.Reader, element func() error) error {
	if r.Null() {
		return nil
	}
	return r.Array(func(int) error {
		if p.entries++; p.entries > MaxEntries {
			return r.Errorf("more than %d entries of lists", MaxEntries)
		}
		return element()
	})
}

func (p *parser) texts(r *strictjson.Reader, texts *[]string) error {
	return p.list(r, func() error {
		s, err := r.String()
		*texts = append(*texts, s)
		return err
	})
}

func readTime(r *strictjson.Reader, t *time.Time) error {
	text, err := r.String()
	if err != nil {
		return err
	}
	if *t, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return r.Errorf("%.40q is not a time of RFC 3339", text)
	}
	return nil
}

func (p *parser) advisory(a *Advisory) func(r *strictjson.Reader) error {
	return func(r *strictjson.Reader) error {
		modified, withdrawn := false, false
		err := r.Object(func(name string) (err error) {
			switch name {
			case "schema_version":
				a.SchemaVersion, err = r.String()
			case "id":
				a.ID, err = r.String()
			case "modified":
				modified = true
				err = readTime(r, &a.Modified)
			case "published":
				err = readTime(r, &a.Published)
			case "withdrawn":
				withdrawn = true
				err = readTime(r, &a.Withdrawn)
			case "aliases":
				err = p.texts(r, &a.Aliases)
			case "upstream":
				err = p.texts(r, &a.Upstream)
			case "related":
				err = p.texts(r, &a.Related)
			case "summary":
				a.Summary, err = r.String()
			case "details":
				a.Details, err = r.String()
			case "severity":
				err = p.severity(r, &a.Severity)
			case "affected":
				err = p.list(r, func() error {
					var one Package
					err := p.affected(r, &one)
					a.Affected = append(a.Affected, one)
					return err
				})
			case "references":
				err = p.list(r, func() error {
					var one Reference
					err := r.Object(func(name string) (err error) {
						switch name {
						case "type":
							one.Type, err = r.String()
						case "url":
							one.URL, err = r.String()
						default:
							err = r.Skip()
						}
						return err
					})
					a.References = append(a.References, one)
					return err
				})
			default:
				err = r.Skip()
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case !modified:
			return r.Errorf("it has no time of modification")
		case withdrawn && a.Withdrawn.IsZero():
			return r.Errorf("it was withdrawn at no time")
		}
		return nil
	}
}

func (p *parser) severity(r *strictjson.Reader, severity *[]Severity) error {
	return p.list(r, func() error {
		var one Severity
		err := r.Object(func(name string) (err error) {
			switch name {
			case "type":
				one.Type, err = r.String()
			case "score":
				one.Score, err = r.String()
			default:
				err = r.Skip()
			}
			return err
		})
		*severity = append(*severity, one)
		return err
	})
}

func (p *parser) affected(r *strictjson.Reader, one *Package) error {
	var told string // the package URL
	var specific []byte
	err := r.Object(func(name string) (err error) {
		switch name {
		case "package":
			err = r.Object(func(name string) (err error) {
				switch name {
				case "ecosystem":
					one.Ecosystem, err = r.String()
				case "name":
					one.Name, err = r.String()
				case "purl":
					told, err = r.String()
				default:
					err = r.Skip()
				}
				return err
			})
			if err == nil && (one.Ecosystem == "" || one.Name == "") {
				err = r.Errorf("a package without an ecosystem or a name")
			}
		case "ranges":
			err = p.list(r, func() error {
				var ranged Range
				err := p.versions(r, &ranged)
				one.Ranges = append(one.Ranges, ranged)
				return err
			})
		case "versions":
			err = p.texts(r, &one.Versions)
		case "severity":
			err = p.severity(r, &one.Severity)
		case "ecosystem_specific":
			// What it has depends on the package, which may come later.
			if r.Kind() != '{' {
				return r.Errorf("want an object")
			}
			specific, err = r.Raw()
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil && one.Ecosystem == "Go" && specific != nil {
		if err = strictjson.Read(specific, func(r *strictjson.Reader) error { return p.specific(r, one) }); err != nil {
			err = r.Errorf("ecosystem_specific: %v", err)
		}
	}
	one.look(told)
	return err
}

func (p *parser) versions(r *strictjson.Reader, one *Range) error {
	introduced := false
	err := r.Object(func(name string) (err error) {
		switch name {
		case "type":
			var typ string
			typ, err = r.String()
			one.Type = RangeType(typ)
			if err == nil && one.Type != SemVer && one.Type != Ecosystem && one.Type != Git {
				err = r.Errorf("a range of the type %.40q, want SEMVER, ECOSYSTEM or GIT", typ)
			}
		case "repo":
			one.Repo, err = r.String()
		case "events":
			err = p.list(r, func() error {
				e, err := p.event(r)
				one.Events = append(one.Events, e)
				introduced = introduced || e.Kind == Introduced
				return err
			})
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case one.Type == "":
		return r.Errorf("a range without a type")
	case !introduced:
		return r.Errorf("a range without an introduced event")
	}
	return nil
}

// event reads an event. "Only a single type (either introduced, fixed, last_affected,
// limit) is allowed in each event object."
func (p *parser) event(r *strictjson.Reader) (Event, error) {
	var e Event
	err := r.Object(func(name string) (err error) {
		switch kind := EventKind(name); kind {
		case Introduced, Fixed, LastAffected, Limit:
			if e.Kind != "" {
				return r.Errorf("an event that is %s and %s", e.Kind, kind)
			}
			e.Kind = kind
			if e.Version, err = r.String(); err == nil && e.Version == "" {
				err = r.Errorf("an event without a version")
			}
			return err
		}
		// An event that is not understood changes which versions are affected.
		return r.Errorf("an event of the unknown kind %.40q", name)
	})
	if err == nil && e.Kind == "" {
		err = r.Errorf("an event of no kind")
	}
	return e, err
}

// specific reads what the Go vulnerability database has beside.
// https://go.dev/doc/security/vuln/database
func (p *parser) specific(r *strictjson.Reader, one *Package) error {
	return r.Object(func(name string) error {
		if name != "imports" {
			return r.Skip()
		}
		return p.list(r, func() error {
			var i Import
			err := r.Object(func(name string) (err error) {
				switch name {
				case "path":
					i.Path, err = r.String()
				case "symbols":
					err = p.texts(r, &i.Symbols)
				case "goos":
					err = p.texts(r, &i.GOOS)
				case "goarch":
					err = p.texts(r, &i.GOARCH)
				default:
					err = r.Skip()
				}
				return err
			})
			if err == nil && i.Path == "" {
				err = r.Errorf("an import without a path")
			}
			one.Imports = append(one.Imports, i)
			return err
		})
	})
}
