package gomod

import (
	"bytes"
	"cmp"
	"context"
	debuginfo "debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// The files of these functions have what is read of them and nothing else.

// buildInformation returns the bytes by which a program tells how it was built. The
// format is told in the comments of package debug/buildinfo.
func buildInformation(goVersion, modinfo string) []byte {
	info := append([]byte("\xff Go buildinf:"), 8, 2)
	info = append(info, make([]byte, 16)...)
	info = binary.AppendUvarint(info, uint64(len(goVersion)))
	info = append(info, goVersion...)
	frame := strings.Repeat("-", 16)
	modinfo = frame + modinfo + frame
	info = binary.AppendUvarint(info, uint64(len(modinfo)))
	return append(info, modinfo...)
}

// file returns values one after the other, in the order of bytes that is given.
func file(order binary.ByteOrder, values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if s, ok := v.(string); ok {
			v = []byte(s)
		}
		if err := binary.Write(&b, order, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func padded(b []byte, size int) []byte { return append(b, make([]byte, size-len(b))...) }

// elfFile has its second program header, of the dynamic segment, at 64+56.
func elfFile(goVersion, modinfo string, libraries ...string) []byte {
	const start, address = 256, 0x10000
	content := buildInformation(goVersion, modinfo)
	names := "\x00"
	var dynamic []uint64
	for _, l := range libraries {
		dynamic = append(dynamic, uint64(elf.DT_NEEDED), uint64(len(names)))
		names += l + "\x00"
	}
	strtab := len(content)
	content = append(content, names...)
	dynamic = append(dynamic,
		uint64(elf.DT_STRTAB), uint64(address+strtab),
		uint64(elf.DT_STRSZ), uint64(len(names)),
		uint64(elf.DT_NULL), 0,
		uint64(elf.DT_NEEDED), 0, // behind the end
	)
	at := len(content)
	content = append(content, file(binary.LittleEndian, dynamic)...)
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	if len(libraries) > 0 {
		header.Phnum = 2
	}
	return append(padded(file(binary.LittleEndian, header,
		elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W),
			Off: start, Vaddr: address, Filesz: uint64(len(content)), Memsz: uint64(len(content)), Align: 16,
		},
		elf.Prog64{
			Type: uint32(elf.PT_DYNAMIC), Flags: uint32(elf.PF_R | elf.PF_W),
			Off: uint64(start + at), Vaddr: uint64(address + at), Filesz: uint64(8 * len(dynamic)), Memsz: uint64(8 * len(dynamic)),
		}), start), content...)
}

// peFile has its headers at 0x44, its sections at 0x44+20+240 and its import table at
// 0x400.
func peFile(goVersion, modinfo string, libraries ...string) []byte {
	const address = 0x1000 // of the file's byte 0x400
	table := make([]pe.ImportDirectory, 0)
	names := ""
	for _, l := range libraries {
		at := uint32(address + 20*(len(libraries)+1) + len(names))
		table = append(table, pe.ImportDirectory{OriginalFirstThunk: 1, Name: at, FirstThunk: 1})
		names += l + "\x00"
	}
	imports := file(binary.LittleEndian, names)
	for i := range table {
		t := &table[len(table)-1-i]
		imports = append(file(binary.LittleEndian, t.OriginalFirstThunk, t.TimeDateStamp, t.ForwarderChain, t.Name, t.FirstThunk), imports[:]...)
	}
	imports = slices.Insert(imports, 20*len(table), make([]byte, 20)...)
	imports = padded(imports, (len(imports)+0x3ff)&^0x3ff)
	info := buildInformation(goVersion, modinfo)
	optional := pe.OptionalHeader64{Magic: 0x20b, NumberOfRvaAndSizes: 16}
	if len(libraries) > 0 {
		optional.DataDirectory[1] = pe.DataDirectory{VirtualAddress: address, Size: 1}
	}
	dos := padded([]byte("MZ"), 0x40)
	dos[0x3c] = 0x40
	return slices.Concat(padded(file(binary.LittleEndian, dos, "PE\x00\x00",
		pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 2, SizeOfOptionalHeader: 240},
		optional,
		pe.SectionHeader32{
			Name: [8]byte{'/', '4'}, VirtualAddress: address, VirtualSize: uint32(len(imports)), SizeOfRawData: uint32(len(imports)), PointerToRawData: 0x400,
			Characteristics: pe.IMAGE_SCN_MEM_READ,
		},
		pe.SectionHeader32{
			Name: [8]byte{'d'}, VirtualAddress: 0x100000, VirtualSize: uint32(len(info)), SizeOfRawData: uint32(len(info)), PointerToRawData: uint32(0x400 + len(imports)),
			Characteristics: pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ | pe.IMAGE_SCN_MEM_WRITE,
		},
	), 0x400), imports, info)
}

