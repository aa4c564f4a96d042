package gobuild

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	debuginfo "debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
)

// A Difference is something in which two programs differ.
type Difference struct {
	What      string // "setting GOAMD64", "module example.com/m", "section .text", "byte 1024"
	Got, Want string // what the second has, and the first; "" if it does not have it
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: got %s, want %s", d.What, cmp.Or(d.Got, "nothing"), cmp.Or(d.Want, "nothing"))
}

// Compare returns the differences between two Go programs, the one that should
// be and the one that is: in their build information, which says why they differ;
// in their sections, with the beginning of their SHA-256; and the first byte that
// differs. Settings that may hold a secret or a path are compared and not shown.
// There are none if the files are the same; files that are no programs are
// compared by their bytes alone.
func Compare(want, got string) ([]Difference, error) {
	var ds []Difference
	add := func(what, got, want string) {
		if got != want {
			ds = append(ds, Difference{what, got, want})
		}
	}
	addMaps := func(what string, got, want map[string]string) {
		names := maps.Clone(got)
		maps.Copy(names, want)
		n := 0
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if got[name] != want[name] {
				if n++; n > MaxDifferences {
					return
				}
				add(what+" "+name, got[name], want[name])
			}
		}
	}

	a, errA := debuginfo.ReadFile(want)
	b, errB := debuginfo.ReadFile(got)
	if errA == nil && errB == nil {
		add("Go version", b.GoVersion, a.GoVersion)
		add("package", b.Path, a.Path)
		add("main module", describe(&b.Main), describe(&a.Main))
		addMaps("module", modulesOf(b), modulesOf(a))
		x, y := settingsOf(b), settingsOf(a)
		for name := range x {
			if other, ok := y[name]; ok && other != x[name] {
				if _, ok := buildinfo.Setting(name, x[name]); !ok {
					x[name], y[name] = "another value", "a value that is not shown"
				}
			} else if _, public := buildinfo.Setting(name, x[name]); !public && !ok {
				x[name] = "a value that is not shown"
			}
		}
		for name := range y {
			if _, ok := x[name]; !ok {
				if _, public := buildinfo.Setting(name, y[name]); !public {
					y[name] = "a value that is not shown"
				}
			}
		}
		addMaps("setting", x, y)
	} else if (errA == nil) != (errB == nil) {
		say := func(err error) string {
			if err != nil {
				return "none"
			}
			return "some"
		}
		add("build information", say(errB), say(errA))
	}

	x, err := sections(got)
	if err != nil {
		return nil, err
	}
	y, err := sections(want)
	if err != nil {
		return nil, err
	}
	addMaps("section", x, y)

	at, p, q, err := firstDifference(got, want)
	if err != nil {
		return nil, err
	}
	if at >= 0 {
		add(fmt.Sprintf("byte %d", at), p, q)
	}
	return ds, nil
}

func describe(m *debug.Module) string {
	text := m.Path
	if m.Version != "" {
		text += "@" + m.Version
	}
	if m.Sum != "" {
		text += " " + m.Sum
	}
	return text
}

// modulesOf returns the modules that a program is linked from, by their paths.
func modulesOf(info *debug.BuildInfo) map[string]string {
	modules := make(map[string]string)
	for _, m := range info.Deps {
		path, text := m.Path, m.Version+" "+m.Sum
		if m.Replace != nil {
			text = "replaced by " + describe(m.Replace)
			if isDirectory(m.Replace) {
				text = "replaced by a directory"
			}
		}
		modules[path] = text
	}
	return modules
}

func settingsOf(info *debug.BuildInfo) map[string]string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return settings
}

// sections returns the sizes and hashes of the sections of a program, by name.
func sections(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	defer f.Close()
	hashes := make(map[string]string)
	add := func(name string, size uint64, r io.Reader) error {
		h := sha256.New()
		// Of one that is longer in memory than in the file, what is there.
		if _, err := io.Copy(h, r); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		for _, taken := hashes[name]; taken; _, taken = hashes[name] {
			name += "'"
		}
		hashes[name] = fmt.Sprintf("%d bytes %s", size, hex.EncodeToString(h.Sum(nil))[:16])
		return nil
	}
	// A file of none of these formats has none.
	if p, err := elf.NewFile(f); err == nil {
		for _, s := range p.Sections {
			if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
				continue
			}
			if err := add(s.Name, s.Size, s.Open()); err != nil {
				return nil, fmt.Errorf("gobuild: %w", err)
			}
		}
	} else if p, err := macho.NewFile(f); err == nil {
		for _, s := range p.Sections {
			if err := add(s.Seg+","+s.Name, s.Size, s.Open()); err != nil {
				return nil, fmt.Errorf("gobuild: %w", err)
			}
		}
	} else if p, err := pe.NewFile(f); err == nil {
		for _, s := range p.Sections {
			if err := add(s.Name, uint64(s.Size), s.Open()); err != nil {
				return nil, fmt.Errorf("gobuild: %w", err)
			}
		}
	}
	return hashes, nil
}

// firstDifference returns where two files differ first, and what each has there;
// at is -1 if they are the same.
func firstDifference(a, b string) (at int64, inA, inB string, err error) {
	f, err := os.Open(a)
	if err != nil {
		return 0, "", "", fmt.Errorf("gobuild: %w", err)
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return 0, "", "", fmt.Errorf("gobuild: %w", err)
	}
	defer g.Close()
	x, y := bufio.NewReaderSize(f, bufferSize), bufio.NewReaderSize(g, bufferSize)
	bufA, bufB := make([]byte, 4096), make([]byte, 4096)
	for {
		n, errA := io.ReadFull(x, bufA)
		m, errB := io.ReadFull(y, bufB)
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			i := 0
			for i < min(n, m) && bufA[i] == bufB[i] {
				i++
			}
			show := func(b []byte) string {
				if len(b) == 0 {
					return "the end"
				}
				return hex.EncodeToString(b[:min(8, len(b))])
			}
			return at + int64(i), show(bufA[i:n]), show(bufB[i:m]), nil
		}
		at += int64(n)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return 0, "", "", fmt.Errorf("gobuild: %w", err)
			}
		}
		if errA != nil {
			return -1, "", "", nil
		}
	}
}
