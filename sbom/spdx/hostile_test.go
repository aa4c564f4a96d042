package spdx_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// list returns n values of an array.
func list(n int, element func(i int) string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(element(i))
	}
	return b.String()
}

// compose2 returns a document of SPDX 2.3 with a package "a" that it describes.
func compose2(ofPackage, ofDocument, relationships, packages string) []byte {
	comma := func(s string) string {
		if s != "" {
			return "," + s
		}
		return ""
	}
	return []byte(`{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"d","documentNamespace":"https://example.com/d",` +
		`"creationInfo":{"creators":["Tool: t"],"created":"2026-11-21T10:48:28Z"}` + comma(ofDocument) +
		`,"packages":[{"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"NOASSERTION"` + comma(ofPackage) + `}` + comma(packages) + `],` +
		`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"}` + comma(relationships) + `]}`)
}

// compose3 returns a document of SPDX 3.0.1 with a package "a" that it is about.
func compose3(ofPackage, elements, ofDocument string) []byte {
	comma := func(s string) string {
		if s != "" {
			return "," + s
		}
		return ""
	}
	return []byte(`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[` +
		`{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-11-21T10:48:28Z","createdBy":["https://example.com/o"]},` +
		`{"type":"Organization","spdxId":"https://example.com/o","creationInfo":"_:c","name":"o"},` +
		`{"type":"SpdxDocument","spdxId":"https://example.com/d","creationInfo":"_:c","rootElement":["https://example.com/a"]` + comma(ofDocument) + `},` +
		`{"type":"software_Package","spdxId":"https://example.com/a","creationInfo":"_:c","name":"a"` + comma(ofPackage) + `}` + comma(elements) + `]}`)
}

// element3 returns an element of a graph.
func element3(kind, id, members string) string {
	if members != "" {
		members = "," + members
	}
	return fmt.Sprintf(`{"type":%q,"spdxId":"https://example.com/%s","creationInfo":"_:c"%s}`, kind, id, members)
}

func relation3(id, from, kind, to, members string) string {
	return element3("Relationship", id, fmt.Sprintf(`"from":"https://example.com/%s","relationshipType":%q,"to":[%s]%s`, from, kind, to, members))
}

