package sbom

// Bounds of what ParseRules reads. What is over one of them is an error that names
// the bound. How deep values are nested is bounded by internal/strictjson.
const (
	maxRulesFile = 1 << 26 // bytes
	maxRules     = 100_000 // rules, authors, licence texts, components and edges together
)
