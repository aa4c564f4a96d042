package sigstore_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// A matrixRow is a row of the regression matrix of slsa-verifier: what it was
// asked about a provenance, and its answer.
type matrixRow struct {
	Name       string
	Provenance string
	Artifacts  []map[string]any // digests by algorithm, and a path

	Source                               string
	Branch, Tag, VersionedTag, BuilderID *string
	Inputs                               map[string]any
	Package, Version                     string

	WantError *string // nil if it accepts
}

func (r matrixRow) String() string {
	text := fmt.Sprintf("%s: %s: source %s", r.Name, r.Provenance, r.Source)
	for _, o := range []struct {
		name  string
		value *string
	}{{"branch", r.Branch}, {"tag", r.Tag}, {"versioned tag", r.VersionedTag}, {"builder", r.BuilderID}} {
		if o.value != nil {
			text += ", " + o.name + " " + *o.value
		}
	}
	return text
}

// The builders that slsa-verifier trusts if it is not told which: the workflows of
// this repository. Those of them that build by the workflow of somebody else sign
// with a name of their own, and write the other's name into the provenance.
const (
	generator  = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
	delegators = generator + "delegator_"
)

// runner reports whether a builder is a machine of GitHub, as the npm client has it,
// and not a workflow.
func runner(id string) bool { return strings.HasPrefix(id, "https://github.com/actions/runner") }

// What evidence of the matrix lacks. Each is a class of rows, which are not accepted,
// whatever else is right with them.
const (
	lacksProof    = "log proof: it is an envelope and a certificate, for which a log must be asked"
	lacksInstance = "trusted root: it is signed by GitHub's own instance, whose is not here"
	lacksClaims   = "certificate that says on what machine it ran: it is of 2022"
)

// matrixEvidence is one provenance of the matrix.
type matrixEvidence struct {
	envelope *sign.Envelope
	publish  *sign.Envelope // what else a registry says of it, or nil
	lacks    []string

	// What would speak for it if it lacked nothing, or why nothing would.
	vouched *verify.Evidence
	fault   error

	// Who the certificate names, and who the predicate says built it.
	issuer, signer, builder string
	repository              string // of the source
}

// readMatrix reads a provenance. root is that of the public good instance.
func readMatrix(t *testing.T, root *sigstore.TrustedRoot, data []byte) *matrixEvidence {
	t.Helper()
	data = bytes.TrimSpace(data)
	m := &matrixEvidence{envelope: mustParse(t, data)}
	lack := func(what string) { m.lacks = append(m.lacks, what) }

	// Who signed?
	var cert *x509.Certificate
	if m.envelope.Bundle == nil {
		lack(lacksProof)
		var bare struct{ Signatures []struct{ Cert string } }
		if err := json.Unmarshal(data, &bare); err != nil || len(bare.Signatures) != 1 {
			t.Fatalf("an envelope with one signature is expected: %v", err)
		}
		block, _ := pem.Decode([]byte(bare.Signatures[0].Cert))
		if block == nil {
			m.fault = errors.New("no certificate")
			return m
		}
		cert = must(x509.ParseCertificate(block.Bytes))
	} else {
		cert = must(x509.ParseCertificate(bundleLeaf(t, m.envelope.Bundle)))
	}
	claims := must(sigstore.ClaimsOf(cert))
	m.issuer, m.signer = claims.Issuer, claims.Subject
	switch {
	case slices.Contains(cert.Issuer.Organization, "GitHub, Inc."):
		lack(lacksInstance)
		fallthrough
	case m.envelope.Bundle == nil:
		m.fault = must(sign.NewVerifier(cert.PublicKey)).Verify(t.Context(), m.envelope.PAE(), m.envelope.Signatures[0].Sig)
	default:
		id := must(root.NewIdentity(sigstore.Account{Issuer: claims.Issuer, Subject: claims.Subject}))
		_, m.fault = id.Recognize(t.Context(), m.envelope)
	}

	// Which builder does it name?
	if st, err := provenance.Parse(m.envelope.Payload); err == nil {
		if b, err := provenance.ParseBuild(st); err == nil {
			source, _ := b.Source()
			m.builder, m.repository = b.Builder, source.Repository
			if claims.Runner == "" {
				lack(lacksClaims)
				// Nor does it say the rest, which it says of itself.
				claims.Runner = "github-hosted"
				if run, attempt, ok := strings.Cut(b.Invocation, "-"); ok && claims.Invocation == "" {
					claims.Invocation = source.Repository + "/actions/runs/" + run + "/attempts/" + attempt
				}
				claims.RepositoryID, _ = b.Internal["github_repository_id"].(string)
				claims.OwnerID, _ = b.Internal["github_repository_owner_id"].(string)
			}
		}
	}
	if m.fault == nil {
		m.vouched = &verify.Evidence{PayloadType: m.envelope.PayloadType, Payload: m.envelope.Payload, Claims: claims}
	}
	return m
}

