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

	"golang.org/x/mod/semver"

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

// isReleased reports whether the builder of a source is one of a release, or of the
// main branch where slsa-verifier builds its own tests.
func isReleased(id, source string) bool {
	_, ref, _ := strings.Cut(id, "@")
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return semver.Canonical(tag) == tag && semver.Prerelease(tag) == ""
	}
	tests := source == "https://github.com/slsa-framework/example-package" || source == "https://github.com/slsa-framework/slsa-github-generator"
	return ref == "refs/heads/main" && tests
}

// What evidence of the matrix needs that a Policy does not have. Each is a class
// of rows: those are not accepted, whatever else is right with them.
const (
	needsNoProof   = "no log proof: an envelope and a certificate, for which a log must be asked"
	needsInstance  = "trusted root of GitHub's own instance, which is not here"
	needsStatement = "statement of version 0.1"
	needsOld       = "provenance of version 0.2"
	needsDelegator = "a workflow that signs for the builder of another repository"
	needsRunner    = "a workflow that signs for the machine that it ran on"
	needsSource    = "build type whose source is in no external parameter"
	needsInvoked   = "invocation that is no URL"
	needsPackage   = "name and version of the package that was published"
	needsClaims    = "certificate of 2022, which does not say where and on what the build ran"
)

// matrixEvidence is one provenance of the matrix: as it is, and as it would be if
// it needed nothing that a Policy does not have.
type matrixEvidence struct {
	envelope *sign.Envelope
	needs    []string

	publish *sign.Envelope // what else a registry says of it, or nil

	plain, plainPublish *sign.Envelope // of version 1, for which claims speak
	ev                  *verify.Evidence
	fault               error // why ev is nil

	// Who the certificate names, and who the predicate says built it.
	issuer, signer, builder string
	repository, ref         string   // of the source
	others                  []string // pointers to the parameters that slsa-verifier is not asked for
}

