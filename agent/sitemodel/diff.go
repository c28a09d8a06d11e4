package sitemodel

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"tote/agent/intake"
	"tote/warehouse"
)

// What a change does.
const (
	Add    = "add"
	Modify = "change"
	Remove = "remove"
)

// Rules is the kind of a change of the rules.
const Rules = "rules"

// Change is one difference between two models.
type Change struct {
	Action string  `json:"action"` // Add, Modify or Remove
	Kind   string  `json:"kind"`   // Rules, "item", "bin", "worker"
	ID     string  `json:"id,omitempty"`
	Fields []Field `json:"fields,omitempty"` // of what is added or changed
}

// Field is one field of it; "" = it has no value.
type Field struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Kept is what the files do not name and the site keeps.
type Kept struct {
	Kind  string   `json:"kind"`
	Count int      `json:"count"`
	First []string `json:"first"` // some of them
}

// delta is the difference between what is and what shall be.
type delta struct {
	changes []Change
	kept    []Kept
	target  warehouse.Model
	site    *warehouse.Site // new rules; nil = they stay
	items   []edit[warehouse.Item]
	bins    []edit[warehouse.Bin]
	workers []edit[warehouse.Worker]
}

// edit is a thing that is added (old nil), changed, or removed (now nil).
type edit[T any] struct{ old, now *T }

// diff compares what is with files. What they do not name is removed with prune and
// kept otherwise; a kind without a file is left alone.
func diff(cur *warehouse.Model, src *Source, prune bool) *delta {
	d := &delta{target: warehouse.Model{Site: cur.Site}}
	if src.Has[warehouse.ModelSite] {
		d.target.Site = src.Model.Site
		if fields := fieldsOf(flat(cur.Site), flat(src.Model.Site)); len(fields) > 0 {
			action := Modify
			if cur.Site == nil {
				action = Add
			}
			d.site = src.Model.Site
			d.changes = append(d.changes, Change{action, Rules, src.Model.Site.ID, fields})
		}
	}
	d.target.Items, d.items = merge(d, "items", src.Has["items"], prune, cur.Items, src.Model.Items,
		func(it warehouse.Item) string { return it.SKU }, func(it warehouse.Item) map[string]string { return intake.ItemCells(it) },
		func(old, now *warehouse.Item) {
			if now.Revision == 0 { // a person is heard, and forgets nothing of the catalogue
				now.Revision = old.Revision
			}
		})
	d.target.Bins, d.bins = merge(d, "bins", src.Has["bins"], prune, cur.Bins, src.Model.Bins,
		func(b warehouse.Bin) string { return b.Code }, intake.BinCells, nil)
	d.target.Workers, d.workers = merge(d, "workers", src.Has["workers"], prune, cur.Workers, src.Model.Workers,
		func(w warehouse.Worker) string { return w.ID }, intake.WorkerCells, nil)
	return d
}

// firstKept is how many things that are kept are named.
const firstKept = 10

// merge goes through two lists in the order of their ids.
func merge[T any](d *delta, file string, has, prune bool, cur, now []T, id func(T) string, cells func(T) map[string]string, keep func(old, now *T)) (target []T, edits []edit[T]) {
	if !has {
		return cur, nil
	}
	kind, kept := kindOf(file), Kept{}
	kept.Kind = kind
	i, j := 0, 0
	for i < len(cur) || j < len(now) {
		switch {
		case j == len(now) || i < len(cur) && id(cur[i]) < id(now[j]):
			old := &cur[i]
			i++
			if prune {
				d.changes = append(d.changes, Change{Action: Remove, Kind: kind, ID: id(*old)})
				edits = append(edits, edit[T]{old: old})
				continue
			}
			target = append(target, *old)
			if kept.Count++; kept.Count <= firstKept {
				kept.First = append(kept.First, id(*old))
			}
		case i == len(cur) || id(cur[i]) > id(now[j]):
			one := &now[j]
			j++
			d.changes = append(d.changes, Change{Add, kind, id(*one), fieldsOf(nil, cells(*one))})
			edits, target = append(edits, edit[T]{now: one}), append(target, *one)
		default:
			old, one := &cur[i], &now[j]
			i, j = i+1, j+1
			if keep != nil {
				keep(old, one)
			}
			target = append(target, *one)
			if fields := fieldsOf(cells(*old), cells(*one)); len(fields) > 0 {
				d.changes = append(d.changes, Change{Modify, kind, id(*one), fields})
				edits = append(edits, edit[T]{old, one})
			}
		}
	}
	if kept.Count > 0 {
		d.kept = append(d.kept, kept)
	}
	return target, edits
}

// kindOf is what a file holds, one of it.
func kindOf(file string) string {
	for kind, f := range fileOf {
		if f == file {
			return kind
		}
	}
	return file
}

// fieldsOf are the fields in which two things differ, by name.
func fieldsOf(old, now map[string]string) (out []Field) {
	all := maps.Clone(now)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, old)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if old[name] != now[name] {
			out = append(out, Field{name, old[name], now[name]})
		}
	}
	return out
}

// flat are the rules by path. Rows of a list are named by what names them, so that
// one that moves changes one line and not all behind it; their order is a field.
func flat(site *warehouse.Site) map[string]string {
	out := map[string]string{}
	if site != nil {
		flatten(out, "", reflect.ValueOf(site).Elem())
	}
	return out
}

func flatten(out map[string]string, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out[path] = "set"
			flatten(out, path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name, _ := nameOf(v.Type().Field(i)); name != "" {
				flatten(out, join(path, name), v.Field(i))
			}
		}
	case reflect.Slice:
		flattenList(out, path, v)
	default:
		if !v.IsZero() {
			out[path] = scalar(v)
		}
	}
}

func flattenList(out map[string]string, path string, v reflect.Value) {
	order, seen := "", map[string]int{}
	for i := range v.Len() {
		one := v.Index(i)
		if one.Kind() != reflect.Struct {
			order += ", " + scalar(one)
			continue
		}
		name := rowName(one)
		if seen[name]++; name == "" || seen[name] > 1 {
			name += "#" + strconv.Itoa(seen[name])
		}
		order += ", " + name
		flatten(out, fmt.Sprintf("%s[%s]", path, name), one)
	}
	if order != "" {
		out[path] = "[" + order[2:] + "]"
	}
}

// rowName is what names a row of a list: its first field that is a text, or the first
// two where one alone does not.
func rowName(v reflect.Value) string {
	name := ""
	for i := range min(v.NumField(), 2) {
		if f := v.Field(i); f.Kind() == reflect.String && (i == 0 || v.Type().Field(i).Name == "Code") {
			if name != "" {
				name += " "
			}
			name += f.String()
		}
	}
	return name
}
