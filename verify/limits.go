package verify

import "time"

// MaxException is how long before its end an [Exception] may be used. What is needed
// for longer is a policy.
const MaxException = 90 * 24 * time.Hour

const (
	endsSoon = 14 * 24 * time.Hour // before the end of an Exception or a Policy there is a warning
	skew     = 5 * time.Minute     // by which the clocks of others may be ahead
	maxText  = 1000                // bytes of a text in a report
)
