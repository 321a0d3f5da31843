// Package jsonw appends JSON to a byte slice. It serves the few places where a
// value is written for every token and encoding/json would be most of the cost.
package jsonw

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Writer appends JSON to B. Member names are plain ASCII literals.
type Writer struct {
	B     []byte
	comma bool // a comma is due before the next member or element
}

// Reset makes the Writer empty and keeps its memory.
func (w *Writer) Reset() { w.B, w.comma = w.B[:0], false }

// Open begins an object or array.
func (w *Writer) Open(brace byte) {
	w.B, w.comma = append(w.B, brace), false
}

// Close ends an object or array.
func (w *Writer) Close(brace byte) {
	w.B, w.comma = append(w.B, brace), true
}

// Next begins an element of an array.
func (w *Writer) Next() {
	if w.comma {
		w.B = append(w.B, ',')
	}
	w.comma = true
}

// Name begins a member of an object; its value must follow.
func (w *Writer) Name(name string) {
	w.Next()
	w.B = append(w.B, '"')
	w.B = append(w.B, name...)
	w.B = append(w.B, '"', ':')
}

// String writes a string member.
func (w *Writer) String(name, value string) {
	w.Name(name)
	w.B = AppendString(w.B, value)
}

// Text writes a string member unless the value is empty.
func (w *Writer) Text(name, value string) {
	if value != "" {
		w.String(name, value)
	}
}

// Words writes a member with the values joined by spaces, as scopes are, unless
// the list is nil.
func (w *Writer) Words(name string, values []string) {
	if values == nil {
		return
	}
	w.Name(name)
	w.B = append(w.B, '"')
	for i, v := range values {
		if i > 0 {
			w.B = append(w.B, ' ')
		}
		start := len(w.B)
		w.B = AppendString(w.B, v) // and take its quotation marks away
		w.B = append(w.B[:start], w.B[start+1:len(w.B)-1]...)
	}
	w.B = append(w.B, '"')
}

// Int writes a number member.
func (w *Writer) Int(name string, n int64) {
	w.Name(name)
	w.B = strconv.AppendInt(w.B, n, 10)
}

// Time writes a member with the time in Unix seconds unless it is zero.
func (w *Writer) Time(name string, t time.Time) {
	if !t.IsZero() {
		w.Int(name, t.Unix())
	}
}

// True writes a member that is true, if set.
func (w *Writer) True(name string, set bool) {
	if set {
		w.Name(name)
		w.B = append(w.B, "true"...)
	}
}

// Bytes writes a base64url member unless the value is empty.
func (w *Writer) Bytes(name string, value []byte) {
	if len(value) > 0 {
		w.Name(name)
		w.B = append(w.B, '"')
		w.B = base64.RawURLEncoding.AppendEncode(w.B, value)
		w.B = append(w.B, '"')
	}
}

// Raw writes a member that is JSON already, unless it is empty.
func (w *Writer) Raw(name string, value []byte) {
	if len(value) > 0 {
		w.Name(name)
		w.B = append(w.B, value...)
	}
}

// Value writes a member with encoding/json. Its name may be any string.
func (w *Writer) Value(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Next()
	w.B = append(AppendString(w.B, name), ':')
	w.B = append(w.B, raw...)
	return nil
}

// plain tells the bytes that stand in a JSON string as they are. The others are
// left to encoding/json, which also escapes what HTML would misread.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = !strings.ContainsRune(`"\\<>&`, c)
	}
	table[0x7f] = true
	return table
}()

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if !plain[s[i]] {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
