package minimum

// Profiles returns all Profiles, sorted by name. Their definitions are in this
// module's words; the publications are what counts.
func Profiles() []Profile {
	return []Profile{bsi21(), cisa2026(), cra2024(), fda2026(), ntia2021(), telco11()}
}

// The places of fields: in CycloneDX, in SPDX 2 and in SPDX 3.
const (
	atFormat     place = "/bomFormat|/spdxVersion|@context"
	atVersion    place = "/specVersion|/spdxVersion|CreationInfo/specVersion"
	atAuthor     place = "/metadata/authors|/creationInfo/creators|CreationInfo/createdBy"
	atCreated    place = "/metadata/timestamp|/creationInfo/created|CreationInfo/created"
	atTool       place = "/metadata/tools|/creationInfo/creators|CreationInfo/createdUsing"
	atPhase      place = "/metadata/lifecycles|/creationInfo/comment|software_Sbom/software_sbomType"
	atIdentity   place = "/serialNumber|/documentNamespace|software_Sbom/spdxId"
	atSignature  place = "/signature||"
	atTopLevel   place = "/dependencies|/relationships|Relationship/to"
	atEdges      place = "#/dependencies|#/relationships|Relationship/to"
	atComplete   place = "#/compositions|#/relationships|Relationship/completeness"
	atName       place = "/name|/name|/name"
	atSupplier   place = "/supplier|/supplier|/suppliedBy"
	atProducer   place = "/manufacturer|/originator|/originatedBy"
	atRelease    place = "/version|/versionInfo|/software_packageVersion"
	atIDs        place = "/purl|/externalRefs|/externalIdentifier"
	atHashes     place = "/hashes|/checksums|/verifiedUsing"
	atLicenses   place = "/licenses|/licenseDeclared|Relationship/hasDeclaredLicense"
	atConclusion place = "/licenses|/licenseConcluded|Relationship/hasConcludedLicense"
	atCopyright  place = "/copyright|/copyrightText|/software_copyrightText"
	atFile       place = "/externalReferences|/downloadLocation|Relationship/hasDistributionArtifact"
	atFilename   place = "/properties|/packageFileName|software_File/name"
	atPurpose    place = "/properties||software_File/software_additionalPurpose"
	atReferences place = "/externalReferences|/externalRefs|/externalRef"
	atSource     place = "/externalReferences|/externalRefs|Relationship/generates"
	atWeaknesses place = "/vulnerabilities||@graph"
	atSupport    place = "/properties||/supportLevel"
	atSupportEnd place = "/properties|/validUntilDate|/validUntilTime"
)

// ntia2021 is about section IV, the minimum elements, and the fields that section
// V recommends. A tool can be the author there: the author is the source of the
// data.
func ntia2021() Profile {
	const data = "IV, Data Fields"
	return Profile{
		Name:  "ntia-2021",
		Title: "The Minimum Elements For a Software Bill of Materials (SBOM), NTIA, 2021-07-12",
		URL:   "https://www.ntia.gov/report/2021/minimum-elements-software-bill-materials-sbom",
		Fields: []Field{
			{Name: "Data format", Clause: "IV, Automation Support", Definition: "the document is in one of the formats that are read by machines, SPDX or CycloneDX", Level: Required, place: atFormat, look: anyFormat},
			{Name: "Author of SBOM Data", Clause: data, Definition: "who the data is from is named; it may be a tool", Level: Required, place: atAuthor, look: authorOrTool},
			{Name: "Timestamp", Clause: data, Definition: "the date and time at which the data was put together are given", Level: Required, place: atCreated, look: timestamp},
			{Name: "Dependency Relationship", Clause: data + "; Depth; Known Unknowns", Definition: "the components that the main one requires are given, or that there are none, or that it is not known", Level: Required, Unknown: true, place: atTopLevel, look: topLevel},
			{Name: "Supplier Name", Clause: data, Definition: "who supplies the component is named", Level: Required, Component: true, place: atSupplier, look: supplier},
			{Name: "Component Name", Clause: data, Definition: "the component has the name that its supplier gave it", Level: Required, Component: true, place: atName, look: name},
			{Name: "Version of the Component", Clause: data, Definition: "the component has the version that its supplier gave it", Level: Required, Component: true, place: atRelease, look: version},
			{Name: "Other Unique Identifiers", Clause: data, Definition: "the component has a name by which databases know it, such as a package URL or a CPE, if there is one", Level: IfAny, Component: true, place: atIDs, look: identifiers},
			{Name: "Lifecycle Phase", Clause: "V, Recommended Data Fields", Definition: "the phase of the life cycle is given from which the data is", Level: Recommended, place: atPhase, look: phase},
			{Name: "Hash of the Component", Clause: "V, Recommended Data Fields", Definition: "the component has the hash of a file", Level: Recommended, Component: true, place: atHashes, look: hash},
			{Name: "License Information", Clause: "V, Recommended Data Fields", Definition: "the component has a licence", Level: Recommended, Component: true, place: atLicenses, look: license},
		},
	}
}

