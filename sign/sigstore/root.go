package sigstore

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

// A TrustedRoot is an instance of Sigstore: the authorities and logs to rely on,
// and how much of them a bundle must have. It does not change, and may be used
// by several goroutines.
type TrustedRoot struct {
	logs         map[string]*transparencyLog // by the bytes of their ids
	ctLogs       []ctLog
	authorities  []certificateAuthority
	tsas         []timestampAuthority
	requirements Requirements
}

// A transparencyLog keeps signatures where everybody can see them.
type transparencyLog struct {
	host       string
	operator   string
	key        crypto.PublicKey
	public     hallmark.Digest // fingerprint of the key
	hash       crypto.Hash     // of its signatures
	start, end time.Time       // both inclusive; the end is zero if it is open
}

// A ctLog keeps certificates.
type ctLog struct {
	id         string            // its bytes
	alone      *root.TrustedRoot // with no log but this one
	operator   string
	public     hallmark.Digest // fingerprint of its key
	start, end time.Time       // as of a transparencyLog
}

type certificateAuthority struct {
	root.CertificateAuthority
	chain chain
}

type timestampAuthority struct {
	root.TimestampingAuthority
	chain    chain
	operator string
}

// A chain has the certificates of an authority, the one at the root last.
type chain struct {
	certificates []*x509.Certificate
	keys         []hallmark.Digest // fingerprints of theirs
	start, end   time.Time         // of the authority's validity
}

// Requirements say how much a bundle must have. The zero value asks for what one
// signature of the public instance has: one log, one certificate log, a time that
// an authority or a log has signed, and a bundle of version 0.3.
//
// Numbers count operators, as a trusted root names them, since who runs two logs
// can lie with both: logs and authorities of one operator count once, those of
// one key count once, and all whose operator the root does not name count as one.
type Requirements struct {
	// Logs is how many operators' logs must have an entry; 0 stands for 1.
	Logs int

	// CertificateLogs is how many operators' certificate logs must have
	// promised to keep the certificate; 0 stands for 1.
	CertificateLogs int

	// TimestampAuthorities is how many operators' timestamp authorities must
	// have signed the time. With 0, the time that a log has signed serves too.
	TimestampAuthorities int

	// OldestBundle is the oldest version of bundles that are read: "0.1", "0.2"
	// or "0.3"; "" stands for "0.3". A version is not signed: whoever holds a
	// bundle can write an older one into it, and may then leave out what that
	// did not ask for. In 0.1 this is the inclusion proof; the log's promise is
	// then all there is.
	OldestBundle string

	// NoLogs is for an instance that has neither logs nor certificate logs, as
	// GitHub's for private repositories: nobody but its authorities can then
	// tell what they certified. The time must be signed by an authority. It is
	// an error for a trusted root that has logs.
	NoLogs bool
}

// Require returns r with other requirements than the zero ones. It is an error
// if no bundle could meet them: a number is negative, or larger than that of the
// operators in r.
func (r *TrustedRoot) Require(q Requirements) (*TrustedRoot, error) {
	for _, n := range []struct {
		what string
		got  int
	}{{"logs", q.Logs}, {"certificate logs", q.CertificateLogs}, {"timestamp authorities", q.TimestampAuthorities}} {
		if n.got < 0 {
			return nil, fmt.Errorf("sigstore: a requirement of %d %s", n.got, n.what)
		}
	}
	switch q.OldestBundle {
	case "", "0.1", "0.2", "0.3":
	default:
		return nil, fmt.Errorf("sigstore: a requirement of bundle version %.40q, want 0.1, 0.2 or 0.3", q.OldestBundle)
	}
	if q.NoLogs && (q.Logs > 0 || q.CertificateLogs > 0) {
		return nil, errors.New("sigstore: a requirement of logs, and of an instance without")
	}
	required := *r
	required.requirements = q
	if err := required.check(); err != nil {
		return nil, err
	}
	return &required, nil
}

// check returns an error if no bundle can meet r's requirements.
func (r *TrustedRoot) check() error {
	q := r.requirements
	if q.NoLogs {
		if len(r.logs) > 0 || len(r.ctLogs) > 0 {
			return errors.New("sigstore: trusted root with a log, and the requirement that it has none")
		}
		if len(r.tsas) == 0 {
			return errors.New("sigstore: trusted root without a log and without a timestamp authority")
		}
	} else if len(r.logs) == 0 {
		return errors.New("sigstore: trusted root without a log, and no requirement that it has none")
	}
	logs, ctLogs, tsas := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, l := range r.logs {
		logs[l.operator] = true
	}
	for _, l := range r.ctLogs {
		ctLogs[l.operator] = true
	}
	for _, a := range r.tsas {
		tsas[a.operator] = true
	}
	for _, n := range []struct {
		what      string
		want, has int
	}{{"logs", q.Logs, len(logs)}, {"certificate logs", q.CertificateLogs, len(ctLogs)}, {"timestamp authorities", q.TimestampAuthorities, len(tsas)}} {
		if n.want > n.has {
			return fmt.Errorf("sigstore: a requirement of %s of %d operators, the trusted root names %d", n.what, n.want, n.has)
		}
	}
	return nil
}

