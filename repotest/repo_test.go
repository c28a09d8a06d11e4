package repotest

import (
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// checks is every rule, by the name of its fixtures.
var checks = []struct {
	name string
	run  func(*Tree) []Finding
}{
	{"imports", Imports},
	{"purity", Purity},
	{"package-docs", PackageDocs},
	{"package-names", PackageNames},
	{"sleeps", Sleeps},
	{"go-mod", GoMod},
	{"dependencies", Dependencies},
	{"machine-paths", MachinePaths},
	{"hosts", Hosts},
	{"front", Front},
}

const root = ".."

// repository is the tree these tests run in, read once. Files that git ignores
// are none of our business; without git every file counts.
var repository = sync.OnceValues(func() (*Tree, error) {
	var keep func(string) bool
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		tracked := map[string]bool{}
		for name := range strings.SplitSeq(string(out), "\x00") {
			tracked[name] = true
		}
		keep = func(name string) bool { return tracked[name] }
	}
	return Load(os.DirFS(root), keep)
})

func TestRepository(t *testing.T) {
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(tree.Packages, func(p *Package) bool { return p.Dir == "repotest" }) {
		t.Fatal("the tree does not hold this package: the checks would see nothing")
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range c.run(tree) {
				t.Error(f)
			}
		})
	}
}

// TestToolsAreApart: linters bring hundreds of modules, which must stay out of
// the module of the product.
func TestToolsAreApart(t *testing.T) {
	data, err := fs.ReadFile(os.DirFS(root), "tools/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	product := parseModule(tree.Texts["go.mod"]).require
	for _, tool := range []string{"honnef.co/go/tools", "mvdan.cc/gofumpt", "github.com/golangci/golangci-lint/v2"} {
		if parseModule(data).require[tool] == "" {
			t.Errorf("tools/go.mod does not pin %s", tool)
		}
		if product[tool] != "" {
			t.Errorf("go.mod requires %s, which belongs into tools/go.mod", tool)
		}
	}
}

// TestRivalIsApart: the log we compare ours with needs a replace and brings an
// old etcd, so it stays out of the product. What it is compared in is the
// product's: the same raft, and the release that was studied, since @latest
// means an older one.
func TestRivalIsApart(t *testing.T) {
	data, err := fs.ReadFile(os.DirFS(root), "raftstore/rival/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	const wal, raft = "github.com/hashicorp/raft-wal", "github.com/hashicorp/raft"
	product, rival := parseModule(tree.Texts["go.mod"]).require, parseModule(data).require
	if rival[wal] != "v0.4.2" {
		t.Errorf("raftstore/rival/go.mod pins %s %q, want v0.4.2", wal, rival[wal])
	}
	if rival[raft] != product[raft] {
		t.Errorf("raftstore/rival/go.mod pins raft %s, the product %s", rival[raft], product[raft])
	}
	for _, m := range []string{wal, "go.etcd.io/etcd/client/v3"} {
		if product[m] != "" || rival[m] == "" {
			t.Errorf("%s belongs into raftstore/rival/go.mod and not into go.mod", m)
		}
	}
}
