package spdx

import (
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// checkShape2 reads a value of the kind and returns an error if it is not what
// SPDX 2.2 and 2.3 want: types of JSON, words of lists, members that must be
// there. Members that neither version has are passed over: they are kept.
//
// A kind is a type of JSON, a class of objects, a list of words with "|" between
// them, or one of these with "[]" in front.
func checkShape2(r *strictjson.Reader, kind string) error {
	if of, ok := strings.CutPrefix(kind, "[]"); ok {
		return r.Array(func(int) error { return checkShape2(r, of) })
	}
	switch kind {
	case "":
		return r.Skip()
	case "string":
		_, err := r.Text()
		return err
	case "boolean":
		if k := r.Kind(); k != 't' && k != 'f' {
			return r.Errorf("want a boolean")
		}
		return r.Skip()
	case "number":
		_, err := r.Number()
		return err
	}
	if strings.IndexByte(kind, '|') >= 0 {
		b, err := r.Text()
		if err == nil && !isWord(kind, string(b)) {
			return r.Errorf("%.100q, want one of %s", b, strings.ReplaceAll(kind, "|", ", "))
		}
		return err
	}
	required := required2(kind)
	missing := 1<<len(required) - 1
	err := r.Object(func(name string) error {
		if i := slices.Index(required, name); i >= 0 {
			missing &^= 1 << i
		}
		return checkShape2(r, member2(kind, name))
	})
	if err != nil {
		return err
	}
	for i, name := range required {
		if missing&(1<<i) != 0 {
			return r.Errorf("no %s, which each %s has", name, kind)
		}
	}
	return nil
}

func isWord(list, word string) bool {
	for w := range strings.SplitSeq(list, "|") {
		if w == word {
			return true
		}
	}
	return false
}

// required2 returns the members that each object of a class has in SPDX 2.3, which
// requires fewer than 2.2.
func required2(class string) []string {
	switch class {
	case "document":
		return []string{"SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion"}
	case "creation":
		return []string{"created", "creators"}
	case "package":
		return []string{"SPDXID", "name", "downloadLocation"}
	case "file":
		return []string{"SPDXID", "fileName", "checksums"}
	case "snippet":
		return []string{"SPDXID", "name", "ranges", "snippetFromFile"}
	case "relationship":
		return []string{"spdxElementId", "relatedSpdxElement", "relationshipType"}
	case "annotation":
		return []string{"annotationDate", "annotationType", "annotator", "comment"}
	case "checksum":
		return []string{"algorithm", "checksumValue"}
	case "externalDocument":
		return []string{"externalDocumentId", "spdxDocument", "checksum"}
	case "externalRef":
		return []string{"referenceCategory", "referenceType", "referenceLocator"}
	case "licence":
		return []string{"licenseId", "extractedText"}
	case "crossRef":
		return []string{"url"}
	case "verificationCode":
		return []string{"packageVerificationCodeValue"}
	case "range":
		return []string{"startPointer", "endPointer"}
	case "pointer":
		return []string{"reference"}
	case "review":
		return []string{"reviewDate"}
	}
	return nil
}

// member2 returns the kind of a member of a class, or "" if the class has none of
// the name.
func member2(class, name string) string {
	switch name {
	case "annotations":
		return "[]annotation"
	case "checksums":
		return "[]checksum"
	case "comment", "SPDXID", "name", "copyrightText", "licenseComments", "licenseConcluded":
		return "string"
	case "attributionTexts":
		return "[]string"
	}
	switch class + " " + name {
	case "document creationInfo":
		return "creation"
	case "document externalDocumentRefs":
		return "[]externalDocument"
	case "document hasExtractedLicensingInfos":
		return "[]licence"
	case "document revieweds":
		return "[]review"
	case "document packages":
		return "[]package"
	case "document files":
		return "[]file"
	case "document snippets":
		return "[]snippet"
	case "document relationships":
		return "[]relationship"
	case "externalDocument checksum":
		return "checksum"
	case "licence crossRefs":
		return "[]crossRef"
	case "package externalRefs":
		return "[]externalRef"
	case "package packageVerificationCode":
		return "verificationCode"
	case "snippet ranges":
		return "[]range"
	case "range startPointer", "range endPointer":
		return "pointer"
	case "package filesAnalyzed", "crossRef isLive", "crossRef isValid", "crossRef isWayBackLink":
		return "boolean"
	case "crossRef order", "pointer offset", "pointer lineNumber":
		return "number"
	case "document documentDescribes", "creation creators", "licence seeAlsos", "package hasFiles", "package licenseInfoFromFiles",
		"verificationCode packageVerificationCodeExcludedFiles", "file fileContributors", "file fileDependencies", "file licenseInfoInFiles",
		"snippet licenseInfoInSnippets":
		return "[]string"
	case "annotation annotationType":
		return "OTHER|REVIEW"
	case "checksum algorithm":
		return "SHA1|SHA224|SHA256|SHA384|SHA512|SHA3-256|SHA3-384|SHA3-512|BLAKE2b-256|BLAKE2b-384|BLAKE2b-512|BLAKE3|MD2|MD4|MD5|MD6|ADLER32"
	case "externalRef referenceCategory":
		return "OTHER|SECURITY|PACKAGE-MANAGER|PACKAGE_MANAGER|PERSISTENT-ID|PERSISTENT_ID"
	case "package primaryPackagePurpose":
		return "APPLICATION|FRAMEWORK|LIBRARY|CONTAINER|OPERATING_SYSTEM|OPERATING-SYSTEM|DEVICE|FIRMWARE|SOURCE|ARCHIVE|FILE|INSTALL|OTHER"
	case "file fileTypes":
		return "[]SOURCE|BINARY|ARCHIVE|APPLICATION|AUDIO|IMAGE|TEXT|VIDEO|DOCUMENTATION|SPDX|OTHER"
	case "relationship relationshipType":
		return "AMENDS|ANCESTOR_OF|BUILD_DEPENDENCY_OF|BUILD_TOOL_OF|CONTAINED_BY|CONTAINS|COPY_OF|DATA_FILE_OF|DEPENDENCY_MANIFEST_OF|" +
			"DEPENDENCY_OF|DEPENDS_ON|DESCENDANT_OF|DESCRIBED_BY|DESCRIBES|DEV_DEPENDENCY_OF|DEV_TOOL_OF|DISTRIBUTION_ARTIFACT|" +
			"DOCUMENTATION_OF|DYNAMIC_LINK|EXAMPLE_OF|EXPANDED_FROM_ARCHIVE|FILE_ADDED|FILE_DELETED|FILE_MODIFIED|GENERATED_FROM|GENERATES|" +
			"HAS_PREREQUISITE|METAFILE_OF|OPTIONAL_COMPONENT_OF|OPTIONAL_DEPENDENCY_OF|OTHER|PACKAGE_OF|PATCH_APPLIED|PATCH_FOR|PREREQUISITE_FOR|" +
			"PROVIDED_DEPENDENCY_OF|REQUIREMENT_DESCRIPTION_FOR|RUNTIME_DEPENDENCY_OF|SPECIFICATION_FOR|STATIC_LINK|TEST_CASE_OF|" +
			"TEST_DEPENDENCY_OF|TEST_OF|TEST_TOOL_OF|VARIANT_OF"
	case "document spdxVersion", "document dataLicense", "document documentNamespace", "creation created", "creation licenseListVersion",
		"annotation annotationDate", "annotation annotator", "checksum checksumValue", "externalDocument externalDocumentId",
		"externalDocument spdxDocument", "externalRef referenceType", "externalRef referenceLocator", "licence licenseId",
		"licence extractedText", "crossRef url", "crossRef match", "crossRef timestamp", "verificationCode packageVerificationCodeValue",
		"pointer reference", "review reviewDate", "review reviewer", "relationship spdxElementId", "relationship relatedSpdxElement",
		"package versionInfo", "package packageFileName", "package supplier", "package originator", "package downloadLocation",
		"package homepage", "package sourceInfo", "package licenseDeclared", "package summary", "package description",
		"package releaseDate", "package builtDate", "package validUntilDate", "file fileName", "file noticeText", "snippet snippetFromFile":
		return "string"
	}
	return ""
}
