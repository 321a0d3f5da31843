// Package form reads application/x-www-form-urlencoded parameters, the way every
// OAuth request arrives: in the query string or in the body (RFC 6749 Appendix B).
//
// It is strict where net/url is lenient. What does not decode is refused as a
// whole, never read in part; order and repetition are kept, so that "must not be
// sent more than once" (RFC 6749 §3.1, §3.2) can be asked; everything is bounded.
package form

import (
	"fmt"
	"iter"
	"net/url"
	"strings"
)

// MaxPairs is how many parameters one request may carry.
const MaxPairs = 128

// inlinePairs covers every request of an ordinary client.
const inlinePairs = 8

// Values are the parameters of one request, in the order sent. They are
// immutable, cheap to copy, and hold secrets: no formatting verb prints them. The
// zero value has no parameters. Compare Values by Encode, never by address.
type Values struct {
	_ [0]func() // not comparable with ==
	d *data     // a pointer also because fmt, finding Values in a private field, prints an address
}

// data is one string, names and values in turn, and where each of them ends.
type data struct {
	text   string
	pairs  []pair // starts in inline
	repeat bool   // some name occurs twice
	inline [inlinePairs]pair
}

// pair is where a name and its value end in data.text. The name begins where the
// pair before it ended.
type pair struct{ name, value uint32 }

// New returns the given names and values, in turn: New("a", "1", "b", "2"). A
// last name without a value gets the empty one. Nothing is checked: New is for
// parameters the program itself has written or parsed before.
func New(namesAndValues ...string) Values {
	if len(namesAndValues) == 0 {
		return Values{}
	}
	d := &data{text: strings.Join(namesAndValues, "")}
	d.pairs = d.inline[:0]
	var end uint32
	for i := 0; i < len(namesAndValues); i += 2 {
		p := pair{name: end + uint32(len(namesAndValues[i]))}
		p.value = p.name
		if i+1 < len(namesAndValues) {
			p.value += uint32(len(namesAndValues[i+1]))
		}
		d.pairs = append(d.pairs, p)
		end = p.value
	}
	d.repeat = d.repeats()
	return Values{d: d}
}

// Value returns the first non-empty value of name, or "". A parameter sent
// without a value is as if omitted (RFC 6749 §3.1).
func (v Values) Value(name string) string {
	for n, value := range v.all() {
		if n == name && value != "" {
			return value
		}
	}
	return ""
}

// All returns the non-empty values of name in the order sent, for the parameters
// that may repeat, such as resource (RFC 8707 §2).
func (v Values) All(name string) []string {
	var values []string
	for n, value := range v.all() {
		if n == name && value != "" {
			values = append(values, value)
		}
	}
	return values
}

// Repeated reports whether name was sent more than once, empty values included.
func (v Values) Repeated(name string) bool {
	if v.d == nil || !v.d.repeat {
		return false
	}
	count := 0
	for n := range v.all() {
		if n == name {
			count++
		}
	}
	return count > 1
}

// Repetitions yields every name that was sent more than once, empty values
// included, in the order first sent.
func (v Values) Repetitions() iter.Seq[string] {
	return func(yield func(string) bool) {
		if v.d == nil || !v.d.repeat {
			return
		}
		for name := range v.Names() {
			if v.Repeated(name) && !yield(name) {
				return
			}
		}
	}
}

// Names yields every name once, in the order first sent.
func (v Values) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for name := range v.all() {
			if !v.before(i, name) && !yield(name) {
				return
			}
			i++
		}
	}
}

// before reports whether name is among the first i pairs.
func (v Values) before(i int, name string) bool {
	for n := range v.all() {
		if i == 0 {
			return false
		}
		if n == name {
			return true
		}
		i--
	}
	return false
}

// Encode is the form in which to keep Values or send them on: every parameter as
// name=value, order and repetitions kept. Parse of it returns equal Values.
func (v Values) Encode() string {
	var b strings.Builder
	for name, value := range v.all() {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(value))
	}
	return b.String()
}

// Format prints how many parameters there are and nothing of them, whatever the
// verb: there may be a password or a code among them.
func (v Values) Format(s fmt.State, _ rune) {
	n := 0
	if v.d != nil {
		n = len(v.d.pairs)
	}
	fmt.Fprintf(s, "form.Values(%d REDACTED)", n)
}

// all yields name and value of every pair.
func (v Values) all() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if v.d == nil {
			return
		}
		var start uint32
		for _, p := range v.d.pairs {
			if !yield(v.d.text[start:p.name], v.d.text[p.name:p.value]) {
				return
			}
			start = p.value
		}
	}
}
