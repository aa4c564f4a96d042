package openvex

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/internal/uuid"
)

// Marshal returns d as JSON without white space. The same Document gives the same
// bytes: members in the order of the specification, statements, products and aliases in
// that of d, hashes in that of their table, times in UTC. It fails if [Document.Check]
// finds a fault, and if the document is over [MaxDocument] or [MaxEntries].
func (d *Document) Marshal() ([]byte, error) {
	return d.marshal(true)
}

func (d *Document) marshal(products bool) (json.RawMessage, error) {
	if err := d.check(products); err != nil {
		return nil, err
	}
	rest := d.append(nil)
	id := d.ID
	if id == "" {
		id = "urn:uuid:" + uuid.OfContent("https://github.com/hallmark-dev/hallmark/sbom/openvex", rest)
	}
	b := appendText([]byte(`{"@context":"`+Type+`"`), "@id", id)
	b = append(b, rest...)
	// What is written can be read.
	if _, err := Parse(b); err != nil {
		return nil, fmt.Errorf("openvex: what would be written is refused: %w", err)
	}
	return b, nil
}

// append appends d without its first two members.
func (d *Document) append(b []byte) []byte {
	b = appendText(b, "author", d.Author)
	b = appendText(b, "role", d.Role)
	b = appendTime(b, "timestamp", d.Timestamp)
	b = appendTime(b, "last_updated", d.LastUpdated)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(d.Version), 10)
	b = appendText(b, "tooling", d.Tooling)
	b = append(b, `,"statements":[`...)
	for i := range d.Statements {
		if i > 0 {
			b = append(b, ',')
		}
		b = d.Statements[i].append(b)
	}
	return append(b, "]}"...)
}

func (s *Statement) append(b []byte) []byte {
	from := len(b)
	b = appendText(b, "@id", s.ID)
	if s.Version > 0 {
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, int64(s.Version), 10)
	}
	b = append(b, `,"vulnerability":`...)
	v := len(b)
	b = appendText(b, "@id", s.Vulnerability.ID)
	b = appendText(b, "name", s.Vulnerability.Name)
	b = appendText(b, "description", s.Vulnerability.Description)
	if len(s.Vulnerability.Aliases) > 0 {
		b = append(b, `,"aliases":[`...)
		for i, a := range s.Vulnerability.Aliases {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, a)
		}
		b = append(b, ']')
	}
	b = closeObject(b, v)
	b = appendTime(b, "timestamp", s.Timestamp)
	b = appendTime(b, "last_updated", s.LastUpdated)
	if len(s.Products) > 0 {
		b = append(b, `,"products":[`...)
		for i := range s.Products {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.Products[i].append(b)
		}
		b = append(b, ']')
	}
	b = appendText(b, "status", string(s.Status))
	b = appendText(b, "supplier", s.Supplier)
	b = appendText(b, "status_notes", s.StatusNotes)
	b = appendText(b, "justification", string(s.Justification))
	b = appendText(b, "impact_statement", s.ImpactStatement)
	b = appendText(b, "action_statement", s.ActionStatement)
	b = appendTime(b, "action_statement_timestamp", s.ActionTimestamp)
	return closeObject(b, from)
}

func (p *Product) append(b []byte) []byte {
	from := len(b)
	b = p.Component.append(b)
	if len(p.Subcomponents) > 0 {
		b = append(b, `,"subcomponents":[`...)
		for i := range p.Subcomponents {
			if i > 0 {
				b = append(b, ',')
			}
			from := len(b)
			b = closeObject(p.Subcomponents[i].append(b), from)
		}
		b = append(b, ']')
	}
	return closeObject(b, from)
}

// append appends the members of c.
func (c *Component) append(b []byte) []byte {
	b = appendText(b, "@id", c.ID)
	if c.PURL != "" || c.CPE22 != "" || c.CPE23 != "" {
		b = append(b, `,"identifiers":`...)
		from := len(b)
		b = appendText(b, "purl", c.PURL)
		b = appendText(b, "cpe22", c.CPE22)
		b = appendText(b, "cpe23", c.CPE23)
		b = closeObject(b, from)
	}
	if len(c.Digests) > 0 {
		b = append(b, `,"hashes":`...)
		from := len(b)
		for _, a := range algorithms() {
			for _, d := range c.Digests {
				if d.Algorithm() == a[1] {
					b = appendText(b, a[0], d.Hex())
				}
			}
		}
		b = closeObject(b, from)
	}
	return b
}

// closeObject makes an object of the members from a place on, each of which has a comma
// before it.
func closeObject(b []byte, from int) []byte {
	if from == len(b) {
		b = append(b, '{')
	}
	b[from] = '{'
	return append(b, '}')
}

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`+name+`":`...)
	return appendString(b, value)
}

// appendString appends a string, which check has found to be UTF-8. In one that is not,
// as in what Check compares, bytes are replaced.
func appendString(b []byte, s string) []byte {
	quoted, err := strictjson.AppendString(b, s)
	if err != nil {
		return strconv.AppendQuote(b, s)
	}
	return quoted
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendText(b, name, t.UTC().Format(time.RFC3339Nano))
}

