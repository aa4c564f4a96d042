package gomod

import (
	"bytes"
	"cmp"
	"debug/elf"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An executable is a file that a system runs or loads, as far as its headers say.
type executable struct {
	// reader is the file for package debug/buildinfo, without the symbol tables.
	// That package does not look at them, but the packages it is made of do: they
	// make a string of every name, and in a small file a million of them can be
	// the same long one.
	reader io.ReaderAt

	// libraries are those that the system's loader must find before the program
	// runs, in the order of the file. known is false if this package does not know
	// where a file of this kind has them.
	libraries []library
	known     bool

	arch string // as GOARCH has it; of a Mach-O file only

	// runs reports whether the header says that a system can run the file, or load
	// it as a library, unlike an object file or the dump of a process.
	runs bool
}

// A library is one that an executable imports.
type library struct {
	name string
	weak bool // the program runs without it
}

// openExecutable reads the headers of a file.
func openExecutable(r io.ReaderAt) (*executable, error) {
	magic := make([]byte, 4)
	if err := readFull(r, magic, 0); err != nil {
		return nil, err
	}
	switch be := binary.BigEndian.Uint32(magic); {
	case string(magic) == elf.ELFMAG:
		return openELF(r)
	case magic[0] == 'M' && magic[1] == 'Z':
		return openPE(r)
	case be&^1 == macho.Magic32&^1:
		return openMachO(r, binary.BigEndian)
	case binary.LittleEndian.Uint32(magic)&^1 == macho.Magic32&^1:
		return openMachO(r, binary.LittleEndian)
	case be>>16 == 0x01df || be>>16 == 0x01f7:
		return openXCOFF(r)
	}
	// A Plan 9 program, which imports nothing, or no program.
	return &executable{reader: r, known: true, runs: true}, nil
}

// openELF reads an ELF file. What it imports is what the loader goes by, the
// dynamic segment; sections may be missing.
//
// https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
func openELF(r io.ReaderAt) (*executable, error) {
	ident := make([]byte, elf.EI_NIDENT)
	if err := readFull(r, ident, 0); err != nil {
		return nil, err
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(ident[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	var sections, names uint64 // offset of the table; size of the names
	var flags elf.SectionFlag  // of the names
	var size, count, at uint16 // of a header, of headers, and which is that of the names
	wide := elf.Class(ident[elf.EI_CLASS]) == elf.ELFCLASS64
	if wide {
		var h elf.Header64
		if err := readStruct(r, 0, order, &h); err != nil {
			return nil, err
		}
		sections, size, count, at = h.Shoff, h.Shentsize, h.Shnum, h.Shstrndx
	} else {
		var h elf.Header32
		if err := readStruct(r, 0, order, &h); err != nil {
			return nil, err
		}
		sections, size, count, at = uint64(h.Shoff), h.Shentsize, h.Shnum, h.Shstrndx
	}
	// A count of zero beside a table means that it is a large one, told elsewhere.
	if count > maxSections || count == 0 && sections != 0 {
		return nil, fmt.Errorf("more than %d sections", maxSections)
	}
	if count > 0 {
		header := int64(sections) + int64(at)*int64(size)
		if wide {
			var s elf.Section64
			if err := readStruct(r, header, order, &s); err != nil {
				return nil, err
			}
			names, flags = s.Size, elf.SectionFlag(s.Flags)
		} else {
			var s elf.Section32
			if err := readStruct(r, header, order, &s); err != nil {
				return nil, err
			}
			names, flags = uint64(s.Size), elf.SectionFlag(s.Flags)
		}
	}
	if names > maxSectionNames || flags&elf.SHF_COMPRESSED != 0 {
		return nil, fmt.Errorf("names of sections in %d bytes, or compressed, want at most %d", names, maxSectionNames)
	}

	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	x := &executable{reader: r, known: true, runs: f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN}
	i := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
	if i < 0 {
		return x, nil // linked statically
	}
	if f.Progs[i].Filesz > maxDynamic {
		return nil, fmt.Errorf("dynamic segment of %d bytes, want at most %d", f.Progs[i].Filesz, maxDynamic)
	}
	table := make([]byte, f.Progs[i].Filesz)
	if err := readFull(f.Progs[i], table, 0); err != nil {
		return nil, err
	}
	var needed []uint64 // offsets in the string table
	var strtab, strsz uint64
	word := func() (v uint64) {
		if wide {
			v, table = order.Uint64(table), table[8:]
		} else {
			v, table = uint64(order.Uint32(table)), table[4:]
		}
		return v
	}
	for len(table) >= 16 || !wide && len(table) >= 8 {
		tag, value := elf.DynTag(word()), word()
		if tag == elf.DT_NULL {
			break
		}
		switch tag {
		case elf.DT_NEEDED:
			needed = append(needed, value)
		case elf.DT_STRTAB:
			strtab = value
		case elf.DT_STRSZ:
			strsz = value
		}
	}
	if len(needed) == 0 {
		return x, nil
	}
	if len(needed) > maxLibraries {
		return nil, fmt.Errorf("more than %d libraries", maxLibraries)
	}
	i = slices.IndexFunc(f.Progs, func(p *elf.Prog) bool {
		return p.Type == elf.PT_LOAD && p.Vaddr <= strtab && strtab-p.Vaddr < p.Filesz
	})
	if i < 0 {
		return nil, errors.New("the names of libraries are in no segment")
	}
	start := strtab - f.Progs[i].Vaddr
	strings := io.NewSectionReader(f.Progs[i], int64(start), int64(min(strsz, f.Progs[i].Filesz-start)))
	for _, offset := range needed {
		name, err := readString(strings, int64(min(offset, strsz)))
		if err != nil {
			return nil, fmt.Errorf("name of a library: %w", err)
		}
		x.libraries = append(x.libraries, library{name: name})
	}
	return x, nil
}

// openPE reads a PE file. What it imports is in its import table. Libraries whose
// loading is put off until they are used are not there.
//
// https://learn.microsoft.com/windows/win32/debug/pe-format
func openPE(r io.ReaderAt) (*executable, error) {
	le := binary.LittleEndian
	dos := make([]byte, 64)
	if err := readFull(r, dos, 0); err != nil {
		return nil, err
	}
	coff := int64(le.Uint32(dos[0x3c:])) + 4 // behind the signature
	header := make([]byte, 20)
	if err := readFull(r, header, coff); err != nil {
		return nil, err
	}
	count, optional := int(le.Uint16(header[2:])), int(le.Uint16(header[16:]))
	if count > maxSections {
		return nil, fmt.Errorf("more than %d sections", maxSections)
	}
	headers := make([]byte, optional+40*count)
	if err := readFull(r, headers, coff+20); err != nil {
		return nil, err
	}
	sections := headers[optional:]

	// PointerToSymbolTable and NumberOfSymbols. Without that table there are no
	// long names of sections, "/" and where in the table it is.
	m := &masked{r: r}
	m.put(coff+8, make([]byte, 8))
	for i := range count {
		if sections[40*i] == '/' {
			m.put(coff+20+int64(optional)+40*int64(i), make([]byte, 1))
		}
	}
	const executableImage = 0x0002
	x := &executable{reader: m, known: true, runs: le.Uint16(header[18:])&executableImage != 0}

	// The data directories, of which the second is that of imports.
	if optional < 2 {
		return nil, errors.New("no optional header")
	}
	directories := 96
	if le.Uint16(headers) == 0x20b { // PE32+
		directories = 112
	}
	if optional < directories {
		return nil, fmt.Errorf("optional header of %d bytes, want at least %d", optional, directories)
	}
	if le.Uint32(headers[directories-4:]) < 2 || optional < directories+16 {
		return x, nil
	}
	imports := le.Uint32(headers[directories+8:])
	if imports == 0 {
		return x, nil
	}

	// at returns what is at an address, to the end of its section.
	at := func(address uint32) (*io.SectionReader, error) {
		for s := range slices.Chunk(sections, 40) {
			start, size, offset := le.Uint32(s[12:]), le.Uint32(s[16:]), le.Uint32(s[20:])
			if start <= address && address-start < size {
				return io.NewSectionReader(r, int64(offset)+int64(address-start), int64(size-(address-start))), nil
			}
		}
		return nil, fmt.Errorf("address %#x of the import table is in no section", address)
	}
	table, err := at(imports)
	if err != nil {
		return nil, err
	}
	entry := make([]byte, 20)
	for i := int64(0); ; i++ {
		if err := readFull(table, entry, 20*i); err != nil {
			return nil, fmt.Errorf("import table: %w", err)
		}
		address := le.Uint32(entry[12:])
		if address == 0 {
			return x, nil
		}
		if i == maxLibraries {
			return nil, fmt.Errorf("more than %d libraries", maxLibraries)
		}
		s, err := at(address)
		if err != nil {
			return nil, err
		}
		name, err := readString(s, 0)
		if err != nil {
			return nil, fmt.Errorf("name of a library: %w", err)
		}
		x.libraries = append(x.libraries, library{name: name})
	}
}

// openMachO reads a Mach-O file of one architecture. What it imports is in its
// load commands.
//
// https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
func openMachO(r io.ReaderAt, order binary.ByteOrder) (*executable, error) {
	var h macho.FileHeader
	if err := readStruct(r, 0, order, &h); err != nil {
		return nil, err
	}
	x := &executable{known: true, runs: h.Type == macho.TypeExec || h.Type == macho.TypeDylib || h.Type == macho.TypeBundle}
	switch h.Cpu {
	case macho.CpuAmd64:
		x.arch = "amd64"
	case macho.CpuArm64:
		x.arch = "arm64"
	case macho.Cpu386:
		x.arch = "386"
	case macho.CpuArm:
		x.arch = "arm"
	default:
		return nil, fmt.Errorf("a Mach-O file for %v, which Go does not build for", h.Cpu)
	}
	start := int64(28)
	if h.Magic == macho.Magic64 {
		start = 32
	}
	if h.Cmdsz > maxCommands {
		return nil, fmt.Errorf("%d bytes of load commands, want at most %d", h.Cmdsz, maxCommands)
	}
	commands := make([]byte, h.Cmdsz)
	if err := readFull(r, commands, start); err != nil {
		return nil, err
	}
	m := &masked{r: r}
	x.reader = m
	for range h.Ncmd {
		if len(commands) < 8 {
			return nil, errors.New("load commands end too early")
		}
		command, size := order.Uint32(commands), order.Uint32(commands[4:])
		if size < 8 || uint64(size) > uint64(len(commands)) {
			return nil, fmt.Errorf("load command of %d bytes", size)
		}
		const (
			reqDyld      = 1 << 31 // the loader must know the command
			loadWeak     = 0x18 | reqDyld
			reexport     = 0x1f | reqDyld
			loadUpward   = 0x23 | reqDyld
			offsetOfName = 8
		)
		switch command {
		case uint32(macho.LoadCmdSymtab), uint32(macho.LoadCmdDysymtab):
			if len(m.puts) == 2 {
				return nil, errors.New("more than one symbol table")
			}
			at := start + int64(h.Cmdsz) - int64(len(commands))
			m.put(at, []byte{0xff, 0xff, 0xff, 0xff}) // package debug/macho goes over what it does not know
		case uint32(macho.LoadCmdDylib), loadWeak, reexport, loadUpward:
			if size < offsetOfName+4 || order.Uint32(commands[offsetOfName:]) > size {
				return nil, errors.New("name of a library is not in its load command")
			}
			name, err := readString(bytes.NewReader(commands[:size]), int64(order.Uint32(commands[offsetOfName:])))
			if err != nil {
				return nil, fmt.Errorf("name of a library: %w", err)
			}
			if len(x.libraries) == maxLibraries {
				return nil, fmt.Errorf("more than %d libraries", maxLibraries)
			}
			x.libraries = append(x.libraries, library{name, command == loadWeak})
		}
		commands = commands[size:]
	}
	return x, nil
}

// openXCOFF reads the header of an XCOFF file. Its libraries are not looked for.
//
// https://www.ibm.com/docs/en/aix/7.3?topic=formats-xcoff-object-file-format
func openXCOFF(r io.ReaderAt) (*executable, error) {
	// What follows the symbols is found by their number, 18 bytes for each. One
	// of them is left.
	header := make([]byte, 24)
	if err := readFull(r, header, 0); err != nil {
		return nil, err
	}
	be := binary.BigEndian
	m := &masked{r: r}
	if be.Uint16(header) == 0x01df { // 32 bits
		if start, count := be.Uint32(header[8:]), be.Uint32(header[12:]); count > 0 {
			m.put(8, be.AppendUint32(be.AppendUint32(nil, start+18*(count-1)), 1))
		}
	} else if start, count := be.Uint64(header[8:]), be.Uint32(header[20:]); count > 0 {
		m.put(8, be.AppendUint64(nil, start+18*uint64(count-1)))
		m.put(20, be.AppendUint32(nil, 1))
	}
	const executableFile = 0x0002
	return &executable{reader: m, runs: be.Uint16(header[18:])&executableFile != 0}, nil
}

// fatFiles returns the files in a Mach-O file for several architectures, or none if
// r is no such file.
//
// https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/fat.h
func fatFiles(r io.ReaderAt) ([]io.ReaderAt, error) {
	header := make([]byte, 8)
	if err := readFull(r, header, 0); err != nil {
		return nil, err
	}
	be := binary.BigEndian
	size := 20
	switch be.Uint32(header) {
	case macho.MagicFat:
	case macho.MagicFat + 1: // offsets of 64 bits
		size = 32
	default:
		return nil, nil
	}
	count := be.Uint32(header[4:])
	if count == 0 || count > maxArchitectures { // that of a Java class is larger
		return nil, fmt.Errorf("%d architectures, want from 1 to %d", count, maxArchitectures)
	}
	table := make([]byte, size*int(count))
	if err := readFull(r, table, 8); err != nil {
		return nil, err
	}
	var files []io.ReaderAt
	for entry := range slices.Chunk(table, size) {
		offset, length := uint64(be.Uint32(entry[8:])), uint64(be.Uint32(entry[12:]))
		if size == 32 {
			offset, length = be.Uint64(entry[8:]), be.Uint64(entry[16:])
		}
		if offset > 1<<62 || length > 1<<62 {
			return nil, fmt.Errorf("architecture of %d bytes at %d", length, offset)
		}
		f := io.NewSectionReader(r, int64(offset), int64(length))
		var cpu [4]byte
		if err := readFull(f, cpu[:], 4); err != nil {
			return nil, err
		}
		if want := be.Uint32(entry); want != be.Uint32(cpu[:]) && want != binary.LittleEndian.Uint32(cpu[:]) {
			return nil, fmt.Errorf("architecture %v, and its file is for another one", macho.Cpu(want))
		}
		files = append(files, f)
	}
	return files, nil
}

// readFull fills p with what r has from offset on.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	if n, err := r.ReadAt(p, offset); n < len(p) {
		return fmt.Errorf("%d of %d bytes at %#x: %w", n, len(p), offset, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// readStruct reads a value of a fixed size.
func readStruct(r io.ReaderAt, offset int64, order binary.ByteOrder, v any) error {
	b := make([]byte, binary.Size(v))
	if err := readFull(r, b, offset); err != nil {
		return err
	}
	_, err := binary.Decode(b, order, v)
	return err
}

// readString reads a text that ends with a zero byte.
func readString(r io.ReaderAt, offset int64) (string, error) {
	b := make([]byte, maxText+1)
	n, err := r.ReadAt(b, offset)
	if err != nil && err != io.EOF {
		return "", err
	}
	s, _, ok := strings.Cut(string(b[:n]), "\x00")
	if !ok || s == "" {
		return "", fmt.Errorf("no text of 1 to %d bytes at %#x", maxText, offset)
	}
	return s, nil
}

// masked is a file of which some bytes are read as others.
type masked struct {
	r    io.ReaderAt
	puts []put // sorted by where
}

type put struct {
	at    int64
	bytes []byte
}

func (m *masked) put(at int64, b []byte) { m.puts = append(m.puts, put{at, b}) }

func (m *masked) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.r.ReadAt(p, off)
	for _, put := range m.puts {
		switch {
		case put.at >= off+int64(n):
			return n, err
		case put.at >= off:
			copy(p[put.at-off:n], put.bytes)
		case put.at+int64(len(put.bytes)) > off:
			copy(p[:n], put.bytes[off-put.at:])
		}
	}
	return n, err
}