// oldestBundle is what q.OldestBundle stands for.
func (q *Requirements) oldestBundle() int {
	switch q.OldestBundle {
	case "0.1":
		return 1
	case "0.2":
		return 2
	}
	return 3
}

// ParseTrustedRoot parses a trusted_root.json, of version 0.1 or 0.2. The caller
// got it from where it may be trusted, for instance by TUF.
//
// It is an error if two of its logs have the same id, if a log or an authority
// has no start of its validity, or if a key is one that [sign.NewVerifier] refuses. A log without an id, which version 0.2 allows, has that of its
// checkpoints.
func ParseTrustedRoot(data []byte) (*TrustedRoot, error) {
	if len(data) > MaxTrustedRootSize {
		return nil, fmt.Errorf("malformed trusted root: %d bytes, at most %d are read", len(data), MaxTrustedRootSize)
	}
	r, err := parseTrustedRoot(data)
	if err != nil {
		return nil, fmt.Errorf("malformed trusted root: %w", err)
	}
	return r, nil
}

func parseTrustedRoot(data []byte) (*TrustedRoot, error) {
	if err := camelCase(data); err != nil {
		return nil, err
	}
	var mediaType string
	if err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if name == "mediaType" {
				mediaType, err = r.String()
				return err
			}
			return r.Skip()
		})
	}); err != nil {
		return nil, err
	}
	switch mediaType {
	case "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"application/vnd.dev.sigstore.trustedroot.v0.1+json",
		"application/vnd.dev.sigstore.trustedroot.v0.2+json":
	default:
		return nil, fmt.Errorf("media type %.100q, want that of a trusted root of version 0.1 or 0.2", mediaType)
	}
	pb := new(prototrustroot.TrustedRoot)
	if err := protojson.Unmarshal(data, pb); err != nil {
		return nil, err
	}
	r := &TrustedRoot{logs: make(map[string]*transparencyLog)}

	// Two instances with one key are one, whatever they are called.
	operators := make(map[hallmark.Digest]string) // by key
	operator := func(name string, key hallmark.Digest) string {
		if first, ok := operators[key]; ok {
			return first
		}
		operators[key] = name
		return name
	}

	var ctLogs []*root.TransparencyLog
	for _, kind := range []struct {
		what string
		logs []*prototrustroot.TransparencyLogInstance
	}{{"log", pb.GetTlogs()}, {"certificate log", pb.GetCtlogs()}} {
		if len(kind.logs) > MaxInstances {
			return nil, fmt.Errorf("%d %ss, at most %d are read", len(kind.logs), kind.what, MaxInstances)
		}
		clear(operators)
		seen := make(map[string]bool)
		for i, l := range kind.logs {
			if len(l.GetLogId().GetKeyId()) == 0 {
				// "SHOULD be set for all logs. When not set, clients MUST use log_id."
				if len(l.GetCheckpointKeyId().GetKeyId()) == 0 {
					return nil, fmt.Errorf("%s %d has no id", kind.what, i)
				}
				l.LogId = l.GetCheckpointKeyId()
			}
			id := l.GetLogId().GetKeyId()
			// sigstore-go would keep the last of them.
			if seen[string(id)] {
				return nil, fmt.Errorf("two %ss have the id %x", kind.what, id)
			}
			seen[string(id)] = true
			if l.GetPublicKey().GetValidFor().GetStart() == nil {
				return nil, fmt.Errorf("the key of %s %x has no start of its validity", kind.what, id)
			}
			parsed, err := root.ParseTransparencyLogs([]*prototrustroot.TransparencyLogInstance{l})
			if err != nil {
				return nil, fmt.Errorf("%s %x: %w", kind.what, id, err)
			}
			p := parsed[hex.EncodeToString(id)]
			key, err := fingerprint(p.PublicKey)
			if err != nil {
				return nil, fmt.Errorf("the key of %s %x: %w", kind.what, id, err)
			}
			by := operator(l.GetOperator(), key)
			if kind.what == "log" {
				t := &transparencyLog{
					host: host(p.BaseURL), operator: by, key: p.PublicKey, public: key, hash: p.SignatureHashFunc,
					start: p.ValidityPeriodStart, end: p.ValidityPeriodEnd,
				}
				r.logs[string(id)] = t
				// Of a log of version 2 both are right. Which one an entry has
				// only finds the key to verify it with.
				if also := l.GetCheckpointKeyId().GetKeyId(); len(also) > 0 && !seen[string(also)] {
					r.logs[string(also)], seen[string(also)] = t, true
				}
			} else {
				r.ctLogs = append(r.ctLogs, ctLog{id: string(id), operator: by, public: key, start: p.ValidityPeriodStart, end: p.ValidityPeriodEnd})
				ctLogs = append(ctLogs, p)
			}
		}
	}

	for _, kind := range []struct {
		what string
		all  []*prototrustroot.CertificateAuthority
	}{{"certificate authority", pb.GetCertificateAuthorities()}, {"timestamp authority", pb.GetTimestampAuthorities()}} {
		if len(kind.all) > MaxInstances {
			return nil, fmt.Errorf("%d instances of %s, at most %d are read", len(kind.all), kind.what, MaxInstances)
		}
		clear(operators)
		for i, a := range kind.all {
			certificates := a.GetCertChain().GetCertificates()
			if len(certificates) == 0 || len(certificates) > MaxCertificates {
				return nil, fmt.Errorf("%s %d has %d certificates, want 1 to %d", kind.what, i, len(certificates), MaxCertificates)
			}
			if a.GetValidFor().GetStart() == nil {
				return nil, fmt.Errorf("%s %d has no start of its validity", kind.what, i)
			}
			c := chain{start: a.GetValidFor().GetStart().AsTime()}
			if end := a.GetValidFor().GetEnd(); end != nil {
				c.end = end.AsTime()
			}
			for j, raw := range certificates {
				cert, err := x509.ParseCertificate(raw.GetRawBytes())
				if err != nil {
					return nil, fmt.Errorf("%s %d: certificate %d: %w", kind.what, i, j, err)
				}
				key, err := fingerprint(cert.PublicKey)
				if err != nil {
					return nil, fmt.Errorf("%s %d: the key of certificate %d: %w", kind.what, i, j, err)
				}
				c.certificates, c.keys = append(c.certificates, cert), append(c.keys, key)
			}
			if kind.what == "certificate authority" {
				ca, err := root.ParseCertificateAuthority(a)
				if err != nil {
					return nil, fmt.Errorf("%s %d: %w", kind.what, i, err)
				}
				r.authorities = append(r.authorities, certificateAuthority{ca, c})
				continue
			}
			tsa, err := root.ParseTimestampingAuthority(a)
			if err != nil {
				return nil, fmt.Errorf("%s %d: %w", kind.what, i, err)
			}
			r.tsas = append(r.tsas, timestampAuthority{tsa, c, operator(a.GetOperator(), c.keys[0])})
		}
	}

	var err error
	for i, l := range ctLogs {
		one := map[string]*root.TransparencyLog{hex.EncodeToString(l.ID): l}
		if r.ctLogs[i].alone, err = root.NewTrustedRoot(root.TrustedRootMediaType01, nil, one, nil, nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fingerprint identifies a key that package sign verifies with.
func fingerprint(key crypto.PublicKey) (hallmark.Digest, error) {
	if _, err := sign.NewVerifier(key); err != nil {
		return hallmark.Digest{}, err
	}
	return sign.Fingerprint(key)
}

// validAt reports whether l's key is valid at t.
func (l *transparencyLog) validAt(t time.Time) bool { return within(t, l.start, l.end) }

// camelCase returns an error if a member of data has an underscore in its name.
// Protocol buffers read "log_index" as "logIndex"; the specification has the
// second only. What else it asks of JSON is in package strictjson.
func camelCase(data []byte) error {
	var walk func(r *strictjson.Reader) error
	walk = func(r *strictjson.Reader) error {
		switch r.Kind() {
		case '{':
			return r.Members(func(name []byte) error {
				if bytes.IndexByte(name, '_') >= 0 {
					return r.Errorf("unknown member")
				}
				return walk(r)
			})
		case '[':
			return r.Array(func(int) error { return walk(r) })
		}
		return r.Skip()
	}
	return strictjson.Read(data, walk)
}

// hashName returns the name of a hash in digests.
func hashName(h crypto.Hash) string { return strings.ToLower(strings.ReplaceAll(h.String(), "-", "")) }

// messageHash returns the name in digests of a bundle's name of an algorithm, or
// "".
func messageHash(name string) string {
	switch name {
	case protocommon.HashAlgorithm_SHA2_256.String():
		return "sha256"
	case protocommon.HashAlgorithm_SHA2_384.String():
		return "sha384"
	case protocommon.HashAlgorithm_SHA2_512.String():
		return "sha512"
	}
	return ""
}