// bundleLeaf returns the certificate of whoever signed a bundle.
func bundleLeaf(t *testing.T, bundle []byte) []byte {
	t.Helper()
	type raw struct{ RawBytes []byte }
	var b struct {
		VerificationMaterial struct {
			Certificate          raw
			X509CertificateChain struct{ Certificates []raw }
		}
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	if chain := b.VerificationMaterial.X509CertificateChain.Certificates; len(chain) > 0 {
		return chain[0].RawBytes
	}
	return b.VerificationMaterial.Certificate.RawBytes
}

// A matrixSigner is the identity of a workflow as sigstore recognizes it. If it is
// lenient, it speaks for what lacks something, too.
type matrixSigner struct {
	verify.Identity
	issuer, builder string
	refs            verify.Refs
	lenient         bool

	known map[*sign.Envelope]func() (*verify.Evidence, error)
	all   map[*sign.Envelope]*matrixEvidence
}

func (s *matrixSigner) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	if m := s.all[e]; s.lenient && m != nil && len(m.lacks) > 0 {
		if m.vouched == nil || m.issuer != s.issuer || m.signer != s.builder && !s.refs.AllowAt(s.builder, m.signer) {
			return nil, verify.ErrNotSigned
		}
		return m.vouched, nil
	}
	if s.known[e] == nil { // The same is asked a thousand times.
		ev, err := s.Identity.Recognize(ctx, e)
		s.known[e] = func() (*verify.Evidence, error) { return ev, err }
	}
	return s.known[e]()
}

// A matrix is all evidence, by its file.
type matrix struct {
	root     *sigstore.TrustedRoot
	evidence map[string]*matrixEvidence
	all      map[*sign.Envelope]*matrixEvidence
	signers  map[string]*matrixSigner
}

