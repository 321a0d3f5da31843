package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxTime is the last second of the year 9999, beyond which a NumericDate is
// surely a mistake.
const maxTime = 253402300799

// usualPayload holds most payloads without growing.
const usualPayload = 512

// encodeClaims makes the payload of a JWT, or says why c cannot be one. It is
// written by hand because it runs for every token and json.Marshal would take
// longer than the rest of Mint without the signature.
func encodeClaims(c Claims) ([]byte, error) {
	if err := checkTimes(c); err != nil {
		return nil, err
	}
	if grantOf(c.ID) != c.GrantID {
		return nil, errors.New("token: ID must be GrantID, a dot and a suffix, or have no dot if there is no grant")
	}
	w := claimWriter{buf: make([]byte, 0, usualPayload)}
	w.buf = append(w.buf, '{')
	w.text("iss", c.Issuer)
	w.text("sub", c.Subject)
	w.text("client_id", c.ClientID)
	w.audience(c.Audience)
	w.scope(c.Scopes)
	w.text("jti", c.ID)
	w.time("iat", c.IssuedAt)
	w.time("exp", c.Expires)
	if !c.AuthTime.IsZero() {
		w.time("auth_time", c.AuthTime)
	}
	w.confirmation(c.Confirmation)
	w.extra(c.Extra)
	w.buf = append(w.buf, '}')
	return w.buf, w.err
}

func checkTimes(c Claims) error {
	if c.IssuedAt.IsZero() || c.Expires.IsZero() {
		return errors.New("token: IssuedAt and Expires are required")
	}
	if c.Expires.Unix() <= c.IssuedAt.Unix() {
		return errors.New("token: Expires is not after IssuedAt")
	}
	for _, t := range [...]time.Time{c.IssuedAt, c.Expires, c.AuthTime} {
		if s := t.Unix(); !t.IsZero() && (s < 0 || s > maxTime) {
			return errors.New("token: a time is before 1970 or after 9999")
		}
	}
	return nil
}

// A claimWriter appends members to a JSON object and keeps the first error.
type claimWriter struct {
	buf []byte
	err error
}

func (w *claimWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("token: "+format, args...)
	}
}

// name starts a member. The names of the protocol need no escaping.
func (w *claimWriter) name(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `":`...)
}

func (w *claimWriter) text(name, value string) {
	w.name(name)
	w.string(name, value)
}

func (w *claimWriter) string(name, value string) {
	buf, ok := appendString(w.buf, value)
	if !ok || value == "" {
		w.fail("%s must be UTF-8 without NUL and not empty", name)
	}
	w.buf = buf
}

func (w *claimWriter) time(name string, t time.Time) {
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, t.Unix(), 10)
}

// audience writes a single value as a string, RFC 7519 §4.1.3.
func (w *claimWriter) audience(values []string) {
	if len(values) == 1 {
		w.text("aud", values[0])
		return
	}
	if len(values) == 0 {
		w.fail("aud must name a resource")
	}
	w.name("aud")
	w.buf = append(w.buf, '[')
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.string("aud", v)
	}
	w.buf = append(w.buf, ']')
}

// scope joins scopes with spaces. One that contained a space would become two.
func (w *claimWriter) scope(scopes []string) {
	if len(scopes) == 0 {
		return
	}
	w.name("scope")
	w.buf = append(w.buf, '"')
	for i, s := range scopes {
		if !validScope(s) {
			w.fail("a scope must be one scope-token of RFC 6749 §3.3")
		}
		if i > 0 {
			w.buf = append(w.buf, ' ')
		}
		w.buf = append(w.buf, s...)
	}
	w.buf = append(w.buf, '"')
}

func (w *claimWriter) confirmation(cnf map[string]string) {
	if len(cnf) == 0 {
		return
	}
	w.name("cnf")
	w.buf = append(w.buf, '{')
	for _, method := range slices.Sorted(maps.Keys(cnf)) {
		if w.buf[len(w.buf)-1] != '{' {
			w.buf = append(w.buf, ',')
		}
		w.string("cnf", method)
		w.buf = append(w.buf, ':')
		w.string("cnf", cnf[method])
	}
	w.buf = append(w.buf, '}')
}

// extra writes the custom claims, each of them as Parse will accept it.
func (w *claimWriter) extra(claims map[string]any) {
	if len(claims) == 0 {
		return // as most often: do not even begin to sort
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if Reserved(name) {
			w.fail("custom claim %q: the protocol sets this one", name)
			return
		}
		value, err := json.Marshal(claims[name])
		if err == nil {
			_, err = parseJSON(string(value), 1)
		}
		if err != nil {
			w.fail("custom claim %q: %w", name, err)
			return
		}
		w.buf = append(w.buf, ',')
		w.string("the name of a custom claim", name)
		w.buf = append(w.buf, ':')
		w.buf = append(w.buf, value...)
	}
}

// appendString appends s as a JSON string. It reports false for what strict
// readers refuse: broken UTF-8 and NUL.
func appendString(dst []byte, s string) ([]byte, bool) {
	const hex = "0123456789abcdef"
	ok := utf8.ValidString(s)
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		if c >= ' ' {
			dst = append(dst, '\\', c)
			continue
		}
		ok = ok && c != 0
		dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"'), ok
}

// validScope reports whether s is a scope-token, RFC 6749 §3.3.
func validScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
