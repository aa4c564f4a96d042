package buildinfo_test

import (
	"testing"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
)

func TestSetting(t *testing.T) {
	for _, tt := range []struct {
		key, value, want string
		ok               bool
	}{
		{"GOOS", "linux", "linux", true},
		{"-tags", "a,b", "a,b", true},
		{"vcs.revision", "12", "12", true},
		{"-pgo", "/home/me/default.pgo", "default.pgo", true},
		{"-pgo", `C:\me\default.pgo`, "default.pgo", true},
		{"-ldflags", "-X=main.password=hunter2", "", false},
		{"CGO_LDFLAGS", "-L/home/me", "", false},
		{"-unheard-of", "x", "", false},
		{"", "x", "", false},
	} {
		if got, ok := buildinfo.Setting(tt.key, tt.value); got != tt.want || ok != tt.ok {
			t.Errorf("Setting(%q, %q) = %q, %v, want %q, %v", tt.key, tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRelease(t *testing.T) {
	for version, want := range map[string]string{
		"go1.26.8":                        "go1.26.8",
		"go1.26":                          "go1.26",
		"go1.27rc1":                       "go1.27rc1",
		"go1.26.8-X:jsonv2":               "go1.26.8",
		"go1.25.4 X:jsonv2":               "go1.25.4",
		"go1.22.2 (Red Hat 1.22.2-1.el9)": "go1.22.2",
		"go1.27-devel_9d3a6b1":            "",
		"devel go1.27-9d3a6b1 linux":      "",
		"1.26.8":                          "",
		"":                                "",
	} {
		if got := buildinfo.Release(version); got != want {
			t.Errorf("Release(%q) = %q, want %q", version, got, want)
		}
	}
}
