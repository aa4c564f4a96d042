package spdx

import (
	"errors"
	"fmt"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Parse reads an SPDX document in JSON, of version 2.2, 2.3 or 3.0.1, and returns
// what it says, and when and by which tool it says that it was made.
//
// What [Write] has written is read as the Document and the Stamp that it was given,
// sorted by [sbom.Document.Sort], with these exceptions: times are in UTC and to the
// second; a Stamp without a tool has the tool "hallmark"; the name and the version
// of a tool in 2.3 are told apart by a hyphen before a digit, or before v and a
// digit.
//
// A package is a component, with its identifier as Ref. The main one is the first
// package that the document describes (2.x) or that is its root element or that of
// its SBOM (3.0.1); if there is none, Main stands for what the document is about. Files,
// snippets and whatever else is no package are in the Remainder of the Document. A
// package of which the document does not say what it is or what for, is
// [sbom.Unclassified] or [sbom.Unscoped]. Relationships to NONE and NOASSERTION, or
// to the elements for these by either of their names, are no edges: they say how complete the others are, which
// is Unknown where a document says nothing.
//
// The last lines of a comment are read as the statements in the package comment, if
// all of them are written as this package would write them.
//
// Parse refuses, with the place of the fault: what is not strict JSON (a member twice
// in an object, text that is not UTF-8, a byte order mark, data behind the document);
// more than 1 GiB or 2,000,000 elements; a version other than these three; a member
// without the type, or a word that is none of the list, that SPDX 2.3 wants; the lack
// of a member that SPDX 2.3 wants, or of an identifier, a type, creation information or
// an end of a relationship in 3.0.1; a type that is no class of 3.0.1 by its name in the
// context, and no IRI as those of others are; a malformed time; an identifier that occurs
// twice, or is none; in 2.x an end of a relationship that is not in the document, and in
// 3.0.1 a blank node that is not; a Document that does not pass
// [sbom.Document.Check]; a package whose name is empty. A document whose name is empty is
// about "document", if it describes no package.
//
// It does not refuse what is harmless and kept: members that SPDX does not have, a
// version of 2.2 with what 2.3 does not require any more, a relationship of 3.0.1 that
// is there twice as it is, a graph without an SpdxDocument or of one element that stands
// in its place, an empty time of creation, which is the zero Time. It
// does not look at whether packages of 3.0.1 have members of the types that the model
// wants, beyond those that it reads, or whether identifiers of elements that are not in the
// document are somewhere else.
func Parse(data []byte) (*sbom.Document, sbom.Stamp, error) {
	fail := func(err error) (*sbom.Document, sbom.Stamp, error) {
		return nil, sbom.Stamp{}, fmt.Errorf("malformed SPDX document: %w", err)
	}
	if len(data) > maxDocument {
		return fail(fmt.Errorf("%d bytes, want at most %d", len(data), maxDocument))
	}
	var version string
	var graph bool
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "spdxVersion":
				version, err = r.String()
			case "@context":
				graph = true
				err = r.Skip()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil {
		return fail(err)
	}
	var d *sbom.Document
	var s sbom.Stamp
	switch {
	case graph && version != "":
		return fail(errors.New("spdxVersion of SPDX 2 and @context of SPDX 3"))
	case graph:
		d, s, err = parse3(data)
	case version == "SPDX-2.2", version == "SPDX-2.3":
		d, s, err = parse2(data, version[len("SPDX-"):])
	case version == "":
		return fail(errors.New("neither spdxVersion nor @context"))
	default:
		return fail(fmt.Errorf("version %.50q, want SPDX-2.2, SPDX-2.3 or the @context of SPDX 3.0.1", version))
	}
	if err != nil {
		return fail(err)
	}
	return d, s, nil
}
