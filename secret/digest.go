package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// Digest is a credential at rest: a string that says how it was made.
//
//	$sha256$<base64url>                              generated, without pepper
//	$hs256$<pepper id>$<base64url>                   generated, HMAC-SHA-256
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>     chosen by a person or imported
//	$2b$12$…  $pbkdf2-sha256$i=600000$<salt>$<hash>  imported: bcrypt, PBKDF2
//
// The first two come from [Peppers], the others belong to a [Hasher]. The empty
// Digest matches nothing.
type Digest string

const (
	plainHeader    = "$sha256$"
	pepperedHeader = "$hs256$" // followed by the pepper's ID and "$"

	sumLen        = 43 // base64url of 32 bytes
	maxPepperID   = 16
	minPepperKey  = 32
	maxPeppers    = 3
	maxFastDigest = len(pepperedHeader) + maxPepperID + 1 + sumLen
)

// Slow reports whether d is the digest of a secret that a person chose or
// another system made, and so the business of a [Hasher]: whether it is neither
// empty nor that of a generated credential.
func (d Digest) Slow() bool {
	return d != "" && !strings.HasPrefix(string(d), plainHeader) && !strings.HasPrefix(string(d), pepperedHeader)
}

// Known reports whether d has one of the forms above, or begins with "$" and is
// the business of a Hasher of the host's. It does not say that anything matches
// it.
func (d Digest) Known() bool {
	rest, plain := strings.CutPrefix(string(d), plainHeader)
	if plain {
		return isSum(rest)
	}
	if rest, ok := strings.CutPrefix(string(d), pepperedHeader); ok {
		id, sum, _ := strings.Cut(rest, "$")
		return id != "" && len(id) <= maxPepperID && isSum(sum)
	}
	for _, ours := range [...]string{"$argon2id$", "$2a$", "$2b$", "$2y$", "$pbkdf2-"} {
		if strings.HasPrefix(string(d), ours) {
			_, ok := readKDF(d)
			return ok
		}
	}
	return len(d) > 1 && d[0] == '$'
}

func isSum(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// Pepper is a key that digests of generated credentials are made under, so that
// a copy of the database alone verifies no guess. Keep it
// out of that database.
type Pepper struct {
	redacted
	ID  string // 1 to 16 letters and digits; stored in each digest, so never reuse one
	Key []byte // at least 32 random bytes
}

// Peppers makes and compares digests of generated credentials. A nil or zero
// Peppers does so with plain SHA-256, which is sound for 256 random bits. It is
// safe for concurrent use.
type Peppers struct {
	redacted
	schemes []scheme // the first is current; the last is plain SHA-256
}

// scheme is one way to make a fast digest.
type scheme struct {
	header string     // the digest up to the sum
	macs   *sync.Pool // of *mac; nil: SHA-256 without a key
}

// mac is an HMAC with a place for its input and output, which would otherwise
// move to the heap each time.
type mac struct {
	hash hash.Hash
	in   [maxKindLen + 1 + maxLen]byte
	out  [sha256.Size]byte
}

var plainOnly = []scheme{{header: plainHeader}}

// NewPeppers returns peppers of which the first makes digests and all verify
// them, as do digests made before there was a pepper. To rotate, add the new
// pepper second on every replica, then put it first, and keep the old ones until
// no stored digest names them. It copies the keys. At most three peppers are
// accepted; the error names every problem by position.
func NewPeppers(peppers ...Pepper) (*Peppers, error) {
	var problems []error
	if len(peppers) > maxPeppers {
		problems = append(problems, fmt.Errorf("secret: %d peppers: want at most %d", len(peppers), maxPeppers))
	}
	p := &Peppers{}
	seen := map[string]bool{}
	for i, pepper := range peppers {
		if !isBase62(pepper.ID) || pepper.ID == "" || len(pepper.ID) > maxPepperID {
			problems = append(problems, fmt.Errorf("secret: pepper %d: want an ID of 1 to %d letters and digits", i, maxPepperID))
		}
		if len(pepper.Key) < minPepperKey {
			problems = append(problems, fmt.Errorf("secret: pepper %d: want a Key of at least %d bytes", i, minPepperKey))
		}
		if seen[pepper.ID] {
			problems = append(problems, fmt.Errorf("secret: pepper %d: its ID is taken by an earlier one", i))
		}
		seen[pepper.ID] = true
		p.schemes = append(p.schemes, peppered(pepper))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p.schemes = append(p.schemes, plainOnly...)
	return p, nil
}

func peppered(p Pepper) scheme {
	key := append([]byte(nil), p.Key...)
	return scheme{
		header: pepperedHeader + p.ID + "$",
		macs:   &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, key)} }},
	}
}

