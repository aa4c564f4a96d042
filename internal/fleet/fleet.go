// Package fleet makes up fleets of services, to test and to measure an inventory with.
//
// A [Fleet] is what an organization might have built in a year: services that are built
// again and again, of packages that a few of everybody need and most need by a few, whose
// versions move on with time. About two of a hundred components change from one build of
// a service to the next. Base images and libraries are built of the same packages, and
// are inputs of the builds of the services. [Odd] makes a few Records of what is seldom
// and awkward instead.
//
// The same seed and Options give the same Fleet, whoever asks for it and how often.
package fleet

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Options say how large a Fleet is. All three numbers must be positive.
type Options struct {
	Services   int // how many there are, base images and libraries among them
	Builds     int // of each service, one a week
	Components int // of each artifact, beside the main one

	// ByService yields all builds of one service after the other. Without it Records are
	// in the order of the builds, as if each was recorded when it happened.
	ByService bool
}

// A Fleet is a fleet of services.
type Fleet struct {
	seed     uint64
	o        Options
	builders []Builder
	packages []pkg                  // the most popular first
	versions []version              // of all packages, sorted by PURL
	made     []atomic.Pointer[part] // of each version, once somebody has needed it
}

// A Builder is one that builds services of the Fleet.
type Builder struct {
	ID string // without its ref

	// Keys are what it signs with: the first one in the first half of the builds, and
	// the second one in the other.
	Keys [2]ed25519.PrivateKey

	prints [2]hallmark.Digest
}

// A Deployment says that an artifact runs, or ran.
type Deployment struct {
	Digest               hallmark.Digest
	Environment, Service string
	From, To             time.Time // To is zero if it still runs
}

type pkg struct {
	path     string
	versions []int32 // in their order, as indexes of Fleet.versions
	requires []int32 // packages
}

type version struct {
	purl     string
	pkg      int32
	text     string
	released time.Time
	requires []int32 // packages: some of those of the package
}

type part struct{ component sbom.Component }

// Start is when the first build of every Fleet was finished, or up to four days before.
func Start() time.Time { return time.Date(2025, 1, 6, 6, 0, 0, 0, time.UTC) }

const (
	week      = 7 * 24 * time.Hour
	buildType = "https://actions.github.io/buildtypes/workflow/v1"
	gitHost   = "https://git.example.org/shop/"
)

// PolicyDigest is of the policy that the verdicts are by.
func PolicyDigest() hallmark.Digest { return sum("sha256", 0, "policy") }

// New makes a Fleet.
func New(seed uint64, o Options) *Fleet {
	if o.Services < 1 || o.Builds < 1 || o.Components < 1 {
		panic(fmt.Sprintf("fleet: internal error: options %+v: want positive numbers", o))
	}
	f := &Fleet{seed: seed, o: o}
	for i, name := range []string{"hosted", "hosted-arm", "office", "legacy"} {
		b := Builder{ID: "https://ci.example.org/builders/" + name}
		for k := range b.Keys {
			b.Keys[k] = ed25519.NewKeyFromSeed(hash(seed, "key", i, k))
			b.prints[k], _ = sign.Fingerprint(b.Keys[k].Public())
		}
		f.builders = append(f.builders, b)
	}
	f.publish(rand.New(rand.NewPCG(seed, 1)))
	f.made = make([]atomic.Pointer[part], len(f.versions))
	return f
}

