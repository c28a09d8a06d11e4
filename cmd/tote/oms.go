package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"tote/oms"
)

type omsCmd struct {
	Listen    string   `help:"Address to serve on; a plain listener must be on loopback." default:"127.0.0.1:8480"`
	DB        string   `name:"db" help:"SQLite file that holds everything." default:"oms.db" type:"path"`
	Site      []string `help:"A site this OMS sends orders to; may be repeated. The first is the default." default:"main"`
	TokenFile string   `help:"File with the bearer token that sites present." type:"existingfile"`
	APIToken  string   `name:"api-token-file" help:"File with the bearer token that callers of the order API present." type:"existingfile"`
	Cert      string   `help:"TLS certificate (PEM)." type:"existingfile"`
	Key       string   `help:"TLS key (PEM)." type:"existingfile"`
	JSON      bool     `name:"json" help:"Print one JSON line on standard output when it listens."`
}

func (c omsCmd) Run(ctx context.Context) error {
	siteToken, err := secret(c.TokenFile)
	if err != nil {
		return err
	}
	apiToken, err := secret(c.APIToken)
	if err != nil {
		return err
	}
	cfg := oms.Config{
		Listen: c.Listen, DB: c.DB, APIToken: apiToken, TLSCert: c.Cert, TLSKey: c.Key, Log: logger("info", "text"),
		OnListen: func(addr string) {
			if !c.JSON {
				fmt.Printf("OMS on http://%s, data in %s\n", addr, c.DB)
				return
			}
			if b, err := json.Marshal(map[string]string{"kind": "oms", "addr": addr}); err == nil {
				fmt.Println(string(b))
			}
		},
	}
	for _, s := range c.Site {
		cfg.Sites = append(cfg.Sites, oms.Site{ID: s, Token: siteToken})
	}
	return oms.Run(ctx, cfg)
}

// secret reads a token from a file; "" is no file and no token.
func secret(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	return strings.TrimSpace(string(b)), err
}