// readMatrix reads a provenance. root is that of the public good instance.
func readMatrix(t *testing.T, root *sigstore.TrustedRoot, data []byte) *matrixEvidence {
	t.Helper()
	data = bytes.TrimSpace(data)
	m := new(matrixEvidence)
	var err error
	if m.envelope, err = sign.Parse(data); err != nil {
		t.Fatal(err)
	}
	need := func(what string) {
		if !slices.Contains(m.needs, what) {
			m.needs = append(m.needs, what)
		}
	}

	// Who signed?
	var claims *verify.Claims
	if m.envelope.Bundle == nil {
		need(needsNoProof)
		var bare struct{ Signatures []struct{ Cert string } }
		if err := json.Unmarshal(data, &bare); err != nil || len(bare.Signatures) != 1 {
			t.Fatalf("an envelope with one signature is expected: %v", err)
		}
		if block, _ := pem.Decode([]byte(bare.Signatures[0].Cert)); block == nil {
			claims, m.fault = new(verify.Claims), errors.New("no certificate")
		} else {
			cert := must(x509.ParseCertificate(block.Bytes))
			claims = must(sigstore.ClaimsOf(cert))
			m.fault = must(sign.NewVerifier(cert.PublicKey)).Verify(t.Context(), m.envelope.PAE(), m.envelope.Signatures[0].Sig)
		}
	} else {
		cert := must(x509.ParseCertificate(bundleLeaf(t, m.envelope.Bundle)))
		claims = must(sigstore.ClaimsOf(cert))
		if slices.Contains(cert.Issuer.Organization, "GitHub, Inc.") {
			need(needsInstance)
			m.fault = must(sign.NewVerifier(cert.PublicKey)).Verify(t.Context(), m.envelope.PAE(), m.envelope.Signatures[0].Sig)
		} else {
			id := must(root.NewIdentity(sigstore.Account{Issuer: claims.Issuer, Subject: claims.Subject}))
			_, m.fault = id.Recognize(t.Context(), m.envelope)
		}
	}
	m.issuer, m.signer = claims.Issuer, claims.Subject

	// What does it say?
	var st struct {
		Type          string `json:"_type"`
		Subject       any    `json:"subject"`
		PredicateType string `json:"predicateType"`
		Predicate     struct {
			// Version 1.
			BuildDefinition struct {
				BuildType            string
				ExternalParameters   object
				InternalParameters   object
				ResolvedDependencies []struct {
					URI    string
					Digest map[string]string
				}
			}
			RunDetails struct {
				Builder  struct{ ID string }
				Metadata struct{ InvocationID string }
			}

			// Version 0.2.
			BuildType  string
			Builder    struct{ ID string }
			Invocation struct {
				ConfigSource struct {
					URI    string
					Digest map[string]string
				}
				Environment object
			}
			Metadata struct{ BuildInvocationID string }
		}
	}
	if err := json.Unmarshal(m.envelope.Payload, &st); err != nil {
		m.plain, m.fault = &sign.Envelope{PayloadType: m.envelope.PayloadType, Payload: m.envelope.Payload}, err
		return m
	}
	if st.Type == provenance.StatementTypeV01 {
		need(needsStatement)
	}
	p := &st.Predicate
	buildType, uri, digests := p.BuildDefinition.BuildType, "", map[string]string(nil)
	invocation := p.RunDetails.Metadata.InvocationID
	event, _ := p.BuildDefinition.InternalParameters["GITHUB_EVENT_NAME"].(string)
	payload, _ := p.BuildDefinition.InternalParameters["GITHUB_EVENT_PAYLOAD"].(object)
	m.builder = p.RunDetails.Builder.ID
	if st.PredicateType == provenance.PredicateTypeV02 {
		need(needsOld)
		m.builder, buildType = p.Builder.ID, p.BuildType
		uri, digests = p.Invocation.ConfigSource.URI, p.Invocation.ConfigSource.Digest
		invocation = p.Metadata.BuildInvocationID
		event, _ = p.Invocation.Environment["github_event_name"].(string)
		payload, _ = p.Invocation.Environment["github_event_payload"].(object)
	} else if d := p.BuildDefinition.ResolvedDependencies; len(d) > 0 {
		uri, digests = d[0].URI, d[0].Digest
		if p.BuildDefinition.ExternalParameters["workflow"] == nil {
			need(needsSource)
		}
	}
	if m.signer != m.builder && (strings.HasPrefix(m.signer, delegators) || runner(m.builder)) {
		if runner(m.builder) {
			need(needsRunner)
		} else {
			need(needsDelegator)
		}
		claims.Builder, claims.Subject, claims.BuildSigner = m.builder, m.builder, m.builder
	}
	repository, ref, _ := strings.Cut(strings.TrimPrefix(uri, "git+"), "@")
	m.repository, m.ref = repository, ref
	if run, attempt, ok := strings.Cut(invocation, "-"); ok && !strings.Contains(run, "/") {
		need(needsInvoked)
		invocation = repository + "/actions/runs/" + run + "/attempts/" + attempt
	}
	if claims.Runner == "" || claims.Invocation == "" || claims.Repository == "" {
		need(needsClaims)
		// The rest it says of itself.
		claims.Runner = cmp.Or(claims.Runner, "github-hosted")
		claims.Repository = cmp.Or(claims.Repository, repository)
		claims.Invocation = cmp.Or(claims.Invocation, invocation)
		claims.Ref = cmp.Or(claims.Ref, ref)
	}

	// The same in the words of the build type for workflows.
	workflow, _ := p.BuildDefinition.ExternalParameters["workflow"].(object)
	if workflow == nil {
		workflow = object{"repository": repository, "ref": ref}
	}
	external := object{"workflow": workflow}
	for name := range workflow {
		if name != "repository" && name != "ref" {
			m.others = append(m.others, "/workflow/"+name)
		}
	}
	if inputs, _ := payload["inputs"].(object); len(inputs) > 0 {
		external["inputs"] = inputs
		for name := range inputs {
			m.others = append(m.others, "/inputs/"+name)
		}
	}
	plain := object{
		"_type": provenance.StatementType, "subject": st.Subject, "predicateType": provenance.PredicateType,
		"predicate": object{
			"buildDefinition": object{
				"buildType": buildType, "externalParameters": external,
				"internalParameters":   object{"github": object{"event_name": event}},
				"resolvedDependencies": []any{object{"uri": uri, "digest": object{"gitCommit": cmp.Or(digests["gitCommit"], digests["sha1"])}}},
			},
			"runDetails": object{"builder": object{"id": m.builder}, "metadata": object{"invocationId": invocation}},
		},
	}
	m.plain = &sign.Envelope{PayloadType: m.envelope.PayloadType, Payload: must(json.Marshal(plain))}
	if m.fault == nil {
		m.ev = &verify.Evidence{PayloadType: m.plain.PayloadType, Payload: m.plain.Payload, Claims: claims}
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

// A matrixSigner is the identity of who is named in certificates: of a real
// envelope as sigstore recognizes it, and of a plain one by what was recognized.
type matrixSigner struct {
	verify.Identity
	name  string
	known map[*sign.Envelope]func() (*verify.Evidence, error)
	plain map[*sign.Envelope]*matrixEvidence
}

func (s *matrixSigner) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	if m := s.plain[e]; m != nil {
		if m.signer != s.name || m.ev == nil {
			return nil, verify.ErrNotSigned
		}
		return m.ev, nil
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
	plain    map[*sign.Envelope]*matrixEvidence
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

func (x *matrix) add(file string, m *matrixEvidence) { x.evidence[file], x.plain[m.plain] = m, m }

func (x *matrix) signer(t *testing.T, issuer, name string) *matrixSigner {
	if x.signers[issuer+" "+name] == nil {
		id, err := x.root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: name})
		if err != nil {
			t.Fatal(err)
		}
		x.signers[issuer+" "+name] = &matrixSigner{id, name, make(map[*sign.Envelope]func() (*verify.Evidence, error)), x.plain}
	}
	return x.signers[issuer+" "+name]
}

// policy is what a row asks. Where it names many builders or tags by a pattern,
// they are listed, as far as the matrix has evidence of them: a Policy has no
// words for these patterns.
func (x *matrix) policy(t *testing.T, r matrixRow, listed map[string]int) *verify.Policy {
	p := &verify.Policy{Source: "https://" + r.Source, BuildTypes: []string{
		"https://actions.github.io/buildtypes/workflow/v1",
		"https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
		"https://github.com/npm/cli/gha/v2",
		"https://github.com/slsa-framework/slsa-github-generator/go@v1",
		"https://github.com/slsa-framework/slsa-github-generator/generic@v1",
		"https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
	}}
	// It does not ask what started a build.
	p.Triggers = []string{"push", "release", "workflow_dispatch", "schedule"}

	trusts := func(m *matrixEvidence) bool {
		return strings.HasPrefix(m.builder, generator) && isReleased(m.builder, m.repository)
	}
	none := generator + "none.yml@refs/tags/v0.0.0" // Nobody signs as it.
	if r.BuilderID != nil {
		none = *r.BuilderID + "@refs/tags/v0.0.0"
		path, ref, exact := strings.Cut(*r.BuilderID, "@")
		if exact {
			id := path + "@refs/tags/" + strings.TrimPrefix(ref, "refs/tags/")
			trusts = func(m *matrixEvidence) bool { return m.builder == id }
			none = id
		} else if runner(path) {
			// In version 0.2, a builder does not say whose its machine is.
			trusts = func(m *matrixEvidence) bool {
				return m.builder == path || runner(m.builder) && m.builder+"/github-hosted" == path
			}
		} else {
			listed["releases of a builder"]++
			trusts = func(m *matrixEvidence) bool {
				return strings.HasPrefix(m.builder, path+"@") && isReleased(m.builder, m.repository)
			}
		}
	} else {
		listed["all builders of a repository"]++
	}
	p.Builders = []verify.Builder{{ID: none, Identity: x.signer(t, issuer, none)}}
	for _, file := range slices.Sorted(maps.Keys(x.evidence)) {
		m := x.evidence[file]
		speaks := m.signer == m.builder ||
			strings.HasPrefix(m.signer, delegators) && isReleased(m.signer, m.repository) ||
			runner(m.builder) && strings.HasPrefix(m.signer, m.repository+"/.github/workflows/")
		if m.signer == "" || !speaks || !trusts(m) {
			continue
		}
		b := verify.Builder{ID: m.builder, Identity: x.signer(t, m.issuer, m.signer)}
		if !slices.ContainsFunc(p.Builders, func(o verify.Builder) bool { return o.ID == b.ID && o.Identity == b.Identity }) {
			p.Builders = append(p.Builders, b)
		}
	}

	switch {
	case r.Branch != nil: // and a tag may be asked for too, which no ref is
		p.Refs.Branches = []string{*r.Branch}
	case r.Tag != nil:
		p.Refs.Tags = []string{*r.Tag}
	case r.VersionedTag != nil:
		if semver.Canonical(*r.VersionedTag) != *r.VersionedTag {
			listed["range of versions of tags"]++
		}
		p.Refs.Tags = []string{*r.VersionedTag}
		for _, m := range x.evidence {
			tag, ok := strings.CutPrefix(m.ref, "refs/tags/")
			if ok && (semver.Canonical(tag) + ".")[:min(len(semver.Canonical(tag)), len(*r.VersionedTag))+1] == *r.VersionedTag+"." {
				p.Refs.Tags = append(p.Refs.Tags, tag)
			}
		}
	default:
		p.Refs.Any = true
	}
	// It does not ask for parameters that the row does not name.
	p.Parameters = make(map[string]verify.Parameter)
	for _, at := range x.evidence[r.Provenance].others {
		p.Parameters[at] = verify.Parameter{Any: true}
	}
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

// decide says of all artifacts whether p accepts them. Of the evidence, some may
// be nil.
func decide(t *testing.T, p *verify.Policy, artifacts []map[string]any, e ...*sign.Envelope) error {
	e = slices.DeleteFunc(e, func(e *sign.Envelope) bool { return e == nil })
	var errs []error
	for _, a := range artifacts {
		_, err := p.Verify(t.Context(), artifactOf(t, a), e...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rejectedBy reports whether err is a rejection by one of rules.
func rejectedBy(err error, rules []verify.Rule) bool {
	var rejected *verify.RejectedError
	return errors.As(err, &rejected) && slices.ContainsFunc(rejected.Reasons, func(c verify.Check) bool { return slices.Contains(rules, c.Rule) })
}

// The regression matrix of slsa-verifier, through a Policy. Evidence that needs
// what a Policy does not have is not accepted, and counted by what that is. The
// same in words that a Policy understands must have the verdict of slsa-verifier,
// for the same reason.
func TestMatrix(t *testing.T) {
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
func (x *matrix) judge(t *testing.T, rows []matrixRow, policy func(*testing.T, matrixRow, map[string]int) *verify.Policy) {
	same, decided := 0, 0
	classes, accepts, listed := make(map[string]int), make(map[string]int), make(map[string]int)
	class := func(r matrixRow, n string) {
		classes[n]++
		if r.WantError == nil {
			accepts[n]++
		}
	}
	for _, r := range rows {
		m := x.evidence[r.Provenance]
		p := policy(t, r, listed)

		err := decide(t, p, r.Artifacts, m.envelope, m.publish)
		if (err == nil) == (r.WantError == nil) {
			same++
		}
		switch {
		case len(m.needs) > 0 && err == nil:
			t.Errorf("%s: accepted, and needs %s", r, strings.Join(m.needs, "; "))
		case len(m.needs) == 0 && (err == nil) != (r.WantError == nil):
			t.Errorf("%s: %v, want %s", r, err, wantText(r.WantError))
		}
		for _, n := range m.needs {
			class(r, n)
		}

		err = decide(t, p, r.Artifacts, m.plain, m.plainPublish)
		switch {
		case r.WantError != nil && strings.HasPrefix(*r.WantError, "ErrorMismatchPackage"):
			class(r, needsPackage)
			if err != nil {
				t.Errorf("%s: in plain words: %v, and a Policy does not ask for the package", r, err)
			}
		case r.WantError == nil && err != nil:
			t.Errorf("%s: in plain words: %v, and the peer accepts it", r, err)
		case r.WantError != nil && err == nil:
			t.Errorf("%s: in plain words: accepted, and the peer does not: %s", r, *r.WantError)
		case r.WantError != nil && !rejectedBy(err, matrixRules(t, *r.WantError)):
			t.Errorf("%s: in plain words: %v, and the peer says %s", r, err, *r.WantError)
		default:
			decided++
		}
	}
	t.Logf("%d rows, %d with the verdict of the peer, %d in plain words", len(rows), same, decided)
	for _, n := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("%5d rows need: %s (%d are accepted by the peer)", classes[n], n, accepts[n])
	}
	for _, n := range slices.Sorted(maps.Keys(listed)) {
		t.Logf("%5d rows have a list in place of: %s", listed[n], n)
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
		keys = append(keys, &matrixSigner{must(x.root.NewIdentity(k)), k.String(), make(map[*sign.Envelope]func() (*verify.Evidence, error)), x.plain})
	}
	for line := range bytes.Lines(read(t, corpus(t, "slsa-verifier", "cases-npm.jsonl"))) {
		var c struct {
			matrixRow
			Attestations string
			Digest       map[string]any
			Err          *string
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
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
		m.plainPublish = &sign.Envelope{
			PayloadType: publish.PayloadType,
			Payload:     bytes.Replace(publish.Payload, []byte(provenance.StatementTypeV01), []byte(provenance.StatementType), 1),
		}
		if !bytes.Equal(publish.Payload, m.plainPublish.Payload) && !slices.Contains(m.needs, needsStatement) {
			m.needs = append(m.needs, needsStatement)
		}
		x.plain[m.plainPublish] = new(matrixEvidence)
		for _, k := range keys {
			k := k.(*matrixSigner)
			if ev, err := k.Recognize(t.Context(), publish); err == nil {
				x.plain[m.plainPublish] = &matrixEvidence{signer: k.name, ev: &verify.Evidence{
					PayloadType: publish.PayloadType, Payload: m.plainPublish.Payload, Keys: ev.Keys,
				}}
			}
		}
		x.add(c.Provenance, m)
	}
	x.judge(t, rows, func(t *testing.T, r matrixRow, listed map[string]int) *verify.Policy {
		p := x.policy(t, r, listed)
		if r.BuilderID == nil { // It trusts no builder of packages if it is not told which.
			p.Builders = p.Builders[:1]
		}
		p.Require = []verify.Requirement{{PredicateType: published, Identities: keys}}
		return p
	})
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
	x.judge(t, rows, func(t *testing.T, r matrixRow, listed map[string]int) *verify.Policy {
		p, m := x.policy(t, r, listed), x.evidence[r.Provenance]
		if m.builder != "" {
			p.Builders = []verify.Builder{{ID: m.builder, Identity: x.signer(t, m.issuer, m.signer)}}
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

func wantText(e *string) string {
	if e == nil {
		return "accepted"
	}
	return *e
}
