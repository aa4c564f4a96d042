package keyless

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
)

// A ctLog promises to keep certificates, and does not.
type ctLog struct {
	key *ecdsa.PrivateKey
	id  [32]byte
}

// ServeHTTP answers the one request that Fulcio makes: RFC 6962 section 4.2, add
// PreCertChain to log.
func (l *ctLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/ct/v1/add-pre-chain" {
		http.NotFound(w, r)
		return
	}
	answer, err := l.promise(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(toJSON(answer))
}

func (l *ctLog) promise(r *http.Request) (*ct.AddChainResponse, error) {
	var request ct.AddChainRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	var chain []ct.ASN1Cert
	for _, der := range request.Chain {
		chain = append(chain, ct.ASN1Cert{Data: der})
	}
	sct := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, Timestamp: uint64(time.Now().UnixMilli())}
	leaf, err := ct.MerkleTreeLeafFromRawChain(chain, ct.PrecertLogEntryType, sct.Timestamp)
	if err != nil {
		return nil, err
	}
	signed, err := ct.SerializeSCTSignatureInput(sct, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return nil, err
	}
	signature, err := tls.CreateSignature(*l.key, tls.SHA256, signed)
	if err != nil {
		return nil, err
	}
	text, err := tls.Marshal(signature)
	if err != nil {
		return nil, err
	}
	return &ct.AddChainResponse{SCTVersion: ct.V1, ID: l.id[:], Timestamp: sct.Timestamp, Signature: text}, nil
}
