package secret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// ErrBusy says that every place for a slow hash was taken for longer than
// [Slow.MaxWait]. It is the server's trouble and not the caller's: answer 503.
var ErrBusy = errors.New("secret: too many slow hashes at once")

const (
	// maxSecret bounds what is handed to a slow hash, in bytes.
	maxSecret = 1024
	// defaultWait is Slow.MaxWait if that is zero.
	defaultWait = time.Second
)

// Hasher makes and checks digests of secrets that a person chose or another
// system made. It is safe for concurrent use.
type Hasher interface {
	// Hash digests secret with a fresh salt.
	Hash(ctx context.Context, secret string) (Digest, error)

	// Verify reports whether d is a digest of secret, and if so, whether Hash
	// would now make a better one. A digest that it cannot read is not an
	// error: it matches nothing, and should cost as much as one that it can.
	// An error means that the question went unanswered.
	Verify(ctx context.Context, d Digest, secret string) (ok, stale bool, err error)
}

// Slow is the default [Hasher]. It makes argon2id digests (19 MiB, 2 passes, 1
// lane) and verifies argon2id, bcrypt and PBKDF2 (SHA-256, SHA-512), the last
// two always stale, so that a host replaces them as their owners show up. The
// zero Slow is ready for use. Do not copy it after first use.
//
// Digests that ask for too much are not verified: argon2id above 256 MiB, 10
// passes or 16 lanes, bcrypt above cost 14, PBKDF2 above 5 million iterations.
type Slow struct {
	// MaxConcurrent is how many slow hashes may run at once. Each takes a
	// processor, and the memory that its digest asks for. Zero or less means
	// GOMAXPROCS.
	MaxConcurrent int

	// MaxWait is how long a call waits for its turn before it returns ErrBusy.
	// Zero means one second; less than zero, not at all.
	MaxWait time.Duration

	once  sync.Once
	slots chan struct{}
}

var _ Hasher = (*Slow)(nil)

// Hash implements [Hasher]. The error is [ErrMalformed] for a secret that is
// empty, longer than 1024 bytes or has a NUL, else [ErrBusy] or that of ctx.
func (s *Slow) Hash(ctx context.Context, secret string) (Digest, error) {
	if !hashable(secret) {
		return "", fmt.Errorf("%w: want 1 to %d bytes, none of them NUL", ErrMalformed, maxSecret)
	}
	var salt [argonSalt]byte
	rand.Read(salt[:]) // never fails: crypto/rand aborts the program instead

	release, err := s.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return newArgon(secret, salt).digest(), nil
}

// Verify implements [Hasher]. A secret that Hash would refuse matches nothing
// and costs nothing; any other costs exactly one slow hash, also against a
// digest that cannot be read. A secret longer than 72 bytes matches no bcrypt
// digest, because bcrypt would compare only its beginning. The error is
// [ErrBusy] or that of ctx.
func (s *Slow) Verify(ctx context.Context, d Digest, secret string) (ok, stale bool, err error) {
	if !hashable(secret) {
		return false, false, nil
	}
	release, err := s.acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()

	k, readable := readKDF(d)
	if !readable {
		newArgon(secret, [argonSalt]byte{}) // so that a broken digest is not told by its speed
		return false, false, nil
	}
	ok = k.matches(secret)
	return ok, ok && !k.current(), nil
}

// hashable reports whether secret may be handed to a slow hash. A NUL may not be
// in any secret (RFC 6749 §A.2, §A.16), and must not: PBKDF2 does not see it at
// the end, and bcrypt takes "a\x00a" for "a".
func hashable(secret string) bool {
	return 0 < len(secret) && len(secret) <= maxSecret && strings.IndexByte(secret, 0) < 0
}

// acquire waits for a turn. The caller gives it back by calling release.
func (s *Slow) acquire(ctx context.Context) (release func(), err error) {
	s.once.Do(func() {
		n := s.MaxConcurrent
		if n <= 0 {
			n = runtime.GOMAXPROCS(0)
		}
		s.slots = make(chan struct{}, n)
	})
	if err := ctx.Err(); err != nil {
		return nil, err // nobody is waiting for the answer
	}
	release = func() { <-s.slots }
	select {
	case s.slots <- struct{}{}:
		return release, nil
	default:
	}
	wait := s.MaxWait
	if wait == 0 {
		wait = defaultWait
	}
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case s.slots <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-turn.C:
		return nil, ErrBusy
	}
}
