package grantor

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
)

// browserKey is what the server's one cookie holds: a key that only this browser
// and whoever answers it know. It binds an authorization request that waits for
// a person to the browser it began in, and it keys the tokens of forms.
type browserKey [32]byte

// mac authenticates parts under a label; no two labels or lists of parts meet.
func (k *browserKey) mac(label string, parts ...string) []byte {
	m := hmac.New(sha256.New, k[:])
	m.Write([]byte(label))
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		m.Write(sum[:])
	}
	return m.Sum(nil)
}

// tag is mac as text.
func (k *browserKey) tag(label string, parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(k.mac(label, parts...))
}

func (k *browserKey) verifies(tag, label string, parts ...string) bool {
	return hmac.Equal([]byte(tag), []byte(k.tag(label, parts...)))
}

// cookie is how the browser key travels.
type cookie struct {
	name   string
	path   string
	secure bool
}

// cookieSeconds is how long the browser keeps its key after it was last used.
const cookieSeconds = 24 * 60 * 60

// newCookie names the cookie after the issuer, so that issuers on one host do
// not share one. With https it has the __Host- prefix: no other host can set it.
func newCookie(issuer string, secure bool) cookie {
	sum := sha256.Sum256([]byte(issuer))
	c := cookie{name: "grantor-" + hex.EncodeToString(sum[:4]), path: "/", secure: secure}
	if secure {
		c.name = "__Host-" + c.name
	}
	return c
}

// read returns the browser's key, if it sent one.
func (c cookie) read(r *http.Request) (*browserKey, bool) {
	sent, err := r.Cookie(c.name)
	if err != nil {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sent.Value)
	if err != nil || len(raw) != len(browserKey{}) {
		return nil, false
	}
	return (*browserKey)(raw), true
}

// ensure returns the browser's key and makes the browser keep it, a new one if
// it has none.
func (c cookie) ensure(w http.ResponseWriter, r *http.Request) *browserKey {
	k, ok := c.read(r)
	if !ok {
		k = new(browserKey)
		rand.Read(k[:]) // never fails: crypto/rand aborts the program instead
	}
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Value: base64.RawURLEncoding.EncodeToString(k[:]),
		Path: c.path, MaxAge: cookieSeconds, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return k
}
