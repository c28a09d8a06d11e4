package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/agent/config"
)

// compiled is the schema as an editor has it.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := config.Schema()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("config.json")
})

// bySchema is what the schema says of a file.
func bySchema(text []byte) error {
	schema, err := compiled()
	if err != nil {
		return err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

// parse is config.Parse for all tests of this package: what it takes, the schema
// must take, too.
func parse(file string, text []byte) (*config.Config, error) {
	cfg, err := config.Parse(file, text)
	if err == nil {
		if no := bySchema(text); no != nil {
			return cfg, fmt.Errorf("the schema refuses what is taken: %w\n%s", no, text)
		}
	}
	return cfg, err
}

// onlyValidate are the mistakes that a schema cannot see: what two places of the
// file have to do with each other, what is on the machine, and what is no YAML for
// one reader and is for another.
var onlyValidate = map[string]bool{
	"41-two-documents": true, "50-version-of-another-program": true,
	"57-plain-listener-in-the-network": true, "58-port-used-twice": true, "59-two-stations-of-one-name": true,
	"60-serial-port-used-twice": true, "61-gpio-line-used-twice": true,
	"67-password-in-an-address": true, "68-oms-in-the-clear": true, "69-oms-without-scheme": true, "71-satellite-with-oms": true,
	"07-octal-serial-number": true, "10-octal-number": true, "42-anchor-and-alias": true, "45-tag": true, "74-tilde-without-quotes": true,
}

// TestSchemaRefuses: an editor shows the mistakes people make while they make them.
func TestSchemaRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/malformed/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	missed := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Parse(name, text)
		no := bySchema(bytes.TrimPrefix(text, []byte("\ufeff")))
		switch {
		case err == nil && no != nil:
			t.Errorf("%s: the schema refuses what is taken: %v", name, no)
		case err != nil && no == nil:
			missed[name] = true
		}
	}
	if diff := cmp.Diff(onlyValidate, missed); diff != "" {
		t.Errorf("not seen by the schema: %s", diff)
	}
}

var fence = regexp.MustCompile("(?s)```(?:yaml|sh)\n(.*?)```")

// TestSchemaTakes: the example, the files of the package and what the docs show;
// those of docs/devices.md are tried by TestExamplesOfDrivers.
func TestSchemaTakes(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	texts := map[string]string{
		"example": config.Example(),
		"package": strings.NewReplacer(`site: ""`, "site: s", `gateway: ""`, "gateway: g").Replace(read("deploy/deb/files/usr/share/tote/agent.yaml")),
	}
	for _, page := range []string{"docs/install.md", "docs/cluster.md", "docs/presence.md", "docs/position.md"} {
		for i, m := range fence.FindAllStringSubmatch(read(page), -1) {
			text := m[1]
			if _, here, ok := strings.Cut(text, "agent.yaml <<'END'\n"); ok {
				text, _, _ = strings.Cut(here, "END\n")
			} else if !strings.HasPrefix(m[0], "```yaml") {
				continue
			}
			texts[fmt.Sprintf("%s, block %d", page, i)] = good + text
		}
	}
	if len(texts) < 3 {
		t.Errorf("only %d examples found", len(texts))
	}
	for name, text := range texts {
		if _, err := parse(name, []byte(text)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// The line by which editors find the schema leads to it, and the editor sees what
// each key means.
func TestSchemaForEditors(t *testing.T) {
	line, _, _ := strings.Cut(config.Example(), "\n")
	path, ok := strings.CutPrefix(line, "# yaml-language-server: $schema=")
	if !ok {
		t.Fatalf("the example begins with %q", line)
	}
	if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
		t.Error(err)
	}
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"default": 9600`, `"mt-sics"`, "https://json-schema.org/draft/2020-12/schema"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}
