package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"log/slog"
)

const (
	markLen   = 10                  // base62 digits of the family mark, 59 bits
	markRange = 839299365868340224  // 62^10
	nonceLen  = secretLen - markLen // random digits before the mark, 196 bits
	markLabel = "rt mark\x00"       // domain of the hash
	markInput = 32 + len(markLabel) + locatorLen + nonceLen
)

// FamilyKey marks the refresh tokens of one family. Whoever holds it can tell a
// token that the family once issued from a string forged around a known
// locator, without keeping the digest of every old token. A mark proves no
// possession of a live token: that is the digest's part.
//
// The zero FamilyKey marks nothing. To store a key, store key[:]; it is read
// back by FamilyKey(bytes). Like every secret it formats, encodes and logs as
// REDACTED. But fmt does not ask the methods of unexported fields, and an array
// has nothing to hide behind: a type that keeps a key in one must not be
// formatted, or needs a String method of its own.
type FamilyKey [32]byte

// NewFamilyKey returns a random key.
func NewFamilyKey() FamilyKey {
	var key FamilyKey
	rand.Read(key[:]) // never fails: crypto/rand aborts the program instead
	return key
}

// IssueMarked is [Format.Issue] with the mark of a family: 33 random characters
// (196 bits) and 10 that only key can make for them. It is zero where Issue's
// result would be, and for a nil or zero key.
func (f Format) IssueMarked(kind Kind, locator string, key *FamilyKey) Handle {
	if len(locator) != locatorLen || !key.usable() {
		return Handle{}
	}
	var body [bodyLen]byte
	copy(body[:], locator)
	unmarked := body[:bodyLen-markLen]
	fillRandom(unmarked[locatorLen:])
	key.appendMark(unmarked, unmarked)
	return f.assemble(kind, &body)
}

// MarkedBy reports, in constant time, whether IssueMarked made h with this key.
// It is false for the zero Handle and for a nil or zero key.
func (h Handle) MarkedBy(key *FamilyKey) bool {
	if h.IsZero() || !key.usable() {
		return false
	}
	_, tail := h.split()
	var body [bodyLen]byte
	copy(body[:], tail)
	unmarked, mark := body[:bodyLen-markLen], body[bodyLen-markLen:]
	var want [markLen]byte
	key.appendMark(want[:0], unmarked)
	return subtle.ConstantTimeCompare(want[:], mark) == 1
}

// usable reports whether k is a key at all: a zero one would be everybody's.
func (k *FamilyKey) usable() bool {
	return k != nil && *k != FamilyKey{}
}

// appendMark appends the mark for a locator and the random characters after it.
func (k *FamilyKey) appendMark(dst, unmarked []byte) []byte {
	var buf [markInput]byte
	in := append(buf[:0], k[:]...)
	in = append(in, markLabel...)
	in = append(in, unmarked...)
	sum := sha256.Sum256(in)
	return appendBase62(dst, binary.BigEndian.Uint64(sum[:])%markRange, markLen)
}

// String returns REDACTED.
func (k FamilyKey) String() string { return redactedText }

// GoString returns REDACTED.
func (k FamilyKey) GoString() string { return redactedText }

// Format writes REDACTED, whatever the verb.
func (k FamilyKey) Format(w fmt.State, verb rune) { redacted{}.Format(w, verb) }

// MarshalJSON returns "REDACTED", which cannot be read back.
func (k FamilyKey) MarshalJSON() ([]byte, error) { return redacted{}.MarshalJSON() }

// MarshalText returns REDACTED.
func (k FamilyKey) MarshalText() ([]byte, error) { return redacted{}.MarshalText() }

// LogValue returns REDACTED.
func (k FamilyKey) LogValue() slog.Value { return redacted{}.LogValue() }
