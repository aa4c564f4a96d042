package gobuild

// Disallow makes of a proof with deviations that were allowed one in which they
// were not, as if they had been found after it was made.
func (p *SourceProof) Disallow() { p.o.AllowDirty = false }