// machOFile has its load commands at 32: of the segment with the build information,
// of 72+80 bytes, and then of libraries, which are weak if their names begin so.
func machOFile(cpu macho.Cpu, goVersion, modinfo string, libraries ...string) []byte {
	le := binary.LittleEndian
	info := buildInformation(goVersion, modinfo)
	var commands []byte
	for _, l := range libraries {
		l, weak := strings.CutPrefix(l, "weak ")
		command := uint32(macho.LoadCmdDylib)
		if weak {
			command = 0x80000018
		}
		size := (24 + len(l) + 8) &^ 7
		commands = append(commands, padded(file(le, command, uint32(size), uint32(24), [3]uint32{}, l), size)...)
	}
	size := 72 + 80 + len(commands)
	const address = 0x100000
	at := uint64((32 + size + 15) &^ 15)
	return append(padded(file(le,
		macho.FileHeader{Magic: macho.Magic64, Cpu: cpu, Type: macho.TypeExec, Ncmd: uint32(1 + len(libraries)), Cmdsz: uint32(size)}, uint32(0),
		macho.Segment64{Cmd: macho.LoadCmdSegment64, Len: 72 + 80, Addr: address, Memsz: uint64(len(info)), Offset: at, Filesz: uint64(len(info)), Nsect: 1},
		macho.Section64{Name: [16]byte([]byte("__go_buildinfo\x00\x00")), Addr: address, Size: uint64(len(info)), Offset: uint32(at)},
		commands,
	), int(at)), info...)
}

const (
	fat32 = 0xcafebabe
	fat64 = 0xcafebabf
)

// fatFile has the files at multiples of 4096, and from 8 on what says so.
func fatFile(magic uint32, files ...[]byte) []byte {
	const page = 4096
	b := file(binary.BigEndian, magic, uint32(len(files)))
	at := page
	for _, f := range files {
		cpu := uint32(0)
		if len(f) >= 8 {
			cpu = binary.LittleEndian.Uint32(f[4:])
		}
		if magic == fat64 {
			b = append(b, file(binary.BigEndian, cpu, uint32(0), uint64(at), uint64(len(f)), uint32(12), uint32(0))...)
		} else {
			b = append(b, file(binary.BigEndian, cpu, uint32(0), uint32(at), uint32(len(f)), uint32(12))...)
		}
		at += (len(f) + page - 1) / page * page
	}
	for _, f := range files {
		b = padded(b, (len(b)+page-1)/page*page)
		b = append(b, f...)
	}
	return b
}

// change returns data with other bytes at an offset.
func change(data []byte, at int, values ...any) []byte {
	data = slices.Clone(data)
	copy(data[at:], file(binary.LittleEndian, values...))
	return data
}

