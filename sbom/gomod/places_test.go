package gomod

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the paths of this test are not absolute on Windows")
	}
	for _, tt := range []struct {
		env              []string
		modCache, gopath string
		err              string
	}{
		{[]string{"HOME=/home/me"}, "/home/me/go/pkg/mod", "/home/me/go", ""},
		{[]string{"HOME=/home/me", "GOPATH=/go:/other"}, "/go/pkg/mod", "/go", ""},
		{[]string{"GOPATH=/go", "GOMODCACHE=/cache"}, "/cache", "/go", ""},
		{[]string{"GOMODCACHE=/cache"}, "", "", "neither GOPATH nor a home directory is set"},
		{[]string{"GOPATH=go"}, "", "", "want an absolute path"},
		{[]string{"GOPATH=/go", "GOMODCACHE=off"}, "", "", "off, want an absolute path"},
	} {
		getenv := func(name string) string {
			for _, e := range tt.env {
				if v, ok := strings.CutPrefix(e, name+"="); ok {
					return v
				}
			}
			return ""
		}
		p, err := Locate("", getenv)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v: %v", tt.env, err)
			}
			continue
		}
		if err != nil || p.ModCache != tt.modCache || p.GOPATH != tt.gopath || p.Root != "" || p.Modules != nil {
			t.Errorf("%v: %+v, %v", tt.env, p, err)
		}
	}
}

func TestLocateModules(t *testing.T) {
	dir := writeFiles(t,
		"go.work", "go 1.25\n\nuse (\n\t./app\n\t./lib\n)\n",
		"app/go.mod", "module example.com/app\n\ngo 1.25\n",
		"app/cmd/main.go", "package main\n",
		"lib/go.mod", "module example.com/lib\n\ngo 1.25\n",
	)
	app, lib := filepath.Join(dir, "app"), filepath.Join(dir, "lib")
	p, err := Locate(filepath.Join(app, "cmd"), getenv("GOWORK="))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"example.com/app": app, "example.com/lib": lib}; p.Root != dir || !reflect.DeepEqual(p.Modules, want) || p.GOROOT != goroot(t) {
		t.Errorf("got %+v", p)
	}
	p, err = Locate(filepath.Join(app, "cmd"), getenv("GOWORK=off"))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"example.com/app": app}; p.Root != app || !reflect.DeepEqual(p.Modules, want) {
		t.Errorf("without the workspace: got %+v", p)
	}
	if _, err := Locate("", nil); err == nil {
		t.Error("no getenv: no error")
	}
	if _, err := Locate(t.TempDir(), getenv()); err == nil || !strings.Contains(err.Error(), "no go.mod") {
		t.Errorf("no module: %v", err)
	}
}
