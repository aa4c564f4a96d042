package sbom

// A Format is a format of SBOM documents, with its version.
type Format struct {
	Name    string // "cyclonedx-json" or "spdx-json"
	Version string // "1.6", "2.3", "3.0.1"
}

// String returns "NAME@VERSION".
func (f Format) String() string { return f.Name + "@" + f.Version }
