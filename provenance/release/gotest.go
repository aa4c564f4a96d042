package release

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// GoTestOptions says how [ReadGoTest] judges a run. The zero value is the
// strictest, but for Packages: without them nobody says what was to be tested.
type GoTestOptions struct {
	// Packages are import paths of packages that were to be tested, as "go list"
	// has them. It is an error if one of them is not in the stream.
	Packages []string

	// MaySkip are the names of tests that may be skipped, as in
	// "example.com/m/p.TestNetwork/slow".
	MaySkip []string

	// Configuration are the files that say what is tested and how, for
	// TestResult.Configuration: go.mod, the workflow file.
	Configuration []provenance.ResourceDescriptor

	// URL is where the run can be looked at; empty if nowhere.
	URL string
}

// ReadGoTest reads what "go test -json" writes to its standard output, and
// returns what came out of it.
//
// A test has the name of its package and its own with a dot between,
// "example.com/m/p.TestRead/empty", whether it is a test, a subtest, an example
// or a fuzz test. Passed, Warned and Failed are sorted.
//
//   - Failed are the tests that failed, those that a package's failure ended, and
//     the paths of packages that failed without a test that did: they were not
//     built, or their TestMain failed.
//   - Warned are the tests that were skipped and that o does not allow to be, for
//     what was not run has not passed, and those that a package which passed says
//     no end of.
//   - Passed are the others. A test that ran more than once, or is in more than
//     one run of the stream, has its worst outcome.
//
// Benchmarks are no tests: only those that failed are in the result. Packages
// without tests are passed over.
//
// The result is Failed if a test failed, and Warned if none did and one warned.
// It is an error if there is no test in any list, because where nothing is tested
// nothing passes, and if the stream ends before each of its packages does. That
// a package is missing altogether shows only in o.Packages, and in the exit
// status of the go command, which is 0 or 1 for a run that came to its end.
//
// Each line must be an event. What the go command writes to its standard error
// does not belong into the stream. Actions that are not known are passed over,
// for none of them is the end of a package.
//
// Who runs the tests writes the stream, and tests can write to it as well: it is
// only as good as the tests are.
//
// https://pkg.go.dev/cmd/test2json
func ReadGoTest(r io.Reader, o GoTestOptions) (*provenance.TestResult, error) {
	run := goTest{packages: make(map[string]*goPackage), builds: make(map[string]bool), left: MaxText}
	in := bufio.NewReaderSize(r, MaxEvent)
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("malformed go test output: line %d: more than %d bytes", number, MaxEvent)
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("go test output: line %d: %w", number, err)
		}
		if len(line) > 0 {
			if err := run.line(line); err != nil {
				return nil, fmt.Errorf("malformed go test output: line %d: %w", number, err)
			}
		}
		if err == io.EOF {
			break
		}
	}
	return run.result(o)
}

// An outcome is how a test ended. The higher, the worse.
type outcome int

const (
	none outcome = iota
	passed
	skipped
	unknown
	failed
)

// goTest is a run of go test as far as it was read.
type goTest struct {
	packages map[string]*goPackage
	builds   map[string]bool // that failed, by their import path
	tests    int
	left     budget
}

type goPackage struct {
	open   bool
	blamed bool // a test failed in the run that is open
	failed bool // without a test, in any run
	tests  map[string]*goOutcome
}

// goOutcome is how a test ended, at worst.
type goOutcome struct {
	open  bool
	worst outcome
}

