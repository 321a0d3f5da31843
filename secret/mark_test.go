package secret_test

import (
	"strings"
	"testing"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/require"
)

func TestFamilyMark(t *testing.T) {
	f := secret.Format{}
	key, other := secret.NewFamilyKey(), secret.NewFamilyKey()

	t.Run("a marked token is a credential like any other", func(t *testing.T) {
		h := f.IssueMarked(secret.RefreshToken, locator, &key)
		require.False(t, h.IsZero())
		if h.Kind() != secret.RefreshToken || h.Locator() != locator || !f.Owns(h.Reveal()) {
			t.Errorf("got %q %q", h.Kind(), h.Locator())
		}
	})
	t.Run("the mark is as documented", func(t *testing.T) {
		// Computed with another implementation of SHA-256 and base62.
		var key secret.FamilyKey
		for i := range key {
			key[i] = byte(i)
		}
		h := f.Compose(secret.RefreshToken, locator, "0123456789ABCDEFGHIJKLMNOPQRSTUVW"+"vpfMuH5Nsu")
		if !h.MarkedBy(&key) {
			t.Error("got false for the vector, want true")
		}
	})
	t.Run("a family knows its own tokens and no others", func(t *testing.T) {
		for range 200 {
			h := f.IssueMarked(secret.RefreshToken, f.NewLocator(), &key)
			if !h.MarkedBy(&key) {
				t.Fatal("got false for a token of the family")
			}
			if h.MarkedBy(&other) {
				t.Fatal("got true under another family's key")
			}
		}
	})
	t.Run("a forged token under a known locator bears no mark", func(t *testing.T) {
		for range 1000 {
			if f.Issue(secret.RefreshToken, locator).MarkedBy(&key) {
				t.Fatal("got true")
			}
		}
	})
	t.Run("a mark does not move to another locator, nor survive a change anywhere", func(t *testing.T) {
		h := f.IssueMarked(secret.RefreshToken, locator, &key)
		start := len("grantor_rt_")
		body := h.Reveal()[start : start+65]
		for i := range body {
			b := []byte(body)
			b[i] = base62[(strings.IndexByte(base62, b[i])+1)%len(base62)]
			forged := f.Compose(secret.RefreshToken, string(b[:22]), string(b[22:]))
			require.False(t, forged.IsZero())
			if forged.MarkedBy(&key) {
				t.Errorf("got true after a change at %d", i)
			}
		}
	})
	t.Run("nothing is marked by no key, and no key marks nothing", func(t *testing.T) {
		h := f.IssueMarked(secret.RefreshToken, locator, &key)
		if h.MarkedBy(nil) || h.MarkedBy(new(secret.FamilyKey)) || (secret.Handle{}).MarkedBy(&key) {
			t.Error("got true")
		}
	})
	t.Run("a key is stored and read back as bytes", func(t *testing.T) {
		back := secret.FamilyKey(append([]byte(nil), key[:]...))
		if !f.IssueMarked(secret.RefreshToken, locator, &key).MarkedBy(&back) {
			t.Error("got false")
		}
	})
	t.Run("keys are random", func(t *testing.T) {
		if key == other || key == (secret.FamilyKey{}) {
			t.Error("got a repetition")
		}
	})
}