// publish makes up the packages and their versions.
func (f *Fleet) publish(r *rand.Rand) {
	n := max(60, 40*f.o.Components)
	end := Start().Add(time.Duration(f.o.Builds) * week)
	begin := Start().Add(-52 * week)
	zipf := rand.NewZipf(r, 1.2, 20, uint64(n-1))
	f.packages = make([]pkg, n)
	for i := range f.packages {
		p := &f.packages[i]
		p.path = fmt.Sprintf("git.example.org/team-%02d/pkg-%05d", r.IntN(90), i)
		major := 1
		switch {
		case i == 0:
			p.path = "stdlib"
		case i%7 == 0:
			major = 0
		case i%11 == 0:
			major = 2 + r.IntN(3)
			p.path += fmt.Sprintf("/v%d", major)
		}
		if i > 0 {
			for range r.IntN(11) {
				q := int32(zipf.Uint64())
				if r.IntN(4) == 0 { // one that is used about as much
					q = int32(min(n-1, i+1+r.IntN(40)))
				}
				if q != int32(i) && !slices.Contains(p.requires, q) {
					p.requires = append(p.requires, q)
				}
			}
		}

		releases := 1 + r.IntN(5)
		if i < n/50+2 {
			releases = 10 + r.IntN(40)
		}
		var times []time.Time
		times = append(times, begin)
		for range releases - 1 {
			times = append(times, begin.Add(time.Duration(r.Int64N(int64(end.Sub(begin)))).Truncate(time.Hour)))
		}
		slices.SortFunc(times, time.Time.Compare)
		minor, patch := r.IntN(3), 0
		for k, t := range times {
			v := version{pkg: int32(i), released: t}
			switch {
			case i == 0:
				v.text = fmt.Sprintf("1.%d.%d", 25+k/8, k%8)
			case i%29 == 3:
				v.text = fmt.Sprintf("v%d.0.0-%s-%s", major, t.Add(time.Duration(k)*time.Second).Format("20060102150405"), hex.EncodeToString(hash(f.seed, "pseudo", i, k)[:6]))
			case i%41 == 5:
				v.text = fmt.Sprintf("v%d.%d.%d+incompatible", 2+major, minor, patch)
			default:
				v.text = fmt.Sprintf("v%d.%d.%d", major, minor, patch)
			}
			if patch++; r.IntN(4) == 0 {
				minor, patch = minor+1, 0
			}
			v.purl = purl.Golang(p.path, v.text)
			v.requires = p.requires
			if len(p.requires) > 1 && r.IntN(3) == 0 {
				at := r.IntN(len(p.requires))
				v.requires = slices.Concat(p.requires[:at], p.requires[at+1:])
			}
			f.versions = append(f.versions, v)
		}
	}
	// Those of one package stay in their order: below they are by release.
	slices.SortFunc(f.versions, func(a, b version) int { return cmp.Compare(a.purl, b.purl) })
	for i := range f.versions {
		p := &f.packages[f.versions[i].pkg]
		p.versions = append(p.versions, int32(i))
	}
	for i := range f.packages {
		slices.SortStableFunc(f.packages[i].versions, func(a, b int32) int { return f.versions[a].released.Compare(f.versions[b].released) })
	}
}

// newest returns the newest version of a package at a time.
func (f *Fleet) newest(p int32, at time.Time) int32 {
	vs := f.packages[p].versions
	newest := vs[0]
	for _, v := range vs[1:] {
		if f.versions[v].released.After(at) {
			break
		}
		newest = v
	}
	return newest
}

// component returns the component that a version is, which all Documents share.
func (f *Fleet) component(i int32) *sbom.Component {
	if made := f.made[i].Load(); made != nil {
		return &made.component
	}
	v := &f.versions[i]
	c := sbom.Component{
		Ref:          v.purl,
		Type:         sbom.Library,
		Name:         f.packages[v.pkg].path,
		Version:      v.text,
		PURL:         v.purl,
		Scope:        sbom.Runtime,
		Requirements: sbom.Complete,
	}
	if v.pkg != 0 { // the standard library has no sum
		c.Digests = []hallmark.Digest{sum("dirHash", f.seed, v.purl)}
		c.Verification = sbom.Listed
	}
	switch v.pkg % 10 {
	case 0, 1, 2, 3:
		c.Licenses = &sbom.Licenses{Declared: "MIT"}
	case 4, 5:
		c.Licenses = &sbom.Licenses{Declared: "Apache-2.0"}
	case 6:
		c.Licenses = &sbom.Licenses{Declared: "BSD-3-Clause"}
	case 7:
		c.Licenses = &sbom.Licenses{Declared: "MIT OR Apache-2.0", Concluded: "MIT"}
	case 8:
		c.Licenses = &sbom.Licenses{Declared: "MPL-2.0"}
	}
	if v.pkg%97 == 60 {
		c.Licenses = &sbom.Licenses{Declared: "GPL-3.0-only"}
	}
	switch v.pkg % 3 {
	case 0:
		c.Packages = []string{"."}
	case 1:
		c.Packages = []string{".", "client", "internal/wire"}
	}
	f.made[i].Store(&part{c})
	return &c
}

// A service is one of the Fleet, at one of its builds.
type service struct {
	id    int
	rand  *rand.Rand
	zipf  *rand.Zipf
	parts []int32 // versions, sorted
	roots []int32 // packages that it needs itself
}

// bench is what the making of Records needs in hand.
type bench struct {
	at []int32 // by package: the version that the service at hand has, or -1
}

