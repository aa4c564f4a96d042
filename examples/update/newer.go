package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/license"
)

// newer reports which modules of a directory have newer versions.
func (c *command) newer(ctx context.Context, progress *cli.Progress, old *side) (*Report, error) {
	r := &Report{}
	// Without -versions, the go command says of a module that it could not ask for only
	// that there is nothing newer.
	components := make(map[string]*sbom.Component)
	args := []string{"list", "-m", "-u", "-versions", "-retracted", "-e", "-mod=readonly", "-json"}
	for i := range old.doc.Components {
		if m := &old.doc.Components[i]; isModule(m) && m.Version != "" && m.Replaces == "" {
			components[m.Name] = m
			args = append(args, m.Name)
		}
	}
	if len(components) == 0 {
		r.sort()
		return r, nil
	}
	progress.Step("asking for newer versions of %d modules", len(components))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = old.path
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("go list -m -u: %w: %s", err, strings.TrimSpace(stderr.String()))
	}

	var pairs []*pair
	var failed []error
	for dec := json.NewDecoder(&stdout); ; {
		// https://pkg.go.dev/cmd/go#hdr-List_packages_or_modules
		var m struct {
			Path, Version string
			Update        *struct{ Version string }
			Retracted     []string
			Deprecated    string
			Error         *struct{ Err string }
		}
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("go list -m -u: %w", err)
		}
		was := components[m.Path]
		switch {
		case m.Error != nil:
			err := oneLine(errors.New(m.Error.Err))
			failed = append(failed, err)
			r.find("undecided", m.Path, m.Version, "newer versions: %v", err)
			continue
		case was == nil || was.Version != m.Version:
			return nil, fmt.Errorf("%s: the go command selects %s: is there a vendor directory or a go.work that says otherwise?", m.Path, cmp.Or(m.Version, "none"))
		}
		if m.Retracted != nil {
			r.find("retracted", m.Path, m.Version, "%s", cmp.Or(strings.Join(m.Retracted, "; "), "without a reason"))
		}
		if m.Update == nil {
			continue
		}
		is := &sbom.Component{Name: was.Name, Version: m.Update.Version, PURL: was.PURL}
		u := &Update{Name: m.Path, Old: m.Version, New: is.Version, Number: promise(m.Version, is.Version), Deprecated: m.Deprecated}
		r.Updates = append(r.Updates, u)
		pairs = append(pairs, &pair{update: u, was: was, is: is})
	}
	if len(failed) == len(components) {
		return nil, fmt.Errorf("go list -m -u: %w", failed[0])
	}
	if err := c.compareAll(ctx, progress, r, pairs); err != nil {
		return nil, err
	}
	scanner := new(license.Scanner)
	for _, p := range pairs {
		u := p.update
		if p.dirs[0] == "" || p.dirs[1] == "" {
			continue
		}
		progress.Step("looking for the licence of %s", u.Name)
		for i, licence := range []*string{&u.OldLicence, &u.NewLicence} {
			found, err := scanner.Scan(ctx, os.DirFS(p.dirs[i]), "", nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", u.Name, err)
			}
			*licence = found.Declared
		}
		if u.OldLicence != u.NewLicence {
			r.find("licence", u.Name, u.New, "declared %s → %s", cmp.Or(u.OldLicence, "unknown"), cmp.Or(u.NewLicence, "unknown"))
		}
	}
	r.sort()
	return r, nil
}
