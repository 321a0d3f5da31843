package form

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"unicode/utf8"
)

// Why a query or a body was refused. Each is the client's mistake.
var (
	// ErrMalformed: a broken percent escape, or a name or value that is not UTF-8
	// or holds a NUL; or the body broke off while it was read.
	ErrMalformed = errors.New("form: malformed")
	// ErrTooMany: more than MaxPairs parameters.
	ErrTooMany = errors.New("form: too many parameters")
	// ErrTooLarge: the body is longer than allowed.
	ErrTooLarge = errors.New("form: body too large")
	// ErrContentType: the body is not declared, in exactly one Content-Type, as
	// application/x-www-form-urlencoded in UTF-8.
	ErrContentType = errors.New("form: not application/x-www-form-urlencoded")
	// ErrEncoding: the body has a Content-Encoding. Unpacking what a stranger
	// packed is how a small request becomes a large one.
	ErrEncoding = errors.New("form: content encoding not supported")
)

// Parse decodes a query string or a body: pairs between ampersands, "+" for a
// space, percent escapes, UTF-8. A semicolon is an ordinary character, so no proxy
// that thinks so too sees other parameters than we do. Empty pairs are skipped; a
// pair without "=" is a name with an empty value. The error is ErrMalformed,
// ErrTooMany or ErrTooLarge (4 GiB), and then there are no Values.
func Parse(s string) (Values, error) {
	buf := take()
	defer give(buf)
	*buf = append(*buf, s...)
	return decode(*buf)
}

// decode parses b and leaves it scrambled: what is decoded never outgrows what it
// was decoded from, so it is written over it.
func decode(b []byte) (Values, error) {
	if uint64(len(b)) > math.MaxUint32 {
		return Values{}, ErrTooLarge
	}
	d := new(data)
	d.pairs = d.inline[:0]
	text, rest := b[:0], b
	for len(rest) > 0 {
		var raw []byte
		raw, rest = cut(rest, '&')
		if len(raw) == 0 {
			continue
		}
		if len(d.pairs) == MaxPairs {
			return Values{}, ErrTooMany
		}
		name, value := cut(raw, '=')
		var p pair
		var ok bool
		if text, ok = unescape(text, name); !ok {
			return Values{}, ErrMalformed
		}
		p.name = uint32(len(text))
		if text, ok = unescape(text, value); !ok {
			return Values{}, ErrMalformed
		}
		p.value = uint32(len(text))
		d.pairs = append(d.pairs, p)
	}
	if len(d.pairs) == 0 {
		return Values{}, nil
	}
	d.text = string(text)
	d.repeat = d.repeats()
	return Values{d: d}, nil
}

// repeats reports whether some name occurs twice. MaxPairs bounds its work.
func (d *data) repeats() bool {
	for i := 1; i < len(d.pairs); i++ {
		for j := range i {
			if d.name(i) == d.name(j) {
				return true
			}
		}
	}
	return false
}

func (d *data) name(i int) string {
	start := uint32(0)
	if i > 0 {
		start = d.pairs[i-1].value
	}
	return d.text[start:d.pairs[i].name]
}

// cut splits b around the first sep; without one, all of b is before it.
func cut(b []byte, sep byte) (before, after []byte) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// unescape appends the decoded form of in to text, and reports whether it is well
// formed.
func unescape(text, in []byte) ([]byte, bool) {
	start := len(text)
	for len(in) > 0 {
		n := 0
		for n < len(in) && in[n] != '+' && in[n] != '%' && in[n] != 0 {
			n++
		}
		text = append(text, in[:n]...)
		if in = in[n:]; len(in) == 0 {
			break
		}
		c, width := byte(' '), 1
		switch in[0] {
		case 0:
			return text, false
		case '%':
			if len(in) < 3 {
				return text, false
			}
			high, low := nibble(in[1]), nibble(in[2])
			if c, width = high<<4|low, 3; high|low > 0xF || c == 0 {
				return text, false
			}
		}
		text, in = append(text, c), in[width:]
	}
	return text, utf8.Valid(text[start:])
}

// nibble is the value of a hexadecimal digit, or 0xFF.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	default:
		return 0xFF
	}
}

const (
	smallBuffer = 1 << 10  // holds an ordinary request
	largeBuffer = 64 << 10 // larger ones are left to the garbage collector
)

// buffers are where bodies are read and decoded.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, smallBuffer); return &b }}

func take() *[]byte { return buffers.Get().(*[]byte) }

// give takes a buffer back, wiped: there may have been a password in it.
func give(buf *[]byte) {
	if cap(*buf) > largeBuffer {
		return
	}
	clear(*buf)
	*buf = (*buf)[:0]
	buffers.Put(buf)
}