// enlist makes the first state of a service.
func (f *Fleet) enlist(id int, w *bench) *service {
	s := &service{id: id, rand: rand.New(rand.NewPCG(f.seed, uint64(id)<<8|2))}
	s.zipf = rand.NewZipf(s.rand, 1.2, 20, uint64(len(f.packages)-1))
	at := Start().Add(-time.Duration(s.rand.IntN(30)) * week)
	want := f.o.Components - len(f.libraries(id, 0))
	add := func(p int32) {
		if len(s.parts) < want && w.at[p] < 0 {
			w.at[p] = f.newest(p, at)
			s.parts = append(s.parts, w.at[p])
		}
	}
	s.roots = append(s.roots, 0)
	add(0)
	done := 0
	for len(s.parts) < want {
		p := int32(s.zipf.Uint64())
		if w.at[p] < 0 {
			s.roots = append(s.roots, p)
			add(p)
		}
		// What they need is added once there is a handful of them.
		if len(s.roots) > f.o.Components/8 {
			for ; done < len(s.parts); done++ {
				for _, q := range f.versions[s.parts[done]].requires {
					add(q)
				}
			}
		}
	}
	for _, v := range s.parts {
		w.at[f.versions[v].pkg] = -1
	}
	slices.Sort(s.parts)
	return s
}

// move changes what a service is made of for the next build.
func (f *Fleet) move(s *service, at time.Time) {
	changes := max(1, len(s.parts)/50)
	if len(s.parts) < 50 && s.rand.IntN(50) > len(s.parts) {
		return
	}
	for range 8 * changes {
		if changes == 0 {
			break
		}
		i := s.rand.IntN(len(s.parts))
		old := f.versions[s.parts[i]]
		next := f.newest(old.pkg, at)
		if s.rand.IntN(15) == 0 && old.pkg != 0 {
			// One package instead of another one.
			p := int32(s.zipf.Uint64())
			next = f.newest(p, at)
			if slices.ContainsFunc(s.parts, func(v int32) bool { return f.versions[v].pkg == p }) {
				continue
			}
			s.roots = slices.DeleteFunc(s.roots, func(r int32) bool { return r == old.pkg })
			s.roots = append(s.roots, p)
		}
		if next != s.parts[i] {
			s.parts[i] = next
			changes--
		}
	}
	slices.Sort(s.parts)
}

// Services of lower numbers are base images, and the next ones libraries.
func (f *Fleet) bases() int { return max(1, f.o.Services/50) }
func (f *Fleet) libs() int  { return f.o.Services / 10 }

// tier is 0 for a base image, 1 for a library and 2 for all others.
func (f *Fleet) tier(id int) int {
	switch {
	case id < f.bases():
		return 0
	case id < f.bases()+f.libs():
		return 1
	}
	return 2
}

// A used is an artifact that another one is built of.
type used struct{ service, build int }

// base returns the image that a build of a service begins with.
func (f *Fleet) base(id, build int) (used, bool) {
	if f.tier(id) == 0 {
		return used{}, false
	}
	h := binary.BigEndian.Uint32(hash(f.seed, "base", id, 0))
	lag := []int{1, 1, 1, 3, 5}[h%5] // not everybody takes the newest
	return used{int(h/5) % f.bases(), build - build%lag}, true
}

// libraries returns those of the Fleet that a build of a service links.
func (f *Fleet) libraries(id, build int) []used {
	if f.tier(id) != 2 || f.libs() == 0 || f.o.Components < 4 {
		return nil
	}
	var us []used
	h := hash(f.seed, "libraries", id, 0)
	for i := range int(h[0]) % 3 {
		u := used{f.bases() + int(binary.BigEndian.Uint16(h[4+2*i:]))%f.libs(), build - build%(1+int(h[1])%4)}
		if !slices.ContainsFunc(us, func(o used) bool { return o.service == u.service }) {
			us = append(us, u)
		}
	}
	slices.SortFunc(us, func(a, b used) int { return cmp.Compare(a.service, b.service) })
	return us
}

// Name returns the name of the artifacts of a service.
func (f *Fleet) Name(id int) string {
	switch f.tier(id) {
	case 0:
		return fmt.Sprintf("registry.example.org/base/image-%02d", id)
	case 1:
		return fmt.Sprintf("registry.example.org/lib/library-%03d", id-f.bases())
	}
	return fmt.Sprintf("registry.example.org/shop/service-%04d", id-f.bases()-f.libs())
}

