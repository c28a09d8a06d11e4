package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

//go:embed files scripts
var embedded embed.FS

// Where files of the repository lie on the machine, besides the tree files.
var documents = map[string]string{
	"docs/install.md":                  "usr/share/doc/tote/install.md",
	"docs/config.md":                   "usr/share/doc/tote/config.md",
	"docs/config.schema.json":          "usr/share/doc/tote/config.schema.json",
	"docs/security.md":                 "usr/share/doc/tote/security.md",
	"docs/cluster.md":                  "usr/share/doc/tote/cluster.md",
	"docs/backup.md":                   "usr/share/doc/tote/backup.md",
	"docs/site-guide.md":               "usr/share/doc/tote/site-guide.md",
	"docs/faults.md":                   "usr/share/doc/tote/faults.md",
	"docs/devices.md":                  "usr/share/doc/tote/devices.md",
	"docs/metrics.md":                  "usr/share/doc/tote/metrics.md",
	"docs/going-live.md":               "usr/share/doc/tote/going-live.md",
	"docs/site-model.md":               "usr/share/doc/tote/site-model.md",
	"docs/people.md":                   "usr/share/doc/tote/people.md",
	"docs/updates.md":                  "usr/share/doc/tote/updates.md",
	"deploy/prometheus/tote.rules.yml": "usr/share/doc/tote/examples/prometheus/tote.rules.yml",
	"deploy/grafana/tote.json":         "usr/share/doc/tote/examples/grafana/tote.json",
	"config.example.yaml":              "usr/share/doc/tote/examples/agent.yaml",
	"THIRD_PARTY_NOTICES":              "usr/share/doc/tote/THIRD_PARTY_NOTICES",
	"LICENSE":                          "usr/share/doc/tote/copyright",
	"api/asyncapi.yaml":                "usr/share/doc/tote/api/asyncapi.yaml",
	"api/openapi-agent.yaml":           "usr/share/doc/tote/api/openapi-agent.yaml",
}

const (
	program   = "usr/lib/tote/tote"
	template  = "usr/share/tote/agent.yaml"
	satellite = "usr/share/tote/agent-satellite.yaml"
)

// contents gathers what is in the package of one architecture.
func contents(root, bin, arch string, src source) (*archive, error) {
	p := &archive{}
	tree, err := fs.Sub(embedded, "files")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		mode := int64(0o644)
		if bytes.HasPrefix(data, []byte("#!")) {
			mode = 0o755
		}
		p.add(name, data, mode)
		return err
	})
	if err != nil {
		return nil, err
	}
	// A 32-bit machine can only be a satellite: what it is given to fill in says so.
	if machines[arch].arm != "" {
		p.add(template, p.data(satellite), 0o644)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/runbooks/*.md"))
	if err != nil {
		return nil, err
	}
	all := maps.Clone(documents)
	for _, page := range pages {
		all["docs/runbooks/"+filepath.Base(page)] = "usr/share/doc/tote/runbooks/" + filepath.Base(page)
	}
	for from, to := range all {
		data, err := os.ReadFile(filepath.Join(root, from))
		if err != nil {
			return nil, err
		}
		p.add(to, data, 0o644)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	p.add(program, data, 0o755)
	p.link("usr/bin/tote", "/var/lib/tote/slots/current/tote")
	for _, name := range []string{"preinst", "postinst", "prerm", "postrm"} {
		text, err := embedded.ReadFile("scripts/" + name)
		if err != nil {
			return nil, err
		}
		p.control("./"+name, []byte(strings.ReplaceAll(string(text), "@VERSION@", src.version)), 0o755)
	}
	p.control("./control", []byte(p.fields(arch, src.version)), 0o644)
	p.control("./md5sums", p.sums(), 0o644)
	return p, nil
}

// fields is the control file.
func (p *archive) fields(arch, version string) string {
	kind := "runs a warehouse on a small machine"
	if machines[arch].arm != "" {
		kind = "runs the devices of a warehouse, as a satellite of its gateways"
	}
	return fmt.Sprintf(`Package: tote
Version: %s
Architecture: %s
Maintainer: Tote maintainers <maintainers@tote.invalid>
Installed-Size: %d
Depends: systemd (>= 247), init-system-helpers (>= 1.54)
Recommends: udev, ca-certificates
Section: misc
Priority: optional
Description: warehouse edge agent: %s
 Receives goods, knows where every item is, picks, packs, weighs, labels and ships
 orders with people, robots and conveyors, and goes on when a gateway, a device or
 the link to the order management system is gone.
`, version, arch, (p.size()+1023)/1024, kind)
}
