package provenance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// VulnsType is the predicate type of [Vulns].
const VulnsType = "https://in-toto.io/attestation/vulns/v0.2"

// Predicate types of Vulns that are read and not written.
const (
	VulnsTypeV01    = "https://in-toto.io/attestation/vulns/v0.1"
	CosignVulnsType = "https://cosign.sigstore.dev/attestation/vuln/v1"
)

// Vulns is what a scan for known vulnerabilities found in the subjects.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md
type Vulns struct {
	Scanner  Scanner      // what scanned, and what it found
	Metadata ScanMetadata // when it did

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// A Scanner is what scanned, with what it knew and what it found.
type Scanner struct {
	// URI is the scanner's source.
	URI string

	// Version is the scanner's version; empty if not known.
	Version string

	// DB is the vulnerability database.
	DB VulnsDB

	// Vulnerabilities are those that were found, in the scanner's order. Empty
	// says that there were none; nil says nothing, and cannot be written.
	Vulnerabilities []Vulnerability

	// Report is what the scanner wrote, in a format of its own. Only
	// [CosignVulnsType] has it, in the place of Vulnerabilities, and it cannot
	// be written.
	Report map[string]any

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// A VulnsDB is a database of known vulnerabilities.
type VulnsDB struct {
	URI        string // of its source; empty if not known
	Version    string // empty if not known
	LastUpdate time.Time
	Extensions Extensions
}

// A Vulnerability is one that was found.
type Vulnerability struct {
	// ID is its name: "GO-2024-2687", "CVE-2023-45288".
	ID string

	// Severity says how bad it is, by one method or several.
	Severity []Rating

	// Annotations are what the scanner says beside; JSON values.
	Annotations []map[string]any

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// A Rating is how bad a vulnerability is by one method.
type Rating struct {
	Method     string // "cvss_score"
	Score      string // "5.2"
	Extensions Extensions
}

// ScanMetadata is when a scan ran.
type ScanMetadata struct {
	// Started and Finished are the times of the scan.
	Started, Finished time.Time

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseVulns returns the Vulns in s, whose predicate type must be [VulnsType],
// [VulnsTypeV01] or [CosignVulnsType].
//
// Version 0.1 is read in the forms that it is in use: as its text, its example
// and its protocol buffer have it. Cosign's has members of its own, which are in
// Extensions, and must have one scanner.
func ParseVulns(s *Statement) (*Vulns, error) {
	v := new(Vulns)
	if err := parse(s, v, "vulnerability scan", VulnsType, VulnsTypeV01, CosignVulnsType); err != nil {
		return nil, err
	}
	return v, nil
}

// Statement returns the Statement that v is what was found in subjects. It fails
// if [Statement.Validate] finds an error in it, and if v has a Report.
func (v *Vulns) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	if v.Scanner.Report != nil {
		return nil, errors.New("provenance: a report in the scanner's own format is no list of vulnerabilities")
	}
	return state(v, subjects)
}

func (*Vulns) predicateType() string { return VulnsType }

func (v *Vulns) shape(predicateType string) shape {
	scanner := nested("scanner", true, v.Scanner.shape(predicateType))
	metadata := nested("metadata", true, shape{[]field{
		timestamp("scanStartedOn", &v.Metadata.Started),
		timestamp("scanFinishedOn", &v.Metadata.Finished),
	}, &v.Metadata.Extensions})
	switch predicateType {
	case VulnsTypeV01:
		metadata = metadata.or("scanMetadata")
	case CosignVulnsType:
		one := scanner.read
		scanner = scanner.or("scanners")
		scanner.read = func(r *strictjson.Reader) error {
			if r.Kind() != '[' {
				return one(r)
			}
			return r.Array(func(i int) error {
				if i > 0 {
					return r.Errorf("a second scanner")
				}
				return one(r)
			})
		}
	}
	return shape{[]field{scanner, metadata}, &v.Extensions}
}

func (s *Scanner) shape(predicateType string) shape {
	vulnerability := func(v *Vulnerability) shape { return v.shape(predicateType) }
	db := nested("db", s.DB.URI != "" || s.DB.Version != "" || !s.DB.LastUpdate.IsZero() || s.DB.Extensions != nil, shape{[]field{
		text("uri", &s.DB.URI),
		text("version", &s.DB.Version),
		timestamp("lastUpdate", &s.DB.LastUpdate),
	}, &s.DB.Extensions})
	result := list("result", &s.Vulnerabilities, vulnerability)
	switch predicateType {
	case VulnsTypeV01:
		db = db.or("database")
		found := result.read
		result.read = func(r *strictjson.Reader) error {
			if r.Kind() != '{' {
				return found(r)
			}
			return shape{[]field{list("vulnerabilities", &s.Vulnerabilities, vulnerability)}, &s.Extensions}.read(r)
		}
	case CosignVulnsType:
		result.read = values("result", &s.Report).read
	}
	return shape{[]field{
		text("uri", &s.URI),
		text("version", &s.Version),
		db,
		result,
	}, &s.Extensions}
}

func (v *Vulnerability) shape(predicateType string) shape {
	o := shape{[]field{
		text("id", &v.ID),
		list("severity", &v.Severity, func(s *Rating) shape {
			return shape{[]field{text("method", &s.Method), text("score", &s.Score)}, &s.Extensions}
		}),
		{
			name: "annotations", set: v.Annotations != nil,
			read: v.readAnnotations,
			append: func(b []byte) ([]byte, error) {
				return appendList(b, v.Annotations, func(b []byte, a *map[string]any) ([]byte, error) {
					return strictjson.Append(b, *a)
				})
			},
		},
	}, &v.Extensions}
	if predicateType == VulnsTypeV01 {
		// Its text puts these members into an object, its example does not. There
		// is one or the other.
		id := o.fields[0].read
		o.fields[0].read = func(r *strictjson.Reader) error {
			if v.ID != "" {
				return r.Errorf("a second id")
			}
			return id(r)
		}
		o.fields = append(o.fields, field{name: "vulnerability", read: o.read})
	}
	return o
}

// readAnnotations reads a list of objects, or one object: the specification
// calls them a "list, map <string, value>".
func (v *Vulnerability) readAnnotations(r *strictjson.Reader) error {
	one := func(int) error {
		var a map[string]any
		err := values("annotations", &a).read(r)
		v.Annotations = append(v.Annotations, a)
		return err
	}
	v.Annotations = []map[string]any{}
	if r.Kind() == '{' {
		return one(0)
	}
	return r.Array(one)
}

func (v *Vulns) validate(ps *problems, _ *Statement) {
	const at = "$.predicate.scanner"
	checkURI(ps, at+".uri", v.Scanner.URI)
	if v.Scanner.DB.URI != "" {
		checkURI(ps, at+".db.uri", v.Scanner.DB.URI)
	}
	if v.Scanner.DB.LastUpdate.IsZero() {
		ps.add(Error, at+".db.lastUpdate", "missing: nobody can tell what the scanner could know")
	}
	if v.Scanner.Vulnerabilities == nil {
		ps.add(Error, at+".result", "missing: only an empty list says that nothing was found")
	}
	if n := len(v.Scanner.Vulnerabilities); n > MaxDependencies {
		ps.add(Error, at+".result", "%d vulnerabilities, at most %d can be read", n, MaxDependencies)
		return
	}
	for i, f := range v.Scanner.Vulnerabilities {
		at := fmt.Sprintf("%s.result[%d]", at, i)
		if strings.TrimSpace(f.ID) == "" {
			ps.add(Error, at+".id", "missing")
		}
		if f.Severity == nil {
			ps.add(Warning, at+".severity", "missing")
		}
		for i, s := range f.Severity {
			at := fmt.Sprintf("%s.severity[%d]", at, i)
			if s.Method == "" {
				ps.add(Error, at+".method", "missing")
			}
			if s.Score == "" {
				ps.add(Error, at+".score", "missing")
			}
		}
	}
	const metadata = "$.predicate.metadata"
	if v.Metadata.Started.IsZero() {
		ps.add(Error, metadata+".scanStartedOn", "missing")
	}
	if v.Metadata.Finished.IsZero() {
		ps.add(Error, metadata+".scanFinishedOn", "missing")
	} else if v.Metadata.Finished.Before(v.Metadata.Started) {
		ps.add(Error, metadata+".scanFinishedOn", "%s is before scanStartedOn", v.Metadata.Finished.Format(time.RFC3339Nano))
	}
}