// Digest returns the digest of the artifact that a build of a service has made.
func (f *Fleet) Digest(id, build int) hallmark.Digest {
	return parse("sha256", hash(f.seed, "artifact", id, build))
}

// Finished returns when a build of a service was.
func (f *Fleet) Finished(id, build int) time.Time {
	return Start().Add(time.Duration(build)*week + time.Duration(f.tier(id))*24*time.Hour + time.Duration(id*7%1200)*time.Minute)
}

// Builders returns those that build the services.
func (f *Fleet) Builders() []Builder { return slices.Clone(f.builders) }

// Len returns how many Records there are.
func (f *Fleet) Len() int { return f.o.Services * f.o.Builds }

// Package returns the package URL of a package, without a version, that about the share
// of the services has, which is between 0 and 1. It looks at the first builds of 200 of them.
func (f *Fleet) Package(share float64) string {
	w := f.bench()
	counts := make([]int, len(f.packages))
	n := min(f.o.Services, 200)
	for i := range n {
		for _, v := range f.enlist(i*f.o.Services/n, w).parts {
			counts[f.versions[v].pkg]++
		}
	}
	best, distance := 0, 2.0
	for p, c := range counts[1:] {
		if d := share - float64(c)/float64(n); c > 0 && max(d, -d) < distance {
			best, distance = p+1, max(d, -d)
		}
	}
	return purl.Golang(f.packages[best].path, "")
}

func (f *Fleet) bench() *bench {
	w := &bench{at: make([]int32, len(f.packages))}
	for i := range w.at {
		w.at[i] = -1
	}
	return w
}

// Records yields the Records of the Fleet, without errors. The Records share memory:
// nobody may change what is in them.
func (f *Fleet) Records() iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		w := f.bench()
		if f.o.ByService {
			for id := range f.o.Services {
				s := f.enlist(id, w)
				for build := range f.o.Builds {
					if build > 0 {
						f.move(s, f.Finished(id, build))
					}
					if !yield(f.record(s, build, w), nil) {
						return
					}
				}
			}
			return
		}
		services := make([]*service, f.o.Services)
		for build := range f.o.Builds {
			for id := range services {
				if build == 0 {
					services[id] = f.enlist(id, w)
				} else {
					f.move(services[id], f.Finished(id, build))
				}
				if !yield(f.record(services[id], build, w), nil) {
					return
				}
			}
		}
	}
}

// record makes the Record of a build.
func (f *Fleet) record(s *service, build int, w *bench) inventory.Record {
	luck := hash(f.seed, "luck", s.id, build)
	digest := f.Digest(s.id, build)
	name := f.Name(s.id)
	finished := f.Finished(s.id, build)
	libraries := f.libraries(s.id, build)

	which := []int{0, 0, 0, 0, 0, 0, 0, 1, 1, 2}[hash(f.seed, "builder", s.id, 0)[0]%10]
	if luck[0] < 3 {
		which = 3
	}
	builder := &f.builders[which]
	key := builder.prints[min(1, build*2/f.o.Builds)]
	repository := gitHost + "repo-" + fmt.Sprintf("%04d", s.id-s.id%4*btoi(s.id%10 == 3)) // some share one
	b := inventory.Build{
		Source:   repository,
		Commit:   parse("gitCommit", hash(f.seed, "commit", s.id, build)[:20]),
		Ref:      "refs/heads/main",
		Workflow: []string{".github/workflows/release.yml", ".github/workflows/build.yml"}[s.id/3%2],
		Builder:  fmt.Sprintf("%s@refs/tags/v1.%d", builder.ID, build/20),
		Type:     buildType,
		Run:      fmt.Sprintf("%s/runs/%d", repository, 1000+build),
		Finished: finished,
	}
	b.Inputs = append(b.Inputs, inventory.Input{
		URI:     fmt.Sprintf("pkg:golang/toolchain@1.%d.0", 25+build/26),
		Digests: []hallmark.Digest{sum("sha256", f.seed, fmt.Sprint("toolchain", build/26))},
	})
	if u, ok := f.base(s.id, build); ok {
		b.Inputs = append(b.Inputs, inventory.Input{Name: f.Name(u.service), Digests: []hallmark.Digest{f.Digest(u.service, u.build)}})
	}
	for _, u := range libraries {
		d := f.Digest(u.service, u.build)
		b.Inputs = append(b.Inputs, inventory.Input{URI: "https://" + f.Name(u.service) + "@" + d.String(), Digests: []hallmark.Digest{d}})
	}

	r := inventory.Record{
		Artifact: hallmark.Artifact{Name: name, Digests: []hallmark.Digest{digest}},
		Build:    b,
		Mark:     parse("sha256", hash(f.seed, "mark", s.id, build)),
	}
	r.Evidence = append(r.Evidence, evidence(statement(name, digest, provenance.PredicateType, predicate(&b)), key))

	if luck[1] < 3 {
		r.Gaps = []string{"the SBOM of " + name + " cannot be read"}
	} else {
		r.Document = f.document(s, build, libraries, luck, w)
		if luck[2] < 244 {
			e := evidence(statement(name, digest, provenance.CycloneDXType, nil), key)
			r.Attested = e.Signed
			r.Evidence = append(r.Evidence, e)
		}
	}

	r.Verdict = inventory.Verdict{Verdict: verify.Accepted, Policy: PolicyDigest(), At: finished.Add(time.Hour)}
	switch {
	case which == 3:
		r.Verdict.Verdict = verify.Rejected
		r.Verdict.Reasons = []string{"the builder is not one that the policy names"}
	case luck[3] < 4:
		r.Verdict.Verdict = verify.Rejected
		r.Verdict.Reasons = []string{"the commit is not one of refs/heads/main"}
	case luck[3] < 9:
		r.Verdict.Exceptions = []verify.Exception{{
			Rule: verify.RuleCommit, Digest: digest, Owner: "release@example.org",
			Reason: "the tag was moved", Control: "the commit was reviewed again", Expires: finished.Add(4 * week),
		}}
	case luck[3] < 12:
		r.Verdict.Verdict = verify.Undecided
		r.Verdict.Reasons = []string{"the log could not be asked"}
	case luck[3] < 15:
		r.Verdict = inventory.Verdict{}
	}
	return r
}

