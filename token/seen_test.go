package token_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

func TestParseRemembers(t *testing.T) {
	t.Run("a token seen before costs no allocation", func(t *testing.T) {
		format := newJWT(t, token.ES256)
		minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		ctx := t.Context()
		got := testing.AllocsPerRun(100, func() {
			if _, err := format.Parse(ctx, minted); err != nil {
				t.Error(err)
			}
		})
		if got > 2 {
			t.Errorf("got %v allocations, want 2 at most", got)
		}
	})
	t.Run("a negative size remembers nothing", func(t *testing.T) {
		format := newJWT(t, token.ES256)
		format.CacheSize = -1
		minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		ctx := t.Context()
		got := testing.AllocsPerRun(10, func() {
			if _, err := format.Parse(ctx, minted); err != nil {
				t.Error(err)
			}
		})
		if got < 10 {
			t.Errorf("got %v allocations, want those of a verification", got)
		}
	})
	t.Run("a remembered token still expires to the second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			format := newJWT(t, token.EdDSA)
			format.Leeway = 5 * time.Second
			claims := goodClaims(time.Now())
			minted, err := format.Mint(t.Context(), claims)
			require.NoError(t, err)
			_, err = format.Parse(t.Context(), minted)
			require.NoError(t, err)
			time.Sleep(time.Until(claims.Expires.Add(5*time.Second)) - 1)
			_, err = format.Parse(t.Context(), minted)
			require.NoError(t, err)
			time.Sleep(time.Nanosecond)
			_, err = format.Parse(t.Context(), minted)
			wantInvalid(t, err)
		})
	})
	t.Run("a remembered token is not good yet when the clock is set back", func(t *testing.T) {
		format, key, now := reader(t)
		at := now
		format.Now = func() time.Time { return at }
		minted := forge(t, key, header(key), with(t, now, "nbf", now.Unix()))
		_, err := format.Parse(t.Context(), minted)
		require.NoError(t, err)
		at = now.Add(-time.Minute)
		_, err = format.Parse(t.Context(), minted)
		wantInvalid(t, err)
	})
	t.Run("more tokens than there is room for all verify as what they are", func(t *testing.T) {
		for _, size := range []int{1, 7, 64} {
			format := newJWT(t, token.EdDSA)
			format.CacheSize = size
			minted := make(map[string]string)
			for i := range 200 {
				c := goodClaims(time.Now())
				c.Subject = fmt.Sprint("user-", i)
				s, err := format.Mint(t.Context(), c)
				require.NoError(t, err)
				minted[s] = c.Subject
			}
			for range 3 {
				for s, subject := range minted {
					c, err := format.Parse(t.Context(), s)
					require.NoError(t, err)
					if c.Subject != subject {
						t.Fatalf("got %s, want %s", c.Subject, subject)
					}
				}
			}
		}
	})
	t.Run("a refused token is refused again", func(t *testing.T) {
		format, key, now := reader(t)
		expired := forge(t, key, header(key), with(t, now, "exp", now.Unix()-1))
		forged := forge(t, newKey(t, token.EdDSA), header(key), with(t, now, "", nil))
		for range 3 {
			_, err := format.Parse(t.Context(), expired)
			wantInvalid(t, err)
			_, err = format.Parse(t.Context(), forged)
			wantInvalid(t, err)
		}
	})
	t.Run("MD-09: a key replaced under the same ID takes its tokens along", func(t *testing.T) {
		old, replacement := newKey(t, token.ES256), newKey(t, token.ES256)
		old.ID, replacement.ID = "k", "k"
		keys := &source{keys: []token.Key{old}}
		format := &token.JWT{Issuer: issuer, Keys: keys}
		minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		_, err = format.Parse(t.Context(), minted)
		require.NoError(t, err)
		keys.keys = []token.Key{replacement}
		_, err = format.Parse(t.Context(), minted)
		wantInvalid(t, err)
	})
	t.Run("a key added leaves the tokens of the others good", func(t *testing.T) {
		old, added := newKey(t, token.ES256), newKey(t, token.EdDSA)
		keys := &source{keys: []token.Key{old}}
		format := &token.JWT{Issuer: issuer, Keys: keys}
		minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		keys.keys = []token.Key{added, old}
		_, err = format.Parse(t.Context(), minted)
		require.NoError(t, err)
	})
	t.Run("one format is used by many goroutines while its keys change", func(t *testing.T) {
		var ring token.Ring
		format := &token.JWT{Issuer: issuer, Keys: &ring, CacheSize: 8}
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 30 {
					if worker == 0 && i%10 == 0 {
						if err := ring.Rotate(t.Context()); err != nil {
							t.Error(err)
						}
					}
					c := goodClaims(time.Now())
					c.Subject = fmt.Sprint(worker, "-", i)
					minted, err := format.Mint(t.Context(), c)
					if err != nil {
						t.Error(err)
						continue
					}
					got, err := format.Parse(t.Context(), minted)
					if err != nil { // its key may just have been removed
						wantInvalid(t, err)
					} else if got.Subject != c.Subject {
						t.Errorf("got %s, want %s", got.Subject, c.Subject)
					}
				}
			})
		}
		wg.Wait()
	})
}
