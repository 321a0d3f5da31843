package grant

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

var errSyntax = errors.New("malformed JSON")

// maxDepth bounds how deeply a skipped value may nest.
const maxDepth = 64

// scanner reads one JSON value from s without building a tree. After an error
// every read returns zero values, so callers check err once, at the end.
type scanner struct {
	s   string
	i   int
	err error
}

func (p *scanner) fail() {
	if p.err == nil {
		p.err = errSyntax
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *scanner) peek() byte {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return c
		}
	}
	return 0
}

// take consumes c if it is next.
func (p *scanner) take(c byte) bool {
	if p.err == nil && p.peek() == c {
		p.i++
		return true
	}
	return false
}

func (p *scanner) must(c byte) {
	if !p.take(c) {
		p.fail()
	}
}

// members calls f with the name of each member of an object; f reads the value.
func (p *scanner) members(f func(name string)) {
	p.must('{')
	if p.take('}') {
		return
	}
	for p.err == nil {
		name := p.text()
		p.must(':')
		if p.err != nil {
			return
		}
		f(name)
		if p.take('}') {
			return
		}
		p.must(',')
	}
}

// elements calls f for each element of an array; f reads it.
func (p *scanner) elements(f func()) {
	p.must('[')
	if p.take(']') {
		return
	}
	for p.err == nil {
		f()
		if p.take(']') {
			return
		}
		p.must(',')
	}
}

// text reads a string.
func (p *scanner) text() string {
	p.must('"')
	if p.err != nil {
		return ""
	}
	start := p.i
	end := strings.IndexByte(p.s[start:], '"')
	if end < 0 {
		p.fail()
		return ""
	}
	s := p.s[start : start+end]
	for i := range len(s) {
		if c := s[i]; c == '\\' || c < ' ' || c >= 0x80 {
			return p.quoted(start)
		}
	}
	p.i = start + end + 1
	return s
}

// quoted reads a string that is not plain ASCII, with encoding/json.
func (p *scanner) quoted(start int) string {
	for ; p.i < len(p.s); p.i++ {
		if p.s[p.i] == '\\' {
			p.i++
			continue
		}
		if p.s[p.i] == '"' {
			p.i++
			var out string
			if json.Unmarshal([]byte(p.s[start-1:p.i]), &out) != nil {
				p.fail()
			}
			return out
		}
	}
	p.fail()
	return ""
}

// number reads an integer of at most 18 digits.
func (p *scanner) number() int64 {
	p.peek()
	negative := p.i < len(p.s) && p.s[p.i] == '-'
	if negative {
		p.i++
	}
	first := p.i
	var n int64
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' && p.i-first < 18 {
		n = n*10 + int64(p.s[p.i]-'0')
		p.i++
	}
	if p.i == first || p.s[first] == '0' && p.i > first+1 {
		p.fail()
	}
	if negative {
		return -n
	}
	return n
}

func (p *scanner) flag() bool {
	p.peek()
	switch rest := p.s[p.i:]; {
	case strings.HasPrefix(rest, "true"):
		p.i += len("true")
		return true
	case strings.HasPrefix(rest, "false"):
		p.i += len("false")
	default:
		p.fail()
	}
	return false
}

// at reads a time in Unix seconds.
func (p *scanner) at() time.Time {
	n := p.number()
	if p.err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// list reads a string of words; an empty string is an empty list, not nil.
func (p *scanner) list() []string {
	s := p.text()
	if s == "" {
		return []string{}
	}
	return strings.Split(s, " ")
}

func (p *scanner) bytes() []byte {
	b, err := base64.RawURLEncoding.DecodeString(p.text())
	if err != nil {
		p.fail()
	}
	return b
}

// raw reads any value and returns its text.
func (p *scanner) raw() json.RawMessage {
	p.peek()
	start := p.i
	p.skip(0)
	if p.err != nil {
		return nil
	}
	value := json.RawMessage(p.s[start:p.i])
	if !json.Valid(value) {
		p.fail()
	}
	return value
}

// skip passes over any value.
func (p *scanner) skip(depth int) {
	if depth > maxDepth {
		p.fail()
		return
	}
	switch c := p.peek(); c {
	case '{':
		p.members(func(string) { p.skip(depth + 1) })
	case '[':
		p.elements(func() { p.skip(depth + 1) })
	case '"':
		p.text()
	default:
		start := p.i
		for p.i < len(p.s) && !strings.ContainsRune(",]} \t\r\n", rune(p.s[p.i])) {
			p.i++
		}
		if !json.Valid([]byte(p.s[start:p.i])) {
			p.fail()
		}
	}
}

// end checks that nothing follows.
func (p *scanner) end() error {
	if p.err == nil && (p.peek() != 0 || p.i < len(p.s)) {
		p.fail()
	}
	return p.err
}
