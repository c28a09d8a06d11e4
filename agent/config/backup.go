package config

import (
	"net"
	"net/url"
	"time"

	"tote/agent/backup"
)

// Backup is where and when copies of the whole state are made.
type Backup struct {
	Folder     string `yaml:"folder,omitempty" form:"absolute" doc:"Folder for them, an absolute path, on another disk than data_dir. It must be there and belong to the user tote; it is never made, since below a stick that is not plugged in it would fill the disk of the machine. Either this or url." example:"/mnt/usb/tote"`
	URL        string `yaml:"url,omitempty" doc:"Folder of an HTTP server that takes PUT, https, or http on loopback. Either this or folder." example:"https://nas.site.lan/tote/"`
	SecretFile string `yaml:"secret_file,omitempty" form:"absolute" file:"secret" doc:"File with what to show to that server, one line: user:password, or a token (bearer)." example:"/etc/tote/backup.secret"`
	EveryH     int    `yaml:"every_h,omitempty" min:"1" max:"168" doc:"Hours between two, 1 to 168. When the last good one is older than twice this, tote doctor and GET /v1/status say so (HLT-143)." default:"24"`
	At         string `yaml:"at,omitempty" doc:"Time of day, by the time zone of the machine. Only with every_h: 24. Left out: so long after the last one." example:"02:30"`
	KeepDaily  int    `yaml:"keep_daily,omitempty" min:"1" max:"366" doc:"Of how many days the last one stays, 1 to 366." default:"7"`
	KeepWeekly int    `yaml:"keep_weekly,omitempty" min:"1" max:"520" doc:"Of how many weeks the last one stays, 1 to 520." default:"4"`
}

// Schedule is when, by the time zone of this machine.
func (b Backup) Schedule() backup.Schedule {
	s := backup.Schedule{Every: time.Duration(b.EveryH) * time.Hour, At: -1, Zone: time.Local}
	if b.At != "" {
		if at, err := backup.ParseAt(b.At); err == nil { // it was checked
			s.At = at
		}
	}
	return s
}

func (k *checker) backup(c *Config) {
	const path = "backup"
	b := *c.Backup
	if c.Satellite() {
		k.add(CodeValue, path, "a satellite has no state to copy; give it to the gateways with a store")
	}
	switch {
	case b.Folder == "" && b.URL == "":
		k.add(CodeMissing, path+".folder", "either folder or url must be given")
	case b.Folder != "" && b.URL != "":
		k.add(CodeValue, path+".url", "either folder or url, not both")
	case b.Folder != "":
		k.absolute(path+".folder", b.Folder)
		if b.SecretFile != "" {
			k.add(CodeValue, path+".secret_file", "only with url")
		}
	default:
		k.server(path+".url", b.URL, "secret_file")
		if b.SecretFile != "" {
			k.absolute(path+".secret_file", b.SecretFile)
		}
	}
	if b.At == "" {
		return
	}
	if _, err := backup.ParseAt(b.At); err != nil {
		k.add(CodeValue, path+".at", "%s: %v, in quotes", quote(b.At), err)
	} else if b.EveryH != 24 {
		k.add(CodeValue, path+".at", "only with every_h: 24")
	}
}

// server checks the address of an HTTP server. secret is the key for what is shown
// to it.
func (k *checker) server(path, address, secret string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		k.add(CodeValue, path, "%s: want http://host or https://host", quote(address))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		k.add(CodeValue, path, "no user, query or fragment in the address; the token belongs into %s", secret)
		k.do("Write the address alone, and what the server knows this site by into a file named in %s. Change a password that stood here.", secret)
	case u.Scheme == "http" && !loopback(net.JoinHostPort(u.Hostname(), "0")):
		k.add(CodeValue, path, "http is allowed to loopback only, use https")
		k.do("Write https:// in front; the token would go through the network for all to read.")
	}
}