func newMatrix(t *testing.T) *matrix {
	root, err := sigstore.ParseTrustedRoot(read(t, corpus(t, "sigstore-roots", "production", "trusted_root.json")))
	if err == nil {
		root, err = root.Require(sigstore.Requirements{OldestBundle: "0.1"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &matrix{root, make(map[string]*matrixEvidence), make(map[*sign.Envelope]*matrixEvidence), make(map[string]*matrixSigner)}
}

func (x *matrix) read(t *testing.T, file string) *matrixEvidence {
	if x.evidence[file] == nil {
		x.add(file, readMatrix(t, x.root, read(t, corpus(t, "slsa-verifier", "testdata", filepath.FromSlash(file)))))
	}
	return x.evidence[file]
}

func (x *matrix) add(file string, m *matrixEvidence) { x.evidence[file], x.all[m.envelope] = m, m }

// signer returns the identity of a workflow, at one of refs if these are not zero.
func (x *matrix) signer(t *testing.T, issuer, builder string, refs verify.Refs, lenient bool) *matrixSigner {
	name := fmt.Sprint(issuer, builder, refs, lenient)
	if x.signers[name] == nil {
		id, err := x.root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: refs})
		if err != nil {
			t.Fatal(err)
		}
		x.signers[name] = &matrixSigner{id, issuer, builder, refs, lenient, make(map[*sign.Envelope]func() (*verify.Evidence, error)), x.all}
	}
	return x.signers[name]
}

// workflows returns the paths of all workflows of the generator that are named as
// builders, or as signers for others.
func (x *matrix) workflows() (builders, signers []string) {
	for _, m := range x.evidence {
		if path, _, _ := strings.Cut(m.builder, "@"); strings.HasPrefix(path, generator) {
			builders = append(builders, path)
		}
		if path, _, _ := strings.Cut(m.signer, "@"); strings.HasPrefix(path, delegators) {
			signers = append(signers, path)
		}
	}
	slices.Sort(builders)
	slices.Sort(signers)
	return slices.Compact(builders), slices.Compact(signers)
}

// policy is what a row asks, in the words of a Policy.
func (x *matrix) policy(t *testing.T, r matrixRow, lenient bool) *verify.Policy {
	p := &verify.Policy{Source: "https://" + r.Source, Older: true, BuildTypes: []string{
		"https://actions.github.io/buildtypes/workflow/v1",
		"https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
		"https://github.com/npm/cli/gha/v2",
		"https://github.com/slsa-framework/slsa-github-generator/go@v1",
		"https://github.com/slsa-framework/slsa-github-generator/generic@v1",
		"https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
	}}
	// It does not ask what started a build.
	p.Triggers = []string{"push", "release", "workflow_dispatch", "schedule"}

	// Releases, or the main branch for where slsa-verifier builds its own tests.
	released := verify.Refs{Releases: true}
	switch x.evidence[r.Provenance].repository {
	case "https://github.com/slsa-framework/example-package", "https://github.com/slsa-framework/slsa-github-generator":
		released.Branches = []string{"main"}
	}
	builders, delegates := x.workflows()
	// trust adds a workflow, by its path and refs, and those that sign for it.
	trust := func(path string, refs verify.Refs) {
		p.Builders = append(p.Builders, verify.Builder{ID: path, Refs: refs, Identity: x.signer(t, issuer, path, refs, lenient)})
		for _, d := range delegates {
			p.Builders = append(p.Builders, verify.Builder{ID: path, Refs: refs, Delegated: true, Identity: x.signer(t, issuer, d, released, lenient)})
		}
	}
	switch {
	case r.BuilderID == nil:
		for _, path := range builders {
			trust(path, released)
		}
	case runner(*r.BuilderID):
		// Any workflow of the source, with its ref. Of version 0.2, a builder does not
		// say whose its machine is.
		ids := []string{*r.BuilderID}
		if id, ok := strings.CutSuffix(*r.BuilderID, "/github-hosted"); ok {
			ids = append(ids, id)
		}
		for _, m := range x.evidence {
			if path, _, ok := strings.Cut(m.signer, "@"); ok && strings.HasPrefix(path, m.repository+"/.github/workflows/") {
				for _, id := range ids {
					p.Builders = append(p.Builders, verify.Builder{ID: id, Delegated: true, Identity: x.signer(t, issuer, path, verify.Refs{Any: true}, lenient)})
				}
			}
		}
	default:
		path, ref, exact := strings.Cut(*r.BuilderID, "@")
		refs := released
		if exact {
			refs = verify.Refs{Tags: []string{strings.TrimPrefix(ref, "refs/tags/")}}
		}
		trust(path, refs)
	}
	if p.Builders == nil {
		none := generator + "none.yml@refs/tags/v0.0.0" // Nobody signs as it.
		p.Builders = []verify.Builder{{ID: none, Identity: x.signer(t, issuer, none, verify.Refs{}, lenient)}}
	}

	switch {
	case r.Branch != nil: // and a tag may be asked for too, which no ref is
		p.Refs.Branches = []string{*r.Branch}
	case r.Tag != nil:
		p.Refs.Tags = []string{*r.Tag}
	case r.VersionedTag != nil:
		p.Refs.Versions = *r.VersionedTag
	default:
		p.Refs.Any = true
	}
	p.Parameters = make(map[string]verify.Parameter)
	for name, value := range r.Inputs {
		p.Parameters["/inputs/"+name] = verify.Parameter{OneOf: []any{value}}
	}
	return p
}

// artifactOf returns what a row of a table is about.
func artifactOf(t *testing.T, digests map[string]any) hallmark.Artifact {
	t.Helper()
	var a hallmark.Artifact
	for _, name := range []string{"sha256", "sha512"} {
		if hex, ok := digests[name].(string); ok {
			d, err := hallmark.ParseDigest(name + ":" + hex)
			if err != nil {
				t.Fatal(err)
			}
			a.Digests = append(a.Digests, d)
		}
	}
	if a.Digests == nil { // It is another one than all that are attested.
		path, _ := digests["path"].(string)
		a.Digests = must(hallmark.Hash(strings.NewReader(path)))
	}
	return a
}

// matrixRules are the rules by which we say what an error of slsa-verifier says.
func matrixRules(t *testing.T, name string) []verify.Rule {
	t.Helper()
	switch name {
	case "ErrorMismatchBranch", "ErrorMismatchTag", "ErrorMismatchVersionedTag", "ErrorInvalidRef":
		return []verify.Rule{verify.RuleRef}
	case "ErrorMismatchSource":
		return []verify.Rule{verify.RuleSource}
	case "ErrorMismatchBuilderID", "ErrorUntrustedReusableWorkflow", "ErrorInvalidBuilderID", "ErrorNotSupported":
		return []verify.Rule{verify.RuleSignature, verify.RuleBuilder}
	case "ErrorMismatchPackageName", "ErrorMismatchPackageVersion":
		return []verify.Rule{verify.RuleSubject}
	case "ErrorMismatchHash":
		return []verify.Rule{verify.RuleSubject}
	case "ErrorMismatchWorkflowInputs":
		return []verify.Rule{verify.RuleParameter}
	case "rejected": // It says no more.
		return []verify.Rule{verify.RuleSignature, verify.RuleSource, verify.RuleSubject}
	case "ErrorRekorSearch", "ErrorInvalidSignature":
		return []verify.Rule{verify.RuleSignature, verify.RuleRequired}
	}
	t.Errorf("an error that is not in the table: %s", name)
	return nil
}

// decide says of all artifacts whether p accepts them, with any parameters that it does
// not name: the verifier that the matrix is of does not ask for these. Of the evidence,
// some may be nil.
func decide(t *testing.T, p *verify.Policy, artifacts []map[string]any, e ...*sign.Envelope) error {
	e = slices.DeleteFunc(e, func(e *sign.Envelope) bool { return e == nil })
	var errs []error
	for _, digests := range artifacts {
		a, q := artifactOf(t, digests), *p
		_, err := q.Verify(t.Context(), a, e...)
		var rejected *verify.RejectedError
		if errors.As(err, &rejected) {
			q.Parameters = maps.Clone(p.Parameters)
			for _, c := range rejected.Reasons {
				if _, named := p.Parameters[c.Item]; c.Rule == verify.RuleParameter && !named {
					q.Parameters[c.Item] = verify.Parameter{Any: true}
				}
			}
			_, err = q.Verify(t.Context(), a, e...)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rejectedBy reports whether err is a rejection by one of rules.
func rejectedBy(err error, rules []verify.Rule) bool {
	var rejected *verify.RejectedError
	return errors.As(err, &rejected) && slices.ContainsFunc(rejected.Reasons, func(c verify.Check) bool { return slices.Contains(rules, c.Rule) })
}

// The regression matrix of slsa-verifier, through a Policy. Evidence that lacks what must
// be there without asking anybody is not accepted, and counted by what that is. If who
// signs speaks for it all the same, it must have the verdict of slsa-verifier, for the
// same reason, as all other evidence must.
func TestMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	x := newMatrix(t)
	var rows []matrixRow
	for line := range bytes.Lines(read(t, corpus(t, "slsa-verifier", "cases-gha-artifact.jsonl"))) {
		var r matrixRow
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
		x.read(t, r.Provenance)
	}

	x.judge(t, rows, x.policy)
}

// judge holds the verdicts of policies on rows against those of the verifier that they are of.
func (x *matrix) judge(t *testing.T, rows []matrixRow, policy func(*testing.T, matrixRow, bool) *verify.Policy) {
	same, decided := 0, 0
	classes, accepts := make(map[string]int), make(map[string]int)
	for _, r := range rows {
		m := x.evidence[r.Provenance]
		err := decide(t, policy(t, r, false), r.Artifacts, m.envelope, m.publish)
		if (err == nil) == (r.WantError == nil) {
			same++
		}
		for _, what := range m.lacks {
			classes[what]++
			if r.WantError == nil {
				accepts[what]++
			}
		}
		if len(m.lacks) > 0 && err == nil {
			t.Errorf("%s: accepted, and lacks a %s", r, strings.Join(m.lacks, "; "))
		}

		if len(m.lacks) > 0 {
			err = decide(t, policy(t, r, true), r.Artifacts, m.envelope, m.publish)
		}
		switch {
		case r.WantError == nil && err != nil:
			t.Errorf("%s: %v, and the peer accepts it", r, err)
		case r.WantError != nil && err == nil:
			t.Errorf("%s: accepted, and the peer does not: %s", r, *r.WantError)
		case r.WantError != nil && !rejectedBy(err, matrixRules(t, *r.WantError)):
			t.Errorf("%s: %v, and the peer says %s", r, err, *r.WantError)
		default:
			decided++
		}
	}
	t.Logf("%d rows, %d with the verdict of the peer, and %d if who signs speaks for what lacks something", len(rows), same, decided)
	for _, n := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("%5d rows lack a %s (%d are accepted by the peer)", classes[n], n, accepts[n])
	}
	if len(rows) == 0 {
		t.Error("no rows")
	}
}

// Packages of the npm registry: who built one, and that the registry published it.
func TestMatrixNpm(t *testing.T) {
	x := newMatrix(t)
	const published = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"
	var rows []matrixRow
	var keys []verify.Identity
	for _, k := range registryKeys(t) {
		keys = append(keys, must(x.root.NewIdentity(k)))
	}
	for line := range bytes.Lines(read(t, corpus(t, "slsa-verifier", "cases-npm.jsonl"))) {
		var c struct {
			matrixRow
			Attestations string
			Digest       map[string]any
			Err          *string

			PkgName, PkgVersion string
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		c.Package, c.Version = c.PkgName, c.PkgVersion
		c.Provenance, c.Artifacts, c.WantError = c.Attestations, []map[string]any{c.Digest}, c.Err
		rows = append(rows, c.matrixRow)
		if x.evidence[c.Provenance] != nil {
			continue
		}
		var list struct {
			Attestations []struct {
				PredicateType string
				Bundle        json.RawMessage
			}
		}
		if err := json.Unmarshal(read(t, corpus(t, "slsa-verifier", "testdata", filepath.FromSlash(c.Provenance))), &list); err != nil {
			t.Fatal(err)
		}
		var publish *sign.Envelope
		var m *matrixEvidence
		for _, a := range list.Attestations {
			if a.PredicateType == published {
				publish = mustParse(t, a.Bundle)
			} else {
				m = readMatrix(t, x.root, a.Bundle)
			}
		}
		if publish == nil || m == nil {
			t.Fatalf("%s: want provenance and who published it", c.Provenance)
		}
		m.publish = publish
		x.add(c.Provenance, m)
	}
	x.judge(t, rows, func(t *testing.T, r matrixRow, lenient bool) *verify.Policy {
		p := x.policy(t, r, lenient)
		if r.BuilderID == nil { // It trusts no builder of packages if it is not told which.
			p.Builders = []verify.Builder{{ID: issuer, Identity: x.signer(t, issuer, issuer, verify.Refs{}, lenient)}}
		}
		// Of a name and a version, what the row does not ask for is what it is.
		if r.Package != "" || r.Version != "" {
			name, version := must2(x.evidence[r.Provenance].npm(t))
			p.Subject = "pkg:npm/" + strings.Replace(cmp.Or(r.Package, name), "@", "%40", 1) + "@" + cmp.Or(r.Version, version)
		}
		p.Require = []verify.Requirement{{PredicateType: published, Identities: keys, Subject: p.Subject}}
		return p
	})
}

// npm returns the name and the version of the package that m is about.
func (m *matrixEvidence) npm(t *testing.T) (name, version string, err error) {
	t.Helper()
	st, err := provenance.Parse(m.envelope.Payload)
	if err != nil || len(st.Subjects) != 1 {
		return "", "", fmt.Errorf("want one subject: %w", err)
	}
	path, ok := strings.CutPrefix(st.Subjects[0].Name, "pkg:npm/")
	at := strings.LastIndexByte(path, '@')
	if !ok || at < 0 {
		return "", "", fmt.Errorf("the subject is %q", st.Subjects[0].Name)
	}
	return strings.Replace(path[:at], "%40", "@", 1), path[at+1:], nil
}

// Attestations by the workflows of others, which GitHub signed.
func TestMatrixGitHub(t *testing.T) {
	x := newMatrix(t)
	var cases []struct {
		matrixRow
		Artifact string
		Err      *string
	}
	var digests map[string]map[string]any
	if err := errors.Join(
		json.Unmarshal(read(t, corpus(t, "slsa-verifier", "cases-githubattest-vsa.json")), &cases),
		json.Unmarshal(read(t, corpus(t, "slsa-verifier", "artifact-digests.json")), &digests),
	); err != nil {
		t.Fatal(err)
	}
	var rows []matrixRow
	for _, c := range cases {
		if c.Artifact == "" {
			continue // a summary of another verifier, of which no provenance is kept
		}
		c.Provenance, c.WantError = "bcr/"+c.Artifact+".intoto.jsonl", c.Err
		c.Artifacts = []map[string]any{digests["bcr/"+c.Artifact]}
		x.read(t, c.Provenance)
		rows = append(rows, c.matrixRow)
	}
	x.judge(t, rows, x.policy)
}

// Attestations that gh has tests for, of who is expected to sign them.
func TestGitHubAttestations(t *testing.T) {
	x := newMatrix(t)
	var digests map[string]map[string]any
	if err := json.Unmarshal(read(t, corpus(t, "gh-attestation", "digests.json")), &digests); err != nil {
		t.Fatal(err)
	}
	const (
		demo = "github.com/actions/attest-demo"
		js   = "github.com/sigstore/sigstore-js"
	)
	no := "rejected"
	var rows []matrixRow
	for _, test := range []struct {
		file, artifact, source string
		err                    *string
	}{
		{"custom-issuer.sigstore.json", "custom-issuer-artifact", "github.com/too-legit/attest", nil},
		{"custom-issuer.sigstore.json", "reusable-workflow-artifact", "github.com/too-legit/attest", &no},
		{"custom-issuer.sigstore.json", "custom-issuer-artifact", "github.com/too-legit/attest2", &no},
		{"reusable-workflow-attestation.sigstore.json", "reusable-workflow-artifact", "github.com/malancas/attest-demo", nil},
		{"sigstore-js-2.1.0-bundle.json", "sigstore-js-2.1.0.tgz", js, nil},
		{"sigstore-js-2.1.0-bundle.json", "sigstore-js-2.1.0.tgz", demo, &no},
		{"sigstore-js-2.1.0-bundle-v0.1.json", "sigstore-js-2.1.0.tgz", js, nil},
		{"sigstore-js-2.1.0_with_2_bundles.jsonl", "sigstore-js-2.1.0.tgz", js, nil},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl", "github_provenance_demo-0.0.12-py3-none-any.whl", demo, nil},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle-missing-cert.jsonl", "github_provenance_demo-0.0.12-py3-none-any.whl", demo, &no},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle-missing-verification-material.jsonl", "github_provenance_demo-0.0.12-py3-none-any.whl", demo, &no},
		{"sigstoreBundle-invalid-signature.json", "sigstore-js-2.1.0.tgz", js, &no},
	} {
		data := read(t, corpus(t, "gh-attestation", "data", test.file))
		bundles := bundlesIn(data)
		if len(bundles) == 0 {
			bundles = [][]byte{data} // what would be one
		}
		for i, text := range bundles {
			if _, err := sign.Parse(text); err != nil {
				if test.err == nil {
					t.Errorf("%s: %v", test.file, err)
				}
				continue
			}
			name := fmt.Sprintf("%s, %d", test.file, i)
			if x.evidence[name] == nil {
				x.add(name, readMatrix(t, x.root, text))
			}
			rows = append(rows, matrixRow{
				Name: test.artifact, Provenance: name, Source: test.source, WantError: test.err,
				Artifacts: []map[string]any{digests[test.artifact]},
			})
		}
	}
	x.judge(t, rows, func(t *testing.T, r matrixRow, lenient bool) *verify.Policy {
		p, m := x.policy(t, r, lenient), x.evidence[r.Provenance]
		if m.builder != "" {
			p.Builders = []verify.Builder{{ID: m.builder, Delegated: m.builder != m.signer, Identity: x.signer(t, m.issuer, m.signer, verify.Refs{}, lenient)}}
		}
		return p
	})
}

// registryKeys are the keys with which the npm registry says what it published.
func registryKeys(t *testing.T) (all []sigstore.Key) {
	t.Helper()
	var list struct {
		Keys []struct {
			KeyUsage  string
			PublicKey struct {
				RawBytes []byte
				ValidFor struct{ Start, End time.Time }
			}
		}
	}
	if err := json.Unmarshal(read(t, corpus(t, "sigstore-roots", "production", "npm-registry", "keys.json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Keys {
		if k.KeyUsage == "npm:attestations" {
			v := must(sign.NewVerifier(must(x509.ParsePKIXPublicKey(k.PublicKey.RawBytes))))
			all = append(all, sigstore.Key{Verifier: v, Start: k.PublicKey.ValidFor.Start, End: k.PublicKey.ValidFor.End})
		}
	}
	return all
}
