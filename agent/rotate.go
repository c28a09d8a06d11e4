package agent

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tote/agent/access"
	"tote/agent/config"
	"tote/agent/health"
)

// lookForSecrets is how often the files with secrets are looked at. Only their
// times are read; a file that has changed is read anew. Certificates of listeners
// are looked at by their listeners.
const lookForSecrets = 2 * time.Second

// secrets are the tokens of the files as they are now.
type secrets struct {
	http atomic.Pointer[[]access.Token]

	mu  sync.Mutex
	bad map[string]error // key of the configuration → why the file is not taken
}

// secretFile is one file that is taken anew when it has changed.
type secretFile struct {
	key, name string
	take      func() error
	seen      string // its times when it was last read
}

// watchSecrets takes secrets that were exchanged, so that nobody has to stop a
// gateway for a lost token. What cannot be read leaves the old ones in force, and is
// an issue.
func (a *Agent) watchSecrets(ctx context.Context) error {
	files := a.secretFiles()
	tick := time.NewTicker(lookForSecrets)
	defer tick.Stop()
	for {
		for _, f := range files {
			a.takeSecret(f)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Agent) secretFiles() (out []*secretFile) {
	add := func(key, name string, take func() error) {
		if name != "" {
			out = append(out, &secretFile{key: key, name: name, take: take})
		}
	}
	add("mqtt.tokens_file", a.cfg.MQTT.TokensFile, func() error {
		tokens, err := config.LoadTokens(a.cfg.MQTT.TokensFile)
		if err != nil {
			return err
		}
		return a.broker.SetTokens(tokens)
	})
	add("http.tokens_file", a.cfg.HTTP.TokensFile, func() error {
		tokens, err := access.Load(a.cfg.HTTP.TokensFile)
		if err == nil {
			a.secrets.http.Store(&tokens)
		}
		return err
	})
	for _, l := range a.links {
		first := true
		add("token_file of "+l.name(), l.cfg.TokenFile, func() error {
			if !first {
				l.anew()
			}
			first = false
			return nil // the link tells what is wrong with it
		})
	}
	return out
}

// takeSecret reads a file that is not the one that was read.
func (a *Agent) takeSecret(f *secretFile) {
	st, err := os.Stat(f.name)
	stamp := fmt.Sprint(err)
	if err == nil {
		stamp = fmt.Sprint(st.ModTime().UnixNano(), st.Size())
	}
	if stamp == f.seen {
		return
	}
	first := f.seen == ""
	f.seen = stamp
	if err == nil {
		err = f.take()
	}
	a.secrets.mu.Lock()
	defer a.secrets.mu.Unlock()
	if err != nil {
		if a.secrets.bad == nil {
			a.secrets.bad = map[string]error{}
		}
		a.secrets.bad[f.key] = err
		a.log.Error("a file with secrets is not taken; the old ones stay in force", "code", config.CodeRead, "key", f.key, "err", err)
		return
	}
	delete(a.secrets.bad, f.key)
	if !first {
		a.log.Info("secrets were exchanged", "key", f.key)
	}
}

// tokensNow are those of http.tokens_file.
func (a *Agent) tokensNow() []access.Token {
	if t := a.secrets.http.Load(); t != nil {
		return *t
	}
	return nil
}

// wrongSecrets are the files that are not taken.
func (a *Agent) wrongSecrets() (out []health.Seen) {
	a.secrets.mu.Lock()
	defer a.secrets.mu.Unlock()
	for key, err := range a.secrets.bad {
		out = append(out, health.Seen{
			Node: health.Node{Kind: config.CodeRead, About: key}, Level: health.LevelWarning,
			Text: "the file is not taken, the secrets before it stay in force: " + err.Error(),
		})
	}
	return out
}