// line reads an event.
func (g *goTest) line(line []byte) error {
	var action, path, test, importPath, failedBuild string
	err := strictjson.Read(line, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "Action":
				action, err = r.String()
			case "Package":
				path, err = r.String()
			case "Test":
				test, err = r.String()
			case "ImportPath":
				importPath, err = r.String()
			case "FailedBuild":
				failedBuild, err = r.String()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	switch action {
	case "":
		return errors.New("an event without an action")
	case "build-fail":
		if !g.builds[importPath] {
			g.builds[importPath] = true
			return g.count(importPath)
		}
		return nil
	case "start", "run", "pass", "fail", "skip", "bench", "output", "pause", "cont":
	default: // build-output, attr, artifacts, and what later versions have
		return nil
	}

	p := g.packages[path]
	if p == nil {
		p = &goPackage{tests: make(map[string]*goOutcome)}
		g.packages[path] = p
		if err := g.count(path); err != nil {
			return err
		}
	}
	if action == "start" && p.open {
		return fmt.Errorf("package %.200q starts before it has ended", path)
	}
	if test == "" {
		switch action {
		case "pass", "fail", "skip":
			if action == "fail" { // it stands for its build
				delete(g.builds, failedBuild)
			}
			p.end(action)
		default:
			p.open = true
		}
		return nil
	}
	p.open = true
	t := p.tests[test]
	if t == nil {
		t = &goOutcome{open: true}
		p.tests[test] = t
		if err := g.count(test); err != nil {
			return err
		}
	}
	switch action {
	case "run":
		t.open = true
	case "pass":
		t.end(passed)
	case "skip":
		t.end(skipped)
	case "fail":
		t.end(failed)
		p.blamed = true
	case "bench":
		t.end(none)
	}
	return nil
}

// count holds what is kept to its bounds.
func (g *goTest) count(name string) error {
	if g.tests++; g.tests > MaxTests {
		return fmt.Errorf("more than %d tests and packages", MaxTests)
	}
	return g.left.spend(name)
}

func (t *goOutcome) end(o outcome) {
	t.open = false
	t.worst = max(t.worst, o)
}

// end ends a package, and with it the tests of it that have not ended.
func (p *goPackage) end(action string) {
	for name, t := range p.tests {
		switch {
		case !t.open:
		case isBenchmark(name): // most of them do not say how they end
			t.end(none)
		case action == "fail":
			t.end(failed)
			p.blamed = true
		default:
			t.end(unknown)
		}
	}
	p.failed = p.failed || action == "fail" && !p.blamed
	p.open, p.blamed = false, false
}

func isBenchmark(test string) bool { return strings.HasPrefix(test, "Benchmark") }

// result returns what came out of g.
func (g *goTest) result(o GoTestOptions) (*provenance.TestResult, error) {
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(g.packages)) {
		if g.packages[path].open {
			errs = append(errs, fmt.Errorf("malformed go test output: it ends before package %.200q does", path))
		}
	}
	for _, path := range o.Packages {
		if g.packages[path] == nil {
			errs = append(errs, fmt.Errorf("go test output: package %.200q was not tested", path))
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	may := make(map[string]bool)
	for _, name := range o.MaySkip {
		may[name] = true
	}
	t := &provenance.TestResult{Result: provenance.Passed, URL: o.URL, Configuration: slices.Clone(o.Configuration)}
	for path := range g.builds {
		t.Failed = append(t.Failed, path)
	}
	for path, p := range g.packages {
		if p.failed {
			t.Failed = append(t.Failed, path)
		}
		for test, how := range p.tests {
			name := test
			if path != "" {
				name = path + "." + test
			}
			switch {
			case how.worst == failed:
				t.Failed = append(t.Failed, name)
			case isBenchmark(test):
			case how.worst == unknown, how.worst == skipped && !may[name]:
				t.Warned = append(t.Warned, name)
			case how.worst == passed:
				t.Passed = append(t.Passed, name)
			}
		}
	}
	for _, names := range [][]string{t.Passed, t.Warned, t.Failed} {
		slices.Sort(names)
	}
	// A package can have the name of another one's test.
	t.Failed = slices.Compact(t.Failed)
	switch {
	case len(t.Failed) > 0:
		t.Result = provenance.Failed
	case len(t.Warned) > 0:
		t.Result = provenance.Warned
	case len(t.Passed) == 0:
		return nil, errors.New("go test output: no test was run")
	}
	return t, nil
}
