package ci

import "github.com/hallmark-dev/hallmark/provenance/gitlab"

// MaxParameters is how many parameters an [Observer] may record.
const MaxParameters = gitlab.MaxVariables
