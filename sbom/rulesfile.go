package sbom

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// ParseRules returns the Rules that a JSON document has. This one has every member
// that there can be:
//
//	{
//	  "name": "acme 2026-11",
//	  "authors": [
//	    {"name": "Acme", "email": "sbom@acme.example", "url": "https://acme.example"},
//	    {"name": "Jo Doe", "person": true}
//	  ],
//	  "producers": [
//	    {"prefix": "pkg:golang/acme.example", "name": "Acme", "email": "security@acme.example"},
//	    {"prefix": "pkg:golang/stdlib", "name": "The Go Authors", "url": "https://go.dev"}
//	  ],
//	  "suppliers": [
//	    {"prefix": "pkg:golang/acme.example", "name": "Acme", "url": "https://acme.example"}
//	  ],
//	  "licenses": [
//	    {
//	      "prefix": "pkg:golang/example.org/parser@v1.2.3",
//	      "expression": "MIT OR LicenseRef-parser",
//	      "texts": [{"id": "LicenseRef-parser", "text": "Do with it what you like.\n"}],
//	      "reason": "letter of its author, 2026-03-01",
//	      "expires": "2027-01-31"
//	    }
//	  ],
//	  "support": [
//	    {"prefix": "pkg:golang/acme.example", "support": "actively-maintained", "until": "2031-12-31"}
//	  ],
//	  "gaps": [
//	    {"prefix": "pkg:golang", "element": "supplier", "kind": "unknown"}
//	  ],
//	  "references": [
//	    {
//	      "prefix": "pkg:golang/acme.example/app",
//	      "type": "distribution",
//	      "url": "https://acme.example/app.tar.gz",
//	      "comment": "for Linux",
//	      "digests": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
//	    }
//	  ],
//	  "properties": [
//	    {"prefix": "pkg:golang/acme.example/app", "name": "acme:team", "value": "payments"}
//	  ],
//	  "components": [
//	    {
//	      "ref": "openssl",
//	      "type": "library",
//	      "group": "org.openssl",
//	      "name": "openssl",
//	      "version": "3.5.0",
//	      "purl": "pkg:generic/openssl@3.5.0",
//	      "cpes": ["cpe:2.3:a:openssl:openssl:3.5.0:*:*:*:*:*:*:*"],
//	      "scope": "system",
//	      "description": "TLS, loaded while the program runs",
//	      "copyright": "Copyright The OpenSSL Project Authors",
//	      "digests": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
//	      "requirements": "complete"
//	    }
//	  ],
//	  "edges": [
//	    {"from": "pkg:golang/acme.example/app@v1.0.0", "to": "openssl"},
//	    {"from": "pkg:golang/acme.example/app@v1.0.0", "to": "pkg:golang/acme.example/lint@v1.0.0", "kind": "tool"}
//	  ]
//	}
//
// The members mean what the fields of Rules mean that have their names; those of a
// party, a gap, a reference and a property are beside the prefix. The values of
// element, kind, type, scope and requirements are those of the constants, digests
// are as [hallmark.ParseDigest] has them, and until and expires are days in UTC,
// which begin at midnight. The ref of a component is its purl unless there is one;
// what else a Component can have comes by the rules about it.
//
// All members may be left out that [Rules.Apply] does not ask for. Members of other
// names are refused, since a rule with a slip of the pen in it would be without
// effect and nobody would know; and so are names that occur twice, texts that are
// empty but for the value of a property, two rules of a prefix about the same
// thing, and whatever Apply refuses of a rule, whichever the Document is. The errors
// begin "malformed rules" and name the place. More than 64 MiB, or more than 100,000
// rules, authors, licence texts, components and edges together, are refused too.
//
// Two conclusions about the licence of a prefix are the same thing only if neither
// expires: of those that do, Apply knows whether both are to be applied.
func ParseRules(data []byte) (*Rules, error) {
	if len(data) > maxRulesFile {
		return nil, fmt.Errorf("malformed rules: %d bytes, want at most %d", len(data), maxRulesFile)
	}
	p := &rulesParser{Reader: strictjson.NewReader(data), seen: make(map[string]bool)}
	err := p.rules()
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return nil, fmt.Errorf("malformed rules: %w", err)
	}
	return &p.all, nil
}

type rulesParser struct {
	*strictjson.Reader
	all   Rules
	count int
	seen  map[string]bool // things that rules are about, with their prefixes
}

