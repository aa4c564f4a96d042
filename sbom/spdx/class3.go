package spdx

import "strings"

// A class3 is what an object of a graph of SPDX 3.0.1 can be.
type class3 byte

const (
	noClass    class3 = iota
	elementOf3        // an Element, which has an spdxId and creation information
	valueOf3          // a class of values, which may stand in the graph, too
	othersOf3         // a class that SPDX does not have
)

// classOf3 returns what a type is by the classes of the model that are not
// abstract. Others have their own classes, whose names are IRIs; the classes of
// SPDX have the names of its context and no others.
//
// https://spdx.github.io/spdx-spec/v3.0.1/serializations/
func classOf3(kind string) class3 {
	switch kind {
	case "Agent", "Annotation", "Bom", "Bundle", "IndividualElement", "LifecycleScopedRelationship", "Organization", "Person",
		"Relationship", "SoftwareAgent", "SpdxDocument", "Tool", "ai_AIPackage", "build_Build", "dataset_DatasetPackage",
		"expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_CustomLicense", "expandedlicensing_CustomLicenseAddition",
		"expandedlicensing_DisjunctiveLicenseSet", "expandedlicensing_IndividualLicensingInfo", "expandedlicensing_ListedLicense",
		"expandedlicensing_ListedLicenseException", "expandedlicensing_OrLaterOperator", "expandedlicensing_WithAdditionOperator",
		"security_CvssV2VulnAssessmentRelationship", "security_CvssV3VulnAssessmentRelationship",
		"security_CvssV4VulnAssessmentRelationship", "security_EpssVulnAssessmentRelationship",
		"security_ExploitCatalogVulnAssessmentRelationship", "security_SsvcVulnAssessmentRelationship",
		"security_VexAffectedVulnAssessmentRelationship", "security_VexFixedVulnAssessmentRelationship",
		"security_VexNotAffectedVulnAssessmentRelationship", "security_VexUnderInvestigationVulnAssessmentRelationship",
		"security_Vulnerability", "simplelicensing_LicenseExpression", "simplelicensing_SimpleLicensingText", "software_File",
		"software_Package", "software_Sbom", "software_Snippet":
		return elementOf3
	case "AnnotationType", "CreationInfo", "DictionaryEntry", "ExternalIdentifier", "ExternalIdentifierType", "ExternalMap",
		"ExternalRef", "ExternalRefType", "Hash", "HashAlgorithm", "LifecycleScopeType", "NamespaceMap", "PackageVerificationCode",
		"PositiveIntegerRange", "PresenceType", "ProfileIdentifierType", "RelationshipCompleteness", "RelationshipType", "SupportType",
		"ai_EnergyConsumption", "ai_EnergyConsumptionDescription", "ai_EnergyUnitType", "ai_SafetyRiskAssessmentType",
		"dataset_ConfidentialityLevelType", "dataset_DatasetAvailabilityType", "dataset_DatasetType",
		"extension_CdxPropertiesExtension", "extension_CdxPropertyEntry", "security_CvssSeverityType", "security_ExploitCatalogType",
		"security_SsvcDecisionType", "security_VexJustificationType", "software_ContentIdentifier", "software_ContentIdentifierType",
		"software_FileKindType", "software_SbomType", "software_SoftwarePurpose":
		return valueOf3
	}
	scheme, rest, _ := strings.Cut(kind, ":")
	if scheme != "" && scheme != "spdx" && scheme != "_" && rest != "" && !strings.HasPrefix(kind, "https://spdx.org/rdf/") {
		return othersOf3
	}
	return noClass
}
