package provenance

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// TestResultType is the predicate type of a [TestResult].
const TestResultType = "https://in-toto.io/attestation/test-result/v0.1"

// A TestResult is what came out of one run of tests. The subjects are what was
// tested: the source, or better the artifact.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
type TestResult struct {
	// Result is Failed if a test failed, Warned if none did and one warned, and
	// Passed otherwise.
	Result Result

	// Configuration are the files that say what is tested and how.
	Configuration []ResourceDescriptor

	// URL is where the run can be looked at; empty if nowhere.
	URL string

	// Passed, Warned and Failed are the names of tests. A test is in one of
	// them; it need not be in any.
	Passed, Warned, Failed []string

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseTestResult returns the TestResult in s, whose predicate type must be
// [TestResultType].
func ParseTestResult(s *Statement) (*TestResult, error) {
	t := new(TestResult)
	if err := parse(s, t, "test result", TestResultType); err != nil {
		return nil, err
	}
	return t, nil
}

// Statement returns the Statement that t came out of testing subjects. It fails
// if [Statement.Validate] finds an error in it.
func (t *TestResult) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(t, subjects)
}

func (*TestResult) predicateType() string { return TestResultType }

func (t *TestResult) shape(string) shape {
	return shape{[]field{
		text("result", &t.Result),
		descriptors("configuration", &t.Configuration),
		text("url", &t.URL),
		texts("passedTests", &t.Passed, MaxTests),
		texts("warnedTests", &t.Warned, MaxTests),
		texts("failedTests", &t.Failed, MaxTests),
	}, &t.Extensions}
}

func (t *TestResult) validate(ps *problems, _ *Statement) {
	const at = "$.predicate"
	switch {
	case t.Result != Passed && t.Result != Warned && t.Result != Failed:
		ps.add(Error, at+".result", "%.40q, want PASSED, WARNED or FAILED", string(t.Result))
	case t.Result != Failed && len(t.Failed) > 0:
		ps.add(Error, at+".result", "%s, but tests failed: %.200q is the first", t.Result, t.Failed[0])
	case t.Result == Passed && len(t.Warned) > 0:
		ps.add(Error, at+".result", "PASSED, but tests warned: %.200q is the first", t.Warned[0])
	}
	if t.Configuration == nil {
		ps.add(Error, at+".configuration", "missing")
	} else if len(t.Configuration) == 0 {
		ps.add(Warning, at+".configuration", "empty: nobody can tell which tests were to run")
	}
	validateDescriptors(ps, at+".configuration", t.Configuration)
	if t.URL != "" {
		checkURI(ps, at+".url", t.URL)
	}
	seen := make(map[string]string)
	for _, l := range []struct {
		name  string
		tests []string
	}{{"passedTests", t.Passed}, {"warnedTests", t.Warned}, {"failedTests", t.Failed}} {
		for i, test := range l.tests {
			path := fmt.Sprintf("%s.%s[%d]", at, l.name, i)
			switch first, ok := seen[test]; {
			case !ok:
				seen[test] = l.name
			case first == l.name:
				ps.add(Warning, path, "%.200q occurs twice", test)
			default:
				ps.add(Error, path, "%.200q is among %s too", test, first)
			}
		}
	}
}