// cisa2026 has the 17 data fields of Appendix A. By the practice Explicitly
// Identifying Unknown Information (p. 13) it is enough for any of them to say that
// it is unknown or withheld. Of the document's own only a tool's version can say so.
//
// A component takes part in a relationship if it requires one or is required:
// by the practice Coverage all components are to be there, at any depth.
func cisa2026() Profile {
	const metadata, component = "Appendix A, SBOM Metadata", "Appendix A, Component Data"
	return Profile{
		Name:  "cisa-2026",
		Title: "2026 Minimum Elements for a Software Bill of Materials (SBOM), CISA and others, 2026-07-29",
		URL:   "https://www.cisa.gov/resources-tools/resources/2026-minimum-elements-software-bill-materials-sbom",
		Fields: []Field{
			{Name: "SBOM Author", Clause: metadata, Definition: "the person or organization is named that made the SBOM; a tool is none", Level: Required, place: atAuthor, look: author},
			{Name: "SBOM Author Signature", Clause: metadata, Definition: "there is a digital signature of the author, in the document or beside it", Level: Required, place: atSignature, look: signature},
			{Name: "SBOM Data Format Name", Clause: metadata, Definition: "the format of the document is named, SPDX or CycloneDX", Level: Required, place: atFormat, look: anyFormat},
			{Name: "SBOM Data Format Version", Clause: metadata, Definition: "the version of the format is given", Level: Required, place: atVersion, look: formatVersion},
			{Name: "SBOM Generation Context", Clause: metadata, Definition: "the phase of the life cycle is given in which the SBOM was made", Level: Required, place: atPhase, look: phase},
			{Name: "SBOM Timestamp", Clause: metadata, Definition: "the date and time of the last change to the data are given", Level: Required, place: atCreated, look: timestamp},
			{Name: "SBOM Tool Name", Clause: metadata, Definition: "the tool is named that made or changed the SBOM", Level: Required, place: atTool, look: toolName},
			{Name: "SBOM Tool Version", Clause: metadata, Definition: "the version of the tool is given, or said to be unknown", Level: Required, Unknown: true, place: atTool, look: toolVersion},
			{Name: "SBOM Version", Clause: metadata, Definition: "the document has an identifier that another version of it has not", Level: Required, place: atIdentity, look: identifier},
			{Name: "Component Dependency Relationship", Clause: component, Definition: "the component requires others or is required, or it is said that it requires none", Level: Required, Component: true, Unknown: true, Withheld: true, place: atEdges, look: relationship},
			{Name: "Component Hash Algorithm", Clause: component, Definition: "the algorithm is named by which the hash was made", Level: Required, Component: true, Unknown: true, Withheld: true, place: atHashes, look: hash},
			{Name: "Component Hash Value", Clause: component, Definition: "the hash of the file is given that the component is distributed as", Level: Required, Component: true, Unknown: true, Withheld: true, place: atHashes, look: hash},
			{Name: "Component Identifiers", Clause: component, Definition: "the component has at least one name by which databases know it, such as a package URL or a CPE", Level: Required, Component: true, Unknown: true, Withheld: true, place: atIDs, look: identifiers},
			{Name: "Component License", Clause: component, Definition: "the licence is given under which the component is available", Level: Required, Component: true, Unknown: true, Withheld: true, place: atLicenses, look: license},
			{Name: "Component Name", Clause: component, Definition: "the component has the name that its producer gave it", Level: Required, Component: true, Unknown: true, Withheld: true, place: atName, look: name},
			{Name: "Component Producer", Clause: component, Definition: "who made and defines the component is named; who only supplies it is not meant", Level: Required, Component: true, Unknown: true, Withheld: true, place: atProducer, look: producer},
			{Name: "Component Version", Clause: component, Definition: "the component has the version that its producer gave it", Level: Required, Component: true, Unknown: true, Withheld: true, place: atRelease, look: version},
		},
	}
}

