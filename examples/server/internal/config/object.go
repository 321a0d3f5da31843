package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one thing that is wrong with the file.
type Problem struct {
	Where  string // the object it is in, as `clients[1] "web"`; empty: the file itself
	Member string
	Text   string // what is wrong and what to do, a predicate
	Err    error  // in place of Text: why what the member names is of no use
}

// Error is the place, the member and what is wrong with it.
func (p *Problem) Error() string {
	place := p.Member
	if p.Where != "" {
		place = p.Where + ": " + p.Member
	}
	if p.Err != nil {
		return place + ": " + p.Err.Error()
	}
	return place + " " + p.Text
}

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }

// problems collects what is wrong with the whole file.
type problems []error

// An object reads the members of one JSON object, and remembers which were read.
// A member that is null is as good as absent.
type object struct {
	where   string
	members members
	known   map[string]bool
	// mistyped are the members whose value was not even of the right type. It is
	// read as absent, so what follows from that is not worth saying.
	mistyped map[string]bool
	found    *problems
}

func newObject(where string, m members, found *problems) *object {
	return &object{where: where, members: m, known: map[string]bool{}, mistyped: map[string]bool{}, found: found}
}

func (o *object) say(member, format string, args ...any) {
	*o.found = append(*o.found, &Problem{Where: o.where, Member: member, Text: fmt.Sprintf(format, args...)})
}

// fail reports what the member led to.
func (o *object) fail(member string, err error) {
	*o.found = append(*o.found, &Problem{Where: o.where, Member: member, Err: err})
}

// mistake reports a value of the wrong type. Entry is the member, or the entry of
// its list that is wrong.
func (o *object) mistake(member, entry, text string) {
	o.mistyped[member] = true
	o.say(entry, "%s", text)
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
		o.mistake(member, member, "is not a string; put it in quotation marks")
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
	if !ok {
		o.mistake(member, member, `is not a list of strings; write ["…", "…"]`)
		return nil
	}
	out := make([]string, 0, len(list))
	for i, v := range list {
		s, isText := v.(string)
		if !isText {
			o.mistake(member, entry(member, i), "is not a string; put it in quotation marks")
		}
		out = append(out, s)
	}
	if o.mistyped[member] {
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
		o.mistake(member, member, "is neither true nor false")
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
		o.mistake(member, member, "is not a whole number of at least 0")
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
		o.mistake(member, member, "is not an object; write {…}")
		return nil
	}
	return newObject(member, m, o.found)
}

// objects returns a member that is a list of objects. Each is called by its index
// and by the member that names it. Entries that are no objects are left out.
func (o *object) objects(member, name string) []*object {
	v := o.value(member)
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		o.mistake(member, member, "is not a list of objects; write [{…}, {…}]")
		return nil
	}
	var out []*object
	for i, v := range list {
		where := entry(member, i)
		m, isObject := v.(members)
		if !isObject {
			o.mistake(member, where, "is not an object; write {…}")
			continue
		}
		if s, named := m[name].(string); named {
			where += " " + strconv.Quote(clip(s))
		}
		out = append(out, newObject(where, m, o.found))
	}
	return out
}

// entry names an entry of a list.
func entry(member string, i int) string { return fmt.Sprintf("%s[%d]", member, i) }

// unknown returns the members that nobody asked for, quoted.
func (o *object) unknown() []string {
	var names []string
	for _, member := range slices.Sorted(maps.Keys(o.members)) {
		if !o.known[member] {
			names = append(names, strconv.Quote(clip(member)))
		}
	}
	return names
}

// nothingElse refuses members that nobody asked for.
func (o *object) nothingElse() {
	known := slices.Sorted(maps.Keys(o.known))
	for _, member := range o.unknown() {
		o.say(member, "is not known here; known are %s", strings.Join(known, ", "))
	}
}

// err joins the problems.
func (p problems) err() error { return errors.Join(p...) }
