package gomod

// Bounds on what is read. What is over one is an error that says so.
const (
	maxGoMod    = 16 << 20  // bytes of a go.mod, go.work or go.sum file; for go.mod as in the go command
	maxVendor   = 16 << 20  // bytes of vendor/modules.txt
	maxEnvFile  = 1 << 20   // bytes of a file of the toolchain's settings
	maxHeader   = 16 << 20  // bytes of a Go file up to the end of its imports
	maxSource   = 128 << 20 // bytes of a Go file of which more is read
	maxModules  = 20_000    // modules that a binary, a go.mod file or vendor/modules.txt names
	maxUses     = 5_000     // modules that a go.work file uses
	maxGraph    = 100_000   // versions of modules in a module graph
	maxTargets  = 100       // targets of one Document
	maxPackages = 500_000   // packages of a program
	maxDirs     = 1_000_000 // directories that a pattern is looked for in
	maxWorkers  = 16        // files that are read at the same time
	maxSettings = 1_000     // build settings that a binary has
	maxText     = 8 << 10   // bytes of one path, version, setting or library of a binary
	maxFaults   = 100       // errors that are told of together
	maxPattern  = 256       // bytes of a pattern of module paths that is told to others
	maxFindings = 100_000   // ways in which sources are not as wanted
	maxZip      = 500 << 20 // bytes of a module's zip, and of all files in it, as in the go command
	maxZipFiles = 500_000   // files of a module

	maxInfo         = 1 << 20   // bytes of a version's .info file
	maxVersionFiles = 200_000   // files that the module cache has of all versions of a module, some six of each
	maxMessage      = 4 << 10   // bytes of what an author says of a version
	maxVendorFiles  = 2_000_000 // files in vendor

	maxBinaryRead    = 128 << 20 // bytes that are read of a binary
	maxRawSetting    = 1 << 20   // bytes of a build setting that is not withheld
	maxSections      = 1_000     // sections of a binary
	maxSectionNames  = 64 << 10  // bytes of their names in an ELF file
	maxDynamic       = 1 << 20   // bytes of the dynamic segment of an ELF file
	maxCommands      = 1 << 20   // bytes of the load commands of a Mach-O file
	maxArchitectures = 16        // architectures that a Mach-O file is for
	maxLibraries     = 1_000     // libraries that a binary imports

	maxGenerateLine = 4096 // bytes of a go:generate line, as in the go command
)
