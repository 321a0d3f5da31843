package secret

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultBrand is the brand of the zero [Format].
const DefaultBrand = "grantor"

// ErrMalformed says that a string is not a credential of the expected form. It
// never says more, and never contains the string.
var ErrMalformed = errors.New("secret: malformed credential")

const (
	maxBrandLen = 16
	maxKindLen  = 3

	locatorLen  = 22 // 131 bits: unique without asking anyone
	secretLen   = 43 // 256 bits
	checksumLen = 6  // 62^5 < 2^32 < 62^6

	bodyLen = locatorLen + secretLen
	tailLen = bodyLen + checksumLen
	maxLen  = maxBrandLen + 1 + maxKindLen + 1 + tailLen
)

// Format makes and recognises the credential strings of one brand. The zero
// Format has [DefaultBrand]. Choose the brand once: a credential of one brand is
// malformed to every other.
type Format struct {
	// Brand begins every credential: a lower-case letter and 1 to 15 more
	// lower-case letters or digits. Empty means DefaultBrand.
	Brand string
}

// Validate returns an error if the brand does not have its form. A Format that
// is not valid makes only zero Handles and parses nothing.
func (f Format) Validate() error {
	b := f.brand()
	ok := 2 <= len(b) && len(b) <= maxBrandLen && 'a' <= b[0] && b[0] <= 'z'
	for i := range len(b) {
		ok = ok && ('a' <= b[i] && b[i] <= 'z' || '0' <= b[i] && b[i] <= '9')
	}
	if !ok {
		return fmt.Errorf("secret: brand %q: want a letter a-z, then 1 to %d of a-z and 0-9, such as %q",
			b, maxBrandLen-1, DefaultBrand)
	}
	return nil
}

func (f Format) brand() string {
	if f.Brand == "" {
		return DefaultBrand
	}
	return f.Brand
}

// NewLocator returns 22 uniform random base62 characters.
func (f Format) NewLocator() string {
	var locator [locatorLen]byte
	fillRandom(locator[:])
	return string(locator[:])
}

// New returns a fresh credential: a fresh locator and 256 random bits. It is
// zero if kind is not one of the constants.
func (f Format) New(kind Kind) Handle {
	var body [bodyLen]byte
	fillRandom(body[:])
	return f.assemble(kind, &body)
}

// Issue returns a credential with 256 fresh random bits under a locator that
// NewLocator made. It is zero if kind is not one of the constants or locator is
// not 22 base62 characters.
func (f Format) Issue(kind Kind, locator string) Handle {
	if len(locator) != locatorLen {
		return Handle{}
	}
	var body [bodyLen]byte
	fillRandom(body[copy(body[:], locator):])
	return f.assemble(kind, &body)
}

// Compose returns the credential with the given locator and secret characters,
// for a caller that derives or unseals them. It is zero if kind is not one of
// the constants, or unless locator and secretPart are 22 and 43 base62
// characters. The caller answers for the 256 bits.
func (f Format) Compose(kind Kind, locator, secretPart string) Handle {
	if len(locator) != locatorLen || len(secretPart) != secretLen {
		return Handle{}
	}
	var body [bodyLen]byte
	copy(body[copy(body[:], locator):], secretPart)
	return f.assemble(kind, &body)
}

// assemble adds prefix and checksum. It is the only maker of Handles besides
// Parse, and so keeps their promise: zero, or well formed.
func (f Format) assemble(kind Kind, body *[bodyLen]byte) Handle {
	if f.Validate() != nil || !kind.known() || !isBase62(body[:]) {
		return Handle{}
	}
	var buf [maxLen]byte
	s := append(buf[:0], f.brand()...)
	s = append(s, '_')
	s = append(s, kind...)
	s = append(s, '_')
	s = append(s, body[:]...)
	s = appendBase62(s, uint64(checksum(s)), checksumLen)
	return handleOf(string(s))
}

// Parse returns s as a Handle, or [ErrMalformed] unless s has this brand, a
// known kind, the exact length and characters, and the right checksum. A caller
// that expects one kind compares [Handle.Kind]. The checksum is no signature:
// whether the credential was ever issued, only its digest can tell.
func (f Format) Parse(s string) (Handle, error) {
	if !f.Owns(s) {
		return Handle{}, ErrMalformed
	}
	return handleOf(s), nil
}

// Owns reports whether s is a well-formed credential of this format: whether
// Parse would succeed. It does not allocate.
func (f Format) Owns(s string) bool {
	if len(s) > maxLen || f.Validate() != nil {
		return false
	}
	rest, branded := strings.CutPrefix(s, f.brand())
	cut := len(rest) - tailLen // rest is "_kind_tail"
	if !branded || cut < 2 || rest[0] != '_' || rest[cut-1] != '_' {
		return false
	}
	if !Kind(rest[1:cut-1]).known() || !isBase62(rest[cut:]) {
		return false
	}
	covered := len(s) - checksumLen
	var buf [checksumLen]byte
	sum := appendBase62(buf[:0], uint64(checksum(s[:covered])), checksumLen)
	return string(sum) == s[covered:]
}

// Pattern returns the source of a regular expression (RE2, PCRE, or any scanner
// of leaked secrets) that finds credentials of the given kinds in text; of all
// kinds if none is given. What it finds, [Format.Owns] confirms offline.
func (f Format) Pattern(kinds ...Kind) string {
	if len(kinds) == 0 {
		kinds = []Kind{PAT, ClientSecret, AccessToken, RefreshToken, Code, DeviceCode}
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return fmt.Sprintf(`\b%s_(?:%s)_[0-9A-Za-z]{%d}\b`, f.brand(), strings.Join(names, "|"), tailLen)
}
