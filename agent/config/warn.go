package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
)

// File is a file that a configuration names.
type File struct {
	Path   string // the key, as mqtt.tokens_file
	Name   string // the file
	Secret bool
}

// Files lists the files the configuration names, in the order of the keys. They
// are those with the tag file.
func (c *Config) Files() (out []File) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(path+"["+strconv.Itoa(i)+"]", v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				sub := join(path, keyOf(f))
				if kind := f.Tag.Get("file"); kind != "" && v.Field(i).String() != "" {
					out = append(out, File{sub, v.Field(i).String(), kind == "secret"})
					continue
				}
				walk(sub, v.Field(i))
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

// Open says that a file with a secret can be read or written by every user.
func (f File) Open() bool {
	st, err := os.Stat(f.Name)
	return f.Secret && err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o007 != 0
}

// numbered are device files that go by the order in which they were found.
var numbered = regexp.MustCompile(`^/dev/(tty(USB|ACM)|hidraw|input/event)[0-9]+$`)

// warnings are what is allowed and unwise. A gateway starts with them: the floor
// does not stop for what can be put right at leisure.
func warnings(c *Config, src *source) Problems {
	k := &checker{src: src}
	for _, f := range c.Files() {
		switch _, err := os.Stat(f.Name); {
		case errors.Is(err, fs.ErrNotExist):
			k.add(CodeNoFile, f.Path, "%s is not there", strconv.Quote(f.Name))
		case f.Open():
			k.add(CodeSecret, f.Path, "%s can be read by every user", strconv.Quote(f.Name))
			k.ps[len(k.ps)-1].Action = "chmod o-rwx " + f.Name + ", and change the secret if others work on this machine."
		}
	}
	k.unstable("", reflect.ValueOf(c).Elem())
	for i := range k.ps {
		k.ps[i].Warning = true
	}
	return k.ps
}

// unstable finds the paths of devices that are others after the next boot.
func (k *checker) unstable(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			k.unstable(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			k.unstable(path+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			k.unstable(join(path, keyOf(v.Type().Field(i))), v.Field(i))
		}
	case reflect.String:
		if numbered.MatchString(v.String()) {
			k.add(CodeUnstable, path, "%s is whatever was found first at boot", quote(v.String()))
		}
	}
}
