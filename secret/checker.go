package secret

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sync/atomic"
)

// Stored is one of a client's secrets, as its record holds it.
type Stored struct {
	ID     string // for the caller: which secret it was
	Digest Digest
}

// Checker checks client secrets. Which work a check costs is decided by the
// presented string and the configuration alone, so that neither the time taken
// nor the load caused tells which clients exist or how their secrets are kept:
//
//   - a string of the Checker's own format costs one fast digest per configured
//     pepper and one without, and never a slow hash;
//   - any other string costs exactly one slow hash, or nothing if no secret can
//     be like it: empty, longer than 1024 bytes, or with a NUL.
//
// The zero Checker is ready for use. It is safe for concurrent use; do not
// change or copy it after first use.
type Checker struct {
	Format  Format
	Peppers *Peppers // may be nil

	// Hasher checks secrets that are not of our own format. Nil means a Slow
	// with its defaults, shared by all calls of this Checker.
	Hasher Hasher

	// Decoys stand in for the slow digest that an unknown client does not have:
	// one sample for each slow scheme and cost found among the clients, so that
	// unknown clients cost what some known ones do. They match nothing. Empty
	// means one decoy made by Hasher.
	Decoys []Digest

	slow Slow
	made atomic.Pointer[Digest] // the decoy of a Checker without Decoys
}

// New returns a fresh client secret and the digest to store. The secret is
// shown once, the digest is kept.
func (c *Checker) New() (Handle, Digest) {
	h := c.Format.New(ClientSecret)
	return h, c.Peppers.Digest(h)
}

// Digest returns the digest to store for a secret, so that Check will match it:
// the fast one for a client secret of the Checker's format, the Hasher's for any
// other. Use it to import a secret and to replace a stale digest. The error is
// [ErrMalformed] for what no client secret can be, or the Hasher's.
func (c *Checker) Digest(ctx context.Context, secret string) (Digest, error) {
	h, err := c.Format.Parse(secret)
	switch {
	case err == nil && h.Kind() == ClientSecret:
		return c.Peppers.Digest(h), nil
	case err == nil || !hashable(secret):
		return "", ErrMalformed
	}
	return c.hasher().Hash(ctx, secret)
}

// Check returns the index of the stored secret that presented is, or -1. Call it
// with no stored secrets for a client that does not exist. If stale is true, a
// better digest of presented, which Digest makes, should replace the stored one.
//
// The caller passes only secrets that are live now. A client has at most one
// live secret with a slow digest: of several, only the first can match. The
// error is the Hasher's; it means that presented was not checked.
func (c *Checker) Check(ctx context.Context, clientID, presented string, stored []Stored) (match int, stale bool, err error) {
	if h, err := c.Format.Parse(presented); err == nil {
		match, stale = c.checkOwn(h, stored)
		return match, stale, nil
	}
	if !hashable(presented) {
		return -1, false, nil
	}
	for i, s := range stored {
		if s.Digest.Slow() {
			ok, stale, err := c.hasher().Verify(ctx, s.Digest, presented)
			if err != nil || !ok {
				return -1, false, err
			}
			return i, stale, nil
		}
	}
	return -1, false, c.waste(ctx, clientID, presented)
}

// checkOwn makes every digest that h could be stored as, whatever is stored, and
// compares all of them with all that are stored.
func (c *Checker) checkOwn(h Handle, stored []Stored) (match int, stale bool) {
	match = -1
	if h.Kind() != ClientSecret {
		return match, false // some other credential of ours, in the wrong place
	}
	for age, scheme := range c.Peppers.all() {
		var buf [maxFastDigest]byte
		digest := scheme.appendDigest(buf[:0], h)
		for i, s := range stored {
			if sameDigest(digest, s.Digest) && match < 0 {
				match, stale = i, age > 0
			}
		}
	}
	return match, stale
}

func (c *Checker) hasher() Hasher {
	if c.Hasher != nil {
		return c.Hasher
	}
	return &c.slow
}

// waste does the work that a client with a slow digest would have cost.
func (c *Checker) waste(ctx context.Context, clientID, presented string) error {
	if decoy, ok := c.decoy(clientID); ok {
		_, _, err := c.hasher().Verify(ctx, decoy, presented)
		return err
	}
	// The first call pays by making the decoy for those that follow.
	decoy, err := c.hasher().Hash(ctx, c.Format.NewLocator())
	if err != nil {
		return err
	}
	c.made.CompareAndSwap(nil, &decoy)
	return nil
}

// decoy picks the decoy of a client: always the same one, or repeating a
// request would tell a client without a digest of its own by its changing cost;
// and one that cannot be predicted without the decoys, or a client that costs
// something else would be known to exist. It is the decoy whose hash with the
// client's ID is greatest, so a decoy more or less moves few clients.
func (c *Checker) decoy(clientID string) (Digest, bool) {
	if len(c.Decoys) == 0 {
		made := c.made.Load()
		if made == nil {
			return "", false
		}
		return *made, true
	}
	var picked Digest
	var greatest [sha256.Size]byte
	for _, d := range c.Decoys {
		rank := sha256.Sum256([]byte(string(d) + "\x00" + clientID))
		if picked == "" || bytes.Compare(rank[:], greatest[:]) > 0 {
			picked, greatest = d, rank
		}
	}
	return picked, true
}
