package gomod

// Bounds on what is read. What is over one is an error that says so.
const (
	maxGoMod    = 16 << 20  // bytes of a go.mod, go.work or go.sum file; for go.mod as in the go command
	maxVendor   = 16 << 20  // bytes of vendor/modules.txt
	maxEnvFile  = 1 << 20   // bytes of a file of the toolchain's settings
	maxHeader   = 16 << 20  // bytes of a Go file up to the end of its imports
	maxModules  = 20_000    // modules that a binary, a go.mod file or vendor/modules.txt names
	maxGraph    = 100_000   // versions of modules in a module graph
	maxPackages = 500_000   // packages of a program
	maxDirs     = 1_000_000 // directories that a pattern is looked for in
	maxWorkers  = 16        // files that are read at the same time
	maxSettings = 1_000     // build settings that a binary has
	maxText     = 8 << 10   // bytes of one path, version or setting of a binary
	maxFaults   = 100       // errors that are told of together
	maxGoFile   = 64 << 20  // bytes of a Go file that go:generate lines are looked for in
	maxPattern  = 256       // bytes of a pattern of module paths that is told to others
	maxFindings = 100_000   // ways in which sources are not as wanted
	maxZip      = 500 << 20 // bytes of a module's zip, and of all files in it, as in the go command
	maxZipFiles = 500_000   // files of a module

	maxGenerateLine = 4096 // bytes of a go:generate line, as in the go command
)
