package config

import (
	"path/filepath"
	"strconv"
)

// maxUpstreams and maxUpstreamName are the bounds of the site's rules.
const (
	maxUpstreams    = 16
	maxUpstreamName = 16
)

// omss checks all connections to OMSs. Two of them with one address would be one
// OMS that gets two streams under one name.
func (k *checker) omss(c *Config) {
	names, at := map[string]string{}, map[string]string{}
	check := func(path string, o OMS) {
		k.oms(path, o)
		if other, dup := names[o.Name]; dup {
			k.add(CodeTwice, path+".name", "%s is the name of %s too", quote(o.Name), other)
		}
		names[o.Name] = path
		key, where := "url", o.URL
		if o.Adapter == AdapterFiles {
			key, where = "dir", filepath.Clean(o.Dir)
		}
		if other, dup := at[where]; dup && where != "" {
			k.add(CodeTwice, path+"."+key, "%s is the %s of %s too", quote(where), key, other)
		}
		at[where] = path
	}
	if c.OMS != nil {
		check("oms", *c.OMS)
	}
	if len(c.Upstreams) > maxUpstreams {
		k.add(CodeValue, "upstreams", "%d upstreams, at most %d", len(c.Upstreams), maxUpstreams)
	}
	for i, u := range c.Upstreams {
		path := "upstreams[" + strconv.Itoa(i) + "]"
		check(path, u.OMS())
		if u.Name != "" && !upstreamName(u.Name) {
			k.add(CodeID, path+".name", "%s: want 1 to 16 of a-z 0-9 -, as in the rules of the site", quote(u.Name))
		}
	}
}

func upstreamName(s string) bool {
	ok := s != "" && len(s) <= maxUpstreamName
	for i := range len(s) {
		ok = ok && ('a' <= s[i] && s[i] <= 'z' || '0' <= s[i] && s[i] <= '9' || s[i] == '-')
	}
	return ok
}

func (k *checker) oms(path string, o OMS) {
	k.id(path+".name", o.Name)
	if o.TokenFile != "" {
		k.absolute(path+".token_file", o.TokenFile)
	}
	if o.Adapter == AdapterFiles {
		k.absolute(path+".dir", o.Dir)
		if o.URL != "" || o.TokenFile != "" {
			k.add(CodeValue, path+".adapter", "the adapter files has no url and no token_file")
		}
		return
	}
	path += ".url"
	if o.URL == "" {
		k.missing(path)
		return
	}
	k.server(path, o.URL, "token_file")
}