func (p *rulesParser) rules() error {
	return p.Object(func(name string) error {
		switch name {
		case "name":
			return p.text(&p.all.Name)
		case "authors":
			return p.list(func() error {
				var a Party
				if err := p.object(func(name string) error { return p.party(name, &a) }); err != nil {
					return err
				}
				p.all.Authors = append(p.all.Authors, a)
				return p.try("author", Rules{Authors: []Party{a}})
			})
		case "producers":
			return p.list(func() error {
				var n PartyRule
				if err := p.rule(&n.Prefix, func(name string) error { return p.party(name, &n.Party) }); err != nil {
					return err
				}
				p.all.Producers = append(p.all.Producers, n)
				return p.one(string(ElementProducer), n.Prefix, Rules{Producers: []PartyRule{n}})
			})
		case "suppliers":
			return p.list(func() error {
				var n PartyRule
				if err := p.rule(&n.Prefix, func(name string) error { return p.party(name, &n.Party) }); err != nil {
					return err
				}
				p.all.Suppliers = append(p.all.Suppliers, n)
				return p.one(string(ElementSupplier), n.Prefix, Rules{Suppliers: []PartyRule{n}})
			})
		case "licenses":
			return p.list(func() error {
				var n LicenseRule
				if err := p.rule(&n.Prefix, func(name string) error { return p.license(name, &n) }); err != nil {
					return err
				}
				p.all.Licenses = append(p.all.Licenses, n)
				one := Rules{Licenses: []LicenseRule{n}}
				if !n.Expires.IsZero() {
					return p.try(n.Prefix, one)
				}
				return p.one(string(ElementLicense), n.Prefix, one)
			})
		case "support":
			return p.list(func() error {
				var n SupportRule
				if err := p.rule(&n.Prefix, func(name string) error {
					switch name {
					case "support":
						return p.text(&n.Support)
					case "until":
						return p.day(&n.Until)
					}
					return p.unknown()
				}); err != nil {
					return err
				}
				p.all.Support = append(p.all.Support, n)
				return p.one("support", n.Prefix, Rules{Support: []SupportRule{n}})
			})
		case "gaps":
			return p.list(func() error {
				var n GapRule
				if err := p.rule(&n.Prefix, func(name string) error {
					switch name {
					case "element":
						return p.text((*string)(&n.Gap.Element))
					case "kind":
						return p.text((*string)(&n.Gap.Kind))
					}
					return p.unknown()
				}); err != nil {
					return err
				}
				p.all.Gaps = append(p.all.Gaps, n)
				return p.one(string(n.Gap.Element), n.Prefix, Rules{Gaps: []GapRule{n}})
			})
		case "references":
			return p.list(func() error {
				var n ReferenceRule
				if err := p.rule(&n.Prefix, func(name string) error {
					switch name {
					case "type":
						return p.text(&n.Reference.Type)
					case "url":
						return p.text(&n.Reference.URL)
					case "comment":
						return p.text(&n.Reference.Comment)
					case "digests":
						return p.digests(&n.Reference.Digests)
					}
					return p.unknown()
				}); err != nil {
					return err
				}
				p.all.References = append(p.all.References, n)
				return p.try(n.Prefix, Rules{References: []ReferenceRule{n}})
			})
		case "properties":
			return p.list(func() error {
				var n PropertyRule
				if err := p.rule(&n.Prefix, func(name string) (err error) {
					switch name {
					case "name":
						return p.text(&n.Property.Name)
					case "value":
						n.Property.Value, err = p.String()
						return err
					}
					return p.unknown()
				}); err != nil {
					return err
				}
				p.all.Properties = append(p.all.Properties, n)
				return p.try(n.Prefix, Rules{Properties: []PropertyRule{n}})
			})
		case "components":
			return p.list(func() error {
				var c Component
				if err := p.object(func(name string) error { return p.component(name, &c) }); err != nil {
					return err
				}
				if c.Ref == "" {
					c.Ref = c.PURL
				}
				p.all.Components = append(p.all.Components, c)
				return p.one("component", c.Ref, Rules{Components: []Component{c}})
			})
		case "edges":
			return p.list(func() error {
				var e Edge
				if err := p.object(func(name string) error {
					switch name {
					case "from":
						return p.text(&e.From)
					case "to":
						return p.text(&e.To)
					case "kind":
						return p.text((*string)(&e.Kind))
					}
					return p.unknown()
				}); err != nil {
					return err
				}
				p.all.Edges = append(p.all.Edges, e)
				if e.From == "" || e.To == "" || e.From == e.To {
					return p.Errorf("want an edge from one component to another, got %.100q to %.100q", e.From, e.To)
				}
				return p.try(e.From, Rules{
					Components: []Component{{Ref: e.To, Name: e.To, Type: Library, Scope: Runtime}},
					Edges:      []Edge{e},
				})
			})
		}
		return p.unknown()
	})
}

