package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tote/agent/access"
	"tote/agent/config"
	"tote/agent/enrol"
	"tote/agent/enrol/qr"
	"tote/agent/identity"
)

type enrolCmd struct {
	Handheld enrolHandheldCmd `cmd:"" help:"Print a code that lets the page of a handheld in, once: scan it with its camera."`
	Robot    enrolRobotCmd    `cmd:"" help:"Let a robot in and write what it needs: key and certificate, or a password."`
	Device   enrolDeviceCmd   `cmd:"" help:"The same for a conveyor, light, reader, station, dock, display, or a handheld that speaks MQTT."`
	List     enrolListCmd     `cmd:"" help:"List the devices of the site, and when they were here last."`
	CA       enrolCACmd       `cmd:"" name:"ca" help:"Print the certificate of the site's authority of this gateway, and its fingerprint."`
}

type revokeCmd struct {
	gatewayURL `embed:""`
	Name       string `arg:"" help:"role:name of a device (robot:R1), or the id of a gateway or satellite."`
}

func (c revokeCmd) Run(ctx context.Context) error {
	if _, err := c.send(ctx, http.MethodPost, "/v1/revoke/"+url.PathEscape(c.Name), "application/json", nil); err != nil {
		return err
	}
	fmt.Println(c.Name, "is out; its connections are ended on every gateway")
	if !strings.Contains(c.Name, ":") {
		fmt.Println("a gateway with a store holds the key of the site's authority: if it was stolen, go on with \"A gateway was stolen\" in docs/cluster.md")
	}
	return nil
}

// offer asks for a code.
func (g gatewayURL) offer(ctx context.Context, role, name string, ttl, life time.Duration) (o enrol.Offer, err error) {
	body, err := json.Marshal(map[string]int64{"ttlSeconds": int64(ttl.Seconds()), "lifeDays": max(1, int64(life.Hours()/24))})
	if err != nil {
		return o, err
	}
	err = g.ask(ctx, http.MethodPost, "/v1/enrol/"+url.PathEscape(role)+"/"+url.PathEscape(name), "application/json", bytes.NewReader(body), &o)
	return o, err
}

type enrolHandheldCmd struct {
	gatewayURL `embed:""`
	Name       string        `arg:"" help:"Name of the handheld: 1 to 16 of a-z 0-9."`
	Expires    time.Duration `help:"How long the code is good." default:"15m"`
	Life       time.Duration `help:"How long the handheld is let in without being used." default:"8760h"`
	SVG        string        `name:"svg" help:"Write the code as a picture into this file, too." placeholder:"FILE"`
}

func (c enrolHandheldCmd) Run(ctx context.Context) error {
	o, err := c.offer(ctx, "handheld", c.Name, c.Expires, c.Life)
	if err != nil {
		return err
	}
	if o.Link == "" {
		return errors.New("this gateway serves no pages to the network, so a handheld has nowhere to go: give http.https in its configuration (docs/security.md)")
	}
	code, err := qr.Encode(o.Link)
	if err != nil {
		return err
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, []byte(code.SVG()), 0o600); err != nil {
			return err
		}
	}
	fmt.Printf("%s\nhandheld %s: scan this with its camera until %s. It serves once.\n%s\nfingerprint of the site's authority, should the browser warn:\n%s\n", code.Terminal(), c.Name, o.Expires, o.Link, o.Fingerprint)
	return nil
}

// bundle is what machines are enrolled with.
type bundle struct {
	gatewayURL `embed:""`
	Life       time.Duration `help:"How long it is let in; a certificate is renewed before that." default:"8760h"`
	Password   bool          `help:"A user name and a password instead of a certificate, for controllers that know none."`
	Out        string        `help:"Folder for key and certificates; it is made." default:"." type:"path"`
}

type enrolRobotCmd struct {
	bundle `embed:""`
	Name   string `arg:"" help:"Serial number of the robot."`
}

func (c enrolRobotCmd) Run(ctx context.Context) error { return c.enrol(ctx, "robot", c.Name) }

type enrolDeviceCmd struct {
	bundle `embed:""`
	Role   string `arg:"" help:"conveyor, light, reader, station, dock, display or handheld."`
	Name   string `arg:"" help:"Its id; of a reader its MQTT client id."`
}

func (c enrolDeviceCmd) Run(ctx context.Context) error { return c.enrol(ctx, c.Role, c.Name) }

// enrol makes a code and uses it at once. The key is made here and goes nowhere else.
func (b bundle) enrol(ctx context.Context, role, name string) error {
	o, err := b.offer(ctx, role, name, time.Minute, b.Life)
	if err != nil {
		return err
	}
	claim := map[string]any{"code": o.Code}
	var key *ecdsa.PrivateKey
	if !b.Password {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: role + ":" + name}}, key)
		if err != nil {
			return err
		}
		claim["csr"] = csr
	}
	body, err := json.Marshal(claim)
	if err != nil {
		return err
	}
	var let enrol.Let
	if err := b.ask(ctx, http.MethodPost, "/enrol", "application/json", bytes.NewReader(body), &let); err != nil {
		return err
	}
	fmt.Printf("client id and user name:  %s\ngood until:               %s\n", let.ID, let.Until)
	if r, ok := access.RoleOf(role); ok {
		fill := strings.NewReplacer("{id}", name)
		fmt.Printf("says:                     %s\nhears:                    %s\n", fill.Replace(strings.Join(r.Says, " ")), fill.Replace(strings.Join(r.Hears, " ")))
	}
	if b.Password {
		fmt.Printf("password (shown once):    %s\n", let.Secret)
		return nil
	}
	return b.write(name, key, let)
}

// write puts key and certificates into files.
func (b bundle) write(name string, key *ecdsa.PrivateKey, let enrol.Let) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o700); err != nil {
		return err
	}
	files := map[string]string{
		name + ".key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), name + ".crt": let.Certificate, "tote-ca.crt": let.CA,
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(b.Out, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	fmt.Printf("in %s:  %[2]s.key  %[2]s.crt  tote-ca.crt\nas PKCS #12:  openssl pkcs12 -export -inkey %[2]s.key -in %[2]s.crt -out %[2]s.p12\n", b.Out, name)
	return nil
}

type enrolListCmd struct {
	gatewayURL `embed:""`
}

func (c enrolListCmd) Run(ctx context.Context) error {
	var list struct {
		Devices []enrol.Row
		Codes   []enrol.Waiting
	}
	if err := c.ask(ctx, http.MethodGet, "/v1/enrol", "", nil, &list); err != nil {
		return err
	}
	for _, d := range list.Devices {
		seen := d.Seen
		if seen == "" {
			seen = "not seen here"
		}
		fmt.Printf("%-24s %-11s until %s  %s  %s %s\n", d.Role+":"+d.Name, d.By, d.Until[:10], seen, d.Code, d.Text)
	}
	for _, o := range list.Codes {
		fmt.Printf("%-24s %-11s until %s\n", o.Role+":"+o.Name, "code", o.Expires)
	}
	return nil
}

type enrolCACmd struct {
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
}

func (c enrolCACmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	der, err := identity.Root(filepath.Join(cfg.DataDir, "identity"))
	if err != nil {
		return err
	}
	fmt.Printf("%sfingerprint (SHA-256): %s\n", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), identity.Fingerprint(sha256.Sum256(der)))
	return nil
}