// systemLibraries returns those of d, one in a line, and what Unknown says of others.
func systemLibraries(d *sbom.Document) string {
	var b strings.Builder
	for _, c := range d.Components {
		if c.Scope == sbom.System {
			fmt.Fprintf(&b, "%s %s %v %v\n", c.Ref, c.Name, c.Properties, c.Targets)
			if c.Type != sbom.Library || c.PURL+c.Version != "" || !slices.ContainsFunc(d.Edges, func(e sbom.Edge) bool { return e.From == d.Main.Ref && e.To == c.Ref }) {
				fmt.Fprintf(&b, "  %+v\n", c)
			}
		}
	}
	for _, u := range d.Unknown {
		if strings.Contains(u, "librar") {
			b.WriteString("unknown: " + u + "\n")
		}
	}
	return b.String()
}

func TestLibraries(t *testing.T) {
	const (
		static = "path\tp\nbuild\tCGO_ENABLED=0\n"
		cgo    = "path\tp\nbuild\tCGO_ENABLED=1\n"
		loaded = "unknown: which libraries of the system it loads while it runs, besides those that it imports\n"
		linked = "unknown: whether C libraries are linked into it, and which: a binary does not record it\n"
	)
	big := elfFile("go1.26.8", static)
	for _, test := range []struct {
		name string
		data []byte
		o    BinaryOptions
		want string
	}{
		{"ELF, static", elfFile("go1.26.8", static), BinaryOptions{}, ""},
		{"ELF, static cgo", elfFile("go1.26.8", cgo), BinaryOptions{}, linked},
		{
			"ELF", elfFile("go1.26.8", cgo, "libm.so.6", "libc.so.6", "libc.so.6", "./x/y.so"),
			BinaryOptions{},
			"system:./x/y.so ./x/y.so [] []\nsystem:libc.so.6 libc.so.6 [] []\nsystem:libm.so.6 libm.so.6 [] []\n" + linked + loaded,
		},
		{
			"ELF, paths", elfFile("go1.26.8", static, "/usr/lib/a.so", "/home/me/b.so", "/usr/lib/../../home/me/c.so"),
			BinaryOptions{},
			"system:/usr/lib/a.so /usr/lib/a.so [] []\nsystem:b.so b.so [{withheld directory}] []\nsystem:c.so c.so [{withheld directory}] []\n" + loaded,
		},
		{
			"ELF, paths unredacted", elfFile("go1.26.8", static, "/home/me/b.so"),
			BinaryOptions{Unredacted: true},
			"system:/home/me/b.so /home/me/b.so [] []\n" + loaded,
		},
		{"PE, no imports", peFile("go1.26.8", static), BinaryOptions{}, ""},
		{
			"PE", peFile("go1.26.8", static, "KERNEL32.dll", "user32.dll"),
			BinaryOptions{},
			"system:KERNEL32.dll KERNEL32.dll [] []\nsystem:user32.dll user32.dll [] []\n" + loaded,
		},
		{"Mach-O, no imports", machOFile(macho.CpuAmd64, "go1.26.8", static), BinaryOptions{}, ""},
		{
			"Mach-O", machOFile(macho.CpuAmd64, "go1.26.8", static, "weak @rpath/x.dylib", "/usr/lib/libSystem.B.dylib", "weak /usr/lib/libSystem.B.dylib", "/opt/me/y.dylib"),
			BinaryOptions{},
			"system:/usr/lib/libSystem.B.dylib /usr/lib/libSystem.B.dylib [] []\nsystem:@rpath/x.dylib @rpath/x.dylib [{import weak}] []\nsystem:y.dylib y.dylib [{withheld directory}] []\n" + loaded,
		},
		{
			"fat Mach-O", fatFile(fat32, machOFile(macho.CpuAmd64, "go1.26.8", static, "/usr/lib/a", "/usr/lib/b"), machOFile(macho.CpuArm64, "go1.26.8", static, "/usr/lib/a")),
			BinaryOptions{},
			"system:/usr/lib/a /usr/lib/a [] []\nsystem:/usr/lib/b /usr/lib/b [] [darwin/amd64]\n" + loaded,
		},
		{
			"fat Mach-O of one", fatFile(fat64, machOFile(macho.CpuArm64, "go1.26.8", static, "/usr/lib/a")),
			BinaryOptions{},
			"system:/usr/lib/a /usr/lib/a [] []\n" + loaded,
		},
		{"behind the end of an ELF file", append(big, make([]byte, 1000)...), BinaryOptions{}, ""},
	} {
		d, err := ReadBinary(bytes.NewReader(test.data), test.o)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := systemLibraries(d); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
		if d.Main.Requirements != sbom.Unknown {
			t.Errorf("%s: what the main module imports is said to be complete", test.name)
		}
	}
}

