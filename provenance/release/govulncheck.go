package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// GovulncheckURI is the scanner's URI in what [ReadGovulncheck] returns.
const GovulncheckURI = "https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck"

// ReadGovulncheck reads what "govulncheck -format json" writes to its standard
// output, in version 1 of its protocol, and returns what it found. started and
// finished are the times of the scan, of which the stream says nothing.
//
// The vulnerabilities are those with a finding, in the order of their ids. Each
// has an annotation for every version of a module in which it was found:
//
//	{"found":"called","module":"golang.org/x/net","version":"v0.1.0","fixedVersion":"v0.7.0",
//	 "packages":["golang.org/x/net/http2"],"symbols":["golang.org/x/net/http2.Server.ServeConn"]}
//
// found is what the best finding shows:
//
//   - called: the code that was scanned calls the symbols;
//   - linked: the symbols are in the binary that was scanned;
//   - imported: the packages are imported, and no vulnerable symbol of them is
//     known to be called;
//   - required: the module is in the build, and no vulnerable package of it is
//     known to be imported.
//
// Whether calls were looked for at all is the level of the scan. It is in the
// extension govulncheck of the scanner, with the mode and the Go version:
//
//	{"goVersion":"go1.26.8","scanLevel":"symbol","scanMode":"source"}
//
// A further annotation has the aliases of a vulnerability and its summary.
// Severities are those of the database, whose entries have none as a rule; they
// are empty then. Where calls were found in the code is left out.
//
// It is an error if the stream is not that of a scan that came to its checks: if
// it does not begin with its config, if the database has no time or was not read,
// if the mode is neither source nor binary, and if a finding is of an
// unknown vulnerability. But nothing marks the end of a stream, so that it is for
// the caller to see that govulncheck ended with status 0, which in this format it
// does whatever it finds.
//
// Scanners of other names that speak the protocol have no URI in the result: it
// is for the caller to set. User information, query and fragment are left out of
// the database's URI, and it is empty if it is not one of http or https.
func ReadGovulncheck(r io.Reader, started, finished time.Time) (*provenance.Vulns, error) {
	s := scan{entries: make(map[string]*entry), found: make(map[string]map[version]*finding), left: MaxText}
	// The decoder only tells where a message ends. It must not read more than
	// one message can have to see that.
	limit := &io.LimitedReader{R: r}
	d := json.NewDecoder(limit)
	for number := 1; ; number++ {
		limit.N = MaxMessage
		var message json.RawMessage
		err := d.Decode(&message)
		if err != nil && limit.N == 0 || len(message) > MaxMessage {
			return nil, fmt.Errorf("malformed govulncheck output: message %d: more than %d bytes", number, MaxMessage)
		}
		if err == io.EOF {
			break
		}
		if err == nil {
			err = strictjson.Read(message, s.message)
		}
		if err != nil {
			return nil, fmt.Errorf("malformed govulncheck output: message %d: %w", number, err)
		}
	}
	return s.result(started, finished)
}

// scan is the output of govulncheck as far as it was read.
type scan struct {
	begun                              bool
	name, version, database, goVersion string
	level, mode                        string
	modified                           time.Time

	fetching, checking, listed bool // that it told so

	entries map[string]*entry
	found   map[string]map[version]*finding
	left    budget
}

// An entry is what the database says of a vulnerability.
type entry struct {
	aliases []string
	summary string
	ratings []provenance.Rating
}

// A version is one of a module.
type version struct{ module, version, fixed string }

// A finding is where a vulnerability is in a version.
type finding struct {
	packages, symbols map[string]bool
}

// message reads a message, in which one member has the content.
func (s *scan) message(r *strictjson.Reader) error {
	return r.Object(func(name string) error {
		if name == "config" {
			if s.begun {
				return r.Errorf("a second config")
			}
			s.begun = true
			return s.config(r)
		}
		if !s.begun {
			return r.Errorf("the first message is not the config")
		}
		switch name {
		case "progress":
			return s.progress(r)
		case "SBOM":
			s.listed = true
			return r.Skip()
		case "osv":
			return s.osv(r)
		case "finding":
			return s.finding(r)
		}
		return r.Skip()
	})
}

