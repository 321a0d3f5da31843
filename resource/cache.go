package resource

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/grantor-go/grantor/token"
)

// maxAnswers bounds how many answers are kept.
const maxAnswers = 4096

// answers remembers, for a short time, what introspection said of live tokens, by
// the digest of the token. The zero answers remembers nothing.
type answers struct {
	ttl time.Duration

	mu   sync.Mutex
	kept map[[sha256.Size]byte]remembered
}

type remembered struct {
	claims token.Claims
	until  time.Time
}

func (a *answers) find(sum [sha256.Size]byte, now time.Time) (token.Claims, bool) {
	if a.ttl == 0 {
		return token.Claims{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.kept[sum]
	return r.claims, ok && now.Before(r.until)
}

func (a *answers) keep(sum [sha256.Size]byte, c token.Claims, now time.Time) {
	if a.ttl == 0 {
		return
	}
	until := now.Add(a.ttl)
	if !c.Expires.IsZero() && c.Expires.Before(until) {
		until = c.Expires
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= maxAnswers {
		a.makeRoom(now)
	}
	if a.kept == nil {
		a.kept = map[[sha256.Size]byte]remembered{}
	}
	a.kept[sum] = remembered{c, until}
}

// makeRoom forgets what is over, and if that is little, a quarter of all: an
// answer that is missed costs one question.
func (a *answers) makeRoom(now time.Time) {
	for sum, r := range a.kept {
		if !now.Before(r.until) {
			delete(a.kept, sum)
		}
	}
	for sum := range a.kept {
		if len(a.kept) <= maxAnswers/4*3 {
			return
		}
		delete(a.kept, sum)
	}
}