// The headers of an executable are as hostile as a file can be.
func TestExecutableErrors(t *testing.T) {
	const info = "path\tp\nmod\tm\tv1.0.0\t\nbuild\tCGO_ENABLED=0\n"
	many := make([]string, maxLibraries+1)
	for i := range many {
		many[i] = fmt.Sprint("lib", i)
	}
	elfWith := elfFile("go1.26.8", info, "libc.so.6")
	dynamic := 64 + 56
	peWith := peFile("go1.26.8", info, "a.dll")
	const peHeaders, optional = 0x44, 0x44 + 20
	darwin := machOFile(macho.CpuArm64, "go1.26.8", info, "/usr/lib/a")
	const dylib = 32 + 72 + 80
	symtab := append(file(binary.LittleEndian, uint32(macho.LoadCmdSymtab), uint32(24)), make([]byte, 16)...)
	amd64, arm64 := machOFile(macho.CpuAmd64, "go1.26.8", info), machOFile(macho.CpuArm64, "go1.26.8", info)
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"ELF: sections", change(elfWith, 60, uint16(maxSections+1)), "more than 1000 sections"},
		{"ELF: sections without number", change(elfWith, 40, uint64(256)), "more than 1000 sections"},
		{"ELF: sections elsewhere", change(change(elfWith, 60, uint16(2), uint16(1)), 40, uint64(1<<40)), "bytes at"},
		{"ELF: names of sections", change(change(change(elfWith, 58, uint16(64), uint16(2), uint16(0)), 40, uint64(256)), 256+32, uint64(maxSectionNames+1)), "names of sections in 65537 bytes"},
		{"ELF: compressed names of sections", change(change(change(elfWith, 58, uint16(64), uint16(2), uint16(0)), 40, uint64(256)), 256+8, uint64(elf.SHF_COMPRESSED), uint64(0), uint64(0), uint64(0)), "or compressed"},
		{"ELF: dynamic segment", change(elfWith, dynamic+32, uint64(maxDynamic+1)), "dynamic segment of 1048577 bytes, want at most 1048576"},
		{"ELF: dynamic segment elsewhere", change(elfWith, dynamic+8, uint64(1<<40)), "bytes at"},
		{"ELF: names nowhere", elfDynamic("go1.26.8", info, elf.DT_STRTAB, 1), "the names of libraries are in no segment"},
		{"ELF: names of no size", elfDynamic("go1.26.8", info, elf.DT_STRSZ, 0), "name of a library: no text"},
		{"ELF: name cut", elfDynamic("go1.26.8", info, elf.DT_STRSZ, 4), "name of a library: no text"},
		{"ELF: name beyond", elfDynamic("go1.26.8", info, elf.DT_NEEDED, 1<<63), "name of a library: no text"},
		{"ELF: empty name", elfDynamic("go1.26.8", info, elf.DT_NEEDED, 0), "name of a library: no text"},
		{"ELF: long name", elfFile("go1.26.8", info, strings.Repeat("x", maxText+1)), "name of a library: no text of 1 to 8192 bytes"},
		{"ELF: libraries", elfFile("go1.26.8", info, many...), "more than 1000 libraries"},
		{"ELF: control character", elfFile("go1.26.8", info, "lib\x1b[2J.so"), `"name of a library": "lib\x1b[2J.so" is not text`},
		{"ELF: not UTF-8", elfFile("go1.26.8", info, "lib\xff.so"), "is not text"},
		{"ELF: a directory", elfFile("go1.26.8", info, "/home/me/"), "has no name"},

		{"PE: cut", peWith[:0x60], "bytes at"},
		{"PE: no PE", change(peWith, 0x40, "NE"), "unrecognized file format"},
		{"PE: sections", change(peWith, peHeaders+2, uint16(maxSections+1)), "more than 1000 sections"},
		{"PE: no optional header", change(peWith, peHeaders+16, uint16(0)), "no optional header"},
		{"PE: short optional header", change(peWith, peHeaders+16, uint16(100)), "optional header of 100 bytes, want at least 112"},
		{"PE: imports elsewhere", change(peWith, optional+120, uint32(1)), "address 0x1 of the import table is in no section"},
		{"PE: name elsewhere", change(peWith, 0x400+12, uint32(1<<31)), "address 0x80000000 of the import table is in no section"},
		{"PE: imports without an end", change(change(peWith, optional+240+16, uint32(20)), 0x400+12, uint32(0x1000)), "import table: 0 of 20 bytes"},
		{"PE: libraries", peFile("go1.26.8", info, many...), "more than 1000 libraries"},

		{"Mach-O: another CPU", machOFile(macho.CpuPpc64, "go1.26.8", info), "a Mach-O file for CpuPpc64, which Go does not build for"},
		{"Mach-O: load commands", change(darwin, 20, uint32(maxCommands+1)), "1048577 bytes of load commands, want at most 1048576"},
		{"Mach-O: load commands elsewhere", darwin[:100], "bytes at"},
		{"Mach-O: number of load commands", change(darwin, 16, uint32(1<<31)), "load commands end too early"},
		{"Mach-O: size of a load command", change(darwin, dylib+4, uint32(7)), "load command of 7 bytes"},
		{"Mach-O: large load command", change(darwin, dylib+4, uint32(1<<31)), "load command of 2147483648 bytes"},
		{"Mach-O: name elsewhere", change(darwin, dylib+8, uint32(1000)), "name of a library is not in its load command"},
		{"Mach-O: name without an end", change(darwin, dylib+24, strings.Repeat("x", 16)), "name of a library: no text"},
		{"Mach-O: libraries", machOFile(macho.CpuArm64, "go1.26.8", info, many...), "more than 1000 libraries"},
		{"Mach-O: symbol tables", change(change(machOFile(macho.CpuArm64, "go1.26.8", info, strings.Repeat("x", 100)), dylib, symtab, symtab, symtab), 16, uint32(4)), "more than one symbol table"},
		{"Mach-O: for another architecture", machOFile(macho.CpuArm64, "go1.26.8", info+"build\tGOARCH=amd64\n"), "a Mach-O file for arm64 that says it is for amd64"},

		{"fat: cut", fatFile(fat32, amd64, arm64)[:20], "bytes at"},
		{"fat: none", fatFile(fat32), "0 architectures, want from 1 to 16"},
		{"fat: many", fatFile(fat32, make([][]byte, 17)...), "17 architectures, want from 1 to 16"},
		{"fat: Java", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x41rest of a class"), "65 architectures"},
		{"fat: empty", fatFile(fat32, amd64, nil), "0 of 4 bytes"},
		{"fat: beyond the end", change(fatFile(fat32, amd64, arm64), 8+20+8, "\x7f"), "bytes at"},
		{"fat: beyond all ends", change(fatFile(fat64, amd64, arm64), 8+8, "\xff"), "architecture of"},
		{"fat: another CPU", change(fatFile(fat32, amd64, arm64), 8, "\x01\x00\x00\x0c"), "architecture CpuArm64, and its file is for another one"},
		{"fat: no Mach-O in it", fatFile(fat32, amd64, elfWith), "architecture 2 of 2: it is no Mach-O file"},
		{"fat: fat in it", fatFile(fat32, amd64, fatFile(fat32, amd64)), "architecture 2 of 2: it is no Mach-O file"},
		{"fat: twice", fatFile(fat32, amd64, amd64), "two architectures darwin/amd64"},
		{"fat: no build information", fatFile(fat32, amd64, bytes.Replace(arm64, []byte("\xff Go"), []byte("\xff No"), 1)), "architecture 2 of 2: not a Go executable"},
		{"fat: no modules", fatFile(fat32, amd64, machOFile(macho.CpuArm64, "go1.26.8", "")), "does not record its modules"},
		{"fat: another main module", fatFile(fat32, amd64, machOFile(macho.CpuArm64, "go1.26.8", strings.Replace(info, "mod\tm", "mod\tother", 1))), "main component pkg:golang/m@v1.0.0 for darwin/amd64, pkg:golang/other@v1.0.0 for darwin/arm64"},
		{"fat: another version of it", fatFile(fat32, amd64, machOFile(macho.CpuArm64, "go1.26.8", strings.Replace(info, "v1.0.0", "v1.0.1", 1))), "main component pkg:golang/m@v1.0.0"},
	} {
		d, err := ReadBinary(bytes.NewReader(test.data), BinaryOptions{})
		if err == nil {
			t.Errorf("%s: got\n%s\nwant an error with %q", test.name, summary(t, d), test.want)
			continue
		}
		prefix := "malformed binary: "
		if strings.Contains(test.want, "does not record") {
			prefix = "gomod: "
		}
		if !strings.HasPrefix(err.Error(), prefix) || strings.Count(err.Error(), prefix) != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v\nwant %q in it", test.name, err, test.want)
		}
	}
}