func (s *scan) config(r *strictjson.Reader) error {
	var protocol string
	err := r.Object(func(name string) (err error) {
		switch name {
		case "protocol_version":
			protocol, err = r.String()
		case "scanner_name":
			s.name, err = r.String()
		case "scanner_version":
			s.version, err = r.String()
		case "db":
			s.database, err = r.String()
		case "db_last_modified":
			if r.Null() {
				return nil
			}
			var text string
			if text, err = r.String(); err != nil {
				return err
			}
			if s.modified, err = time.Parse(time.RFC3339Nano, text); err != nil {
				err = r.Errorf("%.40q is not a time of RFC 3339", text)
			}
		case "go_version":
			s.goVersion, err = r.String()
		case "scan_level":
			s.level, err = r.String()
		case "scan_mode":
			s.mode, err = r.String()
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case protocol != "v1" && !strings.HasPrefix(protocol, "v1."):
		return fmt.Errorf("version %.40q of the protocol, want v1", protocol)
	case s.mode != "source" && s.mode != "binary":
		return fmt.Errorf("a scan in mode %.40q, want source or binary", s.mode)
	case s.level != "symbol" && s.level != "package" && s.level != "module":
		return fmt.Errorf("a scan of level %.40q, want symbol, package or module", s.level)
	case s.modified.IsZero():
		return errors.New("no db_last_modified: the database was not reached")
	}
	return nil
}

func (s *scan) progress(r *strictjson.Reader) error {
	return r.Object(func(name string) error {
		if name != "message" {
			return r.Skip()
		}
		text, err := r.String()
		s.fetching = s.fetching || strings.HasPrefix(text, "Fetching vulnerabilities")
		s.checking = s.checking || strings.HasPrefix(text, "Checking the ")
		return err
	})
}

// osv reads an entry of the database.
// https://ossf.github.io/osv-schema/
func (s *scan) osv(r *strictjson.Reader) error {
	var id string
	e := new(entry)
	err := r.Object(func(name string) (err error) {
		switch name {
		case "id":
			id, err = r.String()
		case "summary":
			e.summary, err = r.String()
		case "aliases":
			err = r.Array(func(int) error {
				a, err := r.String()
				e.aliases = append(e.aliases, a)
				return err
			})
		case "severity":
			err = r.Array(func(int) error {
				var rating provenance.Rating
				err := r.Object(func(name string) (err error) {
					switch name {
					case "type":
						rating.Method, err = r.String()
					case "score":
						rating.Score, err = r.String()
					default:
						err = r.Skip()
					}
					return err
				})
				e.ratings = append(e.ratings, rating)
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
	case id == "":
		return errors.New("a vulnerability without an id")
	}
	if s.entries[id] == nil && len(s.entries) == MaxVulnerabilities {
		return fmt.Errorf("more than %d vulnerabilities", MaxVulnerabilities)
	}
	// One that affects several modules comes with each of them.
	s.entries[id] = e
	slices.Sort(e.aliases)
	for _, rating := range e.ratings {
		if err := s.left.spend(rating.Method, rating.Score); err != nil {
			return err
		}
	}
	return s.left.spend(append(e.aliases, id, e.summary)...)
}

func (s *scan) finding(r *strictjson.Reader) error {
	var id, path, symbol, receiver string
	var v version
	frames := 0
	err := r.Object(func(name string) (err error) {
		switch name {
		case "osv":
			id, err = r.String()
		case "fixed_version":
			v.fixed, err = r.String()
		case "trace":
			// The first frame is the vulnerable symbol, the last where it is called.
			err = r.Array(func(i int) error {
				if frames++; i > 0 {
					return r.Skip()
				}
				return r.Object(func(name string) (err error) {
					switch name {
					case "module":
						v.module, err = r.String()
					case "version":
						v.version, err = r.String()
					case "package":
						path, err = r.String()
					case "function":
						symbol, err = r.String()
					case "receiver":
						receiver, err = r.String()
					default:
						err = r.Skip()
					}
					return err
				})
			})
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case s.entries[id] == nil:
		return fmt.Errorf("a finding of %.100q, of which the database has said nothing", id)
	case frames == 0 || v.module == "":
		return fmt.Errorf("a finding of %.100q in no module", id)
	case symbol != "" && path == "":
		return fmt.Errorf("a finding of %.100q in a symbol of no package", id)
	}
	if s.found[id] == nil {
		s.found[id] = make(map[version]*finding)
	}
	f := s.found[id][v]
	if f == nil {
		f = &finding{packages: make(map[string]bool), symbols: make(map[string]bool)}
		s.found[id][v] = f
		if err := s.left.spend(v.module, v.version, v.fixed); err != nil {
			return err
		}
	}
	if path != "" && !f.packages[path] {
		f.packages[path] = true
		if err := s.left.spend(path); err != nil {
			return err
		}
	}
	if symbol == "" {
		return nil
	}
	if receiver = strings.TrimPrefix(receiver, "*"); receiver != "" {
		symbol = receiver + "." + symbol
	}
	if symbol = path + "." + symbol; !f.symbols[symbol] {
		f.symbols[symbol] = true
		return s.left.spend(symbol)
	}
	return nil
}

// result returns what s found.
func (s *scan) result(started, finished time.Time) (*provenance.Vulns, error) {
	switch {
	case !s.begun:
		return nil, errors.New("malformed govulncheck output: it is empty")
	// "A stream must remain fully valid and able to be interpreted with all
	// progress messages removed."
	case s.fetching && !s.checking, !s.checking && !s.listed:
		return nil, errors.New("malformed govulncheck output: it ends before anything was checked")
	}
	v := &provenance.Vulns{
		Scanner: provenance.Scanner{
			Version:         s.version,
			DB:              provenance.VulnsDB{URI: publicURL(s.database), LastUpdate: s.modified.UTC()},
			Vulnerabilities: []provenance.Vulnerability{},
		},
		Metadata: provenance.ScanMetadata{Started: started, Finished: finished},
	}
	if s.name == "" || s.name == "govulncheck" {
		v.Scanner.URI = GovulncheckURI
	}
	how := map[string]string{"scanLevel": s.level, "scanMode": s.mode}
	if s.goVersion != "" {
		how["goVersion"] = s.goVersion
	}
	extension, err := strictjson.Append(nil, how)
	if err != nil {
		return nil, fmt.Errorf("govulncheck output: %w", err)
	}
	v.Scanner.Extensions = provenance.Extensions{"govulncheck": extension}

	for _, id := range slices.Sorted(maps.Keys(s.found)) {
		e := s.entries[id]
		one := provenance.Vulnerability{ID: id, Severity: append([]provenance.Rating{}, e.ratings...)}
		for _, in := range slices.SortedFunc(maps.Keys(s.found[id]), compareVersions) {
			f := s.found[id][in]
			a := map[string]any{"found": "required", "module": in.module}
			for name, value := range map[string]string{"version": in.version, "fixedVersion": in.fixed} {
				if value != "" {
					a[name] = value
				}
			}
			if len(f.packages) > 0 {
				a["found"], a["packages"] = "imported", texts(f.packages)
			}
			if len(f.symbols) > 0 {
				a["symbols"] = texts(f.symbols)
				if a["found"] = "called"; s.mode == "binary" {
					a["found"] = "linked"
				}
			}
			one.Annotations = append(one.Annotations, a)
		}
		about := make(map[string]any)
		if e.summary != "" {
			about["summary"] = e.summary
		}
		if len(e.aliases) > 0 {
			about["aliases"] = anys(e.aliases)
		}
		if len(about) > 0 {
			one.Annotations = append(one.Annotations, about)
		}
		v.Scanner.Vulnerabilities = append(v.Scanner.Vulnerabilities, one)
	}
	return v, nil
}

func compareVersions(a, b version) int {
	return slices.Compare([]string{a.module, a.version, a.fixed}, []string{b.module, b.version, b.fixed})
}

// texts returns the keys of m, sorted, as a JSON value.
func texts(m map[string]bool) []any { return anys(slices.Sorted(maps.Keys(m))) }

func anys(texts []string) []any {
	values := make([]any, len(texts))
	for i, s := range texts {
		values[i] = s
	}
	return values
}

// publicURL returns what of a URL may be published, or "" for a path of the
// machine.
func publicURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path}).String()
}
