// Package session keeps people signed in: one cookie per browser, whose session
// lives in memory.
package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Lifetime is how long a session lasts, however much it is used.
const Lifetime = 12 * time.Hour

// A Session is somebody who is signed in at a browser.
type Session struct {
	Subject  string
	ID       string // names the session; it is not the cookie
	AuthTime time.Time
	Expires  time.Time
}

// Sessions are those of one issuer. A browser has a random cookie before anybody
// signs in, which proves that a form was opened there; signing in and signing out
// replace it. Only the digest of a cookie is kept, and only of those that are
// signed in, so nobody can fill the memory without a password.
type Sessions struct {
	name   string // of the cookie
	secure bool
	key    [32]byte // of form tokens
	now    func() time.Time

	mu   sync.Mutex
	live map[[sha256.Size]byte]Session
}

// New returns the sessions of an issuer, which names the cookie: issuers on one
// host do not share one. With https it has the __Host- prefix, so that no other
// host can set it. A nil now is time.Now.
func New(issuer string, now func() time.Time) *Sessions {
	if now == nil {
		now = time.Now
	}
	sum := sha256.Sum256([]byte(issuer))
	s := &Sessions{name: "session-" + hex.EncodeToString(sum[:4]), now: now, live: map[[sha256.Size]byte]Session{}}
	if s.secure = strings.HasPrefix(issuer, "https://"); s.secure {
		s.name = "__Host-" + s.name
	}
	rand.Read(s.key[:]) // never fails: crypto/rand aborts the program instead
	return s
}

// Current returns who is signed in at the browser, if anybody is.
func (s *Sessions) Current(r *http.Request) (Session, bool) {
	c, err := r.Cookie(s.name)
	if err != nil {
		return Session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.live[sha256.Sum256([]byte(c.Value))]
	if !ok || !s.now().Before(found.Expires) {
		return Session{}, false
	}
	return found, true
}

// FormToken returns what a form shown to this browser must send back, and gives
// the browser a cookie if it has none.
func (s *Sessions) FormToken(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(s.name)
	if err != nil || c.Value == "" {
		return s.tokenFor(s.replace(w, r))
	}
	return s.tokenFor(c.Value)
}

// Genuine reports whether the token comes from a form that this browser was shown
// since it last signed in or out.
func (s *Sessions) Genuine(r *http.Request, token string) bool {
	c, err := r.Cookie(s.name)
	return err == nil && c.Value != "" && hmac.Equal([]byte(token), []byte(s.tokenFor(c.Value)))
}

func (s *Sessions) tokenFor(cookie string) string {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Begin signs the subject in at the browser, under a fresh cookie.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, subject string) {
	now := s.now()
	cookie := s.replace(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[sha256.Sum256([]byte(cookie))] = Session{
		Subject: subject, ID: rand.Text(), AuthTime: now, Expires: now.Add(Lifetime),
	}
}

// End signs whoever is there out.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) { s.replace(w, r) }

// replace ends the browser's session, if it has one, and gives it a fresh cookie,
// which it returns.
func (s *Sessions) replace(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(s.name); err == nil {
		s.mu.Lock()
		delete(s.live, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	fresh := rand.Text() + rand.Text() // 256 bits
	http.SetCookie(w, &http.Cookie{
		Name: s.name, Value: fresh, Path: "/", MaxAge: int(Lifetime / time.Second),
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return fresh
}

// Sweep forgets the sessions that have expired.
func (s *Sessions) Sweep() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, found := range s.live {
		if !now.Before(found.Expires) {
			delete(s.live, id)
		}
	}
}
