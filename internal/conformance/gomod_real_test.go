package conformance

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

var allModules = flag.Bool("gomod.all", false, "judge all modules of TestGoModReal, not the first three, and run TestGoModHermetic under strace")

// A realModule is a module that others wrote, with the packages to load.
type realModule struct {
	module   string // path@version
	packages string // arguments of the go command
	tags     string
	cgo      bool   // whether cgo is used for all targets, not for linux alone
	refused  string // targets for which the packages cannot be loaded

	// With any of these the module is copied and made what it is in its
	// repository, since a module's zip has neither vendor nor other modules.
	dir       string   // where the module is in the copy
	around    []string // other modules there, each "DIRECTORY PATH@VERSION"
	setup     []string // run in dir: "go ARGS", "rename FROM TO" or "remove NAME"
	workspace bool     // whether go.work is used
}

// TestGoModReal holds gomod against the go command on modules that were picked
// because they are large or odd, for three targets each: both must say the same,
// without any difference. It downloads them through the user's GOPROXY if they are
// not in the module cache. Without -gomod.all it takes the first three.
func TestGoModReal(t *testing.T) {
	modules := realModules()
	if !*allModules {
		modules = modules[:3]
	}
	for _, m := range modules {
		t.Run(m.module, func(t *testing.T) {
			env := map[string]string{
				"GOFLAGS": "-tags=" + m.tags, "GOWORK": "off", "GOEXPERIMENT": "", "GOFIPS140": "",
				"CGO_ENABLED": "", "GOOS": "", "GOARCH": "",
			}
			dir, tree := m.prepare(t, env)
			before := treeDigest(t, tree)
			for _, target := range []string{"linux/amd64", "windows/arm64", "darwin/arm64"} {
				e := maps.Clone(env)
				e["GOOS"], e["GOARCH"], _ = strings.Cut(target, "/")
				e["CGO_ENABLED"] = "0"
				if m.cgo || target == "linux/amd64" {
					e["CGO_ENABLED"] = "1"
				}
				packages := strings.Fields(m.packages)
				// This downloads what is missing. What is wrong is for the judge to say.
				runGo(t, dir, e, append([]string{"list", "-e", "-deps", "-f="}, packages...)...)
				e["GOPROXY"] = "off"
				d, err := judgeSource(t, dir, gomod.Options{Getenv: getenv(e), Packages: packages})
				switch refused := slices.Contains(strings.Fields(m.refused), target); {
				case err != nil && !refused:
					t.Errorf("%s: %v", target, err)
				case err == nil && refused:
					t.Errorf("%s: no error", target)
				case err == nil:
					t.Logf("%s: %d components, %d edges", target, len(d.Components), len(d.Edges))
				}
			}
			if treeDigest(t, tree) != before {
				t.Error("the sources were changed")
			}

			// All modules that are required, what requires what, and what tests and
			// tools need. Not all modules have the sums for that in go.sum: then both
			// must refuse it.
			packages := strings.Fields(m.packages)
			for _, args := range [][]string{{"-m", "all"}, append([]string{"-deps", "-test"}, packages...), {"-deps", "tool"}} {
				tryGo(dir, env, append([]string{"list", "-e", "-f="}, args...)...) // downloads what is missing
			}
			before = treeDigest(t, tree) // the go command may have added sums
			e := maps.Clone(env)
			e["GOPROXY"] = "off"
			for _, o := range []gomod.Options{{Graph: true}, {Tests: true, Tools: true, Embedded: true}} {
				o.Getenv, o.Packages = getenv(e), packages
				if d, err := judgeSource(t, dir, o); err != nil {
					t.Logf("graph %t, tests %t: both refuse it: %v", o.Graph, o.Tests, err)
				} else {
					t.Logf("graph %t, tests %t: %d components, %d edges", o.Graph, o.Tests, len(d.Components), len(d.Edges))
				}
			}
			if treeDigest(t, tree) != before {
				t.Error("the sources were changed")
			}
		})
	}
}

