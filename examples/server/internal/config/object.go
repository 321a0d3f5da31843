package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// A Problem is one thing that is wrong with the file.
type Problem struct {
	Where  string // the object it is in, as `clients[1] "web"`; empty: the file itself
	Member string
	Text   string // what is wrong and what to do, a predicate
}

// Error is the place, the member and what is wrong with it.
func (p *Problem) Error() string {
	if p.Where == "" {
		return p.Member + " " + p.Text
	}
	return p.Where + ": " + p.Member + " " + p.Text
}

// problems collects what is wrong with the whole file.
type problems []error

// An object reads the members of one JSON object, and remembers which were read.
// A member that is null is as good as absent.
type object struct {
	where   string
	members members
	known   map[string]bool
	found   *problems
}

func newObject(where string, m members, found *problems) *object {
	return &object{where: where, members: m, known: map[string]bool{}, found: found}
}

func (o *object) say(member, format string, args ...any) {
	*o.found = append(*o.found, &Problem{Where: o.where, Member: member, Text: fmt.Sprintf(format, args...)})
}

// value returns the member, nil if it is not there.
func (o *object) value(member string) any {
	o.known[member] = true
	return o.members[member]
}

func (o *object) has(member string) bool { return o.value(member) != nil }

// text returns a member that is a string, "" if it is not there.
func (o *object) text(member string) string {
	v := o.value(member)
	s, ok := v.(string)
	if v != nil && !ok {
		o.say(member, "is not a string; put it in quotation marks")
	}
	return s
}

// required returns a string that must be there and not be empty.
func (o *object) required(member, remedy string) string {
	switch v := o.value(member); v {
	case nil:
		o.say(member, "is missing; %s", remedy)
		return ""
	case "":
		o.say(member, "is empty; %s", remedy)
		return ""
	}
	return o.text(member)
}

// texts returns a member that is a list of strings.
func (o *object) texts(member string) []string {
	v := o.value(member)
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, isText := v.(string)
		ok = ok && isText
		out = append(out, s)
	}
	if !ok {
		o.say(member, "is not a list of strings; write [\"…\", \"…\"]")
		return nil
	}
	return out
}

// flag returns a member that is true or false.
func (o *object) flag(member string, fallback bool) bool {
	v := o.value(member)
	if v == nil {
		return fallback
	}
	b, ok := v.(bool)
	if !ok {
		o.say(member, "is neither true nor false")
	}
	return b
}

// count returns a member that is a whole number, not negative.
func (o *object) count(member string, fallback int) int {
	v := o.value(member)
	if v == nil {
		return fallback
	}
	n, _ := v.(json.Number)
	i, err := strconv.ParseUint(n.String(), 10, 31)
	if err != nil {
		o.say(member, "is not a whole number of at least 0")
		return fallback
	}
	return int(i)
}

// object returns a member that is an object, nil if it is not there.
func (o *object) object(member string) *object {
	v := o.value(member)
	if v == nil {
		return nil
	}
	m, ok := v.(members)
	if !ok {
		o.say(member, "is not an object; write {…}")
		return nil
	}
	return newObject(member, m, o.found)
}

// objects returns a member that is a list of objects. Each is called by its index
// and by the member that names it.
func (o *object) objects(member, name string) []*object {
	v := o.value(member)
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	var out []*object
	for i, v := range list {
		m, isObject := v.(members)
		ok = ok && isObject
		where := fmt.Sprintf("%s[%d]", member, i)
		if s, named := m[name].(string); named {
			where += " " + strconv.Quote(clip(s))
		}
		out = append(out, newObject(where, m, o.found))
	}
	if !ok {
		o.say(member, "is not a list of objects; write [{…}, {…}]")
		return nil
	}
	return out
}

// nothingElse refuses members that nobody asked for.
func (o *object) nothingElse() {
	for _, member := range slices.Sorted(maps.Keys(o.members)) {
		if !o.known[member] {
			o.say(strconv.Quote(clip(member)), "is not known here; known are %v", slices.Sorted(maps.Keys(o.known)))
		}
	}
}

// err joins the problems.
func (p problems) err() error { return errors.Join(p...) }