// elfDynamic returns an ELF file in whose dynamic segment the first entry with a tag
// has another value.
func elfDynamic(goVersion, modinfo string, tag elf.DynTag, value uint64) []byte {
	data := elfFile(goVersion, modinfo, "libc.so.6")
	for at := int(binary.LittleEndian.Uint64(data[64+56+8:])); ; at += 16 {
		if elf.DynTag(binary.LittleEndian.Uint64(data[at:])) == tag {
			return change(data, at+8, value)
		}
	}
}

// A fat file is read for each architecture, and all that differs is said.
func TestFatBinary(t *testing.T) {
	const common = "path\tm/cmd\nmod\tm\tv1.0.0\t\ndep\ta\tv1.0.0\t\nbuild\t-trimpath=true\nbuild\tCGO_ENABLED=0\nbuild\tGOOS=darwin\n"
	data := fatFile(fat32,
		machOFile(macho.CpuArm64, "go1.26.8", common+"build\tGOARCH=arm64\nbuild\tGOARM64=v8.0\n"),
		machOFile(macho.CpuAmd64, "go1.26.8", strings.Replace(common, "build", "dep\tb\tv1.0.0\t\nbuild", 1)+"build\tGOARCH=amd64\nbuild\tGOAMD64=v1\n"))
	d, err := ReadBinary(bytes.NewReader(data), BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []sbom.Target{
		{Name: "darwin/amd64", Properties: []sbom.Property{{Name: "GOAMD64", Value: "v1"}, {Name: "GOARCH", Value: "amd64"}}},
		{Name: "darwin/arm64", Properties: []sbom.Property{{Name: "GOARCH", Value: "arm64"}, {Name: "GOARM64", Value: "v8.0"}}},
	}
	if !reflect.DeepEqual(d.Targets, want) {
		t.Errorf("targets %+v, want %+v", d.Targets, want)
	}
	if property(d.Properties, "GOOS") != "darwin" || d.Phase != sbom.PostBuild {
		t.Errorf("phase %q, properties %v", d.Phase, d.Properties)
	}
	a, b := d.Component("pkg:golang/a@v1.0.0"), d.Component("pkg:golang/b@v1.0.0")
	if a == nil || b == nil || a.Targets != nil || !slices.Equal(b.Targets, []string{"darwin/amd64"}) {
		t.Errorf("components %+v and %+v", a, b)
	}
	// Old versions of Go record no settings: the file says which architecture it is.
	d, err = ReadBinary(bytes.NewReader(fatFile(fat64,
		machOFile(macho.CpuArm64, "go1.17", "path\tp\n"), machOFile(macho.CpuAmd64, "go1.17", "path\tp\n"))), BinaryOptions{})
	if err != nil || len(d.Targets) != 2 || d.Targets[0].Name != "darwin/amd64" || d.Targets[1].Name != "darwin/arm64" {
		t.Errorf("%v, %+v", err, d)
	}
}

// The packages that debug/buildinfo is made of read symbol tables, too, and copy
// the same long name for each of many symbols.
func TestSymbolsAreNotRead(t *testing.T) {
	const size = 1 << 20
	name := bytes.Repeat([]byte("x"), size)
	for kind, data := range map[string][]byte{
		"Mach-O": func() []byte {
			f := machOFile(macho.CpuArm64, "go1.26.8", "path\tp\n", strings.Repeat("x", 15)) // a command of 40 bytes
			at := len(f)
			f = append(append(f, make([]byte, 16*100)...), name...)
			return change(f, 32+72+80, uint32(macho.LoadCmdSymtab), uint32(40), uint32(at), uint32(100), uint32(at+1600), uint32(size))
		}(),
		"PE": func() []byte {
			f := peFile("go1.26.8", "path\tp\n", "a.dll")
			at := len(f)
			f = append(append(f, bytes.Repeat([]byte("\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 100)...), "\x04\x00\x10\x00"...)
			return change(append(f, name...), 0x44+8, uint32(at), uint32(100))
		}(),
	} {
		read := func(read func(io.ReaderAt) error) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := read(bytes.NewReader(data)); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		n := read(func(r io.ReaderAt) error { _, err := ReadBinary(r, BinaryOptions{}); return err })
		if n > size {
			t.Errorf("%s: %d bytes of memory for a file of %d", kind, n, len(data))
		}
		// If this fails, what masks the tables is not needed any more.
		if n := read(func(r io.ReaderAt) error { _, err := debuginfo.Read(r); return err }); n < 50*size {
			t.Errorf("%s: package debug/buildinfo takes no more than %d bytes", kind, n)
		}
	}
}

// A file can have more bytes than there are.
func TestReadBinaryIsBounded(t *testing.T) {
	head := elfFile("go1.26.8", "path\tp\n")
	head = change(head[:256], 64+32, uint64(1<<40), uint64(1<<40)) // Filesz, Memsz
	read := int64(0)
	endless := readerAt(func(p []byte, off int64) (int, error) {
		clear(p)
		if off < int64(len(head)) {
			copy(p, head[off:])
		}
		read += int64(len(p))
		return len(p), nil
	})
	_, err := ReadBinary(endless, BinaryOptions{})
	if err == nil || err.Error() != "malformed binary: more than 134217728 bytes of headers and build information" || read > maxBinaryRead+2<<20 {
		t.Errorf("got %v after %d bytes", err, read)
	}
}

func TestMasked(t *testing.T) {
	data := []byte("0123456789")
	m := &masked{r: bytes.NewReader(data)}
	m.put(2, []byte("ab"))
	m.put(6, []byte("cdef"))
	for off := range len(data) {
		for size := range len(data) + 2 {
			p := make([]byte, size)
			n, err := m.ReadAt(p, int64(off))
			if want := "01ab45cdef"[off:min(len(data), off+size)]; string(p[:n]) != want || (err == io.EOF) != (off+size > len(data)) && size > 0 {
				t.Errorf("ReadAt(%d, %d) = %q, %v, want %q", size, off, p[:n], err, want)
			}
		}
	}
}

// Nothing is known of libraries of the system, and that is no fault.
func TestSystemLibrariesElsewhere(t *testing.T) {
	d, err := ReadBinary(bytes.NewReader(elfFile("go1.26.8", "path\tm\nmod\tm\tv1.0.0\t\n", "libc.so.6", "/lib/a@v1.0.0")), BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), d, VerifyOptions{ModCache: t.TempDir()}); err != nil {
		t.Error(err)
	}
	if err := AddLicenses(t.Context(), d, noLicenses{}, LicenseOptions{Places: Places{ModCache: t.TempDir()}}); err != nil {
		t.Error(err)
	}
	for _, ref := range []string{"system:libc.so.6", "system:/lib/a@v1.0.0"} {
		c := d.Component(ref)
		if c.Verification != sbom.Unverified || c.Properties != nil || c.Licenses == nil || c.Licenses.Unknown != "it is a library of the system that the program runs on" {
			t.Errorf("%+v, licences %+v", c, c.Licenses)
		}
	}
}

type noLicenses struct{}

func (noLicenses) Scan(_ context.Context, files fs.FS, _ string, _ []string) (*sbom.Licenses, error) {
	_, err := fs.ReadDir(files, ".")
	return nil, cmp.Or(err, errors.New("a component has files"))
}

// What a system runs or loads is executable, and an object file or the dump of a
// process is not, whatever else they say.
func TestExecutableProperty(t *testing.T) {
	const info = "path\tp\nbuild\tCGO_ENABLED=0\n"
	elfType := func(n elf.Type) []byte { return change(elfFile("go1.26.8", info), 16, uint16(n)) }
	machOType := func(n macho.Type) []byte { return change(machOFile(macho.CpuArm64, "go1.26.8", info), 12, uint32(n)) }
	for _, test := range []struct {
		name string
		data []byte
		want bool
	}{
		{"ELF program", elfType(elf.ET_EXEC), true},
		{"ELF program that can be anywhere, or library", elfType(elf.ET_DYN), true},
		{"ELF dump", elfType(elf.ET_CORE), false},
		{"ELF object", elfType(elf.ET_REL), false},
		{"PE", change(peFile("go1.26.8", info), 0x44+18, uint16(0x0022)), true},
		{"PE that was not linked to its end", peFile("go1.26.8", info), false},
		{"Mach-O program", machOType(macho.TypeExec), true},
		{"Mach-O library", machOType(macho.TypeDylib), true},
		{"Mach-O plugin", machOType(macho.TypeBundle), true},
		{"Mach-O object", machOType(macho.TypeObj), false},
		{"fat Mach-O", fatFile(fat32, machOFile(macho.CpuAmd64, "go1.26.8", info), machOFile(macho.CpuArm64, "go1.26.8", info)), true},
	} {
		d, err := ReadBinary(bytes.NewReader(test.data), BinaryOptions{})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var want []sbom.Property
		if test.want {
			want = []sbom.Property{{Name: "bsi:component:executable", Value: "executable"}}
		}
		if !slices.Equal(d.Main.Properties, want) {
			t.Errorf("%s: properties %v, want %v", test.name, d.Main.Properties, want)
		}
	}
	for _, magic := range []uint16{0x01df, 0x01f7} {
		for flags, want := range map[uint16]bool{0x1002: true, 0x2002: true, 0x2000: false} {
			header := padded(file(binary.BigEndian, magic, make([]byte, 16), flags), 24)
			if x, err := openXCOFF(bytes.NewReader(header)); err != nil || x.runs != want {
				t.Errorf("XCOFF %#x with flags %#x: %v, error %v, want %v", magic, flags, x.runs, err, want)
			}
		}
	}
	d, err := FromBuildInfo(&debug.BuildInfo{Path: "p"}, BinaryOptions{})
	if err != nil || d.Main.Properties != nil {
		t.Errorf("build information alone: %v, error %v", d.Main.Properties, err)
	}
}