// bsi21 has the required fields of 5.2.1 and 5.2.2, the additional ones of 5.2.3
// and 5.2.4, which must be there if they exist, and the optional ones of 5.2.5.
// How a format says them is in 8.2, which explains and does not require. An
// identified component (3.2.4), which one is here that is not part of the
// artifact, has a creator, a name, a version and other identifiers. A logical
// component (3.2.2) has no fields of a file and none of its source; which one is
// here, [view.logical] says.
func bsi21() Profile {
	return Profile{
		Name:  "bsi-2.1",
		Title: "BSI TR-03183-2, Cyber Resilience Requirements for Manufacturers and Products, Part 2: Software Bill of Materials (SBOM), version 2.1.0, 2025-08-20",
		URL:   "https://bsi.bund.de/dok/TR-03183-en",
		files: true,
		Fields: []Field{
			{Name: "SBOM format", Clause: "4", Definition: "the document is in CycloneDX 1.6 or later, or in SPDX 3.0.1 or later", Level: Required, place: atVersion, look: bsiFormat},
			{Name: "No vulnerability information", Clause: "3.1", Definition: "the document has no vulnerabilities, which are not of the software but of what is known of it", Level: Required, place: atWeaknesses, look: noVulnerabilities},
			{Name: "Build SBOM", Clause: "5.1", Definition: "the data is from the build of the artifact, or from the artifact", Level: Recommended, place: atPhase, look: fromBuild},
			{Name: "Creator of the SBOM", Clause: "5.2.1", Definition: "who made the SBOM has an email address, or else a URL", Level: Required, place: atAuthor, look: authorContact},
			{Name: "Timestamp", Clause: "5.2.1", Definition: "the date and time at which the data was put together are given", Level: Required, place: atCreated, look: timestamp},
			{Name: "Component creator", Clause: "5.2.2", Definition: "who made or maintains the component has an email address, or else a URL", Level: Required, Component: true, place: atProducer, look: producerContact},
			{Name: "Component name", Clause: "5.2.2", Definition: "the component has the name that its creator gave it, or that of its file", Level: Required, Component: true, place: atName, look: name},
			{Name: "Component version", Clause: "5.2.2", Definition: "the component has the version that its creator gave it, or the date of its file", Level: Required, Component: true, place: atRelease, look: version},
			{Name: "Filename of the component", Clause: "5.2.2", Definition: "the name of the component's file is given, without a path", Level: Required, Component: true, of: ofFile, place: atFilename, look: filename},
			{Name: "Dependencies on other components", Clause: "5.2.2", Definition: "it is said whether what the component requires is all there", Level: Required, Component: true, Unknown: true, Withheld: true, of: inArtifact, place: atComplete, look: completeness},
			{Name: "Distribution licences", Clause: "5.2.2", Definition: "the licence is concluded under which the component may be used, as an SPDX license expression", Level: Required, Component: true, of: inArtifact, place: atConclusion, look: concluded},
			{Name: "Hash value of the deployable component", Clause: "5.2.2", Definition: "the SHA-512 of the component's file is given", Level: Required, Component: true, of: ofFile, place: atFile, look: sha512},
			{Name: "Executable property", Clause: "5.2.2", Definition: `the component is said to be "executable" or "non-executable"`, Level: Required, Component: true, of: ofFile, place: atPurpose, look: property("bsi:component:executable", "executable", "non-executable")},
			{Name: "Archive property", Clause: "5.2.2", Definition: `the component is said to be an "archive" or "no archive"`, Level: Required, Component: true, of: ofFile, place: atPurpose, look: property("bsi:component:archive", "archive", "no archive")},
			{Name: "Structured property", Clause: "5.2.2", Definition: `the component is said to be "structured" or "unstructured"`, Level: Required, Component: true, of: ofFile, place: atPurpose, look: property("bsi:component:structured", "structured", "unstructured")},
			{Name: "SBOM-URI", Clause: "5.2.3", Definition: "the document has a URI", Level: IfAny, place: atIdentity, look: identifier},
			{Name: "Source code URI", Clause: "5.2.4", Definition: "it is said where the source of the component is", Level: IfAny, Component: true, of: ofFile, place: atSource, look: sourceURI},
			{Name: "URI of the deployable form of the component", Clause: "5.2.4", Definition: "it is said where the component's file is", Level: IfAny, Component: true, of: ofFile, place: atFile, look: deployableURI},
			{Name: "Other unique identifiers", Clause: "5.2.4", Definition: "the component has a name by which databases know it, such as a package URL or a CPE", Level: IfAny, Component: true, place: atIDs, look: identifiers},
			{Name: "Original licences", Clause: "5.2.4", Definition: "the licence is declared that its creator gave the component, as an SPDX license expression", Level: IfAny, Component: true, of: inArtifact, place: atLicenses, look: declared},
			{Name: "Effective licence", Clause: "5.2.5", Definition: "the licence is given under which the maker of the SBOM uses the component", Level: Recommended, Component: true, of: inArtifact, place: "/properties||Relationship/other", look: property("bsi:component:effectiveLicense")},
			{Name: "Hash value of the source code of the component", Clause: "5.2.5", Definition: "the hash of the component's source is given", Level: Recommended, Component: true, of: ofFile, place: atSource, look: sourceHash},
			{Name: "URL of the security.txt", Clause: "5.2.5", Definition: "it is said where the creator's security.txt (RFC 9116) is", Level: Recommended, Component: true, of: inArtifact, place: atReferences, look: securityTxt},
		},
	}
}

