package memory_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

// TestLongTrafficAgreesWithAModel drives the store through enough arbitrary calls
// for its indexes and its queue to grow and shrink many times over, and compares
// it with a plain map.
func TestLongTrafficAgreesWithAModel(t *testing.T) {
	const steps, ids = 30_000, 2500
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			clock := new(storetest.Clock)
			s := &memory.Store{Now: clock.Now}
			held := map[string]store.Record{} // by kind and ID
			for step := range steps {
				r := arbitrary(rng, ids, clock.Now())
				stored, key := held[string(r.Kind)+r.ID], string(r.Kind)+r.ID
				if !stored.Live(clock.Now()) {
					stored = store.Record{}
				}
				r.Version = stored.Version
				if rng.IntN(10) == 0 {
					r.Version = rng.Int64N(4)
				}
				switch err := s.Put(t.Context(), r); {
				case r.Version == stored.Version && err == nil:
					r.Version++
					held[key] = r
				case r.Version != stored.Version && errors.Is(err, store.ErrConflict):
				default:
					t.Fatalf("step %d: Put of version %d over %d is %v", step, r.Version, stored.Version, err)
				}
				clock.Advance(time.Duration(rng.IntN(200)) * time.Millisecond)
				if step%100 == 0 {
					compareFind(t, s, held, arbitraryQuery(rng, ids), clock.Now())
				}
				if step%250 == 0 {
					compareDelete(t, s, held, arbitraryQuery(rng, ids), clock.Now())
				}
				if step%(steps/3) == 0 { // most goes at once
					compareDelete(t, s, held, store.Query{Kind: "grant"}, clock.Now())
				}
			}
			for _, kind := range []store.Kind{"grant", "code"} {
				compareFind(t, s, held, store.Query{Kind: kind, Limit: ids}, clock.Now())
				compareDelete(t, s, held, store.Query{Kind: kind}, clock.Now())
			}
			_, err := s.Delete(t.Context(), store.Query{ExpiredAt: clock.Now()})
			require.NoError(t, err)
			if got := s.Len(); got != 0 {
				t.Errorf("the store holds %d records, want none", got)
			}
		})
	}
}

func arbitrary(rng *rand.Rand, ids int, now time.Time) store.Record {
	id := fmt.Sprint(rng.IntN(ids))
	return store.Record{
		Kind: []store.Kind{"grant", "code"}[rng.IntN(2)], ID: id,
		Grant:   []string{"", id, id, fmt.Sprint(rng.IntN(100))}[rng.IntN(4)],
		Client:  []string{"", "busy", fmt.Sprint(rng.IntN(20))}[rng.IntN(3)],
		Subject: []string{"", "busy", fmt.Sprint(rng.IntN(500))}[rng.IntN(3)],
		Expires: []time.Time{{}, now.Add(-time.Second), now.Add(time.Minute), now.Add(time.Duration(rng.IntN(1e13)))}[rng.IntN(4)],
		Data:    fmt.Append(nil, rng.Int64()),
	}
}

func arbitraryQuery(rng *rand.Rand, ids int) store.Query {
	q := store.Query{Kind: []store.Kind{"grant", "code"}[rng.IntN(2)]}
	switch rng.IntN(4) {
	case 0:
		q.ID = fmt.Sprint(rng.IntN(ids))
	case 1:
		q.Grant = fmt.Sprint(rng.IntN(100))
	case 2:
		q.Client = fmt.Sprint(rng.IntN(20))
	case 3:
		q.Subject = fmt.Sprint(rng.IntN(500))
	}
	if rng.IntN(4) == 0 {
		q.Client = "busy"
	}
	return q
}

func compareFind(t *testing.T, s store.Store, held map[string]store.Record, q store.Query, now time.Time) {
	t.Helper()
	var want []store.Record
	for r := range maps.Values(held) {
		if q.Matches(r, now) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
	got, err := s.Find(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		want[i].Expires = want[i].Expires.Truncate(time.Microsecond)
		require.Equal(t, want[i], got[i])
	}
}

func compareDelete(t *testing.T, s store.Store, held map[string]store.Record, q store.Query, now time.Time) {
	t.Helper()
	want := 0
	for key, r := range held {
		if q.Matches(r, now) {
			delete(held, key)
			want++
		}
	}
	got, err := s.Delete(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