func (p *Peppers) all() []scheme {
	if p == nil || len(p.schemes) == 0 {
		return plainOnly
	}
	return p.schemes
}

// Digest returns the digest of h under the current pepper. The kind is part of
// what is digested, so the digest of a token of one kind never matches one of
// another. The zero Handle has the empty Digest.
func (p *Peppers) Digest(h Handle) Digest {
	var buf [maxFastDigest]byte
	return Digest(p.AppendDigest(buf[:0], h))
}

// AppendDigest appends what Digest returns to dst, without allocating if it fits.
func (p *Peppers) AppendDigest(dst []byte, h Handle) []byte {
	if h.IsZero() {
		return dst
	}
	return p.all()[0].appendDigest(dst, h)
}

// Matches reports whether d is a digest of h, comparing in constant time, and
// if so, whether d is stale: made under an old pepper, or under none although
// there is one. Replace a stale digest by Digest(h). An empty or malformed
// digest, a slow one, and one under an unknown pepper match nothing.
func (p *Peppers) Matches(d Digest, h Handle) (ok, stale bool) {
	if h.IsZero() || len(d) > maxFastDigest {
		return false, false
	}
	for i, s := range p.all() {
		if strings.HasPrefix(string(d), s.header) { // at most one: an ID has no "$"
			var want [maxFastDigest]byte
			ok = sameDigest(s.appendDigest(want[:0], h), d)
			return ok, ok && i > 0
		}
	}
	return false, false
}

// Lacks reports whether d was made under a pepper that p does not have. Nobody
// can match such a digest until that pepper is configured again, so a
// credential refused for it deserves an alert: its holder did nothing wrong.
func (p *Peppers) Lacks(d Digest) bool {
	for _, s := range p.all() {
		if strings.HasPrefix(string(d), s.header) {
			return false
		}
	}
	return strings.HasPrefix(string(d), pepperedHeader)
}

// appendDigest appends the digest of H(kind || 0x00 || credential).
func (s scheme) appendDigest(dst []byte, h Handle) []byte {
	dst = append(dst, s.header...)
	if s.macs == nil {
		var in [maxKindLen + 1 + maxLen]byte
		sum := sha256.Sum256(appendInput(in[:0], h))
		return base64.RawURLEncoding.AppendEncode(dst, sum[:])
	}
	m := s.macs.Get().(*mac)
	m.hash.Reset()
	m.hash.Write(appendInput(m.in[:0], h))
	dst = base64.RawURLEncoding.AppendEncode(dst, m.hash.Sum(m.out[:0]))
	clear(m.in[:])
	s.macs.Put(m)
	return dst
}

func appendInput(dst []byte, h Handle) []byte {
	dst = append(dst, h.Kind()...)
	dst = append(dst, 0)
	return append(dst, h.Reveal()...)
}

// sameDigest compares in time that depends on the lengths alone.
func sameDigest(want []byte, d Digest) bool {
	var got [maxFastDigest]byte
	if len(d) != len(want) {
		return false
	}
	copy(got[:], d)
	return subtle.ConstantTimeCompare(got[:len(d)], want) == 1
}
