package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/keyfile"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sign"
)

const reportUsage = `usage: inventory report [flags]

Puts together all of an incident: what is affected and by which way, whether it is trusted,
where it runs, what took it in, in which order to build again, and what cannot be told.
` + questionUsage + `

It is printed as text, or with -json as one JSON object, whose schema is the file
sbom/inventory/report.schema.json of this module. -html writes it as one page that is
complete in itself, and -vex that about an advisory as an OpenVEX document: which artifacts
are affected, and which are not because an attested SBOM that is complete says so. -sign
signs the report, as a statement about the affected artifacts, and -o says where to.

-runs leaves out of what to build again what does not run, and -latest all but the last
build of each name, except for what the others are built of.

Exit code: 0 nothing is affected; 1 something is; 2 there is no answer, or something could
not be written.`

func report(ctx context.Context, args []string) error {
	var c common
	var q question
	var o inventory.ReportOptions
	var policies cli.List
	loader := newLoader(&c)
	flags := cli.Flags("inventory report")
	c.flags(flags)
	q.flags(flags)
	policyFlags(flags, &policies, loader, "")
	flags.IntVar(&o.Limit, "limit", 0, fmt.Sprintf("how many `ENTRIES` each list may have; %d by default, and all of them for -sign and -vex", inventory.DefaultListed))
	flags.BoolVar(&o.Rebuild.Deployed, "runs", false, "build again what runs, and what that is built of")
	flags.BoolVar(&o.Rebuild.Latest, "latest", false, "build again the last build of each name, and what that is built of")
	html := flags.String("html", "", "a `FILE` to write the report to as a page")
	vex := flags.String("vex", "", "a `FILE` to write the report to as an OpenVEX document")
	author := flags.String("author", "", "who answers for -vex: an email address or a URI, `WHO`")
	key := flags.String("sign", "", "the private key to sign the report with, a PEM `FILE`")
	passphrase := flags.String("passphrase", "", "a `FILE` with the passphrase of -sign, if it is encrypted")
	output := flags.String("o", "", "a `FILE` of JSON Lines to write the signed report to")
	if err := parse(flags, reportUsage, args); err != nil {
		return err
	}
	switch {
	case (*vex == "") != (*author == ""):
		return errors.New("-vex and -author go together")
	case (*key == "") != (*output == ""):
		return errors.New("-sign and -o go together")
	case *passphrase != "" && *key == "":
		return errors.New("-passphrase without -sign")
	case o.Limit < 0 || o.Limit > inventory.MaxSteps:
		return fmt.Errorf("-limit %d: want 1 to %d", o.Limit, inventory.MaxSteps)
	}
	if err := q.read(); err != nil {
		return err
	}
	if !q.asked() {
		return errors.New("nothing is asked for (-h lists the flags)")
	}
	if *vex != "" && q.advisory == nil {
		return errors.New("-vex is about an advisory: name one with -osv, or with -vulndb and -id")
	}
	rules, err := loadRules(ctx, policies, loader)
	if err != nil {
		return err
	}
	if q.query.Rule, err = one(rules); err != nil {
		return err
	}
	var signer sign.SignerVerifier
	if *key != "" {
		if signer, err = keyfile.Read(*key, *passphrase); err != nil {
			return err
		}
	}
	// What is not listed would not be among the products and the subjects.
	if o.Limit == 0 && (*key != "" || *vex != "") {
		o.Limit = inventory.MaxSteps
	}
	o.Others = *vex != ""
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	// One time for all of it.
	if err := c.at.Set(c.at.Now().UTC().Truncate(time.Second).Format(time.RFC3339)); err != nil {
		return err
	}
	p := cli.NewProgress()
	p.Step("asking")
	r, err := s.Report(ctx, inventory.Cause{Query: q.query, Advisory: q.advisory}, o)
	p.Stop()
	if err != nil {
		return s.explain(err)
	}

	if r.Counts.Asked == 0 && (q.component() || q.advisory != nil) {
		return errNobody
	}

	// Everything is made before anything is written.
	type file struct {
		name string
		data []byte
	}
	var files []file
	if *html != "" {
		var b bytes.Buffer
		if err := newPage(r).write(&b); err != nil {
			return err
		}
		files = append(files, file{*html, b.Bytes()})
	}
	if *vex != "" {
		doc, err := r.VEX(*author)
		if err != nil {
			return err
		}
		data, err := doc.Marshal()
		if err != nil {
			return err
		}
		files = append(files, file{*vex, data})
	}
	if signer != nil {
		data, err := signed(ctx, r, signer)
		if err != nil {
			return err
		}
		files = append(files, file{*output, data})
	}
	text := []byte(r.String() + "\n")
	if c.json {
		if text, err = r.Marshal(); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := cli.WriteFile(f.name, 0o644, cli.Bytes(f.data)); err != nil {
			return err
		}
	}
	if _, err := io.Copy(os.Stdout, bytes.NewReader(text)); err != nil {
		return err
	}
	if r.Counts.Affected > 0 {
		return cli.ErrFindings
	}
	return nil
}

// signed returns the report as signed statements about what is affected, one on each line.
func signed(ctx context.Context, r *inventory.Report, signer sign.SignerVerifier) ([]byte, error) {
	whole, err := r.Statement()
	if err != nil {
		return nil, err
	}
	statements, err := whole.Split(provenance.MaxSubjects)
	if err != nil {
		return nil, err
	}
	var lines []byte
	for _, st := range statements {
		payload, err := st.Marshal()
		if err != nil {
			return nil, err
		}
		env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
		if err != nil {
			return nil, err
		}
		line, err := env.Marshal()
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, line...), '\n')
	}
	return lines, nil
}