// telco11 is about SPDX 2.2 and 2.3 alone. Where SPDX 2.2 must have a value, its
// own NOASSERTION is one. That a relationship is CONTAINS, as 3.2 has it, and not
// DEPENDS_ON, a Document does not tell.
func telco11() Profile {
	return Profile{
		Name:  "telco-1.1",
		Title: "OpenChain Telco SBOM Guide, version 1.1",
		URL:   "https://github.com/OpenChain-Project/Reference-Material/blob/master/SBOM-Quality-Management/Telco-SBOM-Guide/Version-1.1/en/OpenChain-Telco-SBOM-Guide_EN.md",
		Fields: []Field{
			{Name: "Data Format", Clause: "3.1, 3.3, 3.4", Definition: "the document is in SPDX 2.2 or 2.3", Level: Required, place: atFormat, look: spdx2Format},
			{Name: "DataLicense", Clause: "3.2", Definition: "the document has the licence that SPDX gives to its data", Level: Required, place: "|/dataLicense|SpdxDocument/dataLicense", look: bySPDX2},
			{Name: "SPDXID", Clause: "3.2", Definition: "the document and each package have an identifier of SPDX", Level: Required, place: "|/SPDXID|SpdxDocument/spdxId", look: bySPDX2},
			{Name: "DocumentName", Clause: "3.2", Definition: "the document has a name", Level: Required, place: "|/name|SpdxDocument/name", look: bySPDX2},
			{Name: "DocumentNamespace", Clause: "3.2", Definition: "the document has a namespace", Level: Required, place: atIdentity, look: bySPDX2},
			{Name: "Creator: Organization", Clause: "3.2, 3.5", Definition: "an organization is named that made the document", Level: Required, place: atAuthor, look: authorOrganization},
			{Name: "Creator: Tool", Clause: "3.2, 3.5", Definition: "a tool is named that made the document, with its version", Level: Required, place: atTool, look: toolWithVersion},
			{Name: "Created", Clause: "3.2, 3.5", Definition: "the date and time are given at which the document was made", Level: Required, place: atCreated, look: timestamp},
			{Name: "CreatorComment", Clause: "3.2, 3.5", Definition: "the type of the SBOM is told: design, source, build, analyzed, deployed or runtime", Level: Required, place: atPhase, look: sbomType},
			{Name: "Relationship", Clause: "3.2", Definition: "the document says what the main package has in it or requires", Level: Required, place: atTopLevel, look: topLevel},
			{Name: "PackageName", Clause: "3.2", Definition: "the package has a name", Level: Required, Component: true, place: atName, look: name},
			{Name: "PackageVersion", Clause: "3.2", Definition: "the package has a version", Level: Required, Component: true, place: atRelease, look: version},
			{Name: "PackageSupplier", Clause: "3.2", Definition: "who supplies the package is named", Level: Required, Component: true, place: atSupplier, look: supplier},
			{Name: "PackageDownloadLocation", Clause: "3.2", Definition: "it is said where the package is, or that it is not known", Level: Required, Component: true, Unknown: true, place: atFile, look: downloadLocation},
			{Name: "PackageLicenseConcluded", Clause: "3.2", Definition: "a licence is concluded, or said to be unknown", Level: Required, Component: true, Unknown: true, place: atConclusion, look: concluded},
			{Name: "PackageLicenseDeclared", Clause: "3.2", Definition: "a licence is declared, or said to be unknown", Level: Required, Component: true, Unknown: true, place: atLicenses, look: declared},
			{Name: "PackageCopyrightText", Clause: "3.2", Definition: "the copyright notice is given, or said to be unknown", Level: Required, Component: true, Unknown: true, place: atCopyright, look: copyright},
			{Name: "PackageChecksum", Clause: "3.2", Definition: "the package has the hash of a file", Level: Recommended, Component: true, place: atHashes, look: hash},
			{Name: "ExternalRef: PURL", Clause: "3.2", Definition: "the package has a package URL", Level: Recommended, Component: true, place: atIDs, look: purl},
		},
	}
}

