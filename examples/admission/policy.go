package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// maxPolicies is how many policies there may be.
const maxPolicies = 1000

// A ruleset says which policy an image is held against.
type ruleset []rule

// A rule is a policy and the repositories that it is for.
type rule struct {
	pattern string // "registry.example/team/app", "registry.example/team/*", or "*"
	policy  *verify.Policy
	digest  string // of everything that the policy was made of
}

// loadRules reads the policies and their keys: all of them or none.
func loadRules(policies, keys []string) (ruleset, error) {
	files := make(map[string]string)
	for _, k := range keys {
		name, file, ok := strings.Cut(k, "=")
		if !ok || name == "" || file == "" {
			return nil, fmt.Errorf("-key %s: want NAME=FILE", k)
		}
		if _, ok := files[name]; ok {
			return nil, fmt.Errorf("-key %s: %s is there twice", k, name)
		}
		files[name] = file
	}
	if len(policies) > maxPolicies {
		return nil, fmt.Errorf("%d policies, at most %d are read", len(policies), maxPolicies)
	}
	var rules ruleset
	for _, p := range policies {
		pattern, file, ok := strings.Cut(p, "=")
		if !ok {
			pattern, file = "*", p
		}
		if err := checkPattern(pattern); err != nil {
			return nil, fmt.Errorf("-policy %s: %w", p, err)
		}
		if slices.ContainsFunc(rules, func(r rule) bool { return r.pattern == pattern }) {
			return nil, fmt.Errorf("-policy %s: there are two policies for %s", p, pattern)
		}
		policy, digest, err := loadPolicy(file, files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		rules = append(rules, rule{pattern, policy, digest})
	}
	// The longest pattern decides.
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	return rules, nil
}

// loadPolicy reads one policy. The identities that it names are resolved here and
// nowhere else: keys, from files.
func loadPolicy(file string, keys map[string]string) (*verify.Policy, string, error) {
	data, err := cli.ReadFile(file, policyfile.MaxSize)
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s", len(data), data)
	policy, err := policyfile.Parse(data, policyfile.Options{Now: time.Now, Key: func(name string) (sign.Verifier, error) {
		file, ok := keys[name]
		if !ok {
			return nil, fmt.Errorf("give it with -key %s=FILE", name)
		}
		pem, err := cli.ReadFile(file, sign.MaxKeySize)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "%q %d\n%s", name, len(pem), pem)
		return sign.ParsePublicKey(pem)
	}})
	if err != nil {
		return nil, "", err
	}
	// A policy that lacks something decides nothing, and one that accepts an image
	// without evidence is none.
	nothing, err := hallmark.ParseDigest("sha256:" + strings.Repeat("0", 64))
	if err != nil {
		return nil, "", err
	}
	_, err = policy.Verify(context.Background(), hallmark.Artifact{Name: "nothing", Digests: []hallmark.Digest{nothing}})
	if err == nil {
		return nil, "", errors.New("it accepts an image without evidence")
	}
	if _, ok := errors.AsType[*verify.RejectedError](err); !ok {
		return nil, "", err
	}
	return policy, fmt.Sprintf("%x", h.Sum(nil)), nil
}

func checkPattern(pattern string) error {
	prefix, ok := strings.CutSuffix(pattern, "*")
	if strings.Contains(prefix, "*") || ok && prefix != "" && !strings.HasSuffix(prefix, "/") || pattern == "" {
		return errors.New("want REPOSITORY=FILE, where the repository may end in /*")
	}
	return nil
}

// find returns the rule for an image.
func (rs ruleset) find(image oci.Image) (rule, bool) {
	for _, r := range rs {
		prefix, ok := strings.CutSuffix(r.pattern, "*")
		if ok && strings.HasPrefix(image.Repository(), prefix) || r.pattern == image.Repository() {
			return r, true
		}
	}
	return rule{}, false
}
