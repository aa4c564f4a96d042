package sigstore

import (
	"encoding/hex"
	"errors"
	"fmt"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/encoding/protojson"
)

// A TrustedRoot is an instance of Sigstore: the authorities and logs to rely on.
// It does not change, and may be used by several goroutines.
type TrustedRoot struct {
	root *root.TrustedRoot
}

// ParseTrustedRoot parses a trusted_root.json, of version 0.1. The caller got it
// from where it may be trusted, for instance by TUF.
//
// It is an error if it lacks a certificate authority, a log or a certificate log,
// if two of its logs have the same id, or if the key of a log has no start of its
// validity.
func ParseTrustedRoot(data []byte) (*TrustedRoot, error) {
	if len(data) > MaxTrustedRootSize {
		return nil, fmt.Errorf("malformed trusted root: %d bytes, at most %d are read", len(data), MaxTrustedRootSize)
	}
	if err := camelCase(data); err != nil {
		return nil, fmt.Errorf("malformed trusted root: %w", err)
	}
	pb := new(prototrustroot.TrustedRoot)
	if err := protojson.Unmarshal(data, pb); err != nil {
		return nil, fmt.Errorf("malformed trusted root: %w", err)
	}
	for _, logs := range [][]*prototrustroot.TransparencyLogInstance{pb.GetTlogs(), pb.GetCtlogs()} {
		seen := make(map[string]bool)
		for _, l := range logs {
			id := hex.EncodeToString(l.GetLogId().GetKeyId())
			// sigstore-go would keep the last of them.
			if seen[id] {
				return nil, fmt.Errorf("malformed trusted root: two logs have the id %s", id)
			}
			seen[id] = true
			if l.GetPublicKey().GetValidFor().GetStart() == nil {
				return nil, fmt.Errorf("malformed trusted root: the key of log %s has no start of its validity", id)
			}
		}
	}
	tr, err := root.NewTrustedRootFromProtobuf(pb)
	if err != nil {
		return nil, fmt.Errorf("malformed trusted root: %w", err)
	}
	switch {
	case len(tr.FulcioCertificateAuthorities()) == 0:
		return nil, errors.New("sigstore: trusted root without a certificate authority")
	case len(tr.RekorLogs()) == 0:
		return nil, errors.New("sigstore: trusted root without a log")
	case len(tr.CTLogs()) == 0:
		return nil, errors.New("sigstore: trusted root without a certificate log")
	}
	return &TrustedRoot{tr}, nil
}