// cra2024 is what the Regulation itself says. An implementing act by Article 13(24)
// may say more; there was none in November 2026.
func cra2024() Profile {
	const clause = "Annex I, Part II, (1)"
	return Profile{
		Name:  "cra-2024",
		Title: "Regulation (EU) 2024/2847 (Cyber Resilience Act)",
		URL:   "https://eur-lex.europa.eu/eli/reg/2024/2847/oj",
		Fields: []Field{
			{Name: "Format", Clause: clause, Definition: "the document is in a format that is commonly used and read by machines, SPDX or CycloneDX", Level: Required, place: atFormat, look: anyFormat},
			{Name: "Top-level dependencies", Clause: clause, Definition: "the components that the product requires are given, or that there are none", Level: Required, place: atTopLevel, look: topLevel},
			{Name: "Components", Clause: clause + "; Article 3(39)", Definition: "each component is named", Level: Required, Component: true, place: atName, look: name},
		},
	}
}

// fda2026 is the baseline that the guidance takes over from Framing Software
// Component Transparency (NTIA, second edition, 2021), and what it adds.
func fda2026() Profile {
	const baseline, clause = "V.A.4(b), baseline attributes", "V.A.4(b)"
	return Profile{
		Name:  "fda-2026",
		Title: "Cybersecurity in Medical Devices: Quality Management System Considerations and Content of Premarket Submissions, FDA, 2026-02-03",
		URL:   "https://www.fda.gov/media/119933/download",
		Fields: []Field{
			{Name: "Machine-readable format", Clause: clause, Definition: "the document is in one of the formats that are read by machines, SPDX or CycloneDX", Level: Required, place: atFormat, look: anyFormat},
			{Name: "Author Name", Clause: baseline, Definition: "who the data is from is named; it may be a tool", Level: Required, place: atAuthor, look: authorOrTool},
			{Name: "Timestamp", Clause: baseline, Definition: "the date and time are given at which the data was put together", Level: Required, place: atCreated, look: timestamp},
			{Name: "Relationship", Clause: baseline, Definition: "the components that the main one requires are given, or that there are none, or that it is not known", Level: Required, Unknown: true, place: atTopLevel, look: topLevel},
			{Name: "Supplier Name", Clause: baseline, Definition: "who supplies the component is named", Level: Required, Component: true, place: atSupplier, look: supplier},
			{Name: "Component Name", Clause: baseline, Definition: "the component has the name that its supplier gave it", Level: Required, Component: true, place: atName, look: name},
			{Name: "Version String", Clause: baseline, Definition: "the component has the version that its supplier gave it", Level: Required, Component: true, place: atRelease, look: version},
			{Name: "Unique Identifier", Clause: baseline, Definition: "the component has a name by which databases know it, such as a package URL or a CPE, if there is one", Level: IfAny, Component: true, place: atIDs, look: identifiers},
			{Name: "Component Hash", Clause: baseline, Definition: "the component has the hash of a file", Level: Recommended, Component: true, place: atHashes, look: hash},
			{Name: "Level of support", Clause: clause, Definition: "it is said how far the component's maker supports it", Level: Required, Component: true, place: atSupport, look: support},
			{Name: "End-of-support date", Clause: clause, Definition: "it is said until when the component's maker supports it", Level: Required, Component: true, place: atSupportEnd, look: supportUntil},
		},
	}
}