// prepare returns the directory of the module, and the tree that it is in.
func (m *realModule) prepare(t *testing.T, env map[string]string) (dir, tree string) {
	t.Helper()
	if m.workspace {
		env["GOWORK"] = ""
	}
	download := func(module string) string {
		var downloaded struct{ Dir string }
		if err := json.Unmarshal(runGo(t, t.TempDir(), env, "mod", "download", "-json", module), &downloaded); err != nil {
			t.Fatal(err)
		}
		return downloaded.Dir
	}
	if m.dir == "" && m.around == nil && m.setup == nil {
		dir = download(m.module)
		return dir, dir
	}
	tree = t.TempDir()
	for _, part := range append([]string{m.dir + " " + m.module}, m.around...) {
		name, module, _ := strings.Cut(part, " ")
		if err := os.CopyFS(filepath.Join(tree, filepath.FromSlash(name)), os.DirFS(download(module))); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(tree, filepath.FromSlash(m.dir))
	for _, line := range m.setup {
		var err error
		switch words := strings.Fields(line); words[0] {
		case "go":
			runGo(t, dir, env, words[1:]...)
		case "rename":
			err = os.Rename(filepath.Join(dir, words[1]), filepath.Join(dir, words[2]))
		case "remove":
			err = os.RemoveAll(filepath.Join(dir, words[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, tree
}

// realModules returns the modules of TestGoModReal, those that are always judged
// first.
func realModules() []realModule {
	// Kubernetes has modules in directories, of which its go.mod has no versions.
	// Those that are published require each other by version. Three of them, which
	// nothing that is loaded here needs, are not in every proxy.
	var staging []string
	kubernetes, work := "go mod edit", "go work edit"
	for _, name := range []string{
		"api", "apiextensions-apiserver", "apimachinery", "apiserver", "cli-runtime", "client-go", "cloud-provider",
		"cluster-bootstrap", "code-generator", "component-base", "component-helpers", "controller-manager", "cri-api",
		"cri-client", "csi-translation-lib", "dynamic-resource-allocation", "endpointslice", "kms", "kube-aggregator",
		"kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet", "metrics", "mount-utils",
		"pod-security-admission",
	} {
		staging = append(staging, "staging/src/k8s.io/"+name+" k8s.io/"+name+"@v0.31.4")
		kubernetes += " -require=k8s.io/" + name + "@v0.31.4"
	}
	for _, name := range []string{"sample-apiserver", "sample-cli-plugin", "sample-controller"} {
		kubernetes += " -droprequire=k8s.io/" + name + " -dropreplace=k8s.io/" + name
		work += " -dropuse=./staging/src/k8s.io/" + name
	}
	return []realModule{
		// 213 modules, two excluded
		{module: "github.com/prometheus/prometheus@v0.305.0", packages: "./cmd/prometheus"},
		// a workspace, made of four modules of one repository
		{
			module: "sigs.k8s.io/kustomize/kustomize/v5@v5.5.0", dir: "kustomize", packages: ".", workspace: true,
			around: []string{
				"api sigs.k8s.io/kustomize/api@v0.18.0",
				"cmd/config sigs.k8s.io/kustomize/cmd/config@v0.15.0",
				"kyaml sigs.k8s.io/kustomize/kyaml@v0.18.1",
			},
			setup: []string{"go work init . ../api ../cmd/config ../kyaml"},
		},
		// no go directive, so the whole graph is read; gopkg.in
		{module: "gopkg.in/src-d/go-git.v4@v4.13.1", packages: "./..."},

		// the workspace that the repository has, of 28 modules, also with its vendor directory
		{module: "k8s.io/kubernetes@v1.31.4", packages: "./cmd/kubelet", around: staging, workspace: true, setup: []string{"remove vendor", work, kubernetes}},
		{module: "k8s.io/kubernetes@v1.31.4", packages: "./cmd/kube-apiserver", around: staging, workspace: true, setup: []string{"remove vendor", work, kubernetes, "go work vendor -e"}},
		// the same without a workspace: directories replace 27 modules
		{module: "k8s.io/kubernetes@v1.31.4", packages: "./cmd/kubelet", around: staging, setup: []string{"remove vendor", kubernetes}},
		// directories beside the module and above it replace ten
		{
			module: "go.etcd.io/etcd/server/v3@v3.5.17", dir: "server", packages: "./...",
			around: []string{
				". go.etcd.io/etcd/v3@v3.5.17",
				"api go.etcd.io/etcd/api/v3@v3.5.17",
				"client/pkg go.etcd.io/etcd/client/pkg/v3@v3.5.17",
				"client/v2 go.etcd.io/etcd/client/v2@v2.305.17",
				"client/v3 go.etcd.io/etcd/client/v3@v3.5.17",
				"etcdctl go.etcd.io/etcd/etcdctl/v3@v3.5.17",
				"etcdutl go.etcd.io/etcd/etcdutl/v3@v3.5.17",
				"pkg go.etcd.io/etcd/pkg/v3@v3.5.17",
				"raft go.etcd.io/etcd/raft/v3@v3.5.17",
				"tests go.etcd.io/etcd/tests/v3@v3.5.17",
			},
		},
		{module: "github.com/pulumi/pulumi/pkg/v3@v3.144.1", dir: "pkg", packages: "./cmd/pulumi", around: []string{"sdk github.com/pulumi/pulumi/sdk/v3@v3.144.1"}},

		// a vendor directory; go.mod has another name in the repository, so the version is +incompatible
		{module: "github.com/docker/cli@v27.4.1+incompatible", packages: "./cmd/docker", setup: []string{"rename vendor.mod go.mod", "rename vendor.sum go.sum", "go mod vendor"}},
		{module: "github.com/containerd/containerd/v2@v2.0.2", packages: "./...", setup: []string{"go mod vendor"}},
		// the zip has a vendor directory with nothing but modules.txt and a licence
		{module: "github.com/containerd/containerd/v2@v2.0.2", packages: "./cmd/containerd", refused: "linux/amd64 windows/arm64 darwin/arm64"},

		// cgo
		{module: "github.com/mattn/go-sqlite3@v1.14.24", packages: ".", cgo: true},
		{module: "fyne.io/fyne/v2@v2.5.3", packages: "./cmd/fyne_demo", cgo: true},
		{module: "fyne.io/fyne/v2@v2.5.3", packages: "./...", refused: "windows/arm64 darwin/arm64"},
		{module: "github.com/hajimehoshi/ebiten/v2@v2.8.6", packages: "./..."},
		{module: "gioui.org@v0.7.1", packages: "./...", cgo: true},
		{module: "github.com/ethereum/go-ethereum@v1.15.11", packages: "./...", cgo: true},

		// before Go 1.17 and its pruned graphs
		{module: "github.com/spf13/viper@v1.3.2", packages: "."},
		{module: "github.com/gohugoio/hugo@v0.60.0", packages: "."},
		{module: "github.com/caddyserver/caddy@v1.0.4", packages: "./caddy"},
		{module: "github.com/dgraph-io/dgraph@v1.2.8", packages: "./dgraph"},
		{module: "github.com/hashicorp/packer@v1.4.5", packages: "."},
		{module: "github.com/tailscale/wireguard-go@v0.0.20201118", packages: "."},

		// tool and ignore directives
		{module: "github.com/microsoft/typescript-go@v0.0.0-20260708042240-2bd066d87f5b", packages: "./..."},
		// a tool directive, 378 modules
		{module: "github.com/aquasecurity/trivy@v0.62.0", packages: "./cmd/trivy"},
		// replace and exclude, 325 modules
		{module: "github.com/traefik/traefik/v3@v3.3.1", packages: "./cmd/traefik"},
		// 438 modules
		{module: "github.com/influxdata/telegraf@v1.30.3", packages: "./cmd/telegraf"},
		{module: "github.com/argoproj/argo-cd/v2@v2.13.2", packages: "./cmd"},
		{module: "github.com/thanos-io/thanos@v0.32.5", packages: "./cmd/thanos"},
		{module: "github.com/jaegertracing/jaeger@v1.62.0", packages: "./..."},
		{module: "github.com/docker/compose/v2@v2.24.7", packages: "./cmd"},
		{module: "github.com/coredns/coredns@v1.11.3", packages: "."},
		{module: "github.com/hashicorp/terraform@v1.5.7", packages: "."},
		{module: "github.com/rclone/rclone@v1.68.2", packages: "."},
		{module: "helm.sh/helm/v3@v3.14.0", packages: "./cmd/helm"},
		{module: "github.com/cli/cli/v2@v2.63.2", packages: "./cmd/gh"},
		{module: "github.com/caddyserver/caddy/v2@v2.8.4", packages: "./cmd/caddy"},

		// capitals in the path; the version is retracted
		{module: "github.com/Shopify/sarama@v1.32.0", packages: "./..."},
		{module: "github.com/BurntSushi/toml@v1.4.0", packages: "./cmd/tomlv"},
		// other files for each system
		{module: "tailscale.com@v1.80.3", packages: "./cmd/tailscaled", tags: "ts_omit_aws,ts_omit_kube"},
		{module: "modernc.org/sqlite@v1.34.5", packages: "."},
		{module: "golang.org/x/tools/gopls@v0.16.2", packages: "."},
		{module: "cuelang.org/go@v0.12.0", packages: "./..."},
		{module: "filippo.io/age@v1.2.1", packages: "./..."},
	}
}
