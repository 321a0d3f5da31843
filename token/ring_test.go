package token_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

const day = 24 * time.Hour

// ids asks a ring and returns the IDs, the signing one first.
func ids(t *testing.T, r *token.Ring) []string {
	t.Helper()
	keys, err := r.Keys(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	require.NotNil(t, keys[0].Signer, "the first key signs")
	var all []string
	for i, k := range keys {
		require.NoError(t, k.Validate())
		if i > 0 {
			require.Nil(t, k.Signer, "only the first key signs")
		}
		all = append(all, k.ID)
	}
	return all
}

func TestRing(t *testing.T) {
	t.Run("MD-07: a key is published a day before it signs and kept a day after its last signature", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r token.Ring
			first := ids(t, &r)
			require.Len(t, first, 1)
			time.Sleep(29*day - time.Second)
			require.Equal(t, first, ids(t, &r), "nothing is due")
			time.Sleep(time.Second)
			second := ids(t, &r)
			require.Len(t, second, 2)
			require.Equal(t, first[0], second[0], "the old key still signs")
			time.Sleep(day - time.Second)
			require.Equal(t, second, ids(t, &r))
			time.Sleep(time.Second)
			require.Equal(t, []string{second[1], first[0]}, ids(t, &r), "the new key signs, the old one is kept")
			time.Sleep(day - time.Second)
			require.Len(t, ids(t, &r), 2)
			time.Sleep(time.Second)
			require.Equal(t, second[1:], ids(t, &r), "the old key is gone")
		})
	})
	t.Run("MD-07: a ring that nobody asked for months still publishes before it signs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r token.Ring
			first := ids(t, &r)
			time.Sleep(200 * day)
			second := ids(t, &r)
			require.Len(t, second, 2)
			require.Equal(t, first[0], second[0])
			time.Sleep(day - time.Second)
			require.Equal(t, second, ids(t, &r))
			time.Sleep(100 * day)
			third := ids(t, &r)
			require.Equal(t, second[1], third[0], "the published key signs")
			require.Contains(t, third, first[0], "the old key could sign until now")
		})
	})
	t.Run("MD-07: over a year, no key ever signs that was not published long enough", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := token.Ring{Every: 10 * time.Hour, Publish: 3 * time.Hour, Keep: 2 * time.Hour}
			published := map[string]time.Time{}
			signed := map[string]time.Time{}
			initial := ids(t, &r)[0]
			for i := range 365 * 24 {
				now := time.Now()
				all := ids(t, &r)
				for _, id := range all {
					if _, known := published[id]; !known {
						published[id] = now
					}
				}
				if all[0] != initial && now.Sub(published[all[0]]) < r.Publish {
					t.Fatalf("a key signs %v after its publication", now.Sub(published[all[0]]))
				}
				signed[all[0]] = now
				for id, last := range signed {
					if now.Sub(last) < r.Keep && !slices.Contains(all, id) {
						t.Fatalf("a key is gone %v after its last signature", now.Sub(last))
					}
				}
				if len(all) > 3 {
					t.Fatalf("got %d keys", len(all))
				}
				time.Sleep(time.Duration(1+i*i%97) * time.Minute)
			}
			if len(signed) < 300 {
				t.Errorf("got %d keys in a year, want one about every ten hours", len(signed))
			}
		})
	})
	t.Run("a lead longer than the period is kept all the same", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := token.Ring{Every: time.Hour, Publish: 5 * time.Hour, Keep: time.Hour}
			first := ids(t, &r)[0]
			next := ids(t, &r)[1]
			time.Sleep(5*time.Hour - time.Second)
			require.Equal(t, first, ids(t, &r)[0])
			time.Sleep(time.Second)
			require.Equal(t, next, ids(t, &r)[0])
		})
	})
	t.Run("the same slice is returned as long as nothing is due", func(t *testing.T) {
		var r token.Ring
		a, err := r.Keys(t.Context())
		require.NoError(t, err)
		b, err := r.Keys(t.Context())
		require.NoError(t, err)
		if &a[0] != &b[0] {
			t.Errorf("got two slices")
		}
	})
	t.Run("64 goroutines see one first key, and one change", func(t *testing.T) {
		now := time.Unix(1_750_000_000, 0)
		var mu sync.Mutex
		r := token.Ring{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
		race := func() map[string]bool {
			seen := map[string]bool{}
			var wg sync.WaitGroup
			var seenMu sync.Mutex
			for range 64 {
				wg.Go(func() {
					keys, err := r.Keys(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					seenMu.Lock()
					defer seenMu.Unlock()
					for _, k := range keys {
						seen[k.ID] = true
					}
				})
			}
			wg.Wait()
			return seen
		}
		require.Len(t, race(), 1)
		mu.Lock()
		now = now.Add(30 * day)
		mu.Unlock()
		require.Len(t, race(), 2)
		require.Len(t, ids(t, &r), 2)
	})
	for _, r := range []*token.Ring{{Every: -1}, {Publish: -1}, {Keep: -1}, {Algorithm: "HS256"}} {
		t.Run("a ring that cannot work says so", func(t *testing.T) {
			_, err := r.Keys(t.Context())
			require.Error(t, err)
			require.Error(t, r.Rotate(t.Context()))
		})
	}
	for _, alg := range algorithms {
		t.Run("a ring of "+string(alg)+" has such keys", func(t *testing.T) {
			r := token.Ring{Algorithm: alg}
			keys, err := r.Keys(t.Context())
			require.NoError(t, err)
			if keys[0].Algorithm != alg {
				t.Errorf("got %s", keys[0].Algorithm)
			}
		})
	}
}

func TestRotate(t *testing.T) {
	t.Run("MD-09: tokens of the removed key are dead at once, also remembered ones, and the next is signed with another", func(t *testing.T) {
		var r token.Ring
		format := &token.JWT{Issuer: issuer, Keys: &r}
		old, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		_, err = format.Parse(t.Context(), old)
		require.NoError(t, err)
		before := ids(t, &r)
		require.NoError(t, r.Rotate(t.Context()))
		_, err = format.Parse(t.Context(), old)
		wantInvalid(t, err)
		require.NotContains(t, ids(t, &r), before[0])
		fresh, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		_, err = format.Parse(t.Context(), fresh)
		require.NoError(t, err)
	})
	t.Run("MD-09: a successor already published is dropped as well, keys that had stopped signing stay", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := token.Ring{Keep: 60 * day}
			retired := ids(t, &r)[0]
			time.Sleep(29 * day)
			ids(t, &r)
			time.Sleep(day)
			current := ids(t, &r)[0]
			time.Sleep(29 * day)
			next := ids(t, &r)[1]
			require.NoError(t, r.Rotate(t.Context()))
			after := ids(t, &r)
			require.NotContains(t, after, current)
			require.NotContains(t, after, next)
			require.Equal(t, retired, after[1])
			time.Sleep(29 * day)
			require.Len(t, ids(t, &r), 3, "the new key lives as long as any, and its successor is published")
			time.Sleep(2 * day)
			require.NotContains(t, ids(t, &r), retired)
		})
	})
	t.Run("a ring that was never asked rotates to its first key", func(t *testing.T) {
		var r token.Ring
		require.NoError(t, r.Rotate(t.Context()))
		require.Len(t, ids(t, &r), 1)
	})
}
