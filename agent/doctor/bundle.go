package doctor

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"tote/agent/config"
)

// Item is one file of a bundle.
type Item struct {
	Name string
	Data []byte
}

// maxItem bounds a file of a bundle, in bytes; of a longer one the end is kept.
const maxItem = 8 << 20

// Bundle writes the files as a tar.gz, with every secret taken out of each: the
// values themselves, and what looks like one by its name or form.
func Bundle(w io.Writer, at time.Time, secrets []string, items []Item) error {
	z := gzip.NewWriter(w)
	out := tar.NewWriter(z)
	for _, item := range items {
		data := Clean(item.Data, secrets)
		if len(data) > maxItem {
			data = data[len(data)-maxItem:]
		}
		h := &tar.Header{Name: "tote-doctor/" + item.Name, Mode: 0o600, Size: int64(len(data)), ModTime: at, Format: tar.FormatPAX}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return z.Close()
}

const gone = "REMOVED"

var (
	// A key of YAML, JSON or a log line that says what it holds. A path to a
	// secret (token_file) is none.
	secretKey = regexp.MustCompile(`(?i)(["']?[a-z0-9_-]*(?:token|secret|passw(?:or)?d|passphrase|credential|api_?key|private_?key|authorization|pin)["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}#][^,}#\n]*)`)
	// The block below such a key.
	secretBlock = regexp.MustCompile(`(?im)^([ \t]*)(["']?[a-z0-9_-]*(?:token|secret|passw(?:or)?d|passphrase|credential|api_?key|private_?key|authorization|pin)["']?:)[ \t]*[|>][^\n]*\n(?:[ \t]+[^\n]*\n?|\n)+`)
	secretForms = []*regexp.Regexp{
		regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`),
		regexp.MustCompile(`tote1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+`), // join tokens
		regexp.MustCompile(`(?i)\b(?:bearer|basic) +[A-Za-z0-9._~+/=-]+`),
	}
	userInfo = regexp.MustCompile(`://[^/\s"'@]+@`)
	comment  = regexp.MustCompile(`(?m)(^|\s)#[^\n]*`)
)

// Clean takes secrets out of a text. Longer ones go first, so that none is left
// behind as the rest of another.
func Clean(text []byte, secrets []string) []byte {
	s := string(text)
	secrets = slices.Clone(secrets)
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range secrets {
		if len(secret) >= 4 { // a shorter one would tear words to pieces
			s = strings.ReplaceAll(s, secret, gone)
		}
	}
	for _, form := range secretForms {
		s = form.ReplaceAllString(s, gone)
	}
	s = secretBlock.ReplaceAllString(s, "${1}${2} "+gone+"\n")
	s = secretKey.ReplaceAllString(s, "${1}"+gone)
	return []byte(userInfo.ReplaceAllString(s, "://"+gone+"@"))
}

// WithoutComments is a configuration as it goes into a bundle: people note
// passwords in comments.
func WithoutComments(yaml []byte) []byte { return comment.ReplaceAll(yaml, nil) }

// Secrets are the values in the files that a configuration names, as far as they
// can be read: what cannot be read by this program is not in the bundle either.
func Secrets(c *config.Config) (out []string) {
	if c == nil {
		return nil
	}
	for _, f := range c.Files() {
		name := f.Name
		if !f.Secret {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		out = append(out, strings.TrimSpace(string(data)))
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			switch {
			case len(f) == 0 || strings.HasPrefix(f[0], "#"):
			case name == c.MQTT.TokensFile || name == c.HTTP.TokensFile: // a name stands in front
				out = append(out, f[len(f)-1])
			case !strings.HasPrefix(line, "-----"):
				out = append(out, strings.TrimSpace(line))
				if _, password, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
					out = append(out, password)
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
