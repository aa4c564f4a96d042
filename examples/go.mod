module github.com/hallmark-dev/hallmark/examples

go 1.26.0

require (
	github.com/hallmark-dev/hallmark v0.0.0
	golang.org/x/term v0.45.0
)

require (
	github.com/CycloneDX/cyclonedx-go v0.12.0 // indirect
	github.com/anchore/go-struct-converter v0.1.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	github.com/google/licensecheck v0.3.1 // indirect
	github.com/secure-systems-lab/go-securesystemslib v0.11.1 // indirect
	github.com/spdx/tools-golang v0.5.7 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/hallmark-dev/hallmark => ../
