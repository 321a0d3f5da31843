package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

// token is a record the size of a live opaque access token of one client.
func token(i int, expires time.Time) store.Record {
	id := fmt.Sprintf("%022d", i)
	const client = "client-0000000000000001"
	return store.Record{
		Kind: "grant", ID: id, Grant: id, Client: client, Subject: client, Expires: expires, Data: make([]byte, 190),
	}
}

// fill puts n tokens that expire a little after each other.
func fill(tb testing.TB, s *memory.Store, n int, expires time.Time) {
	tb.Helper()
	for i := range n {
		require.NoError(tb, s.Put(context.Background(), token(i, expires.Add(time.Duration(i)*time.Microsecond))))
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// bytesPerRecord is what one of n live tokens costs, everything counted.
func bytesPerRecord(tb testing.TB, n int) float64 {
	tb.Helper()
	s := memory.New()
	before := heap()
	fill(tb, s, n, time.Now().Add(time.Hour))
	bytes := float64(heap()-before) / float64(n)
	require.Equal(tb, n, s.Len())
	return bytes
}

func TestALiveTokenCostsLittle(t *testing.T) {
	const most = 420
	// The first size is one at which Go's maps have just grown.
	for _, n := range []int{62_500, 100_000} {
		if got := bytesPerRecord(t, n); got > most {
			t.Errorf("each of %d tokens costs %.0f bytes, want at most %d", n, got, most)
		}
	}
}

func TestWhatWasFreedIsGivenBack(t *testing.T) {
	const n, rest = 50_000, 500
	for name, free := range map[string]func(t *testing.T, s *memory.Store, now time.Time){
		"by a Delete of the client": func(t *testing.T, s *memory.Store, _ time.Time) {
			_, err := s.Delete(t.Context(), store.Query{Client: token(0, time.Time{}).Client, Limit: n - rest})
			require.NoError(t, err)
		},
		"by a Delete of what expired": func(t *testing.T, s *memory.Store, now time.Time) {
			_, err := s.Delete(t.Context(), store.Query{ExpiredAt: now.Add(time.Hour), Limit: n - rest})
			require.NoError(t, err)
		},
		"one by one": func(t *testing.T, s *memory.Store, _ time.Time) {
			for i := range n - rest {
				_, err := s.Delete(t.Context(), store.Query{Grant: token(i, time.Time{}).ID})
				require.NoError(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, now := memory.New(), time.Now()
			before := heap()
			fill(t, s, n, now.Add(time.Minute))
			full := heap() - before
			free(t, s, now)
			require.Equal(t, rest, s.Len())
			if left := heap() - before; left > full/20 {
				t.Errorf("%d of %d bytes are still held for 1 %% of the records", left, full)
			}
			runtime.KeepAlive(s)
		})
	}
}

func TestTrafficFreesWhatExpired(t *testing.T) {
	const n, lifetime = 20_000, 10 * time.Minute
	clock := new(storetest.Clock)
	s := &memory.Store{Now: clock.Now}

	put := func(i int) { require.NoError(t, s.Put(t.Context(), token(i, clock.Now().Add(lifetime)))) }
	t.Run("steady traffic holds little more than what lives", func(t *testing.T) {
		for i := range 4 * n {
			put(i)
			clock.Advance(lifetime / n)
			if got := s.Len(); i%500 == 0 && got > n+n/20 {
				t.Fatalf("the store holds %d records after %d puts, want about %d", got, i, n)
			}
		}
	})
	t.Run("a backlog melts while a tenth as many records are put", func(t *testing.T) {
		clock.Advance(2 * lifetime)
		for i := range n / 10 {
			put(4*n + i)
		}
		if got := s.Len(); got > n/5 {
			t.Errorf("the store holds %d records, want at most %d", got, n/5)
		}
	})
	t.Run("whatever the kind", func(t *testing.T) {
		clock.Advance(2 * lifetime)
		for i := range n / 10 {
			r := token(i, time.Time{})
			r.Kind = "code"
			require.NoError(t, s.Put(t.Context(), r))
		}
		if got := s.Len(); got != n/10 {
			t.Errorf("the store holds %d records, want %d", got, n/10)
		}
	})
	t.Run("and a Delete frees the rest", func(t *testing.T) {
		fill(t, s, n, clock.Now().Add(lifetime))
		clock.Advance(2 * lifetime)
		deleted, err := s.Delete(t.Context(), store.Query{ExpiredAt: clock.Now()})
		require.NoError(t, err)
		require.Equal(t, n, deleted)
		if got := s.Len(); got != n/10 {
			t.Errorf("the store holds %d records, want %d", got, n/10)
		}
	})
}
