package sigstore

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// The roles of a [verify.Voucher].
const (
	roleAuthority      = "certificate-authority"
	roleCertificateLog = "certificate-log"
	roleLog            = "log"
	rolePromise        = "log-promise" // the log of a bundle of version 0.1 without a proof
	roleTimestamps     = "timestamp-authority"
)

// Recall tells whether evidence that an Identity like this recognized once is its own,
// as [verify.Recaller] says.
func (id *identity) Recall(e *verify.Evidence) (*verify.Evidence, error) {
	ev, err := id.root.recall(e, id.who)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
	}
	return ev, nil
}

// recall does as verify, by what was found then. A voucher that r does not know says
// nothing, and neither does the time that it told.
func (r *TrustedRoot) recall(e *verify.Evidence, who Signatory) (*verify.Evidence, error) {
	ev := &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Signed: e.Signed}
	key, isKey := who.(Key)
	switch {
	case len(e.Vouchers) == 0:
		return nil, errors.New("no authority and no log has vouched for it")
	case isKey && e.Claims != nil:
		return nil, who.is(e.Claims)
	case isKey:
		fp, err := sign.Fingerprint(key.Public())
		if err != nil {
			return nil, err
		}
		if ev.Keys = []hallmark.Digest{fp}; !slices.Equal(e.Keys, ev.Keys) {
			return nil, errors.New("it is of another key")
		}
	case e.Claims == nil:
		return nil, errors.New("the bundle has a key, and no certificate")
	default:
		if err := who.is(e.Claims); err != nil {
			return nil, err
		}
		claims := *e.Claims
		ev.Claims = &claims
	}

	logs, stamps := make(map[string]bool), make(map[string]bool) // operators
	stamped := false
	var dated []verify.Voucher
	for _, v := range e.Vouchers {
		switch v.Role {
		case rolePromise:
			if r.requirements.oldestBundle() > 1 {
				return nil, errors.New("the log has only promised to have it, as in a bundle of version 0.1")
			}
			fallthrough
		case roleLog:
			for _, l := range r.logs {
				if l.public == v.Key {
					logs[l.operator], dated = true, append(dated, v)
					break // All of one key have one operator.
				}
			}
		case roleTimestamps:
			stamped = true
			for _, a := range r.tsas {
				if a.chain.keys[0] == v.Key && a.chain.valid(v.Key, v.Time) {
					stamps[a.operator], dated = true, append(dated, v)
					break
				}
			}
		}
	}
	if err := r.enoughLogs(logs); err != nil {
		return nil, err
	}
	if err := r.enoughTimestamps(stamps); err != nil {
		return nil, err
	}
	if stamped && len(stamps) == 0 && len(r.tsas) > 0 {
		return nil, errors.New("timestamp: no authority of the trusted root has signed it")
	}
	ev.Times = told(dated)
	if len(ev.Times) == 0 {
		return nil, errors.New("no verified time: no timestamp, and no time that a log has signed")
	}
	for _, t := range ev.Times {
		if isKey && !within(t, key.Start, key.End) {
			return nil, fmt.Errorf("the key was not valid at %s", t)
		}
	}
	if ev.Claims != nil {
		var err error
		if ev.Vouchers, err = r.stillCertified(e.Vouchers, ev.Times); err != nil {
			return nil, err
		}
	}
	for _, v := range dated {
		for _, t := range ev.Times {
			if v.Role != roleTimestamps && !r.logValidAt(v.Key, t) {
				return nil, fmt.Errorf("the key %s of a log was not valid at %s", v.Key, t)
			}
		}
	}
	ev.Vouchers = append(ev.Vouchers, dated...)
	return ev, nil
}

// stillCertified returns those of vouchers who certified, and of r. One of r's
// authorities must have the key that issued the certificate, and be valid at each of
// times.
func (r *TrustedRoot) stillCertified(vouchers []verify.Voucher, times []time.Time) ([]verify.Voucher, error) {
	var all []verify.Voucher
	operators, issued := make(map[string]bool), false
	for _, v := range vouchers {
		switch v.Role {
		case roleAuthority:
			for _, t := range times {
				if !slices.ContainsFunc(r.authorities, func(a certificateAuthority) bool { return a.chain.valid(v.Key, t) }) {
					return nil, fmt.Errorf("certificate: at %s: no authority of the trusted root has the key %s", t, v.Key)
				}
			}
			issued, all = true, append(all, v)
		case roleCertificateLog:
			for _, l := range r.ctLogs {
				if l.public == v.Key && within(v.Time, l.start, l.end) {
					operators[l.operator], all = true, append(all, v)
					break
				}
			}
		}
	}
	if !issued {
		return nil, errors.New("certificate: no authority has issued it")
	}
	return all, r.enoughCertificateLogs(operators)
}

// logValidAt reports whether a log of r with this key is valid at t.
func (r *TrustedRoot) logValidAt(key hallmark.Digest, t time.Time) bool {
	for _, l := range r.logs {
		if l.public == key && l.validAt(t) {
			return true
		}
	}
	return false
}

// valid reports whether c is of an authority with this key, and from there on valid at t.
func (c *chain) valid(key hallmark.Digest, t time.Time) bool {
	i := slices.Index(c.keys, key)
	return i >= 0 && within(t, c.start, c.end) && !slices.ContainsFunc(c.certificates[i:], func(x *x509.Certificate) bool {
		return !within(t, x.NotBefore, x.NotAfter)
	})
}

// within reports whether t is in a validity, both inclusive. Its end is zero if it is open.
func within(t, start, end time.Time) bool { return !t.Before(start) && (end.IsZero() || !t.After(end)) }

// sorted returns vouchers, each once, in an order of their own.
func sorted(vouchers []verify.Voucher) []verify.Voucher {
	slices.SortFunc(vouchers, func(a, b verify.Voucher) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Key.String(), b.Key.String()), a.Time.Compare(b.Time))
	})
	return slices.Compact(vouchers)
}

// told returns the times that vouchers have told, each once, the earliest first.
func told(vouchers []verify.Voucher) []time.Time {
	var times []time.Time
	for _, v := range vouchers {
		if !v.Time.IsZero() {
			times = append(times, v.Time.UTC())
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}
