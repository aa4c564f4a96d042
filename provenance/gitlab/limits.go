package gitlab

// MaxVariables is how many variables an [Observer] may record.
const MaxVariables = 100
