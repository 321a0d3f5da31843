package token

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

const (
	defaultCacheSize = 4096
	seenWays         = 4
)

// seenTokens remembers tokens whose signature has been verified. It is a table
// of a fixed size whose places are read and written without locks: a token may be
// in any of seenWays places, which its digest selects. Losing an entry costs one
// verification and nothing else, so writers simply overwrite. Only verified
// tokens enter, so a stranger cannot push them out.
type seenTokens struct {
	places []atomic.Pointer[seenToken] // a multiple of seenWays; nil: remember nothing
}

// A seenToken holds a digest, not the token: a bearer credential is not to lie
// around in memory.
type seenToken struct {
	sum       [32]byte // SHA-256 of the token
	claims    Claims
	notBefore time.Time // nbf; zero: absent
}

func newSeenTokens(size int) seenTokens {
	switch {
	case size < 0:
		return seenTokens{}
	case size == 0:
		size = defaultCacheSize
	}
	sets := (size + seenWays - 1) / seenWays
	return seenTokens{places: make([]atomic.Pointer[seenToken], sets*seenWays)}
}

// find returns the remembered token with this digest, or nil.
func (c seenTokens) find(sum [32]byte) *seenToken {
	set := c.set(sum)
	for i := range set {
		if t := set[i].Load(); t != nil && t.sum == sum {
			return t
		}
	}
	return nil
}

// remember keeps t, in a place that is free or holds an expired token if there is
// one.
func (c seenTokens) remember(t *seenToken, now time.Time) {
	set := c.set(t.sum)
	for i := range set {
		if old := set[i].Load(); old == nil || !now.Before(old.claims.Expires) {
			set[i].Store(t)
			return
		}
	}
	if len(set) > 0 {
		set[t.sum[8]%seenWays].Store(t)
	}
}

func (c seenTokens) set(sum [32]byte) []atomic.Pointer[seenToken] {
	sets := uint64(len(c.places) / seenWays)
	if sets == 0 {
		return nil
	}
	first := binary.LittleEndian.Uint64(sum[:]) % sets * seenWays
	return c.places[first : first+seenWays]
}