// document makes the Document of a build.
func (f *Fleet) document(s *service, build int, libraries []used, luck []byte, w *bench) *sbom.Document {
	text := fmt.Sprintf("v1.%d.0", build)
	d := &sbom.Document{
		Main:       sbom.Component{Type: sbom.Application, Name: f.Name(s.id), Version: text, Scope: sbom.Runtime, Requirements: sbom.Complete},
		Components: make([]sbom.Component, 0, len(libraries)+len(s.parts)),
		Edges:      make([]sbom.Edge, 0, 4*len(s.parts)),
		Phase:      sbom.Built,
	}
	d.Main.PURL = purl.Golang(f.Name(s.id), text) // sorts behind git.example.org and before stdlib
	d.Main.Ref = d.Main.PURL
	if luck[4] < 3 {
		d.Unknown = []string{"what is linked by cgo is not known"}
		d.Main.Requirements = sbom.Unknown
	}

	for _, u := range libraries { // pkg:generic sorts before pkg:golang
		digest := f.Digest(u.service, u.build)
		url := fmt.Sprintf("pkg:generic/library-%03d@1.%d.0", u.service-f.bases(), u.build)
		d.Components = append(d.Components, sbom.Component{
			Ref: url, Type: sbom.Library, Name: f.Name(u.service), Version: fmt.Sprintf("1.%d.0", u.build), PURL: url,
			Scope: sbom.Runtime, Digests: []hallmark.Digest{digest},
		})
	}
	for _, v := range s.parts {
		d.Components = append(d.Components, *f.component(v))
		w.at[f.versions[v].pkg] = v
	}

	roots := make([]int32, 0, len(s.roots))
	for _, p := range s.roots {
		if v := w.at[p]; v >= 0 {
			roots = append(roots, v)
		}
	}
	if luck[5] < 3 { // most of it cannot be reached
		roots = roots[:1]
	}
	slices.Sort(roots)
	main := func() {
		for i := range libraries {
			d.Edges = append(d.Edges, sbom.Edge{From: d.Main.Ref, To: d.Components[i].Ref})
		}
		for _, v := range roots {
			d.Edges = append(d.Edges, sbom.Edge{From: d.Main.Ref, To: f.versions[v].purl})
		}
	}
	var to []int32
	place, _ := slices.BinarySearchFunc(f.versions, d.Main.Ref, func(v version, ref string) int { return cmp.Compare(v.purl, ref) })
	drawn := false
	for _, v := range s.parts {
		at := &f.versions[v]
		if !drawn && int(v) >= place {
			main()
			drawn = true
		}
		to = to[:0]
		for _, q := range at.requires {
			if w.at[q] >= 0 {
				to = append(to, w.at[q])
			}
		}
		slices.Sort(to)
		for _, q := range to {
			d.Edges = append(d.Edges, sbom.Edge{From: at.purl, To: f.versions[q].purl})
		}
	}
	if !drawn {
		main()
	}
	for _, v := range s.parts {
		w.at[f.versions[v].pkg] = -1
	}
	return d
}

