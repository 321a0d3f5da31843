package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A KeySource says which keys there are at this moment. It is asked for every
// token, by many goroutines at once.
type KeySource interface {
	// Keys returns all keys that tokens may be verified with. The first that has a
	// Signer signs. A key that is no longer returned no longer verifies, from the
	// next token on.
	//
	// Callers do not modify the slice, and the source does not either: when its
	// keys have changed it returns a new slice, and only then, because what a
	// caller derives from the keys is kept for as long as the slice is the same.
	Keys(ctx context.Context) ([]Key, error)
}

// StaticKeys is a KeySource whose keys never change. Make one with
// [NewStaticKeys].
type StaticKeys struct {
	keys func() []Key // a function, because nothing that prints values looks into one
}

// NewStaticKeys checks all keys and reports every problem at once: each key must
// be valid, no ID may occur twice, and one key at least must have a Signer.
func NewStaticKeys(keys ...Key) (*StaticKeys, error) {
	err := checkKeys(keys)
	if !slices.ContainsFunc(keys, func(k Key) bool { return k.Signer != nil }) {
		err = errors.Join(err, errNoSigner)
	}
	if err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	return &StaticKeys{keys: func() []Key { return keys }}, nil
}

// Keys returns the keys in the order they were given. It never fails for
// StaticKeys that NewStaticKeys made.
func (s *StaticKeys) Keys(context.Context) ([]Key, error) {
	if s == nil || s.keys == nil {
		return nil, errNoKeys
	}
	return s.keys(), nil
}

var (
	errNoKeys   = errors.New("token: there are no keys")
	errNoSigner = errors.New("token: no key can sign: one must have a Signer")
)

// checkKeys reports every key that is not valid and every ID that occurs twice.
func checkKeys(keys []Key) error {
	var errs []error
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			errs = append(errs, err)
		}
		if seen[k.ID] && validKeyID(k.ID) {
			errs = append(errs, fmt.Errorf("token: key %q: another key has the same ID", k.ID))
		}
		seen[k.ID] = true
	}
	return errors.Join(errs...)
}