// Parse parses a document of the context [Type] or [TypeUnversioned]. Times are in UTC
// in what it returns, and Digests in the order of the format's table. What is missing is
// not there, and what is wrong stays as it is: [Document.Check] tells.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("malformed OpenVEX document: %d bytes, want at most %d", len(data), MaxDocument)
	}
	d, context := new(Document), ""
	p := parser{}
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		err := r.Object(func(name string) (err error) {
			switch name {
			case "@context":
				context, err = r.String()
			case "@id":
				d.ID, err = r.String()
			case "author":
				d.Author, err = r.String()
			case "role":
				d.Role, err = r.String()
			case "timestamp":
				err = readTime(r, &d.Timestamp)
			case "last_updated":
				err = readTime(r, &d.LastUpdated)
			case "version":
				err = readVersion(r, &d.Version)
			case "tooling":
				d.Tooling, err = r.String()
			case "statements":
				err = p.list(r, func() error {
					var s Statement
					err := p.statement(r, &s)
					d.Statements = append(d.Statements, s)
					return err
				})
			default:
				err = unknown(r)
			}
			return err
		})
		if err == nil && context != Type && context != TypeUnversioned {
			err = fmt.Errorf("@context %.100q, want %q", context, Type)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("malformed OpenVEX document: %w", err)
	}
	return d, nil
}

// parser counts what it reads.
type parser struct{ entries int }

func (p *parser) count(r *strictjson.Reader) error {
	if p.entries++; p.entries > MaxEntries {
		return r.Errorf("more than %d entries", MaxEntries)
	}
	return nil
}

func (p *parser) list(r *strictjson.Reader, element func() error) error {
	return r.Array(func(int) error {
		if err := p.count(r); err != nil {
			return err
		}
		return element()
	})
}

func unknown(r *strictjson.Reader) error { return r.Errorf("the format has no such member") }

func readTime(r *strictjson.Reader, t *time.Time) error {
	text, err := r.String()
	if err != nil {
		return err
	}
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return r.Errorf("%.40q is not a time of RFC 3339", text)
	}
	*t = parsed.UTC()
	return nil
}

func readVersion(r *strictjson.Reader, version *int) error {
	n, err := r.Number()
	if err != nil {
		return err
	}
	if *version, err = strconv.Atoi(n.String()); err != nil || *version < 1 {
		return r.Errorf("version %.40s, want an integer from 1", n)
	}
	return nil
}

func (p *parser) statement(r *strictjson.Reader, s *Statement) error {
	return r.Object(func(name string) (err error) {
		var text string
		switch name {
		case "@id":
			s.ID, err = r.String()
		case "version":
			err = readVersion(r, &s.Version)
		case "vulnerability":
			v := &s.Vulnerability
			err = r.Object(func(name string) (err error) {
				switch name {
				case "@id":
					v.ID, err = r.String()
				case "name":
					v.Name, err = r.String()
				case "description":
					v.Description, err = r.String()
				case "aliases":
					err = p.list(r, func() error {
						a, err := r.String()
						v.Aliases = append(v.Aliases, a)
						return err
					})
				default:
					err = unknown(r)
				}
				return err
			})
		case "timestamp":
			err = readTime(r, &s.Timestamp)
		case "last_updated":
			err = readTime(r, &s.LastUpdated)
		case "products":
			err = p.list(r, func() error {
				var one Product
				err := p.component(r, &one.Component, &one.Subcomponents)
				s.Products = append(s.Products, one)
				return err
			})
		case "status":
			text, err = r.String()
			s.Status = Status(text)
		case "supplier":
			s.Supplier, err = r.String()
		case "status_notes":
			s.StatusNotes, err = r.String()
		case "justification":
			text, err = r.String()
			s.Justification = Justification(text)
		case "impact_statement":
			s.ImpactStatement, err = r.String()
		case "action_statement":
			s.ActionStatement, err = r.String()
		case "action_statement_timestamp":
			err = readTime(r, &s.ActionTimestamp)
		default:
			err = unknown(r)
		}
		return err
	})
}

// component reads a component, which may have subcomponents if there is a place for
// them.
func (p *parser) component(r *strictjson.Reader, c *Component, subcomponents *[]Component) error {
	return r.Object(func(name string) (err error) {
		switch {
		case name == "@id":
			c.ID, err = r.String()
		case name == "identifiers":
			err = r.Object(func(name string) (err error) {
				switch name {
				case "purl":
					c.PURL, err = r.String()
				case "cpe22":
					c.CPE22, err = r.String()
				case "cpe23":
					c.CPE23, err = r.String()
				default:
					err = unknown(r)
				}
				return err
			})
		case name == "hashes":
			sums := make(map[string]string)
			err = r.Object(func(name string) (err error) {
				if !slices.ContainsFunc(algorithms(), func(a [2]string) bool { return a[0] == name }) {
					return r.Errorf("an algorithm that is not read here")
				}
				sums[name], err = r.String()
				return err
			})
			for _, a := range algorithms() {
				if sum, ok := sums[a[0]]; ok && err == nil {
					var d hallmark.Digest
					if d, err = hallmark.ParseDigest(a[1] + ":" + sum); err != nil {
						err = r.Errorf("%s: %v", a[0], err)
					}
					c.Digests = append(c.Digests, d)
				}
			}
		case name == "subcomponents" && subcomponents != nil:
			err = p.list(r, func() error {
				var one Component
				err := p.component(r, &one, nil)
				*subcomponents = append(*subcomponents, one)
				return err
			})
		default:
			err = unknown(r)
		}
		return err
	})
}