// Long lists take time in proportion to their length, not to its square, by which eight
// times as many would take 64 times as long.
func TestLongLists(t *testing.T) {
	s := fmt.Sprintf
	hash := func(i int) string { return s(`{"algorithm":"SHA256","checksumValue":"%064x"}`, i) }
	hash3 := func(i int) string { return s(`{"type":"Hash","algorithm":"sha256","hashValue":"%064x"}`, i) }
	package2 := func(i int) string { return s(`{"SPDXID":"SPDXRef-p%d","name":"p","downloadLocation":"NONE"}`, i) }
	package3 := func(i int) string { return element3("software_Package", s("p%d", i), `"name":"p"`) }
	iri := func(prefix string) func(int) string {
		return func(i int) string { return s(`"https://example.com/%s%d"`, prefix, i) }
	}
	test := func(name string, compose func(n int) []byte) {
		t.Helper()
		v, other := spdx.V23, spdx.V301
		if name[0] == '3' {
			v, other = other, v
		}
		took := func(n int) time.Duration {
			data := compose(n)
			start := time.Now()
			d, stamp, err := spdx.Parse(data)
			if err == nil {
				_, err = spdx.MarshalVersion(d, stamp, v)
			}
			if err == nil {
				_, err = spdx.Losses(d, stamp, other)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return time.Since(start)
		}
		const few, many = 500, 4_000
		if testing.Short() { // they are read and written, in whatever time
			took(few / 5)
			return
		}
		var small, large time.Duration
		for range 3 { // others may be at work, too
			small, large = took(few), took(many)
			if large < 24*small || large < 100*time.Millisecond {
				return
			}
		}
		t.Errorf("%s: %v for %d, %v for %d", name, small, few, large, many)
	}
	of2 := func(name, open string, element func(i int) string) {
		test("2 "+name, func(n int) []byte { return compose2(open+"["+list(n, element)+"]", "", "", "") })
	}
	doc2 := func(name, open string, element func(i int) string) {
		test("2 "+name, func(n int) []byte { return compose2("", open+"["+list(n, element)+"]", "", "") })
	}
	of2("checksums", `"checksums":`, hash)
	of2("checksums other", `"checksums":`, func(i int) string { return s(`{"algorithm":"MD2","checksumValue":"%064x"}`, i) })
	of2("cpes", `"externalRefs":`, func(i int) string {
		return s(`{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:b:%d"}`, i)
	})
	of2("purls", `"externalRefs":`, func(i int) string {
		return s(`{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/a%d"}`, i)
	})
	of2("references", `"externalRefs":`, func(i int) string {
		return s(`{"referenceCategory":"OTHER","referenceType":"vcs","referenceLocator":"https://example.com/%d"}`, i)
	})
	of2("other references", `"externalRefs":`, func(i int) string {
		return s(`{"referenceCategory":"OTHER","referenceType":"x","referenceLocator":"https://example.com/%d","comment":"c"}`, i)
	})
	of2("attributionTexts", `"attributionTexts":`, func(i int) string { return s(`"t%d"`, i) })
	of2("annotations", `"annotations":`, func(i int) string {
		return s(`{"annotationDate":"2026-11-21T10:48:28Z","annotationType":"OTHER","annotator":"Tool: t","comment":"c%d"}`, i)
	})
	of2("licenseInfoFromFiles", `"licenseInfoFromFiles":`, func(i int) string { return s(`"LicenseRef-%d"`, i) })
	test("2 members", func(n int) []byte {
		return compose2(list(min(n, 4000), func(i int) string { return s(`"x%d":1`, i) }), "", "", "")
	})
	test("2 members of doc", func(n int) []byte {
		return compose2("", list(min(n, 4000), func(i int) string { return s(`"x%d":1`, i) }), "", "")
	})
	test("2 members in annotation", func(n int) []byte {
		return compose2("", `"annotations":[{"annotationDate":"2026-11-21T10:48:28Z","annotationType":"OTHER","annotator":"Tool: t","comment":"c",`+list(min(n, 4000), func(i int) string { return s(`"x%d":1`, i) })+`}]`, "", "")
	})
	doc2("files", `"files":`, func(i int) string { return s(`{"SPDXID":"SPDXRef-f%d","fileName":"f","checksums":[]}`, i) })
	doc2("snippets", `"snippets":`, func(i int) string {
		return s(`{"SPDXID":"SPDXRef-s%d","name":"s","ranges":[],"snippetFromFile":"SPDXRef-a"}`, i)
	})
	doc2("doc annotations", `"annotations":`, func(i int) string {
		return s(`{"annotationDate":"2026-11-21T10:48:28Z","annotationType":"OTHER","annotator":"Tool: t","comment":"c%d"}`, i)
	})
	doc2("externalDocumentRefs", `"externalDocumentRefs":`, func(i int) string {
		return s(`{"externalDocumentId":"DocumentRef-%d","spdxDocument":"https://example.com/%d","checksum":{"algorithm":"SHA1","checksumValue":"%040x"}}`, i, i, i)
	})
	doc2("licences unused", `"hasExtractedLicensingInfos":`, func(i int) string { return s(`{"licenseId":"LicenseRef-%d","extractedText":"t"}`, i) })
	doc2("describes", `"documentDescribes":`, func(i int) string { return `"SPDXRef-a"` })
	doc2("revieweds", `"revieweds":`, func(i int) string { return s(`{"reviewDate":"%d"}`, i) })
	test("2 licences used", func(n int) []byte {
		return compose2("", `"hasExtractedLicensingInfos":[`+list(n, func(i int) string { return s(`{"licenseId":"LicenseRef-%d","extractedText":"t","name":"n%d"}`, i, i) })+`]`, "",
			list(n, func(i int) string {
				return s(`{"SPDXID":"SPDXRef-p%d","name":"p","downloadLocation":"NONE","licenseDeclared":"LicenseRef-%d"}`, i, i)
			}))
	})
	test("2 licences in one", func(n int) []byte {
		return compose2(`"licenseDeclared":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`LicenseRef-%d`, i) }), ",", " AND ")+`"`, `"hasExtractedLicensingInfos":[`+list(n, func(i int) string { return s(`{"licenseId":"LicenseRef-%d","extractedText":"t"}`, i) })+`]`, "", "")
	})
	test("2 licence files", func(n int) []byte {
		return compose2(`"licenseDeclared":"MIT","licenseComments":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`license sha256:%064x 1%% MIT f%06d`, i, i) }), ",", `\n`)+`"`, "", "", "")
	})
	test("2 comment lines", func(n int) []byte {
		return compose2(`"comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`property a=%06d`, i) }), ",", `\n`)+`"`, "", "", "")
	})
	test("2 comment digests", func(n int) []byte {
		return compose2(`"comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`digest sha256:%064x`, i) }), ",", `\n`)+`","checksums":[`+list(n, hash)+`]`, "", "", "")
	})
	test("2 comment targets", func(n int) []byte {
		return compose2("", `"comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`target %06d`, i) }), ",", `\n`)+`"`, "", "")
	})
	test("2 comment unknown", func(n int) []byte {
		return compose2("", `"comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`unknown %06d`, i) }), ",", `\n`)+`"`, "", "")
	})
	test("2 creators", func(n int) []byte {
		return []byte(strings.Replace(string(compose2("", "", "", "")), `"Tool: t"`, `"Tool: t",`+list(n, func(i int) string { return s(`"Person: p%d"`, i) }), 1))
	})
	test("2 creator tools", func(n int) []byte {
		return []byte(strings.Replace(string(compose2("", "", "", "")), `"Tool: t"`, `"Tool: t",`+list(n, func(i int) string { return s(`"Tool: p%d"`, i) }), 1))
	})
	test("2 members of creationInfo", func(n int) []byte {
		return []byte(strings.Replace(string(compose2("", "", "", "")), `"creators":`, list(n, func(i int) string { return s(`"x%d":1`, i) })+`,"creators":`, 1))
	})
	test("2 packages", func(n int) []byte { return compose2("", "", "", list(n, package2)) })
	test("2 persons", func(n int) []byte {
		return compose2("", "", "", list(n, func(i int) string {
			return s(`{"SPDXID":"SPDXRef-p%d","name":"p","downloadLocation":"NONE","supplier":"Person: p%d","originator":"Person: q%d"}`, i, i, i)
		}))
	})
	for _, kind := range []string{"CONTAINS", "DEPENDS_ON", "TEST_DEPENDENCY_OF"} {
		for _, shape := range []string{"ap", "pa"} {
			test("2 "+kind+" "+shape, func(n int) []byte {
				id := func(c byte, i int) string {
					switch c {
					case 'a':
						return "SPDXRef-a"
					case 'D':
						return "SPDXRef-DOCUMENT"
					}
					return s("SPDXRef-p%d", i)
				}
				return compose2("", "", list(n, func(i int) string {
					return s(`{"spdxElementId":%q,"relationshipType":%q,"relatedSpdxElement":%q}`, id(shape[0], i), kind, id(shape[1], i))
				}), list(n, package2))
			})
		}
	}
	test("2 same relation", func(n int) []byte {
		return compose2("", "", list(n, func(i int) string {
			return s(`{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-p0","comment":"linked for %d"}`, i)
		}), package2(0))
	})
	test("2 relation lines", func(n int) []byte {
		return compose2("", `"comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`target %06d`, i) }), ",", `\n`)+`"`, `{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-p0","comment":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`linked for %06d`, i) }), ",", `\n`)+`"}`, package2(0))
	})
	test("2 none relations", func(n int) []byte {
		return compose2("", "", list(n, func(i int) string {
			return s(`{"spdxElementId":"SPDXRef-p%d","relationshipType":"DEPENDS_ON","relatedSpdxElement":"NONE"}`, i)
		}), list(n, package2))
	})

	of3 := func(name, open string, element func(i int) string) {
		test("3 "+name, func(n int) []byte { return compose3(open+"["+list(n, element)+"]", "", "") })
	}
	of3("hashes", `"verifiedUsing":`, hash3)
	of3("hashes unknown", `"verifiedUsing":`, func(i int) string { return s(`{"type":"Hash","algorithm":"md2","hashValue":"%064x"}`, i) })
	of3("cpes", `"externalIdentifier":`, func(i int) string {
		return s(`{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:%d"}`, i)
	})
	of3("purls", `"externalIdentifier":`, func(i int) string {
		return s(`{"type":"ExternalIdentifier","externalIdentifierType":"packageUrl","identifier":"pkg:npm/a%d"}`, i)
	})
	of3("cpes with locator", `"externalIdentifier":`, func(i int) string {
		return s(`{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:%d","identifierLocator":["https://example.com/"]}`, i)
	})
	of3("references", `"externalRef":`, func(i int) string {
		return s(`{"type":"ExternalRef","externalRefType":"vcs","locator":["https://example.com/%d"]}`, i)
	})
	of3("references ct", `"externalRef":`, func(i int) string {
		return s(`{"type":"ExternalRef","externalRefType":"vcs","locator":["https://example.com/%d"],"contentType":"text/html"}`, i)
	})
	of3("references x", `"externalRef":`, func(i int) string {
		return s(`{"type":"ExternalRef","externalRefType":"npm","locator":["https://example.com/%d"]}`, i)
	})
	of3("attribution", `"software_attributionText":`, func(i int) string { return s(`"t%d"`, i) })
	of3("originatedBy", `"originatedBy":`, iri("o"))
	of3("supportLevel", `"supportLevel":`, func(i int) string { return `"support"` })
	of3("standards", `"standardName":`, func(i int) string { return s(`"x%d"`, i) })
	test("3 members", func(n int) []byte {
		return compose3(list(min(n, 4000), func(i int) string { return s(`"https://example.com/%d":1`, i) }), "", "")
	})
	test("3 properties", func(n int) []byte {
		return compose3(`"extension":[{"type":"extension_CdxPropertiesExtension","extension_cdxProperty":[`+list(n, func(i int) string {
			return s(`{"type":"extension_CdxPropertyEntry","extension_cdxPropName":"n%06d","extension_cdxPropValue":"v"}`, i)
		})+`]}]`, "", "")
	})
	test("3 hash nodes", func(n int) []byte {
		return compose3(`"verifiedUsing":[`+list(n, func(i int) string { return s(`"_:h%d"`, i) })+`]`, list(n, func(i int) string {
			return s(`{"type":"Hash","@id":"_:h%d","algorithm":"sha256","hashValue":"%064x"}`, i, i)
		}), "")
	})
	doc3 := func(name, open string, element func(i int) string) {
		test("3 "+name, func(n int) []byte { return compose3("", "", open+"["+list(n, element)+"]") })
	}
	doc3("namespaceMap", `"namespaceMap":`, func(i int) string {
		return s(`{"type":"NamespaceMap","prefix":"p%d","namespace":"https://example.com/%d"}`, i, i)
	})
	doc3("import", `"import":`, func(i int) string { return s(`{"type":"ExternalMap","externalSpdxId":"https://example.com/x%d"}`, i) })
	doc3("element", `"element":`, iri("x"))
	test("3 rootElement", func(n int) []byte {
		return []byte(strings.Replace(string(compose3("", list(n, package3), "")), `"rootElement":[`, `"rootElement":[`+list(n, iri("p"))+`,`, 1))
	})
	test("3 createdBy", func(n int) []byte {
		return []byte(strings.Replace(string(compose3("", list(n, func(i int) string { return element3("Person", s("x%d", i), s(`"name":"n%d"`, i)) }), "")), `"createdBy":[`, `"createdBy":[`+list(n, iri("x"))+`,`, 1))
	})
	test("3 createdUsing", func(n int) []byte {
		return []byte(strings.Replace(string(compose3("", list(n, func(i int) string { return element3("Tool", s("x%d", i), s(`"name":"n%d"`, i)) }), "")), `"createdBy":[`, `"createdUsing":[`+list(n, iri("x"))+`],"createdBy":[`, 1))
	})
	el3 := func(name string, element func(i int) string) {
		test("3 "+name, func(n int) []byte { return compose3("", list(n, element), "") })
	}
	el3("packages", package3)
	el3("files", func(i int) string { return element3("software_File", s("f%d", i), `"name":"f"`) })
	el3("snippets", func(i int) string {
		return element3("software_Snippet", s("f%d", i), `"name":"f","software_snippetFromFile":"https://example.com/f"`)
	})
	el3("annotations", func(i int) string {
		return element3("Annotation", s("f%d", i), `"annotationType":"other","subject":"https://example.com/a"`)
	})
	el3("creation infos", func(i int) string {
		return s(`{"type":"CreationInfo","@id":"_:c%d","specVersion":"3.0.1","created":"2026-11-21T10:48:28Z","createdBy":["https://example.com/o"]}`, i)
	})
	el3("hallmark infos", func(i int) string {
		return s(`{"type":"CreationInfo","@id":"_:hallmark%d","specVersion":"3.0.1","created":"2026-11-21T10:48:28Z","createdBy":["https://example.com/o"]}`, i)
	})
	el3("sboms", func(i int) string {
		return element3("software_Sbom", s("f%d", i), `"rootElement":["https://example.com/a"]`)
	})
	el3("suppliers", func(i int) string {
		return element3("software_Package", s("p%d", i), s(`"name":"p","suppliedBy":"https://example.com/s%d","originatedBy":["https://example.com/s%d"]`, i, i)) + "," + element3("Person", s("s%d", i), s(`"name":"n%d"`, i))
	})
	el3("inline suppliers", func(i int) string {
		return element3("software_Package", s("p%d", i), s(`"name":"p","suppliedBy":%s`, element3("Person", s("s%d", i), s(`"name":"n%d"`, i))))
	})
	test("3 inline to", func(n int) []byte { return compose3("", relation3("r", "a", "dependsOn", list(n, package3), ""), "") })
	el3("licences", func(i int) string {
		return element3("software_Package", s("p%d", i), `"name":"p"`) + "," + element3("simplelicensing_LicenseExpression", s("l%d", i), s(`"simplelicensing_licenseExpression":"LicenseRef-%d","simplelicensing_customIdToUri":[{"type":"DictionaryEntry","key":"LicenseRef-%d","value":"https://example.com/t%d"}]`, i, i, i)) +
			"," + element3("simplelicensing_SimpleLicensingText", s("t%d", i), s(`"simplelicensing_licenseText":"x%d"`, i)) + "," + relation3(s("r%d", i), s("p%d", i), "hasDeclaredLicense", s(`"https://example.com/l%d"`, i), "")
	})
	test("3 licences in one", func(n int) []byte {
		return compose3("", element3("simplelicensing_LicenseExpression", "l", `"simplelicensing_licenseExpression":"`+strings.ReplaceAll(list(n, func(i int) string { return s(`LicenseRef-%d`, i) }), ",", " AND ")+`"`)+","+
			list(n, func(i int) string {
				return element3("simplelicensing_SimpleLicensingText", s("t%d", i), s(`"name":"LicenseRef-%d","simplelicensing_licenseText":"x%d"`, i, i))
			})+","+relation3("r", "a", "hasDeclaredLicense", `"https://example.com/l"`, ""), "")
	})
	test("3 licences of one", func(n int) []byte {
		return compose3("", element3("simplelicensing_LicenseExpression", "l", `"simplelicensing_licenseExpression":"MIT"`)+","+
			list(n, func(i int) string {
				return relation3(s("r%d", i), "a", "hasDeclaredLicense", `"https://example.com/l"`, "")
			}), "")
	})
	for _, kind := range []string{"dependsOn", "contains", "hasDistributionArtifact", "copiedTo"} {
		test("3 to "+kind, func(n int) []byte {
			return compose3("", list(n, package3)+","+relation3("r", "a", kind, list(n, iri("p")), ""), "")
		})
		el3("relations "+kind, func(i int) string {
			return package3(i) + "," + relation3(s("r%d", i), "a", kind, s(`"https://example.com/p%d"`, i), "")
		})
	}
	test("3 to files", func(n int) []byte {
		return compose3("", list(n, func(i int) string {
			return element3("software_File", s("f%d", i), s(`"name":"f","verifiedUsing":[%s]`, hash3(i)))
		})+","+relation3("r", "a", "hasDistributionArtifact", list(n, iri("f")), ""), "")
	})
	test("3 to files at", func(n int) []byte {
		return compose3(`"software_downloadLocation":"https://example.com/"`, list(n, func(i int) string {
			return element3("software_File", s("f%d", i), s(`"name":"f","verifiedUsing":[%s]`, hash3(i)))
		})+","+relation3("r", "a", "hasDistributionArtifact", list(n, iri("f")), ""), "")
	})
	test("3 file of hashes", func(n int) []byte {
		return compose3("", element3("software_File", "f", `"name":"f","verifiedUsing":[`+list(n, hash3)+`]`)+","+relation3("r", "a", "hasDistributionArtifact", `"https://example.com/f"`, ""), "")
	})
	test("3 files and references", func(n int) []byte {
		return compose3(`"software_downloadLocation":"https://example.com/","externalRef":[`+list(n, func(i int) string {
			return s(`{"type":"ExternalRef","externalRefType":"vcs","locator":["https://example.com/%d"]}`, i)
		})+`]`, list(n, func(i int) string {
			return element3("software_File", s("f%d", i), s(`"name":"f","verifiedUsing":[%s]`, hash3(i)))
		})+","+relation3("r", "a", "hasDistributionArtifact", list(n, iri("f")), ""), "")
	})
	el3("same relation", func(i int) string { return relation3("r", "a", "dependsOn", `"https://example.com/o"`, "") })
	el3("names of texts", func(i int) string {
		return element3("simplelicensing_SimpleLicensingText", s("t%d", i), s(`"name":"LicenseRef-%d","simplelicensing_licenseText":"x%d"`, i, i))
	})
	test("3 top level", func(n int) []byte {
		data := string(compose3("", "", ""))
		return []byte(data[:len(data)-1] + "," + list(min(n, 4000), func(i int) string { return s(`"x%d":1`, i) }) + "}")
	})
}
