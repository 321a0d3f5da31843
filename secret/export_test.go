package secret

import "context"

// Acquire takes one of s's places for a slow hash, as a running hash would.
func (s *Slow) Acquire(ctx context.Context) (release func(), err error) { return s.acquire(ctx) }

// Readable reports whether d is a slow digest that Slow would verify.
func Readable(d Digest) bool {
	_, ok := readKDF(d)
	return ok
}