// Deployments yields what runs, and what ran before: the last four builds of the services
// in one or two environments. Of a hundred deployments, one is of an artifact that there is
// no Record of.
func (f *Fleet) Deployments() iter.Seq[Deployment] {
	return func(yield func(Deployment) bool) {
		for id := range f.o.Services {
			if f.tier(id) != 2 {
				continue
			}
			for _, environment := range []string{"staging", "production"} {
				h := hash(f.seed, environment, id, 0)
				if h[0] < 30 {
					continue
				}
				last := f.o.Builds - 1
				if environment == "production" {
					last = max(0, last-int(h[1])%3)
				}
				for build := max(0, last-3); build <= last; build++ {
					d := Deployment{Digest: f.Digest(id, build), Environment: environment, Service: fmt.Sprintf("service-%04d", id-f.bases()-f.libs())}
					d.From = f.Finished(id, build).Add(2 * time.Hour)
					if build < last {
						d.To = f.Finished(id, build+1).Add(2 * time.Hour)
					} else if h[2] < 3 {
						d.Digest = sum("sha256", f.seed, "by hand "+d.Service)
					}
					if !yield(d) {
						return
					}
				}
			}
		}
	}
}

// predicate returns the provenance of b, as package provenance writes it.
func predicate(b *inventory.Build) []byte {
	p := fmt.Appendf(nil, `{"buildDefinition":{"buildType":%q,"externalParameters":{"workflow":{"path":%q,"ref":%q,"repository":%q}},"internalParameters":{"github":{"event_name":"push","runner_environment":"github-hosted"}},"resolvedDependencies":[{"uri":%q,"digest":{"gitCommit":%q}}`,
		b.Type, b.Workflow, b.Ref, b.Source, "git+"+b.Source+"@"+b.Ref, b.Commit.Hex())
	for _, in := range b.Inputs {
		p = append(p, `,{`...)
		if in.Name != "" {
			p = fmt.Appendf(p, `"name":%q`, in.Name)
		} else {
			p = fmt.Appendf(p, `"uri":%q`, in.URI)
		}
		p = fmt.Appendf(p, `,"digest":{"sha256":%q}}`, in.Digests[0].Hex())
	}
	return fmt.Appendf(p, `]},"runDetails":{"builder":{"id":%q},"metadata":{"invocationId":%q,"finishedOn":%q}}}`, b.Builder, b.Run, b.Finished.Format(time.RFC3339))
}

// evidence returns a payload that one key has signed.
func evidence(payload []byte, key hallmark.Digest) verify.Evidence {
	return verify.Evidence{
		PayloadType: provenance.MediaType, Payload: payload, Keys: []hallmark.Digest{key}, Threshold: 1,
		Signed: parse("sha256", hashOf(payload)),
	}
}

// statement returns a statement about an artifact; without a predicate,
// that of an SBOM, of which the Inventory needs no more than this.
func statement(name string, d hallmark.Digest, predicateType string, predicate []byte) []byte {
	if predicate == nil {
		predicate = []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`)
	}
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		name, d.Hex(), predicateType, predicate)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hash returns 32 bytes that look random, and are the same for the same arguments.
func hash(seed uint64, what string, i, k int) []byte {
	b := binary.BigEndian.AppendUint64(nil, seed)
	b = binary.BigEndian.AppendUint64(b, uint64(i))
	b = binary.BigEndian.AppendUint64(b, uint64(k))
	return hashOf(append(b, what...))
}

func hashOf(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func sum(algorithm string, seed uint64, what string) hallmark.Digest {
	b := hash(seed, what, 0, 0)
	switch algorithm {
	case "sha512":
		b = append(b, hash(seed, what, 0, 1)...)
	case "sha1", "gitCommit":
		b = b[:20]
	}
	return parse(algorithm, b)
}

func parse(algorithm string, b []byte) hallmark.Digest {
	d, err := hallmark.NewDigest(algorithm, b)
	if err != nil {
		panic("fleet: internal error: " + err.Error())
	}
	return d
}
