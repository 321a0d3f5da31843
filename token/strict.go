package token

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds on JSON from outside. Real tokens and key sets stay far below.
const (
	maxDepth  = 32
	maxValues = 10_000
)

var (
	errSyntax    = errors.New("the JSON is malformed")
	errDuplicate = errors.New("the JSON names a member twice")
	errTooMuch   = errors.New("the JSON is nested too deeply or holds too many values")
)

// parseJSON reads one JSON value and nothing else, without the leniency of
// encoding/json: a member occurs once, strings are Unicode without NUL (RFC 8725
// §2.6, RFC 7493 §2.1), and depth and number of values are bounded. Objects
// become map[string]any, arrays []any, numbers json.Number. The depth is how many
// objects and arrays the value already lies in.
func parseJSON(text string, depth int) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errSyntax
	}
	p := jsonParser{text: text}
	v, err := p.value(depth)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos != len(text) {
		return nil, errSyntax
	}
	return v, nil
}

// parseObject reads a JSON object as parseJSON does.
func parseObject(text string) (map[string]any, error) {
	v, err := parseJSON(text, 0)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errSyntax
	}
	return object, nil
}

type jsonParser struct {
	text   string
	pos    int
	values int
}

func (p *jsonParser) value(depth int) (any, error) {
	if p.values++; p.values > maxValues || depth > maxDepth {
		return nil, errTooMuch
	}
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.string()
	case c == '-' || isDigit(c):
		return p.number()
	case p.take("true"):
		return true, nil
	case p.take("false"):
		return false, nil
	case p.take("null"):
		return nil, nil
	default:
		return nil, errSyntax
	}
}

func (p *jsonParser) object(depth int) (any, error) {
	p.pos++ // the brace
	object := map[string]any{}
	if p.space(); p.take("}") {
		return object, nil
	}
	for {
		p.space()
		if p.peek() != '"' {
			return nil, errSyntax
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, errDuplicate
		}
		if p.space(); !p.take(":") {
			return nil, errSyntax
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		switch p.space(); {
		case p.take("}"):
			return object, nil
		case !p.take(","):
			return nil, errSyntax
		}
	}
}

func (p *jsonParser) array(depth int) (any, error) {
	p.pos++ // the bracket
	array := []any{}
	if p.space(); p.take("]") {
		return array, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
		switch p.space(); {
		case p.take("]"):
			return array, nil
		case !p.take(","):
			return nil, errSyntax
		}
	}
}

// string reads a string. One without escapes, which is nearly every string, is
// not copied.
func (p *jsonParser) string() (string, error) {
	p.pos++ // the quotation mark
	var unescaped strings.Builder
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			tail := p.text[start:p.pos]
			p.pos++
			if unescaped.Len() == 0 {
				return tail, nil
			}
			unescaped.WriteString(tail)
			return unescaped.String(), nil
		case c == '\\':
			unescaped.WriteString(p.text[start:p.pos])
			r, ok := p.escape()
			if !ok {
				return "", errSyntax
			}
			unescaped.WriteRune(r)
			start = p.pos
		case c < ' ':
			return "", errSyntax
		default:
			p.pos++
		}
	}
	return "", errSyntax
}

// escape reads what begins with a backslash. Half a surrogate pair is no
// character, and NUL is one that much software cannot keep.
func (p *jsonParser) escape() (rune, bool) {
	const escapes, meaning = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	p.pos++ // the backslash
	c := p.peek()
	p.pos++
	if c != 'u' {
		i := strings.IndexByte(escapes, c)
		if i < 0 {
			return 0, false
		}
		return rune(meaning[i]), true
	}
	r, ok := p.hex4()
	if !utf16.IsSurrogate(r) {
		return r, ok && r != 0
	}
	if !p.take(`\u`) {
		return 0, false
	}
	low, ok := p.hex4()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (p *jsonParser) hex4() (rune, bool) {
	var r rune
	for range 4 {
		c := p.peek()
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
		p.pos++
	}
	return r, true
}

// number reads a number as RFC 8259 §6 writes it and keeps its digits.
func (p *jsonParser) number() (json.Number, error) {
	start := p.pos
	p.take("-")
	ok := p.take("0") || p.digits()
	if p.take(".") {
		ok = p.digits() && ok
	}
	if p.take("e") || p.take("E") {
		_ = p.take("+") || p.take("-")
		ok = p.digits() && ok
	}
	if !ok {
		return "", errSyntax
	}
	return json.Number(p.text[start:p.pos]), nil
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.pos > start
}

func (p *jsonParser) space() {
	for {
		switch p.peek() {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end, which no JSON text contains.
func (p *jsonParser) peek() byte {
	if p.pos >= len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *jsonParser) take(s string) bool {
	if !strings.HasPrefix(p.text[min(p.pos, len(p.text)):], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// unsigned reads a number that is neither negative nor beyond limit and rounds it
// down.
func unsigned(v any, limit int64) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok || len(n) > maxNumber || n[0] == '-' {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f > float64(limit) {
		return 0, false
	}
	return int64(f), true
}

// maxNumber bounds the digits of a time: enough for any fraction of a second.
const maxNumber = 32