func (p *rulesParser) party(name string, party *Party) error {
	switch name {
	case "name":
		return p.text(&party.Name)
	case "email":
		return p.text(&party.Email)
	case "url":
		return p.text(&party.URL)
	case "person":
		v, err := p.Value()
		is, ok := v.(bool)
		if err == nil && !ok {
			err = p.Errorf("want true or false")
		}
		party.Person = is
		return err
	}
	return p.unknown()
}

func (p *rulesParser) license(name string, l *LicenseRule) error {
	switch name {
	case "expression":
		return p.text(&l.Expression)
	case "texts":
		return p.list(func() error {
			var t LicenseText
			err := p.object(func(name string) error {
				switch name {
				case "id":
					return p.text(&t.ID)
				case "text":
					return p.text(&t.Text)
				}
				return p.unknown()
			})
			l.Texts = append(l.Texts, t)
			return err
		})
	case "reason":
		return p.text(&l.Reason)
	case "expires":
		return p.day(&l.Expires)
	}
	return p.unknown()
}

func (p *rulesParser) component(name string, c *Component) error {
	switch name {
	case "ref":
		return p.text(&c.Ref)
	case "type":
		return p.text((*string)(&c.Type))
	case "group":
		return p.text(&c.Group)
	case "name":
		return p.text(&c.Name)
	case "version":
		return p.text(&c.Version)
	case "purl":
		return p.text(&c.PURL)
	case "cpes":
		return p.list(func() error {
			var s string
			err := p.text(&s)
			c.CPEs = append(c.CPEs, s)
			return err
		})
	case "scope":
		return p.text((*string)(&c.Scope))
	case "description":
		return p.text(&c.Description)
	case "copyright":
		return p.text(&c.Copyright)
	case "digests":
		return p.digests(&c.Digests)
	case "requirements":
		return p.text((*string)(&c.Requirements))
	}
	return p.unknown()
}

// rule reads an object that has a prefix besides what member reads.
func (p *rulesParser) rule(prefix *string, member func(name string) error) error {
	return p.object(func(name string) error {
		if name == "prefix" {
			return p.text(prefix)
		}
		return member(name)
	})
}

// object reads an object of a list.
func (p *rulesParser) object(member func(name string) error) error {
	if p.count++; p.count > maxRules {
		return p.Errorf("more than %d rules, authors, licence texts, components and edges", maxRules)
	}
	return p.Object(member)
}

func (p *rulesParser) list(element func() error) error {
	return p.Array(func(int) error { return element() })
}

func (p *rulesParser) text(to *string) (err error) {
	*to, err = p.String()
	if err == nil && *to == "" {
		err = p.Errorf("empty")
	}
	return err
}

func (p *rulesParser) day(to *time.Time) error {
	var s string
	if err := p.text(&s); err != nil {
		return err
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.IsZero() {
		return p.Errorf("%.100q is no day, want one as 2027-01-31", s)
	}
	*to = t
	return nil
}

func (p *rulesParser) digests(to *[]hallmark.Digest) error {
	return p.list(func() error {
		var s string
		if err := p.text(&s); err != nil {
			return err
		}
		d, err := hallmark.ParseDigest(s)
		if err != nil {
			return p.Errorf("%v", err)
		}
		*to = append(*to, d)
		return nil
	})
}

func (p *rulesParser) unknown() error { return p.Errorf("unknown member") }

// one is try for a rule that must be the only one of its prefix about a thing.
func (p *rulesParser) one(thing, prefix string, rules Rules) error {
	key := thing + " " + prefix
	if p.seen[key] {
		return p.Errorf("a second rule about the %s of %.100q", thing, prefix)
	}
	p.seen[key] = true
	return p.try(prefix, rules)
}

// try applies one rule to a Document of one component that it is about. What is
// refused then would be of every Document.
func (p *rulesParser) try(ref string, rules Rules) error {
	d := &Document{Main: Component{Ref: ref, Name: ref, Type: Application, Scope: Runtime}}
	if ref == "" || len(rules.Components) == 1 && rules.Components[0].Ref == ref && len(rules.Edges) == 0 {
		d.Main.Ref, d.Main.Name = ref+"?", "main"
	}
	if _, _, err := rules.Apply(d, time.Unix(0, 0)); err != nil {
		text := strings.NewReplacer("sbom: rules: ", "", "with rules applied: ", "", "sbom: ", "", "\n", "; ").Replace(err.Error())
		return p.Errorf("%s", text)
	}
	return nil
}
